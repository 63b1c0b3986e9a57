"""Devices as torch names them: which one to compute on, with which numbers, and how much of its memory was taken."""

import resource
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from tenku.accel.devices import ACCELERATORS, Device, devices

CPU = "cpu"
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
"""What the kernel wants to hear to forget the largest size so far (proc(5))."""


def best_device() -> Device:
    """The accelerator with the most free memory; the processor where there is none."""
    found = devices()
    accelerators = [device for device in found if device.kind in ACCELERATORS]
    return max(accelerators or found, key=lambda device: device.free)


def torch_device(device: Device) -> torch.device:
    """The same device, as torch knows it."""
    return torch.device(CPU) if device.kind == CPU else torch.device(device.kind, device.index)


def best_dtype(device: Device) -> torch.dtype:
    """bf16 or else fp16 on an accelerator, fp32 on the processor, where halves are slower than wholes."""
    if device.kind == CPU:
        return torch.float32
    backend = getattr(torch, device.kind)
    supported = getattr(backend, "is_bf16_supported", lambda: True)
    return torch.bfloat16 if supported() else torch.float16


def reset_peak(device: Device) -> None:
    """Forget how much memory was taken at most so far."""
    if device.kind == CPU:
        with suppress(OSError):  # a kernel that does not let us: the peak is the process's whole life's then
            _CLEAR.write_text(_RESET_PEAK, encoding="ascii")
        return
    reset = getattr(getattr(torch, device.kind), "reset_peak_memory_stats", None)
    if reset is not None:
        reset(device.index)


def peak(device: Device) -> int:
    """Bytes that were taken at most since `reset_peak`; 0: the device does not tell."""
    if device.kind == CPU:
        return _resident_peak()
    taken = getattr(getattr(torch, device.kind), "max_memory_reserved", None)
    return int(taken(device.index)) if taken is not None else 0


def empty_cache(device: Device) -> None:
    """Give memory that torch holds for later back to the device."""
    empty: Any = getattr(getattr(torch, device.kind), "empty_cache", None)
    if empty is not None:
        empty()


def _resident_peak() -> int:
    with suppress(OSError):
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
