"""Collects what `tenku devices` says. Torch, which takes seconds to load, is asked only where a driver is loaded."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tenku.accel.devices import accelerators, may_have_accelerators, processor
from tenku.accel.drivers import DEV, SYS, built_for, driver_of, loaded_drivers, torch_version
from tenku.accel.entrypoints import Trouble, said
from tenku.accel.lease import Lease, device_name
from tenku.accel.listing import Brought, Facts
from tenku.accel.plugins import Plugged, close, plugged
from tenku.accel.torchload import torch_and_troubles


def look(*, holders: Iterable[Lease] = (), dev: Path = DEV, sys: Path = SYS) -> Facts:
    """The facts about this machine's devices. `holders`: who has what of them."""
    torch, troubles = torch_and_troubles() if may_have_accelerators(dev) else (None, [])
    found = [*accelerators(torch), processor()]
    brought, more = _brought()
    return Facts(
        devices=tuple(found),
        drivers={device_name(each.kind, each.index): driver_of(torch, each) for each in found},
        brought=tuple(brought),
        troubles=(*troubles, *more),
        loaded=tuple(loaded_drivers(dev, sys)),
        torch=torch_version(),
        built=built_for(torch),
        holders=tuple(holders),
    )


def _brought() -> tuple[list[Brought], Sequence[Trouble]]:
    found, troubles = plugged()
    rows: list[Brought] = []
    for each in found:
        try:
            rows.append(_row(each))
        except Exception as error:  # noqa: BLE001 - somebody else's code: it is named, and stops nobody
            troubles.append(Trouble(package=each.package, why=f"does not say what its device is: {said(error)}"))
    close(each.chip for each in found)
    return rows, troubles


def _row(plugged: Plugged) -> Brought:
    chip = plugged.chip
    return Brought(
        device=chip.device,
        driver=str(chip.driver),
        dtypes=tuple(map(str, chip.dtypes())),
        package=plugged.package,
        version=plugged.version,
    )
