"""Cutting files: the same cuts for ever, in constant memory."""

import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from content_trees import noise, words
from tenku.content.chunking import BUFFER_BYTES, PROFILES, Piece, cut_file, make_cutter

SIZE = 24 * 2**20
"""Three buffers."""

GOLDEN = {
    "game": (314, [51112, 133048, 181728, 374564, 395309, 469752], [24932136, 25024330, 25144433, 25165824]),
    "weights": (72, [374564, 723670, 873887, 1559645, 1735176, 2066615], [23960250, 24068839, 24473825, 25165824]),
}
"""How many chunks `noise(2026, SIZE)` makes, and where the first and the last ones end."""


def reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda at, count: data[at : at + count]


def spans(pieces: Iterable[Piece]) -> list[tuple[int, int]]:
    """Offset in the file and length of each chunk."""
    return [(piece.start + at, length) for piece in pieces for at, length in piece.slices]


def ends(data: bytes, profile: str, *, borders: Sequence[int] = ()) -> list[int]:
    """Where each chunk of a file ends."""
    pieces = cut_file(reader(data), len(data), make_cutter(PROFILES[profile]), borders=borders)
    return [at + length for at, length in spans(pieces)]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_file_is_cut_where_it_always_was(profile: str) -> None:
    found = ends(noise(2026, SIZE), profile)
    assert (len(found), found[:6], found[-4:]) == GOLDEN[profile]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    "data", [noise(7, SIZE + 12_345), words(8, SIZE), b"\0" * SIZE], ids=["noise", "words", "zeros"]
)
def test_a_file_is_cut_as_if_it_were_in_memory_at_once(profile: str, data: bytes) -> None:
    at_once = [chunk.offset + chunk.length for chunk in make_cutter(PROFILES[profile]).cut_buf(data)]
    assert ends(data, profile) == at_once


@settings(max_examples=30)
@given(size=st.integers(0, 2_000_000), seed=st.integers(0, 3), borders=st.lists(st.integers(0, 2_500_000), max_size=6))
def test_chunks_cover_the_file_and_end_at_every_border(size: int, seed: int, borders: list[int]) -> None:
    data, borders = noise(seed, 2_000_000)[:size], sorted(borders)
    found = spans(cut_file(reader(data), size, make_cutter(PROFILES["game"]), borders=borders))
    assert sum(length for _, length in found) == size
    assert all(one + length == other for (one, length), (other, _) in pairwise(found))
    assert {border for border in borders if 0 < border <= size} <= {at + length for at, length in found}
    assert all(0 < length <= PROFILES["game"].most for _, length in found)


def test_cuts_behind_an_insertion_are_the_same_again() -> None:
    data = noise(9, 4_000_000)
    before, after = ends(data, "game"), ends(data[:100_000] + b"inserted" + data[100_000:], "game")
    moved = {end + 8 for end in before}
    assert len(moved & set(after)) > 0.9 * len(before)


def test_a_file_that_became_shorter_ends_early_and_does_not_hang() -> None:
    pieces = cut_file(reader(noise(1, 100_000)), 10_000_000, make_cutter(PROFILES["game"]))
    assert sum(length for _, length in spans(pieces)) == 100_000


def test_cutting_a_large_file_takes_little_memory() -> None:
    cutter, size = make_cutter(PROFILES["game"]), 20 * BUFFER_BYTES
    block = noise(3, BUFFER_BYTES)
    tracemalloc.start()
    try:
        count = sum(len(piece.slices) for piece in cut_file(lambda _, length: block[:length], size, cutter))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count > 1000
    assert peak < 4 * BUFFER_BYTES
