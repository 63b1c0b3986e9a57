"""Wan 2.5 and 2.6, closed video models with sound, by the vendor's asynchronous API: a task, looks at it, a file."""

import base64
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from tenku.base.errors import CancelledJob, JobError, ModelError
from tenku.studio.engines.dashscopecall import Api, Expired, Throttled, Unsure, base_url
from tenku.studio.engines.dashscopewire import (
    CREATE,
    TASKS,
    WAITING,
    Task,
    body_of,
    failure_of,
    offer_of,
    read_task,
)
from tenku.studio.engines.pump import never
from tenku.studio.engines.web import Away, api_key, number_of, wait
from tenku.studio.media.container import format_of
from tenku.studio.media.readback import MediaFacts, read_back
from tenku.studio.model import InstalledModel, JobSpec, Json, Output, Progress, Usage
from tenku.studio.ports import Desk, Made, Notes, Step
from tenku.studio.soundtrack.silenced import silenced
from tenku.studio.soundtrack.words import wants_sound
from tenku.studio.videojob import VideoRequest, request_of

KEY_VARIABLE = "DASHSCOPE_API_KEY"
TRIES = 6
IMAGE_MOST = 10 * 1024 * 1024
ASKED = "asked"
"""Noted while the vendor is asked for a task."""
NOBODY = "00000000-0000-0000-0000-000000000000"
_IMAGES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp", b"BM": "image/bmp"}


def load(model: InstalledModel) -> "DashScopeEngine":
    """The engine for a model of the vendor's. Raises ModelError: its name, URL or key cannot be used.

    The model's path is the API's base URL, like `https://dashscope-intl.aliyuncs.com/api/v1`. Parameters:
    `remote_model` (its name there), `key_variable` (the environment variable with the API key), `prompt_extend` and
    `watermark` (as the vendor's), `hosts` (where videos may be fetched from, separated by commas), `poll_s` (between
    two looks at a task), `pause_s` (before the second try), `connect_s`, `answer_s`, `task_s` (the longest wait for a
    task).
    """
    return DashScopeEngine(model, environment=os.environ)


class DashScopeEngine:
    """One model of the vendor's. Every job is paid for there."""

    def __init__(self, model: InstalledModel, *, environment: Mapping[str, str]) -> None:
        self._model = model
        self._offer = offer_of(str(model.parameters.get("remote_model") or model.name))
        self._api = Api(
            url=base_url(model.path),
            key=api_key(model, environment, usual=KEY_VARIABLE),
            hosts=tuple(filter(None, str(model.parameters.get("hosts") or "").split(","))),
            connect_s=number_of(model, "connect_s", 10.0),
            answer_s=number_of(model, "answer_s", 60.0),
        )
        self._poll_s = number_of(model, "poll_s", 10.0)
        self._pause_s = number_of(model, "pause_s", 1.0)
        self._task_s = number_of(model, "task_s", 3600.0)

    def check(self) -> None:
        """Ask the vendor once, without making anything. Raises ModelError: no answer, or the key is refused."""
        try:
            self._api.json("GET", f"{TASKS}/{NOBODY}", None, never)
        except Away as error:
            raise ModelError(f"{self._model.name}: {error}", hint="Is the URL right?") from error
        except JobError as error:
            # A task that nobody has may be answered with any refusal; one about the key is what was asked for.
            if "InvalidApiKey" in str(error) or "does not speak" in str(error):
                raise ModelError(f"{self._model.name}: {error}", hint=error.hint) from error

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:
        """See `Engine.run`. The same seed gives a similar video at best: that is up to the vendor."""
        began = time.monotonic()
        request = request_of(spec)
        image = _data_uri(desk.input(request.image)) if request.image else ""
        flags = {name: self._flag(name, usual) for name, usual in (("prompt_extend", True), ("watermark", False))}
        body = body_of(request, self._offer, image=image, extend=flags["prompt_extend"], watermark=flags["watermark"])
        # What is paid for is noted by what was asked for, until it is fetched: a job that is tried again goes on.
        asked = json.dumps([self._model.path, body], sort_keys=True)
        mark = hashlib.sha256(asked.encode()).hexdigest()
        task = self._made(mark, body, desk.notes, report, stop)
        report(Step(Progress(2, 3, "stages")))
        data = self._received(task, stop)
        desk.notes.drop(mark)
        data, media = _decoded(data, sound=wants_sound(request))
        report(Step(Progress(3, 3, "stages")))
        output = Output(name="video.mp4", media_type="video/mp4", data=data)
        usage = Usage(seconds=time.monotonic() - began)
        return Made(outputs=(output,), usage=usage, facts=_facts(request, task, media))

    def close(self) -> None:
        """Nothing is held here."""

    def _made(
        self,
        mark: str,
        body: Mapping[str, Any],
        notes: Notes,
        report: Callable[[Step], None],
        stop: Callable[[], bool],
    ) -> Task:
        """The task, when its video is there."""
        id = self._begun(mark, body, notes, stop)
        until = time.monotonic() + self._task_s
        try:
            while True:
                task = self._task(id, stop)
                if task.state not in WAITING:
                    break
                report(Step(Progress(WAITING.index(task.state), 3, "stages")))
                if time.monotonic() > until:
                    raise JobError(f"The task {id} did not end in {self._task_s:g} s.", hint="Try again.", again=True)
                wait(self._poll_s, stop)
        except CancelledJob:
            self._cancel(mark, id, notes)
            raise
        if task.state != "SUCCEEDED":
            notes.drop(mark)
            raise failure_of(task)
        return task

    def _begun(self, mark: str, body: Mapping[str, Any], notes: Notes, stop: Callable[[], bool]) -> str:
        """The task that is for this already, or a new one. Raises JobError: nobody knows whether there is one."""
        known = notes.find(mark)
        if known == ASKED:
            notes.drop(mark)
            raise JobError(
                f"{self._model.name}: the worker ended while it asked for the video, so nobody knows whether a task "
                "began there.",
                hint="Look at the vendor's console before you try again: it may be paid for twice.",
            )
        if known:
            return known
        # Noted before: whoever is killed between the vendor's yes and the next line does not pay a second time.
        notes.keep(mark, ASKED)
        try:
            id = self._create(body, stop)
        except JobError:
            notes.drop(mark)
            raise
        notes.keep(mark, id)
        return id

    def _create(self, body: Mapping[str, Any], stop: Callable[[], bool]) -> str:
        for number in range(TRIES):
            try:
                return read_task(self._api.json("POST", CREATE, body, stop)).id
            except Throttled as error:
                # The vendor took nothing on, so asking again cannot be paid for twice.
                if number == TRIES - 1:
                    raise JobError(f"{self._model.name}: {error}", hint="Try again later.", again=True) from error
                wait(error.after_s or self._pause_s * 2**number, stop)
            except Unsure as error:
                raise JobError(
                    f"{self._model.name}: {error}, so nobody knows whether a task began there.",
                    hint="Look at the vendor's console before you try again: it may be paid for twice.",
                ) from error
            except Away as error:
                raise JobError(f"{self._model.name}: {error}", hint="Try again later.", again=True) from error
        raise AssertionError("The last try returns or raises.")

    def _task(self, id: str, stop: Callable[[], bool]) -> Task:
        """How a task stands; a server that is away for a moment is asked again."""
        for number in range(TRIES):
            try:
                return read_task(self._api.json("GET", f"{TASKS}/{id}", None, stop))
            except Away as error:
                if number == TRIES - 1:
                    raise JobError(
                        f"{self._model.name}: {error}", hint="The task goes on there: try again soon.", again=True
                    ) from error
                after_s = error.after_s if isinstance(error, Throttled) else 0
                wait(after_s or self._pause_s * 2**number, stop)
        raise AssertionError("The last try returns or raises.")

    def _cancel(self, mark: str, id: str, notes: Notes) -> None:
        """The vendor ends tasks that wait; one at work is paid for, and is kept for somebody who tries again."""
        with suppress(Away, JobError):
            self._api.json("POST", f"{TASKS}/{id}/cancel", None, never)
            notes.drop(mark)

    def _received(self, task: Task, stop: Callable[[], bool]) -> bytes:
        for number in range(TRIES):
            try:
                return self._api.file(task.url, stop)
            except Expired as error:
                fresh = self._task(task.id, stop)
                if fresh.state != "SUCCEEDED" or fresh.url == task.url:
                    raise JobError(
                        "The video's address has expired: the vendor keeps videos for 24 hours.",
                        hint="Make it again; that is paid for again.",
                    ) from error
                task = fresh
            except Away as error:
                if number == TRIES - 1:
                    raise JobError(
                        f"{self._model.name}: {error}", hint="The video is kept there: try again soon.", again=True
                    ) from error
                wait(self._pause_s * 2**number, stop)
        raise JobError("The video's address expires faster than it can be fetched.", again=True)

    def _flag(self, name: str, usual: bool) -> bool:
        value = self._model.parameters.get(name, usual)
        if not isinstance(value, bool):
            raise JobError(f"{self._model.name} has the {name} {value!r}; it has to be true or false.")
        return value


