"""The fonts of the HUD: Roboto, and for scripts that it lacks what the system has."""

from pathlib import Path

from imgui_bundle import __file__ as BUNDLE
from imgui_bundle import imgui

ROBOTO = Path(BUNDLE).parent / "assets" / "fonts" / "Roboto"
EAST = "\u2e80"  # the first character of the scripts of Japan, Korea and China
# Where systems keep fonts for those: of all that are there, as each of Windows and macOS has one script or two.
SYSTEM = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",  # Debian, Ubuntu
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",  # Fedora
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",  # Arch
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",  # macOS
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "/System/Library/Fonts/AppleSDGothicNeo.ttc",
    "C:/Windows/Fonts/YuGothM.ttc",  # Windows: Japanese, Chinese, Korean
    "C:/Windows/Fonts/msyh.ttc",
    "C:/Windows/Fonts/malgun.ttf",
)


class Fonts:
    """Plain and bold, in the imgui context that is current."""

    def __init__(self):
        add = imgui.get_io().fonts.add_font_from_file_ttf
        self._plain = add(str(ROBOTO / "Roboto-Regular.ttf"), 16.0)
        self._bold = add(str(ROBOTO / "Roboto-Bold.ttf"), 16.0)
        self._merged = False

    def of(self, words, bold=False):
        """The font for a text; those of the system are read with the first text that needs them, as they are large."""
        if not self._merged and max(words, default="") >= EAST:
            self._merged = True
            self._merge()
        return self._bold if bold else self._plain

    def _merge(self):
        for path in filter(Path.is_file, map(Path, SYSTEM)):
            for font in (self._plain, self._bold):
                config = imgui.ImFontConfig()
                config.merge_mode, config.dst_font = True, font
                imgui.get_io().fonts.add_font_from_file_ttf(str(path), 16.0, config)
