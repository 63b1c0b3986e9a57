"""How a process ended, and the words for it."""

import signal
from dataclasses import dataclass

from tenku.unit.spec import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """The end of a process tree."""

    code: int
    """What a shell would say: the exit code, or 128 and the number of the signal."""
    signal: str | None
    """Name of the signal that ended it: SIGSEGV. A program that itself exits with 139 looks the same."""
    reason: str
    """One sentence for players."""
    lines: tuple[str, ...]
    """The last lines of its output, at most 20."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known about an end besides the code."""

    name: str
    stopped: bool
    """Whether Tenku asked for the end."""
    oom_kills: int
    limits: Limits
    sandbox: bool


def explain(returncode: int, lines: tuple[str, ...], about: Circumstances) -> Exit:
    """The end in words; `returncode` is negative for a signal, as Python's subprocess has it."""
    code = 128 - returncode if returncode < 0 else returncode
    name = _signal_name(code)
    return Exit(code=code, signal=name, reason=_reason(code, name, lines, about), lines=lines)


def _reason(code: int, name: str | None, lines: tuple[str, ...], about: Circumstances) -> str:
    if about.stopped:
        return f"{about.name} was ended."
    if code == 0:
        return f"{about.name} ended."
    if about.oom_kills and about.limits.memory is not None:
        return f"{about.name} used more than its {in_words(about.limits.memory)} of memory and was ended."
    if about.sandbox and code == 1 and lines and lines[-1].startswith("bwrap: "):
        return f"The sandbox of {about.name} could not be set up: {lines[-1].removeprefix('bwrap: ')}."
    if code == 127:
        return f"{about.name} ended with exit code 127: a program or library that it needs was not found."
    if code == 126:
        return f"{about.name} ended with exit code 126: a program that it starts cannot be run on this machine."
    if name is not None:
        return f"{about.name} was ended by {name} ({signal.strsignal(code - 128)})."
    return f"{about.name} ended with exit code {code}."


def in_words(size: int) -> str:
    """2147483648 as `2 GiB`."""
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 1 << shift:
            return f"{round(size / (1 << shift), 1):g} {unit}"
    return f"{size} bytes"


def _signal_name(code: int) -> str | None:
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return None
