"""The vendor's video API: what it is asked, what comes of its answers, and what happens when it fails."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import tenku.studio.engines.dashscope as dashscope
import tenku.studio.engines.dashscopecall as dashscopecall
from studio_dashscope import KEY, TASK, Handler, Vendor, dying, expired, failed, halved, hanging, refusing, vendor
from studio_serve import until
from tenku.base.errors import CancelledJob, JobError, ModelError
from tenku.studio.addmodel import add_remote
from tenku.studio.desk import EmptyDesk
from tenku.studio.engines.dashscope import DashScopeEngine
from tenku.studio.engines.dashscopewire import offer_of
from tenku.studio.engines.pump import never
from tenku.studio.media.readback import read_back
from tenku.studio.media.samples import Samples
from tenku.studio.media.writevideo import write_video
from tenku.studio.model import InstalledModel, JobSpec, Json, Kind
from tenku.studio.models import Models
from tenku.studio.notes import OLD_S, FolderNotes, MemoryNotes
from tenku.studio.ports import Made, Notes, Step
from tenku.studio.videojob import request_of

QUICK: dict[str, Json] = {"poll_s": 0.01, "pause_s": 0.01, "connect_s": 2.0, "answer_s": 2.0, "task_s": 20.0}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


class OnePicture(EmptyDesk):
    """A desk with the same bytes for every input."""

    def __init__(self, data: bytes = PNG, *, notes: Notes | None = None) -> None:
        super().__init__()
        self._data = data
        self.notes = notes or self.notes

    def input(self, name: str) -> bytes:  # noqa: ARG002
        return self._data


@pytest.fixture(scope="module")
def film() -> bytes:
    """A second of pictures with a tone."""
    frames = np.zeros((24, 64, 64, 3), np.uint8) + np.arange(24, dtype=np.uint8)[:, None, None, None]
    tone = np.sin(np.arange(48_000) / 20)[:, None].repeat(2, axis=1) / 2
    return write_video(frames, fps=24, sound=Samples(tone.astype(np.float32), 48_000))


@pytest.fixture
def there(film: bytes) -> Iterator[Vendor]:
    with vendor(film) as state:
        yield state


def engine(there: Vendor, name: str = "wan2.5-t2v-preview", key: str = KEY, **parameters: Json) -> DashScopeEngine:
    model = InstalledModel(
        name=name,
        kind=Kind.VIDEO,
        engine="dashscope",
        path=there.url,
        hash="remote",
        size=0,
        licence="proprietary",
        parameters={**QUICK, **parameters},
    )
    return DashScopeEngine(model, environment={"DASHSCOPE_API_KEY": key})


def spec(**parameters: Json) -> JobSpec:
    """`seed` is the job's own; None: without that parameter."""
    usual: dict[str, Json] = {"width": 832, "height": 480, "seconds": 5, "sound": "wind, wings, a roar"}
    given = {key: value for key, value in {**usual, **parameters}.items() if value is not None}
    seed = given.pop("seed", 7)
    assert isinstance(seed, int)
    return JobSpec(kind=Kind.VIDEO, model="far", prompt="a dragon circles a tower", parameters=given, seed=seed)


def make(
    at: DashScopeEngine, job: JobSpec | None = None, steps: list[Step] | None = None, notes: Notes | None = None
) -> Made:
    taken = steps if steps is not None else []
    return at.run(job or spec(), desk=OnePicture(notes=notes), report=taken.append, stop=never)


