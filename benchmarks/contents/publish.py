"""Publishing: Tenku beside casync, and beside zstd alone, on the same files."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.contents import run
from benchmarks.contents.casync import Casync
from benchmarks.contents.corpora import Pair
from benchmarks.contents.ours import Tenku, settle
from benchmarks.report import Row, plain_table

ZSTD = "set -o pipefail; tar -cf - -C {build} . | zstd -q -3 -T2 -o {out}"


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of one round. `first` is the new version into an empty store, `next` the same on top of the old one."""

    tenku_first: float
    tenku_next: float
    casync_first: float
    casync_next: float
    zstd: float
    tenku_cpu: float
    """Seconds of processor, of `first`; the next two as well."""
    casync_cpu: float
    zstd_cpu: float


@dataclass(frozen=True, slots=True)
class Publishing:
    """What was measured for one pair."""

    pair: Pair
    rounds: list[Round]

    def middle(self, value: str) -> float:
        return float(median(getattr(each, value) for each in self.rounds))

    def as_json(self) -> dict[str, object]:
        return {"size": self.pair.size, "rounds": [asdict(each) for each in self.rounds]}


def measure(pair: Pair, at: Path, *, rounds: int) -> Publishing:
    """Publish one pair in turn; works below `at`, which is removed again."""
    found = []
    for number in range(rounds):
        print(f"{pair.name}: publish, round {number + 1} of {rounds}", file=sys.stderr)
        at.mkdir()
        try:
            found.append(_round(pair, at))
        finally:
            shutil.rmtree(at)
    return Publishing(pair, found)


def _round(pair: Pair, at: Path) -> Round:
    """Everybody once. Deltas are left out: nobody else makes them."""
    settle()
    ours_first = Tenku(at / "tenku").publish(pair.new, delta_seconds=0)
    settle()
    casync_first = Casync(at / "casync").make(pair.new, "new")
    settle()
    zstd = run.run(["bash", "-c", ZSTD.format(build=pair.new, out=at / "new.tar.zst")])
    ours, casync = Tenku(at / "tenku2"), Casync(at / "casync2")
    ours.publish(pair.old, delta_seconds=0)
    settle()
    ours_next = ours.publish(pair.new, delta_seconds=0).seconds
    casync.make(pair.old, "old")
    settle()
    casync_next = casync.make(pair.new, "new").seconds
    return Round(
        tenku_first=ours_first.seconds,
        tenku_next=ours_next,
        casync_first=casync_first.seconds,
        casync_next=casync_next,
        zstd=zstd.seconds,
        tenku_cpu=ours_first.cpu,
        casync_cpu=casync_first.cpu,
        zstd_cpu=zstd.cpu,
    )


def rows(all: Sequence[Publishing]) -> list[Row]:
    """What is asked."""
    casync = [each.middle("casync_first") / each.middle("tenku_first") for each in all]
    zstd = [each.middle("zstd") / each.middle("tenku_first") for each in all]
    return [
        Row(name="publish rate, median", measured=median(casync), unit="x casync", limit=4, at_least=True),
        Row(name="publish rate, median", measured=median(zstd), unit="x zstd -3 -T2", limit=0.6, at_least=True),
    ]


def table(all: Sequence[Publishing]) -> str:
    """Seconds, pair by pair."""
    columns = {
        "tenku": "tenku_first",
        "casync": "casync_first",
        "tar, zstd -3 -T2": "zstd",
        "tenku, next": "tenku_next",
        "casync, next": "casync_next",
        "tenku cpu": "tenku_cpu",
        "casync cpu": "casync_cpu",
        "tar, zstd cpu": "zstd_cpu",
    }
    lines = [
        (each.pair.name, f"{each.pair.size / 1e6:.1f}", *(f"{each.middle(value):.2f}" for value in columns.values()))
        for each in all
    ]
    return plain_table(("publish, s", "MB", *columns), lines)
