"""The real `minisign` program of this machine, and keys that are quick to make."""

import subprocess
from pathlib import Path

from tenku.content.minisign import PublicKey, SecretKey
from tenku.content.secretfile import Cost

QUICK = Cost(operations=1 << 15, memory=1 << 20)
"""A guess at the password takes a millisecond; minisign's own cost takes a gigabyte and some seconds."""


def minisign(*arguments: str | Path, cwd: Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run it; `typed` is what stands on its standard input, such as a password and a line feed."""
    command = ["minisign", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, input=typed, capture_output=True, text=True, check=False, timeout=60)


def key(number: int) -> SecretKey:
    """A key that is the same in every run."""
    return SecretKey(bytes([number] * 8), bytes([number] * 32))


def public(number: int) -> PublicKey:
    return key(number).public
