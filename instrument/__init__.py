"""Hear & See: an instrument that hears a sound, recognises it and dreams a picture of it."""

__version__ = "0.1.0"
