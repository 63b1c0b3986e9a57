"""What an update would cost with fixed blocks of 1 MiB, computed."""

from collections.abc import Iterator
from pathlib import Path

import blake3
import zstandard

from benchmarks.contents.trees import files_of

BLOCK = 2**20
REFERENCE = 40
"""Bytes that a manifest needs for one block."""


def update_bytes(old: Path, new: Path) -> int:
    """Blocks that the old tree does not hold at any block's place, each once, at zstd level 3, and their references."""
    compressor = zstandard.ZstdCompressor(level=3)
    known = {blake3.blake3(block).digest() for block in _blocks(old)}
    total = 0
    for block in _blocks(new):
        name = blake3.blake3(block).digest()
        if name not in known:
            known.add(name)
            total += len(compressor.compress(block)) + REFERENCE
    return total


def _blocks(folder: Path) -> Iterator[bytes]:
    for path in files_of(folder):
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block
