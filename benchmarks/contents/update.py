"""Updates: bytes, time and requests, Tenku beside casync in turn, the others once."""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.contents import blocks, peers, trees, web
from benchmarks.contents.casync import Casync
from benchmarks.contents.corpora import Pair
from benchmarks.contents.ours import Tenku, check, settle
from benchmarks.contents.peers import Update
from benchmarks.report import Row, plain_table

OURS, PEER = "tenku", "casync"
MAKERS = (OURS, "zsync", "xdelta3")
"""Those whose publisher prepares something for a pair of versions."""


@dataclass(frozen=True, slots=True)
class Updated:
    """Everything that was measured for one pair."""

    pair: Pair
    rounds: list[Update]
    others: list[Update]
    fixed_bytes: int
    """With fixed blocks of 1 MiB."""

    def middle(self, who: str, value: str) -> float:
        """The median over the rounds of somebody's bytes, seconds or requests."""
        return float(median(getattr(each, value) for each in self.rounds if each.who == who))

    def ratio(self, value: str) -> float:
        """Tenku's to casync's."""
        return self.middle(OURS, value) / self.middle(PEER, value)

    def as_json(self) -> dict[str, object]:
        return {
            "versions": self.pair.versions,
            "size": self.pair.size,
            "files": self.pair.files,
            "fixed_bytes": self.fixed_bytes,
            "updates": [asdict(each) for each in (*self.rounds, *self.others)],
        }


def measure(pair: Pair, at: Path, *, rounds: int, others: bool) -> Updated:
    """Update one pair in all ways; works below `at`, which is removed again."""
    at.mkdir()
    try:
        wanted = trees.signature(pair.new)
        tenku, heads, making = _published(pair, at / OURS)
        casync = Casync(at / PEER)
        for build, name in ((pair.old, "old"), (pair.new, "new")):
            casync.make(build, name)
        found = []
        for number in range(rounds):
            print(f"{pair.name}: update, round {number + 1} of {rounds}", file=sys.stderr)
            found.append(_ours(tenku, heads, wanted, at / "game", making))
            found.append(_casync(casync, pair, wanted, at / "out"))
        more = peers.everybody(pair, wanted, at / "peers") if others else []
        return Updated(pair, found, more, blocks.update_bytes(pair.old, pair.new))
    finally:
        shutil.rmtree(at)


def _published(pair: Pair, at: Path) -> tuple[Tenku, tuple[bytes, bytes], float]:
    """A store with both versions and the delta between them, its heads, and the seconds of the second publish."""
    tenku = Tenku(at)
    tenku.publish(pair.old)
    old = tenku.head()
    done = tenku.publish(pair.new)
    return tenku, (old, tenku.head()), done.seconds


def _ours(tenku: Tenku, heads: tuple[bytes, bytes], wanted: dict[str, str], game: Path, making: float) -> Update:
    """The old tree as a player has it, then the update, which reads all of it first."""
    old, new = heads
    tenku.go_to(old)
    with web.serve(tenku.store, game.with_name("web")) as site:
        tenku.pull(game, site.url)
    tenku.go_to(new)
    settle()
    with web.serve(tenku.store, game.with_name("web")) as site:
        done = tenku.pull(game, site.url, "--thorough")
    check(game, wanted, who=OURS)
    shutil.rmtree(game)
    traffic = site.traffic()
    return Update(OURS, traffic.bytes, done.seconds, done.cpu, traffic.requests, making)


def _casync(casync: Casync, pair: Pair, wanted: dict[str, str], out: Path) -> Update:
    settle()
    with web.serve(casync.folder, out.with_name("web")) as site:
        done = casync.extract(site.url, "new", seed=pair.old, into=out)
    check(out, wanted, who=PEER)
    shutil.rmtree(out)
    traffic = site.traffic()
    return Update(PEER, traffic.bytes, done.seconds, done.cpu, traffic.requests)


def byte_rows(all: Sequence[Updated]) -> list[Row]:
    """What is asked of the bytes."""
    ratios = [each.ratio("bytes") for each in all]
    fixed = [each.middle(OURS, "bytes") / each.fixed_bytes for each in all]
    return [
        Row(name="update bytes beside casync, median", measured=median(ratios), unit="of casync", limit=0.5),
        Row(name="update bytes beside casync, best", measured=min(ratios), unit="of casync", limit=0.1),
        Row(name="update bytes beside casync, worst", measured=max(ratios), unit="of casync", limit=1.05),
        Row(name="update bytes beside fixed 1 MiB, median", measured=median(fixed), unit="of fixed", limit=0.6),
    ]


def time_rows(all: Sequence[Updated]) -> list[Row]:
    """What is asked of the time and of the requests."""
    seconds = [each.ratio("seconds") for each in all]
    requests = [each.ratio("requests") for each in all]
    return [
        Row(name="update time, old tree verified, median", measured=median(seconds), unit="of casync", limit=1 / 6),
        Row(name="update requests, median", measured=median(requests), unit="of casync", limit=1 / 50),
    ]


def tables(all: Sequence[Updated]) -> str:
    """What everybody took, pair by pair."""
    people = [OURS, PEER, *dict.fromkeys(other.who for each in all for other in each.others)]
    sizes = [
        (each.pair.name, _mb(each.pair.size), *_values(each, people, "bytes", _mb), _mb(each.fixed_bytes))
        for each in all
    ]

    def table(title: str, value: str, text: Callable[[float], str], people: Sequence[str]) -> str:
        return plain_table((title, *people), [(e.pair.name, *_values(e, people, value, text)) for e in all])

    return "\n\n".join(
        (
            plain_table(("update, MB", "new version", *people, "fixed 1 MiB"), sizes),
            table("update, s", "seconds", _seconds, people),
            table("its processor, s", "cpu", _seconds, people),
            table("requests", "requests", _count, [OURS, PEER]),
            table("publish with delta, s", "preparing", _seconds, [who for who in people if who in MAKERS]),
        )
    )


def _values(updated: Updated, people: Sequence[str], value: str, text: Callable[[float], str]) -> list[str]:
    """A cell for each; empty where somebody did not run."""
    cells = []
    for who in people:
        values = [getattr(each, value) for each in (*updated.rounds, *updated.others) if each.who == who]
        cells.append("" if None in values or not values else text(median(values)))
    return cells


def _mb(value: float) -> str:
    return f"{value / 1e6:.1f}"


def _seconds(value: float) -> str:
    return f"{value:.2f}"


def _count(value: float) -> str:
    return f"{value:.0f}"
