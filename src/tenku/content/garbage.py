"""Decides what a store may forget, and writes down what it may forget later. Reads no clock and no store.

An object is deleted only if it was found unreferenced and old twice, a grace period apart.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tenku.content.layout import parse_key
from tenku.content.marks import GRACE_S
from tenku.content.model import Head, Published
from tenku.content.ports import Stored

MAX_NOTED = 200_000
"""Objects of a game that are remembered at one time, so that memory stays small; the rest is found by a later prune."""
NOTES = 20_000
"""Lines of one object of notes."""
MAX_NOTES = 16 * 2**20
HEADER = "tenku garbage 1"


@dataclass(frozen=True)
class Amount:
    """Some objects."""

    objects: int = 0
    bytes: int = 0

    def __add__(self, some: "Amount | Sequence[Stored]") -> "Amount":
        if isinstance(some, Amount):
            return Amount(self.objects + some.objects, self.bytes + some.bytes)
        return Amount(self.objects + len(some), self.bytes + sum(each.size for each in some))


@dataclass(frozen=True)
class Decision:
    """What happens to some objects of a game."""

    delete: tuple[Stored, ...] = ()
    note: tuple[Stored, ...] = ()
    """Found unreferenced and old for the first time."""
    wait: tuple[Stored, ...] = ()
    """Noted already, but it is too early, or something else is in the way."""
    young: tuple[Stored, ...] = ()
    """Nobody refers to them yet: maybe somebody is about to."""
    live: tuple[Stored, ...] = ()


def decide(
    objects: Iterable[Stored],
    *,
    live: Container[str],
    held: Container[str],
    candidates: Mapping[str, float],
    marks: Sequence[Stored],
    now: float,
) -> Decision:
    """What happens to these objects. All times are seconds by the store's clock.

    Args:
        live: keys that live releases need.
        held: keys that may be noted, but not deleted yet: what releases need that are noted themselves.
        candidates: when keys were noted.
        marks: publishes that are under way; nothing is deleted beside them.
    """
    found: dict[str, list[Stored]] = {"delete": [], "note": [], "wait": [], "young": [], "live": []}
    for each in objects:
        noted = candidates.get(each.key)
        if each.key in live:
            fate = "live"
        elif now - each.modified < GRACE_S:
            fate = "young"
        elif noted is None:
            fate = "note"
        elif marks or each.key in held or now - noted < GRACE_S:
            fate = "wait"
        else:
            fate = "delete"
        found[fate].append(each)
    return Decision(**{fate: tuple(some) for fate, some in found.items()})


@dataclass(frozen=True)
class Roots:
    """What a head keeps."""

    live: tuple[Published, ...]
    """Its newest releases."""
    left: tuple[Published, ...]
    """Those that left the newest ones less than a grace period ago: somebody may still be pulling them."""


def roots_of(head: Head, *, keep: int, now: float) -> Roots:
    """What a head keeps; `keep` is the number of its newest releases."""
    left = [
        each
        for each, moved in zip(head.history[keep:], head.history, strict=False)
        # The n-th release left the newest ones when the one `keep` places before it came.
        if now - moved.published < GRACE_S
    ]
    return Roots(head.history[:keep], tuple(left))


def encode_notes(notes: Mapping[str, float]) -> Iterator[bytes]:
    """Notes as objects of a bearable size."""
    lines = [f"{key} {noted:.3f}" for key, noted in notes.items()]
    for begin in range(0, len(lines), NOTES):
        yield "\n".join([HEADER, *lines[begin : begin + NOTES], ""]).encode()


def decode_notes(data: bytes, game: str) -> dict[str, float]:
    """When keys were noted. A line that says nothing is passed over: its object is noted again, later."""
    header, *lines = data.decode(errors="replace").split("\n")
    notes: dict[str, float] = {}
    for line in lines if header == HEADER else ():
        key, _, noted = line.partition(" ")
        address = parse_key(key)
        if address and address.hash and key.startswith(f"{game}/") and noted.replace(".", "", 1).isdecimal():
            notes[key] = float(noted)
    return notes


def merge_notes(notes: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """All notes; where two prunes noted one object, the later time counts."""
    merged: dict[str, float] = {}
    for some in notes:
        for key, noted in some.items():
            if key in merged or len(merged) < MAX_NOTED:
                merged[key] = max(noted, merged.get(key, 0.0))
    return merged


class Tally:
    """Sums decisions up, and keeps of them only what is to be done: millions of objects may stay as they are.

    Args:
        before: when keys were noted by earlier prunes.
        now: seconds by the store's clock.
    """

    def __init__(self, before: Mapping[str, float], *, now: float) -> None:
        self._before = before
        self._now = now
        self._room = MAX_NOTED - len(before)
        self.notes: dict[str, float] = {}
        """What is to be remembered; also what is about to be deleted, as that may be cut short."""
        self.doomed: list[Stored] = []
        """In the order of deletion, which is the order in which decisions are added."""
        self.deleted = self.noted = self.waiting = self.young = self.live = Amount()

    def add(self, decision: Decision) -> None:
        """The next decision."""
        self.doomed += decision.delete
        self.notes |= {each.key: self._before[each.key] for each in (*decision.delete, *decision.wait)}
        for each in decision.note[: max(self._room, 0)]:
            self.notes[each.key] = self._now
            self._room -= 1
        self.deleted += decision.delete
        self.noted += decision.note
        self.waiting += decision.wait
        self.young += decision.young
        self.live += decision.live
