"""MIDI: devices that come and go (`devices`) at the ports of this machine (`ports`), what is printed on them (`profiles`),
and, without a device or a clock, what their messages do:

moves     messages -> moves of physical controls
bindings  which control does what
mapping   moves -> edits and commands; knobs that are picked up
learner   which control the player means
"""

from .devices import Midi, port_names
from .ports import RtPorts

__all__ = ["Midi", "RtPorts", "port_names"]
