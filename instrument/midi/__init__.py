"""MIDI: devices that come and go (`ports`), what their messages mean (`mapping`), what is printed on them (`profiles`)."""

from .ports import Midi, RtPorts

__all__ = ["Midi", "RtPorts"]
