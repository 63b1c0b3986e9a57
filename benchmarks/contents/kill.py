"""kill -9 in the middle: what has to be fetched again, and whether the folder stays whole."""

import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contents import run, trees, web
from benchmarks.contents.corpora import Pair
from benchmarks.contents.ours import Tenku, settle
from benchmarks.stream import BenchmarkError

RANGES = 16 * 8 * 2**20
"""Bytes that one kill may cost: 16 ranges of 8 MiB."""


@dataclass(frozen=True, slots=True)
class Killed:
    """What the kills did."""

    kills: int
    updates: int
    """Each was killed and begun again until it was done."""
    again: int
    """Bytes that were sent more than once, in all."""
    bytes: int
    """What one undisturbed update takes."""


class _Update:
    """One pair, to be updated again and again."""

    def __init__(self, pair: Pair, at: Path) -> None:
        self._tenku = Tenku(at / "tenku")
        self._at = at
        self._trees = (trees.signature(pair.old), trees.signature(pair.new))
        self._tenku.publish(pair.old)
        old = self._tenku.head()
        self._tenku.publish(pair.new)
        self._heads = (old, self._tenku.head())

    def run(self, waits: "list[float]") -> tuple[int, int]:
        """Update, killed after each of these times until it ends in between: bytes sent, kills."""
        old, new = self._heads
        game = self._at / "game"
        self._tenku.go_to(old)
        with web.serve(self._tenku.store, self._at / "web") as site:
            self._tenku.pull(game, site.url)
        self._tenku.go_to(new)
        settle()
        kills = 0
        with web.serve(self._tenku.store, self._at / "web") as site:
            while waits and self._killed(game, site.url, waits.pop()):
                kills += 1
                self._check(game, self._trees)
            self._tenku.pull(game, site.url)
        self._check(game, self._trees[1:])
        shutil.rmtree(game)
        return site.traffic().bytes, kills

    def seconds(self) -> float:
        """How long an undisturbed update takes."""
        old, new = self._heads
        game = self._at / "game"
        self._tenku.go_to(old)
        with web.serve(self._tenku.store, self._at / "web") as site:
            self._tenku.pull(game, site.url)
            self._tenku.go_to(new)
            settle()
            done = self._tenku.pull(game, site.url)
        shutil.rmtree(game)
        return done.seconds

    def _killed(self, game: Path, url: str, after_s: float) -> bool:
        """Start a pull and kill it, with whatever it started; False: it was done before."""
        program = run.start(self._tenku.pulling(game, url), environment=self._tenku.environment)
        try:
            output, _ = program.communicate(timeout=after_s)
        except subprocess.TimeoutExpired:
            os.killpg(program.pid, signal.SIGKILL)
            program.communicate()
            return True
        if program.returncode:
            raise BenchmarkError(f"a pull after a kill ended with {program.returncode}: {output.strip()[-400:]}")
        return False

    def _check(self, game: Path, wanted: tuple[dict[str, str], ...]) -> None:
        """The folder is one of these trees, whole, and `tenku verify` says so, too."""
        found = trees.signature(game)
        if all(wrong := [trees.difference(found, each) for each in wanted]):
            raise BenchmarkError(f"After kill -9 the folder is neither version: {wrong[-1]}.")
        self._tenku.verify(game)


def measure(pair: Pair, at: Path, *, kills: int) -> Killed:
    """Kill updates of one pair at random instants; works below `at`, which is removed again."""
    at.mkdir()
    try:
        update = _Update(pair, at)
        length = update.seconds()
        undisturbed, _ = update.run([])
        chance = random.Random(7)
        done, updates, sent = 0, 0, 0
        while done < kills:
            waits = [chance.uniform(0, length) for _ in range(kills - done)]
            more, times = update.run(waits)
            done, updates, sent = done + times, updates + 1, sent + more
            print(f"{pair.name}: killed {done} of {kills} times", file=sys.stderr)
        return Killed(done, updates, max(0, sent - updates * undisturbed), undisturbed)
    finally:
        shutil.rmtree(at)
