"""What an error says, for a performer."""

LONGEST = 160  # letters that the HUD and a log line have room for


def one_line(error):
    """The text of an error in one line, or its kind where it says nothing."""
    return " ".join(str(error).split())[:LONGEST] or type(error).__name__
