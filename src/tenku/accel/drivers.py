"""Drivers: which are loaded on this machine, which version they have, and what torch was built for."""

import platform
import re
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tenku.accel.devices import CUDA, MPS, MUSA, NPU, PROCESSOR, XPU, Device

DEV, SYS = Path("/dev"), Path("/sys")
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
INTEL = "0x8086"


@dataclass(frozen=True)
class Vendor:
    """Whose driver it is, and what torch needs for its devices."""

    name: str
    nodes: str
    """What its driver puts into /dev."""
    kind: str
    """Of its devices, as torch calls them."""
    build: str
    """What torch has to be built with, or the package that brings it."""


VENDORS = (
    Vendor("NVIDIA", "nvidia[0-9]*", CUDA, "CUDA"),
    Vendor("AMD", "kfd", CUDA, "ROCm"),
    Vendor("Intel", "dri/renderD*", XPU, "XPU"),
    Vendor("Ascend", "davinci[0-9]*", NPU, "torch_npu"),
    Vendor("Moore Threads", "mtgpu*", MUSA, "torch_musa"),
)


def loaded_drivers(dev: Path = DEV, sys: Path = SYS) -> list[Vendor]:
    """Vendors whose driver is loaded, by the files that it puts into /dev."""
    return [vendor for vendor in VENDORS if any(_is_of(vendor, node, sys) for node in dev.glob(vendor.nodes))]


def _is_of(vendor: Vendor, node: Path, sys: Path) -> bool:
    """Everybody's graphics drivers put render nodes there: the card says whose it is."""
    if not node.name.startswith("render"):
        return True
    with suppress(OSError):
        told = (sys / "class" / "drm" / node.name / "device" / "vendor").read_text(encoding="ascii")
        return vendor.kind == XPU and told.strip() == INTEL
    return False


def torch_version() -> str:
    """Of the torch that is installed, without loading it; empty: none is."""
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""


def built_for(torch: Any) -> frozenset[str]:
    """What torch was built with, and what other packages brought since, in the words of `Vendor.build`."""
    if torch is None:
        return frozenset()
    numbers = {"CUDA": CUDA, "ROCm": "hip", "XPU": XPU}
    built = {build for build, name in numbers.items() if getattr(torch.version, name, None)}
    brought = {vendor.build for vendor in VENDORS if vendor.kind in (NPU, MUSA) and hasattr(torch, vendor.kind)}
    return frozenset(built | brought)


def driver_of(torch: Any, device: Device) -> str:
    """The version of a device's driver or runtime, as people know it; empty: there is none, or it does not say.

    `torch`: the module; None where there is none.
    """
    if torch is None or device.kind == PROCESSOR:
        return ""
    if device.kind == CUDA:
        hip, cuda = getattr(torch.version, "hip", None), getattr(torch.version, CUDA, None)
        return f"ROCm {hip}" if hip else ", ".join(filter(None, [nvidia_driver(), f"CUDA {cuda}" if cuda else ""]))
    if device.kind == MPS:
        return f"macOS {platform.mac_ver()[0]}"
    return ", ".join(filter(None, [_told(torch, device), _package(device.kind)]))


def nvidia_driver(path: Path = NVIDIA_DRIVER) -> str:
    """The first number of the first line: `NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  …`."""
    with suppress(OSError):
        found = re.search(r"\s(\d+\.\d+(?:\.\d+)?)\s", path.read_text(encoding="ascii", errors="replace"))
        return found[1] if found else ""
    return ""


def _told(torch: Any, device: Device) -> str:
    """What the device says of itself, where it does: Intel's do."""
    ask = getattr(getattr(torch, device.kind, None), "get_device_properties", None)
    if ask is None:
        return ""
    with suppress(RuntimeError):
        return str(getattr(ask(device.index), "driver_version", ""))
    return ""


def _package(kind: str) -> str:
    """The vendor's own package, which holds the runtime's binding."""
    for vendor in VENDORS:
        if vendor.kind == kind and vendor.build.startswith("torch"):
            with suppress(PackageNotFoundError):
                return f"{vendor.build} {version(vendor.build)}"
    return ""
