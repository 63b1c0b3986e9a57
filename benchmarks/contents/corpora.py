"""Pairs of real versions, old and new, downloaded once from Debian and PyPI."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contents.debian import Debian
from benchmarks.contents.trees import files_of
from benchmarks.stream import BenchmarkError


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions of one thing, unpacked."""

    name: str
    old: Path
    new: Path
    versions: tuple[str, str]
    size: int
    """Of the new version, in bytes."""
    files: int


Fetch = Callable[[Path, Path], str]
"""`fetch(cache, into)` unpacks a version into a folder and tells what it is."""


def deb(package: str, suite: str) -> Fetch:
    def fetch(cache: Path, into: Path) -> str:
        return f"{package} {Debian(cache / 'apt').fetch(package, suite, into)}"

    return fetch


def wheel(package: str, version: str, *, python: str) -> Fetch:
    def fetch(cache: Path, into: Path) -> str:
        wheels = cache / "wheels"
        options = ["-q", "--no-deps", "--only-binary", ":all:", "--python-version", python, "-d", str(wheels)]
        command = [sys.executable, "-m", "pip", "download", *options, f"{package}=={version}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchmarkError(f"pip cannot download {package} {version}: {done.stderr.strip()[-400:]}")
        file = next(wheels.glob(f"{package}-{version}-*.whl"))
        with zipfile.ZipFile(file) as archive:
            archive.extractall(into)
        file.unlink()
        return f"{package} {version}"

    return fetch


PAIRS: dict[str, tuple[Fetch, Fetch]] = {
    "stk": (deb("supertuxkart-data", "trixie"), deb("supertuxkart-data", "trixie-backports")),
    "wz": (deb("warzone2100-data", "bookworm"), deb("warzone2100-data", "trixie")),
    "bpy": (wheel("bpy", "4.5.14", python="3.11"), wheel("bpy", "4.5.15", python="3.11")),
    "wesnoth": (deb("wesnoth-1.18-data", "trixie"), deb("wesnoth-1.18-data", "trixie-backports")),
    "chromium": (deb("chromium", "bookworm"), deb("chromium", "trixie")),
    "0ad": (deb("0ad-data", "trixie"), deb("0ad-data", "trixie-backports")),
}
USUAL = ("stk", "wz", "bpy", "wesnoth", "chromium")
"""0ad is 3.6 GB: only when it is asked for."""
QUICK = ("wesnoth", "wz")


def cache_folder() -> Path:
    """Where the corpora are kept between runs."""
    named = os.environ.get("TENKU_BENCH_CACHE")
    return Path(named).absolute() if named else Path.home() / ".cache" / "tenku-bench"


def load(name: str) -> Pair:
    """A pair, downloaded if it is not here yet. Raises BenchmarkError."""
    cache = cache_folder()
    folder = cache / "pairs" / name
    said = [_version(cache, folder / side, fetch) for side, fetch in zip(("old", "new"), PAIRS[name], strict=True)]
    sizes = [path.stat().st_size for path in files_of(folder / "new")]
    return Pair(name, folder / "old", folder / "new", (said[0], said[1]), sum(sizes), len(sizes))


def _version(cache: Path, folder: Path, fetch: Fetch) -> str:
    note = folder.with_name(f"{folder.name}.json")
    if not note.exists():
        print(f"download {folder.parent.name}, {folder.name} version", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        version = fetch(cache, folder)
        _drop_strangers(folder)
        note.write_text(json.dumps({"version": version}))
    return str(json.loads(note.read_text())["version"])


def _drop_strangers(folder: Path) -> None:
    """Remove links that lead out of the folder, and what is neither file, folder nor link: no build may have them."""
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            target = path.readlink()
            if target.is_absolute() or not (path.parent / target).resolve().is_relative_to(root):
                path.unlink()
        elif not path.is_file() and not path.is_dir():
            path.unlink()
