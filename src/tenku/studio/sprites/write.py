"""Writes sheets with their import files: all of them, or none."""

import enum
import secrets
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tenku.base.errors import FolderError, UsageError
from tenku.studio.sprites.atlas import Animation, Atlas
from tenku.studio.sprites.godot import godot_files
from tenku.studio.sprites.grid import Grid
from tenku.studio.sprites.names import check_names
from tenku.studio.sprites.pixels import decode, encode
from tenku.studio.sprites.plainjson import json_files
from tenku.studio.sprites.sheet import Packing, Sheet, Sprite, make_sheet
from tenku.studio.sprites.unity import unity_files


class Engine(enum.Enum):
    """For whom import files are written; the plain JSON is always there."""

    GODOT = "godot"  # 4
    GODOT3 = "godot3"
    UNITY = "unity"


@dataclass(frozen=True)
class Written:
    """What is on the disk now."""

    atlas: Atlas
    files: Sequence[Path]
    """The pages first."""


def write_sheet(
    pieces: Sequence[tuple[str, bytes]],
    *,
    out: Path,
    layout: Packing | Grid,
    engines: Collection[Engine] = (),
    animations: Sequence[Animation] = (),
    pixel_art: bool = False,
    pixels_per_unit: float = 100,
) -> Written:
    """Make a sheet of pictures and write it with its import files; what is there of these names is replaced.

    Args:
        pieces: names of sprites, and pictures as bytes of any common format.
        out: the first page, like `icons.png`.

    Raises:
        UsageError: a picture cannot be read, does not fit, or two have the same name.
        FolderError: the files cannot be written; what was there is as it was.
    """
    sprites = [Sprite(name=name, pixels=decode(data, where=name)) for name, data in pieces]
    sheet = make_sheet(page_stem(out), sprites, layout=layout, animations=animations, pixel_art=pixel_art)
    return put_sheet(sheet, folder=out.parent, engines=engines, pixels_per_unit=pixels_per_unit)


def put_sheet(sheet: Sheet, *, folder: Path, engines: Collection[Engine] = (), pixels_per_unit: float = 100) -> Written:
    """Write a sheet that is made. Raises UsageError, FolderError: as `write_sheet`."""
    atlas = sheet.atlas
    if Engine.GODOT in engines and Engine.GODOT3 in engines:
        raise UsageError("Godot 3 and Godot 4 read different files of the same names.", hint="Take one of them.")
    files = {page.file: encode(pixels) for page, pixels in zip(atlas.pages, sheet.pages, strict=True)}
    files |= json_files(atlas)
    if Engine.GODOT in engines or Engine.GODOT3 in engines:
        files |= godot_files(atlas, version=3 if Engine.GODOT3 in engines else 4)
    if Engine.UNITY in engines:
        there = {name: _text(folder / name) for name in (f"{page.file}.meta" for page in atlas.pages)}
        place = folder.absolute().name
        files |= unity_files(atlas, place=place, pixels_per_unit=pixels_per_unit, there=there)
    put_files(folder, files)
    return Written(atlas, [folder / name for name in files])


def page_stem(out: Path) -> str:
    """What the files of a sheet begin with: `icons` for `icons.png`. Raises UsageError."""
    if out.suffix.lower() != ".png":
        raise UsageError(f"{out} has no ending of a sheet.", hint="Call it something.png.")
    check_names([out.stem])
    return out.stem


def put_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder: all are complete before the first one takes its place. Raises FolderError."""
    beside = folder / f".tenku-{secrets.token_hex(8)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            for name, data in files.items():
                (beside / name).parent.mkdir(parents=True, exist_ok=True)
                (beside / name).write_bytes(data)
            for name in files:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (beside / name).replace(folder / name)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise FolderError(
            f"{folder} cannot be written: {error.strerror}.", hint="Look at its permissions and free space."
        ) from error


def _text(path: Path) -> str:
    """A text file that may be there; what cannot be read counts as absent."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