def test_a_video_with_sound_comes_in_one_pass(there: Vendor, film: bytes) -> None:
    """The request is as documented, the file is the vendor's, and the facts say who made it."""
    steps: list[Step] = []
    made = make(engine(there), steps=steps)
    assert there.asked == [
        {
            "model": "wan2.5-t2v-preview",
            "input": {"prompt": "a dragon circles a tower Sound: wind, wings, a roar"},
            "parameters": {
                "size": "832*480",
                "duration": 5,
                "prompt_extend": True,
                "watermark": False,
                "seed": 7,
            },
        }
    ]
    assert made.outputs[0].data == film
    assert made.outputs[0].name == "video.mp4"
    assert made.facts["sound"] == "in one pass"
    assert made.facts["made_by_vendor"] == "Alibaba Cloud Model Studio"
    assert made.facts["prompt_as_extended"] == "A dragon circles a tower at dusk."
    assert made.facts["vendor_usage"] == {"duration": 5, "video_count": 1, "SR": 480}
    assert (made.facts["frames"], made.facts["fps"]) == (24, 24)
    assert [step.progress.done for step in steps] == [0, 1, 2, 3]
    assert there.keys_at_files == [None]  # the key is for the API alone


def test_without_wanted_sound_the_video_is_silent(there: Vendor, film: bytes) -> None:
    """The vendor's text-to-video models always make sound; its pictures stay as they were coded."""
    made = make(engine(there), spec(sound=None))
    facts, whole = read_back(made.outputs[0].data), read_back(film)
    assert facts.sound is None
    assert facts.pictures == whole.pictures
    assert made.facts["sound"] == "none"


def test_a_picture_to_begin_from_goes_along(there: Vendor) -> None:
    make(engine(there, "wan2.5-i2v-preview"), spec(image="a" * 64, sound=None, seconds=10, seed=2**31 + 5))
    asked = there.asked[0]
    assert asked["input"]["img_url"].startswith("data:image/png;base64,iVBORw0KGgo")
    assert asked["parameters"] == {
        "resolution": "480P",
        "duration": 10,
        "prompt_extend": True,
        "watermark": False,
        "seed": 5,
        "audio": False,
    }


@pytest.mark.parametrize(
    ("name", "parameters", "says"),
    [
        ("wan2.5-t2v-preview", {"seconds": 7}, "makes videos of 5, 10 s, not of 7"),
        ("wan2.5-t2v-preview", {"width": 640, "height": 640}, "makes no videos of 640x640"),
        ("wan2.6-t2v", {}, "makes no videos of 832x480"),
        ("wan2.5-t2v-preview", {"steps": 20}, "takes no steps"),
        ("wan2.5-t2v-preview", {"fps": 30}, "takes no fps"),
        ("wan2.5-t2v-preview", {"guidance": 5}, "takes no guidance"),
        ("wan2.5-t2v-preview", {"sound_model": "noises"}, "makes its own sound"),
        ("wan2.5-t2v-preview", {"codec": "av1"}, "comes as H.264"),
        ("wan2.5-t2v-preview", {"image": "a" * 64}, "begins without a picture"),
        ("wan2.5-i2v-preview", {}, "begins with a picture"),
        ("wan2.5-t2v-preview", {"sound": "x" * 1600}, "reads 1500 characters"),
        ("wan2.5-t2v-preview", {"negative": "x" * 501}, "500 of a negative one"),
    ],
)
def test_what_the_vendor_cannot_do_is_refused_before_it_is_paid_for(
    there: Vendor, name: str, parameters: dict[str, Json], says: str
) -> None:
    with pytest.raises(JobError, match=says) as caught:
        make(engine(there, name), spec(**parameters))
    assert not caught.value.again
    assert there.seen == []


def test_a_picture_of_another_kind_is_refused(there: Vendor) -> None:
    job = spec(image="a" * 64)
    with pytest.raises(JobError, match="neither PNG, JPEG"):
        engine(there, "wan2.5-i2v-preview").run(job, desk=OnePicture(b"GIF89a"), report=lambda _: None, stop=never)


def test_throttling_is_waited_for(there: Vendor, film: bytes) -> None:
    there.creates += [refusing(429, "Throttling.RateQuota")] * 3
    there.polls += [refusing(429, "Throttling")] * 2
    assert make(engine(there)).outputs[0].data == film
    assert there.count("POST") == 4


def test_throttling_without_end_can_be_tried_again_later(there: Vendor) -> None:
    there.creates += [refusing(429, "Throttling.AllocationQuota", "quota exceeded")] * 20
    with pytest.raises(JobError, match=r"429, Throttling\.AllocationQuota: quota exceeded") as caught:
        make(engine(there))
    assert caught.value.again
    assert there.count("POST") == dashscope.TRIES


