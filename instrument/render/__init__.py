"""Everything that touches GL: window, shaders, passes, HUD, recording. GL belongs to the main thread."""

from .renderer import NEUTRAL, Renderer

__all__ = ["NEUTRAL", "Renderer"]
