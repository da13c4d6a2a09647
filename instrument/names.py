"""Names that a machine gives twice."""


def apart(names):
    """The names, each further one of the same called "NAME #2", "NAME #3" and so on."""
    return [name if not (before := names[:place].count(name)) else f"{name} #{before + 1}" for place, name in enumerate(names)]
