"""What machine the numbers come from, and how busy others kept it meanwhile."""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.browser import CHROMIUM


@dataclass(frozen=True, slots=True)
class Ticks:
    """The machine's CPU time so far, in clock ticks, from /proc/stat."""

    total: int
    idle: int
    stolen: int
    """Taken by other guests of the same host: what a virtual machine cannot see otherwise."""


def ticks() -> Ticks:
    fields = [int(part) for part in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return Ticks(total=sum(fields), idle=fields[3] + fields[4], stolen=fields[7])


def stolen_percent(before: Ticks, after: Ticks) -> float:
    """How much of the machine was not there between two readings."""
    return 100 * (after.stolen - before.stolen) / max(1, after.total - before.total)


def loopback_bytes() -> int:
    """What the loopback interface has carried so far."""
    line = next(line for line in _lines("/proc/net/dev") if line.strip().startswith("lo:"))
    return int(line.partition(":")[2].split()[0])


def facts() -> dict[str, str]:
    """Processor, memory, system and browser, in words."""
    model = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))
    system = [line.partition("=")[2].strip('"') for line in _lines("/etc/os-release") if line.startswith("PRETTY_NAME")]
    chromium = subprocess.run([CHROMIUM, "--version"], capture_output=True, text=True, check=False).stdout
    return {
        "processor": f"{len(os.sched_getaffinity(0))} cores of {model[0] if model else platform.machine()}",
        "memory": f"{memory / 1e6:.0f} GB",
        "system": f"{system[0] if system else platform.system()}, kernel {platform.release()}",
        "python": platform.python_version(),
        "browser": " ".join(chromium.split()[:2]),
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
