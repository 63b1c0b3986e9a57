"""What is done with pictures of a style once they are made; as plain data, too."""

from collections.abc import Mapping
from dataclasses import dataclass

from tenku.studio.model import Json

BACKGROUNDS = ("keep", "cut")


@dataclass(frozen=True, kw_only=True)
class Finish:
    """What is done with a picture once it is made."""

    background: str = "keep"
    """`cut`: a plain background is made transparent."""
    pixels: int = 0
    """Pixels of the longer side when it becomes pixel art, in a square; 0: it stays as it is."""
    palette: tuple[str, ...] = ()
    """Colours like `#ff8800` that it may have; empty: see `colours`."""
    colours: int = 0
    """How many colours all pictures of the set have together, learned from them; 0: as many as there are."""
    dither: float = 0.0
    """How strong the pattern between two colours of pixel art is, from 0 to 1."""

    @property
    def any(self) -> bool:
        """Whether it does anything."""
        return self != Finish()

    @property
    def learns(self) -> bool:
        """Whether all pictures of a set have to be there before the first one can be finished."""
        return bool(self.colours) and not self.palette


def finish_json(finish: Finish) -> dict[str, Json]:
    """A finish as plain data; what it leaves as it is, is not in it."""
    usual = _plain(Finish())
    return {key: value for key, value in _plain(finish).items() if value != usual[key]}


def finish_from(plain: Mapping[str, Json]) -> Finish:
    """What `finish_json` made. Raises KeyError, TypeError, ValueError: it is something else."""
    whole = {**_plain(Finish()), **plain}
    palette = whole["palette"]
    assert isinstance(palette, list)
    return Finish(
        background=str(whole["background"]),
        pixels=int(str(whole["pixels"])),
        palette=tuple(str(each) for each in palette),
        colours=int(str(whole["colours"])),
        dither=float(str(whole["dither"])),
    )


def steps_of(finish: Finish) -> list[str]:
    """What it does, for people."""
    steps = ["cut out of its background"] if finish.background == "cut" else []
    if finish.pixels:
        steps.append(f"made pixel art of {finish.pixels} pixels")
    if finish.palette or finish.colours:
        steps.append(f"brought to {len(finish.palette) or finish.colours} colours")
    return steps


def _plain(finish: Finish) -> dict[str, Json]:
    return {
        "background": finish.background,
        "pixels": finish.pixels,
        "palette": list(finish.palette),
        "colours": finish.colours,
        "dither": finish.dither,
    }
