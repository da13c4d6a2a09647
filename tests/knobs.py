"""A MIDI controller in a process of its own, on the JACK server of the environment: a line of hexadecimal bytes on its
standard input is a message it sends. It ends with its input, as a device that is pulled out, without a farewell.

    python knobs.py NAME
"""

import os
import sys

import rtmidi

out = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name=sys.argv[1])
out.open_virtual_port("out")
for line in sys.stdin:
    out.send_message(list(bytes.fromhex(line)))
os._exit(0)  # RtMidi may crash when it closes a JACK port
