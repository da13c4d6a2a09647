"""MIDI: devices that come and go (`ports`), what their messages mean (`mapping`),
what is printed on them (`profiles`)."""

from .ports import Midi, RtPorts, port_names

__all__ = ["Midi", "RtPorts", "port_names"]
