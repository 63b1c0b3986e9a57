"""casync: the peer that works most alike, chunk by chunk."""

from pathlib import Path

from benchmarks.contents import run
from benchmarks.contents.run import Run

KEPT = ("--with=permissions", "--with=symlinks")
"""What Tenku keeps, too. With its usual set, casync would also store times and owners, in more bytes."""


class Casync:
    """A chunk store beside an index for each version."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def make(self, build: Path, name: str) -> Run:
        """Store a build."""
        store = self.folder / "default.castr"
        return run.run(["casync", "make", *KEPT, f"--store={store}", self.folder / f"{name}.caidx", build])

    def extract(self, url: str, name: str, *, seed: Path, into: Path) -> Run:
        """Make a folder of a version from a server, taking what the seed has."""
        return run.run(
            ["casync", "extract", *KEPT, f"--seed={seed}", f"--store={url}/default.castr", f"{url}/{name}.caidx", into]
        )
