"""From the compositor's word about the cursor to what the browser draws."""

from tenku.play.model import CursorShape


def cursor_shape(kind: str, png: bytes, hot_x: int, hot_y: int) -> CursorShape:
    """The cursor that pixelflux's callback tells of: `kind` is `png` with a picture, or `hide`."""
    if kind == "hide":
        return CursorShape(hidden=True, hot_x=0, hot_y=0, png=b"")
    return CursorShape(hidden=False, hot_x=max(0, hot_x), hot_y=max(0, hot_y), png=bytes(png))
