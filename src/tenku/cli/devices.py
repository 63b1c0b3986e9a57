"""`tenku devices`: what models can run on here; below it what a device can run, and what an update changed."""

import argparse
import os
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tenku.cli import devices_diff, devices_report
from tenku.cli.amounts import bytes_text, count_text, seconds_text
from tenku.cli.studio import print_json, table

if TYPE_CHECKING:
    from tenku.accel.devices import Device
    from tenku.accel.lease import Lease
    from tenku.accel.listing import Row

WIDTH = 110
ACTIONS = {"report": devices_report, "diff": devices_diff}
ENCODERS = {"nvenc": "NVENC", "vaapi": "VA-API"}


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """Models of the catalogue that a device has the memory for."""

    whole: tuple[str, ...]
    parts: tuple[str, ...]
    """Only with parts that wait in main memory for their turn."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku devices`."""
    parser.usage = "tenku devices [report --model NAME | diff BEFORE AFTER] [--json]"
    parser.add_argument("--json", action="store_true", help="Print one JSON object, and nothing else.")
    subs = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", prog="tenku devices")
    for name, module in ACTIONS.items():
        look = parser.formatter_class
        sub = subs.add_parser(
            name, help=module.SUMMARY, description=module.SUMMARY, formatter_class=look, allow_abbrev=False
        )
        module.add_arguments(sub)


def run(args: argparse.Namespace) -> int:
    """Print what is here, or run an action; 1 where a package that brings a device cannot be used."""
    if args.action:
        code: int = ACTIONS[args.action].run(args)
        return code
    from tenku.accel.leases import Leases
    from tenku.accel.listing import hints, rows
    from tenku.accel.look import look
    from tenku.unit.runfolder import run_base

    facts = look(holders=Leases(run_base(os.environ)).holders())
    found = rows(facts)
    fits = fitting([*facts.devices, *(each.device for each in facts.brought)])
    encoders, error = _encoders()
    odd = [*hints(facts), *([f"Encoders of videos cannot be asked: {error}. See `tenku doctor`."] if error else [])]
    if args.json:
        print_json(as_json(found, fits, encoders=encoders, hints=odd))
    else:
        print("\n".join(report(found, fits, encoders=encoders, hints=odd, now=time.time())))
    return 1 if facts.troubles else 0


def fitting(devices: "Sequence[Device]") -> dict[str, Fitting]:
    """What each device has the memory for, as `tenku models` counts it, by the device's name."""
    from tenku.accel.devices import PROCESSOR
    from tenku.accel.lease import device_name
    from tenku.studio.overview import overview

    main = next(device for device in devices if device.kind == PROCESSOR)
    found = {}
    for device in devices:
        each = [
            row for row in overview([], [device] if device is main else [device, main]) if row.device == device.kind
        ]
        found[device_name(device.kind, device.index)] = Fitting(
            whole=tuple(row.name for row in each if not row.offload),
            parts=tuple(row.name for row in each if row.offload),
        )
    return found


def report(
    rows: "Sequence[Row]", fits: Mapping[str, Fitting], *, encoders: Mapping[str, str], hints: Sequence[str], now: float
) -> list[str]:
    """All of it as lines of a terminal."""
    head = ("NAME", "DEVICE", "MEMORY", "FREE", "DRIVER", "FITS")
    lines = [table(head, [_cells(row, fits[row.name]) for row in rows]), ""]
    for row in rows:
        lines += _models(row.name, fits[row.name])
    lines += ["", "Encoders of videos: " + _encoders_text(encoders)]
    lines += [f"{row.name} is held by {_holder(lease, now=now)}" for row in rows for lease in row.holders]
    for hint in hints:
        lines += ["", *textwrap.wrap(hint, WIDTH, initial_indent="! ", subsequent_indent="  ", **_WHOLE_WORDS)]
    return lines


def as_json(
    rows: "Sequence[Row]", fits: Mapping[str, Fitting], *, encoders: Mapping[str, str], hints: Sequence[str]
) -> dict[str, Any]:
    """All of it as plain data."""
    return {
        "devices": [asdict(row) | {"fits": asdict(fits[row.name])} for row in rows],
        "encoders": dict(encoders),
        "hints": list(hints),
    }


_WHOLE_WORDS: Any = {"break_on_hyphens": False, "break_long_words": False}


def _cells(row: "Row", fits: Fitting) -> tuple[str, ...]:
    parts = f", {len(fits.parts)} in parts" if fits.parts else ""
    return (
        row.name,
        row.device,
        bytes_text(row.memory) if row.memory else "",
        bytes_text(row.free) if row.memory else "",
        row.driver,
        count_text(len(fits.whole), "model") + parts,
    )


def _models(name: str, fits: Fitting) -> list[str]:
    lines = []
    for what, models in (("fits", fits.whole), ("in parts", fits.parts)):
        if models:
            head = f"{name} {what}: "
            text = head + ", ".join(models)
            lines += textwrap.wrap(text, WIDTH, subsequent_indent=" " * len(head), **_WHOLE_WORDS)
    return lines


def _holder(lease: "Lease", *, now: float) -> str:
    size = f": {bytes_text(lease.bytes)}" if lease.bytes else ""
    since = f" for {seconds_text(now - lease.since)}" if lease.since else ""
    return f"{lease.who} (process {lease.pid}){since}{size}"


def _encoders() -> tuple[Mapping[str, str], str]:
    """The GPU's; a machine without a driver has none, and is not asked."""
    from tenku.accel.devices import may_have_accelerators

    if not may_have_accelerators():
        return {}, ""
    from tenku.play.probe import hardware_encoders

    return hardware_encoders()


def _encoders_text(encoders: Mapping[str, str]) -> str:
    if not encoders:
        return "none but those of the processor"
    return ", ".join(f"{codec} by {ENCODERS.get(name, name)}" for codec, name in encoders.items())
