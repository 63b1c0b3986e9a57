"""Building deltas with real worker processes: what they save, and what happens when they fail."""

import asyncio
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from content_delta import alive, build, check_rebuilds, digest
from tenku.base.errors import FolderError
from tenku.content.delta.apply import Method
from tenku.content.delta.encode import Patch
from tenku.content.delta.encoders import Encoders
from tenku.content.delta.regions import Region
from tenku.content.delta.runs import Run
from tenku.content.delta.worker import JOB
from tenku.content.delta.write import BuiltDelta, open_writer

RNG = random.Random(5)
LIBRARY = b"".join(RNG.randbytes(12) + (i * 64).to_bytes(4, "little") for i in range(20_000))
LEVELS = {
    f"levels/level{i}.cfg": b"".join(b"unit %d at %d\n" % (j, RNG.randrange(999)) for j in range(500)) for i in range(9)
}
OLD = {"bin/game": LIBRARY, **LEVELS}
NEW = {
    "bin/game": b"".join(
        LIBRARY[at : at + 12] + (int.from_bytes(LIBRARY[at + 12 : at + 16], "little") + 16).to_bytes(4, "little")
        for at in range(0, len(LIBRARY), 16)
    ),
    **{path.replace("levels", "maps"): data.replace(b"unit 7 ", b"boss 7 ") for path, data in LEVELS.items()},
}
HANGS = (sys.executable, "-c", "import sys; sys.stdin.buffer.read()")
CRASHES = (sys.executable, "-c", "import os, sys; sys.stdin.buffer.read(20); os.abort()")
BABBLES = (
    sys.executable,
    "-c",
    "import sys; sys.stdout.buffer.write(b'\\xff' * 100); sys.stdout.flush(); sys.stdin.read()",
)


class TestBuilding:
    def test_an_update_is_a_small_object_that_makes_every_new_chunk(self, tmp_path: Path) -> None:
        async def run() -> None:
            async with Encoders() as encoders:
                (delta,) = await build(OLD, NEW, tmp_path, encoders)
                assert check_rebuilds([delta], OLD, NEW) == 0
                assert delta.size < delta.chunk_bytes / 10
                assert delta.new_bytes == delta.chunk_bytes

        asyncio.run(run())
        assert len(list(tmp_path.iterdir())) == 1

    def test_the_same_builds_make_the_same_object(self, tmp_path: Path) -> None:
        async def run(workers: int) -> bytes:
            async with Encoders(workers=workers) as encoders:
                (delta,) = await build(OLD, NEW, tmp_path, encoders)
                return delta.object

        assert asyncio.run(run(1)) == asyncio.run(run(2))

    def test_any_edits_come_back_bit_by_bit(self, tmp_path: Path) -> None:
        """Bytes inserted, deleted, moved, replaced; files renamed, new and gone."""

        @given(st.integers(0, 1 << 32))
        @settings(max_examples=20, deadline=None)
        def check(seed: int) -> None:
            new = edited(OLD, random.Random(seed))

            async def run() -> tuple[BuiltDelta, ...]:
                async with Encoders(workers=1) as encoders:
                    return await build(OLD, new, tmp_path, encoders)

            check_rebuilds(asyncio.run(run()), OLD, new)

        check()

    def test_new_bytes_that_are_like_nothing_stay_chunks(self, tmp_path: Path) -> None:
        async def run() -> None:
            async with Encoders() as encoders:
                noise = random.Random(6).randbytes(100_000)
                assert await build(OLD, {"bin/game": noise}, tmp_path, encoders) == ()
                assert await build({}, NEW, tmp_path, encoders) == ()
                assert await build(OLD, OLD, tmp_path, encoders) == ()

        asyncio.run(run())
        assert list(tmp_path.iterdir()) == []

    def test_a_large_delta_is_several_objects(self, tmp_path: Path) -> None:
        async def run() -> None:
            async with Encoders() as encoders:
                built = await build(OLD, NEW, tmp_path, encoders, object_bytes=100)
                assert len(built) > 1
                assert check_rebuilds(built, OLD, NEW) == 0
                assert all(delta.size - delta.header_size >= 100 for delta in built[:-1])

        asyncio.run(run())

    def test_no_budget_makes_no_delta_and_starts_no_process(self, tmp_path: Path) -> None:
        async def run() -> None:
            async with Encoders() as encoders:
                assert await build(OLD, NEW, tmp_path, encoders, budget_s=0) == ()
                assert encoders.pids == []

        asyncio.run(run())

    def test_a_folder_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        async def run() -> None:
            async with Encoders() as encoders:
                with pytest.raises(FolderError, match="gone"):
                    await build(OLD, NEW, tmp_path / "gone", encoders)

        asyncio.run(run())

    @pytest.mark.parametrize("room", [10_000, 60_000], ids=["patches", "object"])
    def test_a_full_disk_is_named_and_nothing_stays(self, tmp_path: Path, room: int) -> None:
        """The limit on a file's size answers as a full disk does: while the patches or the object are written."""
        run = Run("a", 0, 4, ((digest(b"made"), 4),), Region("a", 0, 3))
        patch = Patch(Method.ZSTD, random.Random(1).randbytes(50_000))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        with open_writer(tmp_path) as writer:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
            try:
                with pytest.raises(FolderError, match="cannot hold a delta"):  # noqa: PT012
                    writer.add(run, patch, region_hash=bytes(16), cost=60_000)
                    resource.setrlimit(resource.RLIMIT_FSIZE, (room - 20_000, hard))
                    writer.finish()
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert list(tmp_path.iterdir()) == []


