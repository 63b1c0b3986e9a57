"""Joining wanted bytes into few requests."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tenku.content.ranges import FREE, GAP, MOST, WASTE, Range, Wanted, join


@st.composite
def wishes(draw: st.DrawFn) -> list[Wanted[int]]:
    """Wanted pieces of up to three objects, in order, without overlap."""
    found: list[Wanted[int]] = []
    for key in draw(st.sampled_from((["a"], ["a", "b"], ["a", "b", "c"]))):
        at = draw(st.integers(0, 10_000_000))
        for _ in range(draw(st.integers(0, 30))):
            length = draw(st.sampled_from((1, 500, 60_000, 250_000, 3_000_000, MOST, MOST + 1)))
            found.append(Wanted(key, at, length, len(found)))
            at += length + draw(st.sampled_from((0, 0, 1, 10_000, GAP, GAP + 1, 10_000_000)))
    return found


@given(wishes())
def test_the_requests_cover_exactly_what_is_wanted_in_order(wanted: list[Wanted[int]]) -> None:
    ranges = list(join(wanted))
    assert [part for each in ranges for part in each.parts] == wanted
    for each in ranges:
        assert all(part.key == each.key for part in each.parts)
        assert each.start == each.parts[0].start
        assert each.start + each.length == each.parts[-1].start + each.parts[-1].length


@given(wishes())
def test_no_request_is_larger_than_it_may_be(wanted: list[Wanted[int]]) -> None:
    for each in join(wanted):
        assert each.length <= MOST or len(each.parts) == 1


@given(wishes())
def test_little_is_fetched_that_nobody_wants(wanted: list[Wanted[int]]) -> None:
    ranges = list(join(wanted))
    useful = sum(part.length for part in wanted)
    assert sum(each.length for each in ranges) - useful <= WASTE * useful + FREE


@given(wishes())
def test_neighbours_that_fit_are_one_request(wanted: list[Wanted[int]]) -> None:
    ranges = list(join(wanted))
    for one, other in pairwise(ranges):
        touch = one.key == other.key and one.start + one.length == other.start
        assert not touch or other.start + other.parts[0].length - one.start > MOST


def test_a_small_gap_is_fetched_along_and_a_large_one_is_not() -> None:
    near, far = Wanted("a", 0, 1000, "x"), Wanted("a", 1000 + GAP, 1000, "y")
    assert list(join([near, far])) == [Range("a", 0, 2000 + GAP, (near, far))]
    farther = Wanted("a", 1001 + GAP, 1000, "z")
    assert [each.parts for each in join([near, farther])] == [(near,), (farther,)]


def test_nothing_wanted_is_no_request() -> None:
    assert list(join([])) == []


def test_it_is_lazy() -> None:
    @dataclass
    class Taken:
        count: int = 0

    taken = Taken()

    def endless() -> Iterator[Wanted[int]]:
        while True:
            taken.count += 1
            yield Wanted("a", taken.count * 4_000_000, 4_000_000, taken.count)

    next(iter(join(endless())))
    assert taken.count < 5
