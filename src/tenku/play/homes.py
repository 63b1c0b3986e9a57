"""Where a game's saves live between its sessions."""

import shutil
from pathlib import Path, PurePosixPath


def prepare_home(home: Path, saves: tuple[str, ...]) -> None:
    """Make the home and the folders in it that are kept."""
    home.mkdir(parents=True, exist_ok=True)
    for folder in saves:
        (home / folder).mkdir(parents=True, exist_ok=True)


def tidy_home(home: Path, saves: tuple[str, ...]) -> None:
    """Remove what is not kept. Without any named folder the whole home is kept."""
    if saves and home.is_dir():
        _keep_only(home, {PurePosixPath(folder) for folder in saves}, PurePosixPath())


def _keep_only(folder: Path, kept: set[PurePosixPath], here: PurePosixPath) -> None:
    for entry in list(folder.iterdir()):
        place = here / entry.name
        if place in kept:
            continue
        if any(place in path.parents for path in kept) and entry.is_dir() and not entry.is_symlink():
            _keep_only(entry, kept, place)
        elif entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
