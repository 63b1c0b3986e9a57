"""Tenku's own side: its commands, as a person would type them."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.contents import corpora, run, trees, web
from benchmarks.contents.run import Run
from benchmarks.stream import BenchmarkError

TENKU = Path(sys.executable).with_name("tenku")
CHANNEL = "bench:now"


class Tenku:
    """A store with one channel, a key, and a player who remembers nothing from other benchmarks."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.store = folder / "store"
        self._environment = {
            **{f"XDG_{kind}_HOME": str(folder / kind) for kind in ("STATE", "DATA", "CACHE", "CONFIG")},
            # Installing a program compiles it. Where this is forbidden, as on this machine maybe, every start would.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(corpora.cache_folder() / "compiled"),
        }
        self._run("keys", "new", "studio", "--folder", folder, "--no-password")
        self._compile()

    def publish(
        self, build: Path, *, delta_seconds: float | None = None, watch: Callable[[], None] | None = None
    ) -> Run:
        """Publish a build to the channel; without `delta_seconds` deltas get the usual time."""
        delta = [] if delta_seconds is None else ["--delta-seconds", f"{delta_seconds:g}"]
        key = self._folder / "studio.key"
        return self._run("publish", build, CHANNEL, "--store", self.store, "--key", key, *delta, watch=watch)

    def pull(self, game: Path, url: str, *options: str, watch: Callable[[], None] | None = None) -> Run:
        """Bring a folder to what the channel holds."""
        return self._run(*self.pulling(game, url)[1:], *options, watch=watch)

    def pulling(self, game: Path, url: str) -> list[str | Path]:
        """The command that pulls."""
        return [TENKU, "pull", CHANNEL, game, "--store", url, "--trust", self._folder / "studio.pub"]

    def _compile(self) -> None:
        """Use what is measured later once, so that everything it imports is compiled, as after an installation."""
        build, store, game = (self._folder / name for name in ("one-build", "one-store", "one-game"))
        build.mkdir()
        (build / "file").write_bytes(b"x")
        key, trust = self._folder / "studio.key", self._folder / "studio.pub"
        self._run("publish", build, CHANNEL, "--store", store, "--key", key)
        with web.serve(store, self._folder / "one-web") as site:
            self._run("pull", CHANNEL, game, "--store", site.url, "--trust", trust)
        for folder in (build, store, game):
            shutil.rmtree(folder)
        self.forget()

    def forget(self) -> None:
        """Let the player remember no head, so that an older one is not refused."""
        for path in sorted((self._folder / "STATE").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()

    def verify(self, game: Path) -> None:
        """Read a whole folder. Raises BenchmarkError: it is not whole."""
        self._run("verify", game, "--thorough")

    def head(self) -> bytes:
        """What the channel holds now, to come back to it."""
        return self._head.read_bytes()

    def go_to(self, head: bytes) -> None:
        """Let the channel hold this again; who pulled since would refuse it, and is made to forget."""
        self._head.write_bytes(head)
        self.forget()

    @property
    def environment(self) -> dict[str, str]:
        """What the commands need besides the usual environment."""
        return self._environment

    @property
    def _head(self) -> Path:
        game, _, channel = CHANNEL.partition(":")
        return self.store / game / "head" / channel

    def _run(self, *words: str | Path, watch: Callable[[], None] | None = None) -> Run:
        return run.run([TENKU, *words], environment=self._environment, watch=watch)


def check(folder: Path, wanted: dict[str, str], *, who: str) -> None:
    """Raise BenchmarkError unless a folder holds exactly what it should."""
    if wrong := trees.difference(trees.signature(folder), wanted):
        raise BenchmarkError(f"{who} made another tree: {wrong}.")


def settle() -> None:
    """Let the disk finish what was written before: nobody pays for somebody else's writes."""
    os.sync()
