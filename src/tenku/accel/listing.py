"""What `tenku devices` says, decided from facts (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tenku.accel.devices import Device
from tenku.accel.drivers import Vendor
from tenku.accel.entrypoints import Trouble
from tenku.accel.lease import ALL, Lease, Stage, device_name

GET_TORCH = "Run `pip install 'tenku[studio]'`."
GET_BUILD = "https://pytorch.org/get-started says how to install one that is."


@dataclass(frozen=True, kw_only=True)
class Brought:
    """A device that another package brought."""

    device: Device
    driver: str
    dtypes: tuple[str, ...]
    package: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What was found on this machine."""

    devices: tuple[Device, ...]
    """Those that torch knows, and the processor."""
    drivers: Mapping[str, str] = field(default_factory=dict)
    """Of those, by their names."""
    brought: tuple[Brought, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    loaded: tuple[Vendor, ...] = ()
    """Whose drivers are loaded."""
    torch: str = ""
    """Its version; empty: it is not installed."""
    built: frozenset[str] = frozenset()
    """What it was built with."""
    holders: tuple[Lease, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One device."""

    name: str
    """As options take it: `cpu`, `sim:0`."""
    device: str
    """What its maker calls it."""
    memory: int
    free: int
    driver: str
    package: str
    """Which package brought it, with its version; empty: torch."""
    dtypes: tuple[str, ...]
    """As it says itself; empty: it was not asked."""
    holders: tuple[Lease, ...]


def rows(facts: Facts) -> list[Row]:
    """Accelerators first, the processor behind them, what other packages bring last."""
    known = [
        _row(each, facts, driver=facts.drivers.get(device_name(each.kind, each.index), "")) for each in facts.devices
    ]
    return known + [
        _row(each.device, facts, driver=each.driver, package=f"{each.package} {each.version}", dtypes=each.dtypes)
        for each in facts.brought
    ]


def hints(facts: Facts) -> list[str]:
    """What is odd, each as a sentence or two with what to try."""
    return [
        *(trouble.sentence() for trouble in facts.troubles),
        *filter(None, (_unused(vendor, facts) for vendor in facts.loaded)),
        *(_silent(device) for device in facts.devices if not device.memory),
        *(_not_ours(each) for each in facts.brought),
    ]


def _row(device: Device, facts: Facts, *, driver: str, package: str = "", dtypes: tuple[str, ...] = ()) -> Row:
    return Row(
        name=device_name(device.kind, device.index),
        device=device.name,
        memory=device.memory,
        free=device.free,
        driver=driver,
        package=package.strip(),
        dtypes=dtypes,
        holders=tuple(each for each in facts.holders if _about(each, device)),
    )


def _about(lease: Lease, device: Device) -> bool:
    return lease.stage is not Stage.WAITING and (
        lease.kind == ALL or (lease.kind, lease.index) == (device.kind, device.index)
    )


def _unused(vendor: Vendor, facts: Facts) -> str:
    """Why a driver that is loaded shows no device; empty: it does."""
    here = f"A driver of {vendor.name} is loaded"
    if any(device.kind == vendor.kind for device in facts.devices):
        return ""
    if not facts.torch:
        return f"{here}, but torch, which finds devices, is not installed. {GET_TORCH}"
    if vendor.build in facts.built:
        return f"{here}, but torch {facts.torch} finds no device. Is this user, or this container, let at it?"
    if vendor.build.startswith("torch"):
        return f"{here}, but the package {vendor.build}, which brings its devices to torch, is not there or not loaded."
    return f"{here}, but torch {facts.torch} is not built for {vendor.build}. {GET_BUILD}"


def _silent(device: Device) -> str:
    name = device_name(device.kind, device.index)
    return f"{name} does not say how much memory it has: another program may have it for itself, or it is broken."


def _not_ours(brought: Brought) -> str:
    name = device_name(brought.device.kind, brought.device.index)
    return f"{name} is no device of torch, so models do not run on it; `tenku devices report --device {name}` tries it."
