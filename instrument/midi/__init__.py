"""MIDI: devices that come and go (`devices`) at the ports of this machine (`ports`), what their messages mean (`mapping`),
what is printed on them (`profiles`)."""

from .devices import Midi, port_names
from .ports import RtPorts

__all__ = ["Midi", "RtPorts", "port_names"]