class TestWorkers:
    @pytest.mark.parametrize("command", [CRASHES, BABBLES], ids=["crashes", "babbles"])
    def test_a_broken_worker_costs_its_runs_only(self, tmp_path: Path, command: tuple[str, ...]) -> None:
        async def run() -> None:
            async with Encoders(command=command) as encoders:
                assert await build(OLD, NEW, tmp_path, encoders) == ()
                assert encoders.failures > 1

        asyncio.run(run())
        assert list(tmp_path.iterdir()) == []

    def test_a_late_worker_is_ended_and_its_run_stays_chunks(self) -> None:
        async def run() -> None:
            async with Encoders(workers=1, command=HANGS) as encoders:
                job = asyncio.create_task(encoders.encode(b"old", b"new", cost=3, limit=lambda: 0.5))
                pid = await first_pid(encoders)
                assert await job is None
                assert encoders.failures == 1
                assert not alive(pid)

        asyncio.run(run())

    def test_a_worker_killed_mid_way_loses_one_run_and_the_next_has_a_fresh_one(self) -> None:
        async def run() -> None:
            async with Encoders(workers=1) as encoders:
                slow = random.Random(1).randbytes(4 << 20)
                job = asyncio.create_task(encoders.encode(slow, slow[::-1], cost=1 << 20, limit=lambda: 60.0))
                pid = await first_pid(encoders)
                os.kill(pid, signal.SIGKILL)
                assert await job is None
                assert encoders.failures == 1
                patch = await encoders.encode(LIBRARY, LIBRARY[100:], cost=len(LIBRARY), limit=lambda: 60.0)
                assert patch is not None
                assert encoders.pids != [pid]

        asyncio.run(run())

    def test_a_worker_ends_by_itself_when_its_publisher_is_gone(self) -> None:
        job = JOB.pack(len(LIBRARY), len(LIBRARY), len(LIBRARY)) + LIBRARY + LIBRARY
        for heard in (b"", job, job[: JOB.size + 100]):
            command = (sys.executable, "-P", "-m", "tenku.content.delta.worker")
            assert subprocess.run(command, input=heard, capture_output=True, timeout=60, check=False).returncode == 0

    def test_leaving_early_ends_every_worker(self, tmp_path: Path) -> None:
        async def run() -> None:
            async with Encoders(command=HANGS) as encoders:
                work = asyncio.create_task(build(OLD, NEW, tmp_path, encoders))
                await first_pid(encoders)
                pids = encoders.pids
                work.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await work
            assert pids
            assert not any(alive(pid) for pid in pids)

        asyncio.run(run())
        assert list(tmp_path.iterdir()) == []

    def test_a_reader_that_fails_fails_the_build(self, tmp_path: Path) -> None:
        """A file that changed under the publisher must not become a wrong delta."""

        async def run() -> None:
            async with Encoders() as encoders:
                with pytest.raises(FolderError, match="bin/game"):
                    await build(OLD, NEW, tmp_path, encoders, unreadable="bin/game")

        asyncio.run(run())
        assert list(tmp_path.iterdir()) == []


async def first_pid(encoders: Encoders) -> int:
    """The first process, once it runs."""
    deadline = time.monotonic() + 20
    while not encoders.pids:
        assert time.monotonic() < deadline
        await asyncio.sleep(0)
    return encoders.pids[0]


def edited(files: dict[str, bytes], rng: random.Random) -> dict[str, bytes]:
    """Another build, made of random edits to this one."""
    new = {}
    for path, data in files.items():
        for _ in range(rng.randrange(5)):
            data = edit(data, rng)
        kept = rng.random()
        if kept > 0.1:
            new[path if kept > 0.3 else f"renamed/{path}"] = data
    return new


def edit(data: bytes, rng: random.Random) -> bytes:
    """Insert, delete, move or replace a stretch."""
    at, length = rng.randrange(len(data)), rng.randrange(1, 3000)
    piece = data[at : at + length]
    other = rng.randrange(len(data))
    match rng.choice(("insert", "delete", "move", "replace")):
        case "insert":
            return data[:at] + rng.randbytes(length) + data[at:]
        case "delete":
            return (data[:at] + data[at + length :]) or b"rest"
        case "move":
            rest = data[:at] + data[at + length :]
            return rest[:other] + piece + rest[other:]
        case _:
            return data[:at] + bytes(byte ^ 0x55 for byte in piece) + data[at + length :]