@pytest.mark.parametrize(
    ("code", "again"),
    [
        ("DataInspectionFailed", False),
        ("InternalError.Timeout", True),
        ("Throttling", True),
        ("InvalidParameter.SomethingNew", False),
    ],
)
def test_a_task_that_fails_says_why(there: Vendor, code: str, again: bool) -> None:
    there.polls.append(failed(code, "Output data may contain inappropriate content."))
    with pytest.raises(JobError, match=f"{code}: Output data may contain") as caught:
        make(engine(there))
    assert caught.value.again == again


@pytest.mark.parametrize(("state", "says", "again"), [("UNKNOWN", "24 hours", True), ("CANCELED", "cancelled", False)])
def test_a_task_that_is_gone_is_told(there: Vendor, state: str, says: str, again: bool) -> None:
    there.states[:] = [state]
    at = engine(there)
    with pytest.raises(JobError, match=says) as caught:
        make(at)
    assert caught.value.again == again
    there.states[:] = ["SUCCEEDED"]
    make(at)
    assert there.count("POST") == 2  # a new task, as the old one is gone


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (401, "InvalidApiKey", "API key's variable"),
        (400, "Arrearage", "bill"),
        (403, "AccessDenied.Unpurchased", "open to your account"),
        (404, "ModelNotFound", "in this region"),
    ],
)
def test_a_refused_request_says_what_to_do(there: Vendor, status: int, code: str, hint: str) -> None:
    there.creates.append(refusing(status, code, "Access denied."))
    with pytest.raises(JobError, match=code) as caught:
        make(engine(there))
    assert hint in caught.value.hint
    assert not caught.value.again
    assert there.count("POST") == 1


def test_a_server_that_dies_in_mid_poll_can_be_tried_again_without_paying_twice(there: Vendor, film: bytes) -> None:
    at, notes = engine(there), MemoryNotes()
    there.polls += [Handler.task, *[dying] * dashscope.TRIES]
    with pytest.raises(JobError, match="broke off") as caught:
        make(at, notes=notes)
    assert caught.value.again
    assert make(at, notes=notes).outputs[0].data == film
    assert there.count("POST") == 1
    make(at, notes=notes)
    assert there.count("POST") == 2, "what was fetched is done with"


def test_a_killed_worker_does_not_pay_twice(there: Vendor, film: bytes, tmp_path: Path) -> None:
    """kill -9 while the vendor works: whoever tries the job again looks at the same task."""
    there.states[:] = ["RUNNING"]
    with killed(there, tmp_path, when=lambda: there.count("GET") > 1):
        pass
    there.states[:] = ["SUCCEEDED"]
    assert make(engine(there), notes=FolderNotes(tmp_path, now=time.time)).outputs[0].data == film
    assert there.count("POST") == 1
    assert list(tmp_path.iterdir()) == [], "it is fetched"


def test_a_worker_that_is_killed_while_it_asks_leaves_the_question_to_people(there: Vendor, tmp_path: Path) -> None:
    there.creates.append(hanging)
    with killed(there, tmp_path, when=lambda: there.count("POST") == 1):
        there.go_on.set()
    notes = FolderNotes(tmp_path, now=time.time)
    with pytest.raises(JobError, match="nobody knows whether a task began") as caught:
        make(engine(there), notes=notes)
    assert (caught.value.again, there.count("POST")) == (False, 1)
    make(engine(there), notes=notes)
    assert there.count("POST") == 2, "somebody looked, and asked again"


def test_a_note_is_good_for_as_long_as_a_vendor_keeps_a_task(tmp_path: Path) -> None:
    now = time.time()
    FolderNotes(tmp_path, now=lambda: now).keep("a" * 64, "task")
    later = FolderNotes(tmp_path, now=lambda: now + OLD_S + 60)
    assert (FolderNotes(tmp_path, now=lambda: now).find("a" * 64), later.find("a" * 64)) == ("task", "")


