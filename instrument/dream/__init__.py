"""Guided DeepDream, live: objectives, the gradient step, octaves, the budget and the thread that dreams."""

from .dreamer import Dreamer, Scene
from .loop import DreamLoop, Frame

__all__ = ["DreamLoop", "Dreamer", "Frame", "Scene"]
