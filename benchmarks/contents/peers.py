"""Programs that move one version to another in their own ways: for information, each at its best."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contents import run, web
from benchmarks.contents.corpora import Pair
from benchmarks.contents.ours import check, settle
from benchmarks.stream import BenchmarkError

RSYNC = """
use chroot = no
[new]
path = {path}
read only = yes
"""
PATIENCE_S = 10


@dataclass(frozen=True, slots=True)
class Update:
    """What one update cost somebody."""

    who: str
    bytes: int
    seconds: float
    cpu: float
    """Seconds of processor on the receiving side, which say more than `seconds` where the machine was busy."""
    requests: int | None = None
    preparing: float | None = None
    """Seconds that the publisher's side took for this one pair of versions, where it has to."""


def everybody(pair: Pair, wanted: dict[str, str], at: Path) -> list[Update]:
    """All of them, one after the other; they work below `at`, which is removed again."""
    updates = []
    for peer in (rsync, zsync, xdelta3):
        at.mkdir()
        try:
            updates.append(peer(pair, wanted, at))
        finally:
            shutil.rmtree(at)
    return updates


def rsync(pair: Pair, wanted: dict[str, str], at: Path) -> Update:
    """`rsync -z` with zstd from a daemon, into a copy of the old tree."""
    shutil.copytree(pair.old, at / "game", symlinks=True)
    (at / "rsyncd.conf").write_text(RSYNC.format(path=pair.new))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = ["--address=127.0.0.1", f"--port={port}", f"--config={at / 'rsyncd.conf'}"]
    daemon = subprocess.Popen(["rsync", "--daemon", "--no-detach", *options, f"--log-file={at / 'log'}"])
    try:
        _until(lambda: _answers(port), "the rsync daemon")
        settle()
        how = ["-rlp", "--checksum", "--delete", "-z", "--zc=zstd", "--stats"]
        done = run.run(["rsync", *how, f"rsync://127.0.0.1:{port}/new/", at / "game"])
    finally:
        daemon.terminate()
        daemon.wait()
    check(at / "game", wanted, who="rsync")
    found = re.findall(r"Total bytes (?:sent|received): ([\d,]+)", done.output)
    return Update("rsync -z", sum(int(number.replace(",", "")) for number in found), done.seconds, done.cpu)


def zsync(pair: Pair, wanted: dict[str, str], at: Path) -> Update:
    """zsync knows single files only: it gets both versions as tar archives, and unpacking is not in its time."""
    old, new = _archives(pair, at)
    made = run.run(["zsyncmake", "-u", new.name, "-o", at / "new.zsync", new], at=at)
    out = at / "out.tar"
    settle()
    with web.serve(at, at / "web") as site:
        done = run.run(["zsync", "-q", "-i", old, "-o", out, f"{site.url}/new.zsync"], at=at)
    _check_archive(out, wanted, at, who="zsync")
    traffic = site.traffic()
    return Update("zsync", traffic.bytes, done.seconds, done.cpu, traffic.requests, made.seconds)


def xdelta3(pair: Pair, wanted: dict[str, str], at: Path) -> Update:
    """xdelta3 between tar archives, with the whole old one in its window; unpacking is not in its time."""
    old, new = _archives(pair, at)
    window = ["-B", str(min(2**31 - 1, max(2**26, old.stat().st_size)))]
    delta, out = at / "delta", at / "out.tar"
    made = run.run(["xdelta3", "-e", *window, "-s", old, new, delta])
    settle()
    done = run.run(["xdelta3", "-d", *window, "-s", old, delta, out])
    _check_archive(out, wanted, at, who="xdelta3")
    return Update("xdelta3", delta.stat().st_size, done.seconds, done.cpu, None, made.seconds)


def _archives(pair: Pair, at: Path) -> tuple[Path, Path]:
    """Both versions as tar archives that say nothing but names, modes and content."""
    for name, folder in (("old", pair.old), ("new", pair.new)):
        plain = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"]
        run.run(["tar", *plain, "-cf", at / f"{name}.tar", "-C", folder, "."])
    return at / "old.tar", at / "new.tar"


def _check_archive(archive: Path, wanted: dict[str, str], at: Path, *, who: str) -> None:
    (at / "unpacked").mkdir()
    run.run(["tar", "-xf", archive, "-C", at / "unpacked"])
    check(at / "unpacked", wanted, who=who)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{what} does not answer.")
        time.sleep(0.02)
