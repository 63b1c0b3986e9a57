"""A command has a worker of its own only while nobody else works, and says so where that one dies again and again."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from tenku.base.errors import StudioError
from tenku.studio.atwork import at_work, lock_path, somebody_works
from tenku.studio.ownworker import OwnWorker
from tenku.studio.supervisor import Supervisor

PATIENCE_S = 30.0


def supervisor(program: str) -> Supervisor:
    return Supervisor(
        [sys.executable, "-c", program],
        environment={},
        notify=lambda _: None,
        on_line=lambda _: None,
        clock=time.monotonic,
    )


def test_it_waits_for_its_turn_and_ends_with_the_command() -> None:
    kept = supervisor("import sys; sys.stdin.read()")
    starts: list[int] = []

    def somebody() -> bool:
        """Twice there is one."""
        starts.append(kept.starts)
        return len(starts) < 3

    async def run() -> None:
        own = OwnWorker(kept, somebody_works=somebody, done=lambda: 0)
        async with asyncio.timeout(PATIENCE_S), own:
            while kept.pid is None:  # noqa: ASYNC110 - a process tells us nothing
                await asyncio.sleep(0.01)
            own.check()
        assert kept.pid is None

    asyncio.run(run())
    assert starts == [0, 0, 0]


def test_another_database_is_another_worker(tmp_path: Path) -> None:
    assert not somebody_works(lock_path(tmp_path, "sqlite:///a.db"))
    with at_work(lock_path(tmp_path, "sqlite:///a.db")):
        assert somebody_works(lock_path(tmp_path, "sqlite:///a.db"))
        assert not somebody_works(lock_path(tmp_path, "sqlite:///b.db"))


def test_a_worker_that_dies_again_and_again_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenku.studio.restarts.FIRST_S", 0.01)
    kept = supervisor("raise SystemExit(3)")

    async def run() -> None:
        async with (
            asyncio.timeout(PATIENCE_S),
            OwnWorker(kept, somebody_works=lambda: False, done=lambda: 0) as own,
        ):
            while True:
                await asyncio.sleep(0.01)
                own.check()

    with pytest.raises(StudioError, match="was started 5 times and got nothing done"):
        asyncio.run(run())
