"""Where a pipeline's parts lie: all on the device, one at a time, or a layer at a time (pure)."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from tenku.accel.devices import Device
from tenku.base.errors import ModelError
from tenku.studio.catalog import with_working


class Offload(enum.Enum):
    """Which parts of a pipeline wait in main memory; each needs less of the device than the one before, and longer."""

    NONE = "none"  # all parts are on the device
    MODEL = "model"  # the part that works is on the device, the others wait
    SEQUENTIAL = "sequential"  # a layer is on the device only while it works


ORDER = (Offload.NONE, Offload.MODEL, Offload.SEQUENTIAL)


@dataclass(frozen=True, kw_only=True)
class Room:
    """The memory that a pipeline may take."""

    device: Device
    main_free: int
    """Bytes of main memory that nobody uses; parts wait there."""
    offloads: bool
    """Whether anything is won by letting parts wait: not where the device's memory is main memory."""


def choose_offload(parts: Mapping[str, int], room: Room) -> Offload:
    """The least off-loading with which parts of so many bytes should fit. Raises ModelError: with none they do."""
    whole, largest = sum(parts.values()), max(parts.values(), default=0)
    if with_working(whole) <= room.device.free:
        return Offload.NONE
    if not room.offloads:
        raise _too_large(whole, room.device.free, "of memory")
    if whole > room.main_free:
        raise _too_large(whole, room.main_free, "of main memory, where parts wait for their turn")
    return Offload.MODEL if with_working(largest) <= room.device.free else Offload.SEQUENTIAL


def stronger(offload: Offload) -> Offload | None:
    """The next one that takes less of the device; None: there is none."""
    at = ORDER.index(offload) + 1
    return ORDER[at] if at < len(ORDER) else None


def gigabytes(size: int) -> str:
    """Like `12.3 GB`."""
    return f"{size / 1e9:.1f} GB"


def _too_large(need: int, free: int, what: str) -> ModelError:
    error = ModelError(
        f"The model's parts have {gigabytes(need)}, and there are {gigabytes(free)} {what} free.",
        hint="Close other programs, or take a smaller model, or weights of fewer bits.",
    )
    error.short_of_memory = True
    return error
