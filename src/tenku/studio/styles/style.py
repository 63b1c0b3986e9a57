"""A style profile: what all assets of a set share. Read from TOML; unknown keys are refused by name.

[prompt]   before, after, negative
[seed]     policy = "per-asset" | "fixed" | "list", first, list
[picture]  size, steps, guidance, model, accelerate, references
[finish]   background, pixels, palette, colours, dither
"""

import enum
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenku.base.errors import UsageError
from tenku.studio.styles.finish import BACKGROUNDS, Finish
from tenku.studio.styles.reader import LARGEST_SEED, MOST_COLOURS, Reader

MOST_REFERENCES = 4
"""The first is what an edit begins from, three stand beside it."""

SECTIONS: Mapping[str, Sequence[str]] = {
    "prompt": ("before", "after", "negative"),
    "seed": ("policy", "first", "list"),
    "picture": ("size", "steps", "guidance", "model", "accelerate", "references"),
    "finish": ("background", "pixels", "palette", "colours", "dither"),
}


class SeedPolicy(enum.Enum):
    """Which seeds the assets of a set have."""

    PER_ASSET = "per-asset"  # each its own, counted up from the first
    FIXED = "fixed"  # all the same one: what differs is the prompt
    LIST = "list"  # those of a list, in turn


@dataclass(frozen=True, kw_only=True)
class Style:
    """A style profile."""

    name: str
    about: str = ""
    """One sentence: what it looks like, and what it is for."""
    before: str = ""
    """Stands before every prompt."""
    after: str = ""
    """Stands behind every prompt."""
    negative: str = ""
    """What is not to be seen."""
    policy: SeedPolicy = SeedPolicy.PER_ASSET
    first: int | None = None
    """The seed to begin with; None: the command's."""
    seeds: tuple[int, ...] = ()
    """Those of `list`."""
    size: tuple[int, int] | None = None
    """Pixels that the model draws; None: the model's usual size."""
    steps: int = 0
    guidance: float = -1.0
    model: str = ""
    accelerate: str = ""
    references: tuple[Path, ...] = ()
    """Pictures that the model sees; it has to be one that edits."""
    finish: Finish = field(default_factory=Finish)

    def prompt(self, subject: str) -> str:
        """The whole prompt for a subject."""
        return ", ".join(part for part in (f"{self.before} {subject.strip()}".strip(), self.after) if part)


def parse_style(text: str, *, name: str, where: str, folder: Path | None = None) -> Style:
    """A style profile from TOML.

    Args:
        name: what it is called.
        where: its file, for messages.
        folder: what paths in it are relative to; None: paths are refused.

    Raises:
        UsageError: it is no TOML, has a key that is unknown, or a value that cannot be used.
    """
    try:
        whole = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} is no TOML: {error}.", hint="Mend that line.") from None
    _refuse_unknown(whole, ("about", *SECTIONS), where=where, section="")
    parts = {}
    for section, keys in SECTIONS.items():
        part = whole.get(section, {})
        if not isinstance(part, dict):
            raise UsageError(f"{where}: {section} is no section.", hint=f"Write [{section}].")
        _refuse_unknown(part, keys, where=where, section=section)
        parts[section] = Reader(part, where=where, section=section, folder=folder)
    top = Reader(whole, where=where, section="", folder=folder)
    return _style(name, top, parts)


def _style(name: str, top: Reader, parts: Mapping[str, Reader]) -> Style:
    prompt, seed, picture, finish = (parts[section] for section in SECTIONS)
    policy = SeedPolicy(seed.choice("policy", [each.value for each in SeedPolicy], SeedPolicy.PER_ASSET.value))
    seeds = seed.seeds("list")
    if (policy is SeedPolicy.LIST) != bool(seeds):
        raise seed.wrong("list", seeds, "a list of seeds, with the policy list")
    return Style(
        name=name,
        about=top.text("about"),
        before=prompt.text("before"),
        after=prompt.text("after"),
        negative=prompt.text("negative"),
        policy=policy,
        first=seed.whole("first", low=0, high=LARGEST_SEED),
        seeds=seeds,
        size=picture.size("size"),
        steps=picture.whole("steps", low=1, high=200) or 0,
        guidance=picture.number("guidance", low=0, high=50, default=-1.0),
        model=picture.text("model"),
        accelerate=picture.text("accelerate"),
        references=picture.files("references", most=MOST_REFERENCES),
        finish=Finish(
            background=finish.choice("background", BACKGROUNDS, "keep"),
            pixels=finish.whole("pixels", low=2, high=512) or 0,
            palette=finish.palette("palette"),
            colours=finish.whole("colours", low=2, high=MOST_COLOURS) or 0,
            dither=finish.number("dither", low=0, high=1, default=0.0),
        ),
    )


def _refuse_unknown(part: Mapping[str, Any], known: Sequence[str], *, where: str, section: str) -> None:
    for key in part:
        if key not in known:
            inside = f"[{section}] " if section else ""
            raise UsageError(f"{where}: {inside}has no key {key[:80]!r}.", hint=f"It has {', '.join(known)}.")
