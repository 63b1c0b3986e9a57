"""What a lease of a device's memory is, and whether there is room for another one (pure)."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from tenku.accel.devices import PROCESSOR

ALL = "all"
"""The kind of what is held of every device: a claim of players."""


class Stage(StrEnum):
    """How far a lease is."""

    WAITING = "waiting"  # nothing is promised: somebody would like to have this much
    LOADING = "loading"  # promised, and the device may still count it as free
    IN_USE = "in use"  # the device counts it as used


@dataclass(frozen=True, kw_only=True)
class Lease:
    """So much memory of a device, for one purpose of one process."""

    who: str
    """What for, in words: `studio worker, model qwen-image`."""
    pid: int
    kind: str
    """Of the device, as in `Device`; `all`: of every one."""
    index: int
    bytes: int
    since: float
    """Seconds since 1970; 0: not known."""
    stage: Stage = Stage.LOADING
    name: str = ""
    """Of its file."""

    @property
    def device(self) -> str:
        """Like `cpu`, or the kind and the index with a colon between them."""
        return device_name(self.kind, self.index)

    def told(self) -> str:
        """Who holds how much, in words."""
        return f"{self.who} (process {self.pid}) has {gigabytes(self.bytes)}"


def device_name(kind: str, index: int) -> str:
    """What people call it; the processor needs no number, there is only one."""
    return kind if kind in (PROCESSOR, ALL) else f"{kind}:{index}"


def room(leases: Iterable[Lease], *, memory: int, free: int) -> int:
    """Bytes of a device that can still be promised.

    The smaller of two bounds: what nobody was promised, and what the device counts as free less what is promised
    and not taken yet. The second one knows of programs that hold no lease.

    Args:
        leases: of this device.
        memory: bytes that may be promised in all.
        free: bytes that the device counts as free.
    """
    held = [each for each in leases if each.stage is not Stage.WAITING]
    promised = sum(each.bytes for each in held)
    coming = sum(each.bytes for each in held if each.stage is Stage.LOADING)
    return max(0, min(memory - promised, free - coming))


def room_behind(leases: Sequence[Lease], *, since: float, memory: int, free: int) -> int:
    """Bytes that are left for who waits since then.

    Who waited longer goes first, if there is room for it now: a large one does not shut small ones out while it waits.
    """
    left = room(leases, memory=memory, free=free)
    for each in sorted(leases, key=lambda lease: (lease.since, lease.name)):
        if each.stage is Stage.WAITING and each.since < since and each.bytes <= left:
            left -= each.bytes
    return left


def in_the_way(leases: Iterable[Lease]) -> list[Lease]:
    """Those that hold something, the largest first."""
    return sorted((each for each in leases if each.stage is not Stage.WAITING), key=lambda lease: -lease.bytes)


def sentence(leases: Sequence[Lease], *, device: str, need: int, left: int) -> str:
    """Why so many bytes of a device cannot be had."""
    begin = f"{device} has no room for {gigabytes(need)}, as {gigabytes(left)} are left"
    held = [each.told() for each in in_the_way(leases)]
    waiting = [f"{each.who} (process {each.pid}) waits for {gigabytes(each.bytes)}" for each in leases]
    others = held or [words for words, each in zip(waiting, leases, strict=True) if each.stage is Stage.WAITING]
    return f"{begin}: {'; '.join(others)}." if others else f"{begin}: other programs use the rest."


def written(lease: Lease) -> bytes:
    """A lease as its file has it."""
    told = asdict(lease)
    del told["name"]
    return json.dumps(told).encode() + b"\n"


def read(text: bytes, *, name: str) -> Lease | None:
    """The lease of a file of this name; None: it is none that we know."""
    try:
        told: Any = json.loads(text)
        lease = Lease(**{**told, "stage": Stage(told["stage"]), "name": name})
    except (ValueError, TypeError, KeyError):
        return None
    numbers = (lease.pid, lease.index, lease.bytes, lease.since)
    texts = (lease.who, lease.kind)
    right = all(type(each) in (int, float) for each in numbers) and all(isinstance(each, str) for each in texts)
    return replace(lease, bytes=max(0, int(lease.bytes))) if right else None


def gigabytes(size: int) -> str:
    """Like `12.3 GB`; small numbers with more of them: `0.05 GB`."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 or not size else f"{size / 1e9:.3f} GB"
