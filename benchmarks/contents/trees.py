"""Folders as benchmarks see them: what is in them, and whether two are the same."""

import os
from collections.abc import Iterator
from pathlib import Path

import blake3

OWN = ".tenku"


def files_of(folder: Path) -> Iterator[Path]:
    """Every regular file, without Tenku's own."""
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != OWN)
        for name in sorted(names):
            path = Path(at, name)
            if not path.is_symlink():
                yield path


def signature(folder: Path) -> dict[str, str]:
    """Every file, link and empty folder by its path: what it holds, and whether it may be run."""
    found = {}
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != OWN]
        for name in (*names, *(each for each in folders if Path(at, each).is_symlink())):
            path = Path(at, name)
            found[str(path.relative_to(folder))] = _of(path)
        if not names and not folders:
            found[str(Path(at).relative_to(folder))] = "folder"
    return found


def difference(found: dict[str, str], wanted: dict[str, str]) -> str:
    """The first paths in which two folders differ; empty where they are the same."""
    wrong = sorted(path for path in found.keys() | wanted.keys() if found.get(path) != wanted.get(path))
    return f"{len(wrong)} differ, like {', '.join(wrong[:3])}" if wrong else ""


def _of(path: Path) -> str:
    if path.is_symlink():
        return f"link {path.readlink()}"
    hasher = blake3.blake3().update_mmap(path)
    return f"file {hasher.hexdigest()} {bool(path.stat().st_mode & 0o100)}"