WORKER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_studio_dashscope as here
from tenku.studio.notes import FolderNotes
here.make(here.engine(here.Vendor(b"", url={url!r})), notes=FolderNotes(Path({folder!r}), now=time.time))
"""


@contextmanager
def killed(there: Vendor, folder: Path, *, when: Callable[[], bool]) -> Iterator[None]:
    """A process that has a video made, and is killed when something is so; the block runs after that."""
    code = WORKER.format(tests=str(Path(__file__).parent), url=there.url, folder=str(folder))
    worker = subprocess.Popen([sys.executable, "-c", code])
    try:
        until(when, "the worker is that far")
    finally:
        worker.kill()
        worker.wait()
    yield


def test_a_moment_without_the_server_is_survived(there: Vendor, film: bytes) -> None:
    there.polls += [dying, refusing(503, "ServiceUnavailable"), dying]
    there.fetches += [dying, halved, lambda handler: handler.data(502, b"", "text/plain")]
    assert make(engine(there)).outputs[0].data == film


def test_a_task_of_which_nobody_knows_whether_it_began_is_not_asked_for_again(there: Vendor) -> None:
    """That could be paid for twice."""
    there.creates.append(dying)
    with pytest.raises(JobError, match="nobody knows whether a task began") as caught:
        make(engine(there))
    assert not caught.value.again
    assert there.count("POST") == 1


def test_a_server_that_is_not_there_can_be_tried_again(there: Vendor) -> None:
    there.url = "http://127.0.0.1:9"
    with pytest.raises(JobError, match="does not answer") as caught:
        make(engine(there))
    assert caught.value.again


def test_an_address_that_expired_is_told(there: Vendor) -> None:
    there.fetches += [expired] * 20
    with pytest.raises(JobError, match="expired: the vendor keeps videos for 24 hours") as caught:
        make(engine(there))
    assert not caught.value.again


def test_a_newer_address_is_taken(there: Vendor, film: bytes) -> None:
    there.address = f"{there.url}/files/old.mp4"

    def old(handler: Handler) -> None:
        there.address = ""
        expired(handler)

    there.fetches.append(old)
    assert make(engine(there)).outputs[0].data == film


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/v.mp4",
        "https://evil.example/v.mp4",
        "https://notaliyuncs.com/v",
        "ftp://x.aliyuncs.com/v",
        "",
        "//",
    ],
)
def test_a_foreign_address_is_not_asked(there: Vendor, address: str) -> None:
    there.address = address or "x"
    with pytest.raises(JobError, match="which is not one of aliyuncs"):
        make(engine(there))


def test_a_redirect_is_not_followed(there: Vendor) -> None:
    there.fetches.append(lambda handler: handler.data(302, b"", "text/plain"))
    with pytest.raises(JobError, match="answers 302"):
        make(engine(there))


def test_a_huge_download_is_ended(there: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashscopecall, "MOST", 1024 * 1024)
    there.fetches.append(lambda handler: handler.data(200, bytes(3 * 1024 * 1024), "video/mp4"))
    with pytest.raises(JobError, match="more than 1 MiB"):
        make(engine(there))


@pytest.mark.parametrize("cut", [0.5, 0.9])
def test_a_broken_video_is_refused(there: Vendor, film: bytes, cut: float) -> None:
    there.fetches.append(lambda handler: handler.data(200, film[: int(len(film) * cut)], "video/mp4"))
    with pytest.raises(JobError, match="What the vendor sent"):
        make(engine(there))


def test_something_else_than_a_video_is_refused(there: Vendor) -> None:
    there.fetches.append(lambda handler: handler.data(200, b"<html>not found</html>", "text/html"))
    with pytest.raises(JobError, match="is no MP4 file"):
        make(engine(there))


@pytest.mark.parametrize("where", ["creates", "polls", "fetches"])
def test_a_cancel_is_seen_while_the_vendor_says_nothing(there: Vendor, where: str) -> None:
    getattr(there, where).append(hanging)
    asked = threading.Event()

    def stop() -> bool:
        starts = {"creates": "POST", "polls": "GET /api", "fetches": "GET /files"}
        if there.count(starts[where]):
            asked.set()
        return asked.is_set()

    with pytest.raises(CancelledJob):
        engine(there, answer_s=30.0).run(spec(), desk=EmptyDesk(), report=lambda _: None, stop=stop)
    assert not there.go_on.is_set()


def test_a_task_that_waits_is_cancelled_at_the_vendors_too(there: Vendor) -> None:
    there.states[:] = ["PENDING"]
    with pytest.raises(CancelledJob):
        engine(there).run(spec(), desk=EmptyDesk(), report=lambda _: None, stop=lambda: there.count("GET") > 1)
    assert there.seen[-1] == f"POST /api/v1/tasks/{TASK}/cancel"


def test_a_task_at_work_is_kept_for_the_next_try(there: Vendor, film: bytes) -> None:
    """The vendor ends only tasks that wait; one that runs is paid for."""
    there.states[:] = ["RUNNING"]
    at, desk = engine(there), OnePicture()
    there.cancels.append(refusing(400, "UnsupportedOperation", "Failed to cancel the task."))
    with pytest.raises(CancelledJob):
        at.run(spec(), desk=desk, report=lambda _: None, stop=lambda: there.count("GET") > 1)
    there.states[:] = ["SUCCEEDED"]
    assert make(at, notes=desk.notes).outputs[0].data == film
    assert there.count("POST /api/v1/services") == 1


def test_a_task_that_never_ends_is_given_up(there: Vendor) -> None:
    there.states[:] = ["RUNNING"]
    with pytest.raises(JobError, match=r"did not end in 0\.1 s") as caught:
        make(engine(there, task_s=0.1))
    assert caught.value.again


@pytest.mark.parametrize(
    "body", [b"[]", b"hello", b'{"output": {}}', b'{"output": {"task_id": "../x", "task_status": 1}}']
)
def test_an_answer_of_something_else_is_told(there: Vendor, body: bytes) -> None:
    there.creates.append(lambda handler: handler.data(200, body, "application/json"))
    with pytest.raises(JobError, match="DashScope's API"):
        make(engine(there))


def test_the_key_is_checked_without_a_job(there: Vendor) -> None:
    engine(there).check()
    with pytest.raises(ModelError, match="InvalidApiKey"):
        engine(there, key="wrong").check()
    with pytest.raises(ModelError, match=r"\$DASHSCOPE_API_KEY, which holds none"):
        engine(there, key="")
    there.url = there.url.replace("127.0.0.1", "10.1.2.3")
    with pytest.raises(ModelError, match="in the clear"):
        engine(there)


def test_a_model_of_the_vendors_is_installed_like_any_other(
    there: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key is tried first, and nothing is paid; found again, it is asked where it was."""
    models = Models(tmp_path)
    monkeypatch.setenv("VENDOR_KEY", "wrong")
    parameters: dict[str, Json] = {"remote_model": "wan2.5-t2v-preview", "key_variable": "VENDOR_KEY", **QUICK}
    with pytest.raises(ModelError, match="InvalidApiKey"):
        add_remote("wan2.5", f"{there.url}/v1", models, parameters=parameters, kind=Kind.VIDEO)
    assert not models.has("wan2.5")
    monkeypatch.setenv("VENDOR_KEY", KEY)
    add_remote("wan2.5", f"{there.url}/v1", models, parameters=parameters, kind=Kind.VIDEO)
    found = models.find("wan2.5")
    assert (found.kind, found.engine, found.hash) == (Kind.VIDEO, "dashscope", "remote")
    assert make(dashscope.load(found)).facts["sound"] == "in one pass"
    assert len(there.asked) == 1


def test_names_that_are_not_known_are_refused() -> None:
    with pytest.raises(ModelError, match="no model of DashScope"):
        offer_of("wan2.7-t2v")
    assert offer_of("wan2.6-i2v").seconds == tuple(range(2, 11))
    assert request_of(spec()).seconds == 5
