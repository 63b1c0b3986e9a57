"""Devices that other packages bring by entry points. A package that is broken is named, and stops nobody else."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

from tenku.accel.chip import ENTRY_POINTS, Chip
from tenku.accel.devices import KINDS, Device
from tenku.accel.entrypoints import Trouble, answer_of, package_of, points, said
from tenku.accel.lease import device_name

PARTS = ("device", "driver", "dtypes", "put", "get", "call", "seconds", "fallbacks", "free", "close")
"""What a Chip has."""
KIND = re.compile(r"[a-z][a-z0-9_-]{0,30}")


@dataclass(frozen=True, kw_only=True)
class Plugged:
    """A device that another package brought."""

    package: str
    version: str
    chip: Chip


def plugged(group: str = ENTRY_POINTS) -> tuple[list[Plugged], list[Trouble]]:
    """Devices that installed packages bring, by kind and index, and what is wrong with the rest."""
    found: dict[str, Plugged] = {}
    troubles: list[Trouble] = []
    for entry in points(group):
        for chip in _chips(entry, troubles):
            why = _why_not(chip, found)
            if why:
                troubles.append(Trouble(package=package_of(entry), why=why, hint=_hint(entry)))
            else:
                version = entry.dist.version if entry.dist else ""
                found[name_of(chip)] = Plugged(package=package_of(entry), version=version, chip=chip)
    return [found[name] for name in sorted(found, key=_in_order)], troubles


def name_of(chip: Chip) -> str:
    """`sim:0`."""
    return device_name(chip.device.kind, chip.device.index)


def close(chips: Iterable[Chip]) -> None:
    """Give devices back that nobody wants; one that fails at that is not wanted either."""
    for chip in chips:
        try:
            chip.close()
        except Exception:  # noqa: BLE001 - as in answer_of
            continue


def _chips(entry: EntryPoint, troubles: list[Trouble]) -> Iterator[Chip]:
    answer, why = answer_of(entry)
    if not why and not isinstance(answer, list | tuple):
        why = f"gives {type(answer).__name__} and no list of devices in {entry.value}"
    if why:
        troubles.append(Trouble(package=package_of(entry), why=why, hint=_hint(entry)))
        return
    yield from answer


def _hint(entry: EntryPoint) -> str:
    return f"Its devices are left out; update it, or run `pip uninstall {package_of(entry)}`."


def _why_not(chip: Any, found: dict[str, Plugged]) -> str:
    """Why something cannot be used as a device; empty: it can."""
    missing = [name for name in PARTS if not hasattr(type(chip), name) and name not in getattr(chip, "__dict__", ())]
    if missing:
        return f"brings a device without {', '.join(missing)}"
    try:
        device = chip.device
    except Exception as error:  # noqa: BLE001 - as in answer_of
        return f"does not say what its device is: {said(error)}"
    if not isinstance(device, Device) or not KIND.fullmatch(device.kind) or device.kind in KINDS:
        return f"has a `device` that is no Device whose kind is a word of its own, but {device!r:.100}"
    other = found.get(device_name(device.kind, device.index))
    return f"brings {name_of(chip)}, which {other.package} brings as well" if other else ""


def _in_order(name: str) -> tuple[str, int]:
    kind, _, index = name.rpartition(":")
    return kind, int(index)
