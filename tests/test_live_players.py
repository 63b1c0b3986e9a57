"""A session of `tenku play` claims the machine as long as it lasts, however it ends."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from live import probe, until
from tenku.accel.claim import claim_path
from tenku.studio.turnstile import ClaimTurnstile
from tenku.unit.runfolder import run_base


@pytest.fixture
def runtime() -> Iterator[dict[str, str]]:
    """A folder of its own for what runs: other tests play on this machine. Its path is short, as sockets want it."""
    with tempfile.TemporaryDirectory(prefix="run-") as folder:
        yield {"XDG_RUNTIME_DIR": folder}


@pytest.mark.parametrize("how", ["asked", "killed"])
def test_jobs_see_that_somebody_plays(tmp_path: Path, runtime: dict[str, str], how: str) -> None:
    turnstile = ClaimTurnstile(claim_path(run_base(runtime)))
    assert not turnstile.wanted()
    with probe(tmp_path, environment=runtime) as (live, _):
        live.url()
        assert turnstile.wanted()
        if how == "killed":
            live.process.kill()
            until(lambda: not turnstile.wanted(), what="the claim's end")
    assert not turnstile.wanted()
    assert claim_path(run_base(runtime)).is_file()  # it stays; its lock is what counts
