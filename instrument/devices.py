"""What this machine offers: lines for `hearsee devices`."""

from .errors import one_line


def report():
    """Audio inputs and outputs, MIDI ports, monitors, ways to other programs and computing devices, a line each."""
    lines = []
    for title, find in (("audio", _audio), ("MIDI", _midi), ("monitors", _monitors), ("send", _outputs),
                        ("dream", _computers)):
        lines.append(title)
        try:
            found = list(find())
        except Exception as error:  # a broken driver must not hide the other lists
            found = [f"none: {one_line(error).removeprefix('no MIDI: ').replace('; plays on without', '')}"]
        lines += [f"  {line}" for line in found or ["none"]]
    return lines


def _audio():
    from .audio.inputs import devices, lacking

    return [device.text for device in devices()] or [text for text in (lacking(),) if text]


def _midi():
    from .midi import port_names

    return port_names()


def _monitors():
    from .render.window import monitors

    return monitors()


def _outputs():
    from .render.outputs import report

    return report()


def _computers():
    import torch

    for number in range(torch.cuda.device_count()):
        yield f"cuda:{number} {torch.cuda.get_device_name(number)}"
    if torch.backends.mps.is_available():
        yield "mps Apple GPU"
    yield f"cpu {torch.get_num_threads()} threads"
