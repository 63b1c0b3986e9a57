"""While a job is at work: its preview is seen, its cancel is heard within a step, and players come first."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from studio_scripted import MODEL
from studio_serve import until
from studio_stepping import PAINTER, PICTURE, SPEC, STEPS, stage
from tenku.accel.claim import claim_path, claimed, is_claimed
from tenku.studio.heart import Rhythm
from tenku.studio.model import JobId, Kind, Progress, State
from tenku.studio.previews import MOST, Previews, preview_type
from tenku.studio.turnstile import ClaimTurnstile, Manner, PlayersFirst, manner

NEVER = 3600.0


def test_a_running_job_shows_itself_and_nothing_is_left(tmp_path: Path) -> None:
    with stage(tmp_path) as it:
        job = it.submit()
        results = it.scene.parts.results
        assert results.preview(job.id) is None
        it.device.allow(3)
        seen = until(lambda: results.preview(job.id), "a preview")
        assert seen.startswith(b"\x89PNG")
        until(lambda: (results.preview(job.id) or b"").endswith(b"picture 2"), "the newest preview")
        until(lambda: it.look(job).progress == Progress(3, STEPS), "its progress")
        it.device.allow(STEPS)
        done = it.wait(job, State.DONE)
        assert done.progress == Progress(STEPS, STEPS)
        assert results.preview(job.id) is None
        assert list((tmp_path / "results" / "previews").iterdir()) == []


def test_previews_are_not_written_at_every_step(tmp_path: Path) -> None:
    with stage(tmp_path, rhythm=Rhythm(look_s=0.01, beat_s=NEVER, preview_s=NEVER)) as it:
        job = it.submit()
        it.device.allow(1)
        first = until(lambda: it.scene.parts.results.preview(job.id), "a preview")
        it.device.allow(5)
        it.wait_step(6)
        threading.Event().wait(0.1)  # ten looks
        assert it.scene.parts.results.preview(job.id) == first


def test_a_preview_is_what_it_is(tmp_path: Path) -> None:
    previews = Previews(tmp_path / "previews")
    job = JobId("abcdefghijkl")
    previews.drop(job)
    previews.keep(job, b"Once upon a")
    assert previews.find(job) == b"Once upon a"
    assert preview_type(b"Once upon a").startswith("text/plain")
    assert preview_type(b"\x89PNG\r\n\x1a\n...") == "image/png"
    previews.keep(job, b"x" * (MOST + 1))
    assert previews.find(job) == b"Once upon a"
    assert previews.find(JobId("../jobs.db")) is None
    previews.sweep(before=(tmp_path / "previews" / job).stat().st_mtime + 1)
    assert previews.find(job) is None


def test_a_disk_that_takes_no_preview_ends_no_job(tmp_path: Path) -> None:
    with stage(tmp_path) as it:
        (tmp_path / "results").mkdir()
        (tmp_path / "results" / "previews").write_text("a file where the folder should be")
        job = it.submit()
        it.device.allow(STEPS)
        assert it.wait(job, State.DONE).error == ""


def test_a_cancel_is_heard_at_the_next_step_and_not_at_the_next_beat(tmp_path: Path) -> None:
    with stage(tmp_path, rhythm=Rhythm(look_s=0.01, beat_s=NEVER, preview_s=0.0)) as it:
        job = it.submit()
        it.device.allow(2)
        it.wait_step(2)
        it.scene.jobs.cancel(job.id)
        ended = it.wait(job, State.CANCELLED)
        assert it.device.done == [0, 1]
        assert ended.progress == Progress(2, STEPS)
        assert it.scene.parts.results.preview(job.id) is None


def test_a_picture_waits_for_players_and_goes_on_where_it_was(tmp_path: Path) -> None:
    with stage(tmp_path) as it:
        job = it.submit()
        it.device.allow(4)
        it.wait_step(4)
        it.players.playing = True
        threading.Event().wait(0.3)  # thirty looks: the runner has seen it
        it.device.allow(STEPS)
        threading.Event().wait(0.3)
        assert len(it.device.done) <= 5  # at most the step that had begun
        assert it.look(job).state is State.RUNNING
        assert not it.device.closed
        it.players.playing = False
        done = it.wait(job, State.DONE)
        assert it.device.done == list(range(STEPS))  # no step was done twice
        assert (it.device.runs, done.attempts) == (1, 1)
        assert done.usage is not None
        assert done.usage.seconds < 10


def test_the_wait_for_players_is_not_charged(tmp_path: Path) -> None:
    with stage(tmp_path) as it:
        began = time.monotonic()
        job = it.submit()
        it.device.allow(1)
        it.wait_step(1)
        it.players.playing = True
        threading.Event().wait(1.0)
        it.players.playing = False
        it.device.allow(STEPS)
        done = it.wait(job, State.DONE)
        work = time.monotonic() - began - 0.7
        assert done.usage is not None
        assert done.usage.seconds < work
        assert it.scene.jobs.used("studio") < work


def test_who_waits_for_players_still_hears_of_a_cancel(tmp_path: Path) -> None:
    with stage(tmp_path) as it:
        began, job = time.monotonic(), it.submit()
        it.device.allow(1)
        it.wait_step(1)
        it.players.playing = True
        until(lambda: it.look(job).progress.held, "it says that it waits")
        threading.Event().wait(0.5)
        it.scene.jobs.cancel(job.id)
        ended = it.wait(job, State.CANCELLED)
        assert ended.usage is not None
        assert ended.usage.seconds <= time.monotonic() - began - 0.5  # what it waited is nobody's bill


@pytest.mark.parametrize(
    ("policy", "kind"),
    [(PlayersFirst.PAUSE, Kind.TEXT), (PlayersFirst.FREE, Kind.TEXT), (PlayersFirst.FREE, Kind.IMAGE)],
)
def test_other_jobs_go_back_to_the_queue_and_lose_no_attempt(tmp_path: Path, policy: PlayersFirst, kind: Kind) -> None:
    model = PAINTER if kind is Kind.IMAGE else MODEL
    with stage(tmp_path, policy=policy, model=model) as it:
        job = it.submit(PICTURE if kind is Kind.IMAGE else SPEC)
        it.device.allow(2)
        it.wait_step(2)
        it.players.playing = True
        back = it.wait(job, State.QUEUED)
        assert back.attempts == 0
        until(lambda: it.device.closed is (policy is PlayersFirst.FREE), "the memory")
        threading.Event().wait(0.1)
        assert it.look(job).state is State.QUEUED  # nobody claims it while somebody plays
        it.players.playing = False
        it.device.allow(STEPS)
        done = it.wait(job, State.DONE)
        assert (done.attempts, it.device.runs) == (1, 2)


@pytest.mark.parametrize(
    ("policy", "hash"),
    [(PlayersFirst.IGNORE, MODEL.hash), (PlayersFirst.PAUSE, "remote"), (PlayersFirst.FREE, "remote")],
)
def test_what_takes_nothing_from_players_goes_on(tmp_path: Path, policy: PlayersFirst, hash: str) -> None:
    with stage(tmp_path, policy=policy, model=replace(PAINTER, hash=hash)) as it:
        job = it.submit()
        it.device.allow(1)
        it.wait_step(1)
        it.players.playing = True
        it.device.allow(STEPS)
        assert it.wait(job, State.DONE).attempts == 1


def test_texts_leave_and_pictures_hold() -> None:
    assert manner(PlayersFirst.PAUSE, SPEC, MODEL) is Manner.LEAVE
    assert manner(PlayersFirst.PAUSE, PICTURE, PAINTER) is Manner.HOLD
    assert manner(PlayersFirst.FREE, PICTURE, PAINTER) is Manner.LEAVE
    assert manner(PlayersFirst.IGNORE, PICTURE, PAINTER) is Manner.GO_ON


def test_several_sessions_claim_the_device_and_the_last_one_frees_it(tmp_path: Path) -> None:
    path = claim_path(tmp_path)
    turnstile = ClaimTurnstile(path)
    assert not turnstile.wanted()
    with claimed(path):
        with claimed(path):
            assert turnstile.wanted()
        assert turnstile.wanted()
    assert not turnstile.wanted()


def test_a_session_that_was_killed_keeps_nobody_waiting(tmp_path: Path) -> None:
    path = claim_path(tmp_path)
    program = "import sys, time\nfrom pathlib import Path\nfrom tenku.accel.claim import claimed\n"
    program += "with claimed(Path(sys.argv[1])):\n print('here', flush=True)\n time.sleep(1000)"
    process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"here\n"
    assert is_claimed(path)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not is_claimed(path)