def _data_uri(image: bytes) -> str:
    kind = next((kind for start, kind in _IMAGES.items() if image.startswith(start)), "")
    if not kind:
        raise JobError("The picture is neither PNG, JPEG, WebP nor BMP.", hint="Take one of these.")
    if len(image) > IMAGE_MOST:
        raise JobError(
            f"The picture has {len(image)} bytes; the vendor takes {IMAGE_MOST} at most.", hint="Make it smaller."
        )
    return f"data:{kind};base64,{base64.b64encode(image).decode('ascii')}"


def _decoded(data: bytes, *, sound: bool) -> tuple[bytes, MediaFacts]:
    """The video and what is in it, decoded to its end; its sound is taken out where none is wanted. Raises JobError."""
    what = "What the vendor sent"
    if format_of(data) != "mp4":
        raise JobError(f"{what} is no MP4 file.", hint="Try again.")
    media = read_back(data, what=what)
    if media.pictures is None:
        raise JobError(f"{what} has no pictures.", hint="Try again.")
    if media.sound is not None and not sound:
        data = silenced(data, what=what)
        media = read_back(data, what=what)
    return data, media


def _facts(request: VideoRequest, task: Task, media: MediaFacts) -> dict[str, Json]:
    """What the provenance says besides the request."""
    if not wants_sound(request):
        sound = "none"
    else:
        sound = "in one pass" if media.sound else "asked for, and the vendor sent none"
    facts: dict[str, Json] = {
        "sound": sound,
        "made_by_vendor": "Alibaba Cloud Model Studio",
        "task": task.id,
        "seconds": round(media.seconds, 3),
    }
    if media.pictures:
        facts |= {"width": media.pictures.width, "height": media.pictures.height, "frames": media.pictures.frames}
        facts |= {"fps": round(media.pictures.fps, 3)}
    if media.sound and media.pictures:
        facts["sound_begins_later_s"] = round(media.start_offset_s, 4)
    if task.prompt:
        facts["prompt_as_extended"] = task.prompt
    if task.usage:
        facts["vendor_usage"] = {
            key: value for key, value in task.usage.items() if isinstance(value, str | int | float)
        }
    return facts
