"""Which devices are on this machine, and their memory. The only file that knows the names of accelerators."""

import logging
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenku.accel.entrypoints import said
from tenku.accel.torchload import load_torch

log = logging.getLogger(__name__)

ACCELERATORS = ("cuda", "xpu", "npu", "musa", "mps")
"""As torch calls them; AMD's are `cuda` there as well."""
PROCESSOR = "cpu"
KINDS = (PROCESSOR, *ACCELERATORS)
"""Of devices that torch knows."""
CUDA, XPU, NPU, MUSA, MPS = ACCELERATORS
CGROUP = Path("/sys/fs/cgroup")
NODES = ("nvidia*", "dri", "kfd", "dxg", "davinci*", "mtgpu*", "accel*")
"""What drivers put into /dev: NVIDIA's, AMD's and Intel's, Windows' subsystem, Ascend, Moore Threads."""


@dataclass(frozen=True)
class Device:
    """Something that models run on."""

    kind: str
    """`cpu`, or one of ACCELERATORS."""
    index: int
    name: str
    memory: int
    """Bytes in all."""
    free: int
    """Bytes that nobody uses now."""
    cores: int = 0
    """Of the processor, which this process may use."""


def devices() -> list[Device]:
    """The processor, and what torch finds where it is installed; accelerators first, as they are the faster ones."""
    return [*accelerators(load_torch() if may_have_accelerators() else None), processor()]


def again(device: Device) -> Device:
    """The same device, with what is free now. One that torch does not show stays as it was."""
    if device.kind == PROCESSOR:
        return processor()
    torch = load_torch() if device.kind in ACCELERATORS and may_have_accelerators() else None
    backend = getattr(torch, device.kind, None)
    if backend is None or not backend.is_available() or device.index >= backend.device_count():
        return device
    return _device(backend, device.kind, device.index)


def processor(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = CGROUP) -> Device:
    """The processor and this machine's memory, within the limits of the control group that we are in."""
    memory, free = _memory(meminfo.read_text(encoding="ascii"))
    limit, used = _number(cgroup / "memory.max"), _number(cgroup / "memory.current")
    if limit is not None and limit < memory:
        memory, free = limit, min(free, max(0, limit - (used or 0)))
    return Device("cpu", 0, _processor_name(), memory, free, usable_cores())


def usable_cores() -> int:
    """Cores that this process may use; at least one."""
    cores = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):
        quota, period = (CGROUP / "cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            cores = min(cores, round(int(quota) / int(period)))
    return max(1, cores)


def free_cores() -> int:
    """Cores that nobody was busy on in the last minute; at least one. More threads than that are slower by far."""
    return max(1, usable_cores() - round(os.getloadavg()[0]))


def _memory(meminfo: str) -> tuple[int, int]:
    lines = dict(line.split(":", 1) for line in meminfo.splitlines() if ":" in line)
    total, free = (int(lines[key].split()[0]) * 1024 for key in ("MemTotal", "MemAvailable"))
    return total, free


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _processor_name() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def may_have_accelerators(dev: Path = Path("/dev")) -> bool:
    """Whether a driver of one is loaded. Asking torch takes seconds, which a command on a plain machine has not."""
    return sys.platform == "darwin" or any(any(dev.glob(pattern)) for pattern in NODES)


def accelerators(torch: Any) -> list[Device]:
    """What torch finds; `torch`: the module, None where there is none."""
    return [] if torch is None else [device for kind in ACCELERATORS for device in _of_kind(torch, kind)]


def _of_kind(torch: Any, kind: str) -> Sequence[Device]:
    backend = getattr(torch, kind, None)
    try:
        if backend is None or not backend.is_available():
            return []
        return [_device(backend, kind, index) for index in range(backend.device_count())]
    except RuntimeError as error:  # its driver is of another version, or does not answer
        log.warning("torch cannot use %s: %s", kind, said(error))
        return []


def _device(backend: Any, kind: str, index: int) -> Device:
    if not hasattr(backend, "mem_get_info"):  # it shares the machine's memory
        main = processor()
        return Device(kind, index, kind, main.memory, main.free)
    try:
        free, memory = backend.mem_get_info(index)
    except RuntimeError as error:  # somebody has it for himself alone, or it is broken: the others work on
        log.warning("%s:%s does not say what memory it has: %s", kind, index, said(error))
        free = memory = 0
    return Device(kind, index, str(backend.get_device_name(index)), memory, free)
