"""Kokoro's voices: for each a table of numbers, (lengths, 256) of float32."""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tenku.base.errors import ModelError

WIDTH = 256
USUAL = ("af_heart", "bf_emma")
"""The voices that are taken where nobody chose, if they are there: the best rated of each accent."""
LARGEST = 512 * 1024 * 1024
Styles = Mapping[str, npt.NDArray[np.float32]]


def read_styles(files: Sequence[Path]) -> Styles:
    """The voices in these files by name, the usual one first.

    A file is an archive of several (`voices-v1.0.bin`, .npz), or the numbers of one (`af_heart.bin`).

    Raises:
        ModelError: a file is broken, holds a pickle or something else than voices, or there is none.
    """
    found: dict[str, npt.NDArray[np.float32]] = {}
    for file in files:
        try:
            found |= dict(_archive(file) if zipfile.is_zipfile(file) else _one(file))
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(f"{file} holds no voices of Kokoro: {error}.", hint="Bring it again.") from error
    if not found:
        raise ModelError("No voices lie beside the network.", hint="Put voices-v1.0.bin, or voices/*.bin there.")
    first = next((name for name in USUAL if name in found), min(found))
    return {name: found[name] for name in (first, *sorted(found.keys() - {first}))}


def _archive(file: Path) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    # Without pickles an array cannot run anything; one that needs them is refused by numpy.
    with np.load(file, allow_pickle=False) as archive:
        for name in archive.files:
            yield name, _checked(archive[name], name)


def _one(file: Path) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    size = file.stat().st_size
    if size % (WIDTH * 4) or not 0 < size < LARGEST:
        raise ValueError(f"it has {size} bytes, and they are rows of {WIDTH * 4}")
    yield file.stem, _checked(np.fromfile(file, "<f4").reshape(-1, WIDTH), file.stem)


def _checked(table: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
    if table.dtype != np.float32 or table.ndim not in (2, 3) or table.shape[-1] != WIDTH or not len(table):
        raise ValueError(f"{name} is {table.dtype} of the shape {table.shape}")
    flat: npt.NDArray[np.float32] = table.reshape(-1, WIDTH)
    if not np.isfinite(flat).all():
        raise ValueError(f"{name} has numbers that are none")
    return flat
