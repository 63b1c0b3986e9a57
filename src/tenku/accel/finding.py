"""All devices of this machine as chips, those that torch knows and those that other packages bring; picked by name."""

import importlib
import importlib.util
import re
from typing import cast

from tenku.accel.chip import Chip
from tenku.accel.devices import KINDS, Device, devices
from tenku.accel.lease import device_name
from tenku.accel.plugins import close, name_of, plugged
from tenku.accel.torchload import load_torch
from tenku.base.errors import MachineError, UsageError

NAME = re.compile(r"([a-z][a-z0-9_-]*)(?::(\d{1,4}))?")
NO_TORCH = "Computing needs torch, which is not installed or does not load."
GET_TORCH = "Run `pip install 'tenku[studio]'`."


def chips() -> list[Chip]:
    """Every device that is here; accelerators first, the processor behind them, plug-ins last."""
    mine = [torch_chip(device) for device in devices()] if has_torch() else []
    return [*mine, *(each.chip for each in plugged()[0])]


def chip_of(name: str) -> Chip:
    """A device by name: `cpu`, `cuda`, `cuda:1`, `sim:0`; without a number it is the first of its kind.

    Raises:
        UsageError: there is none of this name; what there is, is listed.
        MachineError: torch, which computes on it, is not installed.
    """
    kind, index = _parsed(name)
    return _of_torch(name, kind, index) if kind in KINDS else _of_plugins(name, kind, index)


def names() -> list[str]:
    """What `chip_of` takes here."""
    brought, _ = plugged()
    close(each.chip for each in brought)
    return [*(device_name(each.kind, each.index) for each in devices()), *(name_of(each.chip) for each in brought)]


def has_torch() -> bool:
    """Whether torch is installed."""
    return importlib.util.find_spec("torch") is not None


def torch_chip(device: Device) -> Chip:
    """A device that torch knows, as a chip."""
    if load_torch() is None:  # with the vendors' packages that it brings along, before anything else asks for it
        raise MachineError(NO_TORCH, hint=GET_TORCH)
    module = importlib.import_module("tenku.accel.torchchip")
    return cast(Chip, module.TorchChip(device))


def _parsed(name: str) -> tuple[str, int]:
    found = NAME.fullmatch(name)
    if not found:
        raise UsageError(f"{name[:80]!r} is no device's name.", hint=_here())
    return found[1], int(found[2] or 0)


def _of_torch(name: str, kind: str, index: int) -> Chip:
    if not has_torch():
        raise MachineError(NO_TORCH, hint=GET_TORCH)
    for device in devices():
        if (device.kind, device.index) == (kind, index):
            return torch_chip(device)
    raise _unknown(name)


def _of_plugins(name: str, kind: str, index: int) -> Chip:
    brought, troubles = plugged()
    close(each.chip for each in brought if (each.chip.device.kind, each.chip.device.index) != (kind, index))
    for each in brought:
        if (each.chip.device.kind, each.chip.device.index) == (kind, index):
            return each.chip
    raise _unknown(name, why=" ".join(trouble.sentence() for trouble in troubles))


def _unknown(name: str, *, why: str = "") -> UsageError:
    return UsageError(f"There is no device {name!r} on this machine.", hint=f"{_here()} {why}".strip())


def _here() -> str:
    return f"There is {', '.join(names())}."
