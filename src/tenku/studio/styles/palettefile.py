"""The colours of a palette's file."""

from pathlib import Path

from tenku.studio.sprites.palette import read_palette


def colours_of(path: Path) -> tuple[str, ...]:
    """Colours like `#ff8800`. Raises UsageError: the file cannot be read, or has none or too many."""
    return tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in read_palette(path).colours.tolist())
