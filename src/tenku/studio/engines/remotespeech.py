"""Speech from a server that speaks OpenAI's API: Qwen3-TTS on vLLM-Omni, OpenAI itself, another Tenku."""

import http.client
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tenku.base.errors import JobError, ModelError
from tenku.studio.engines.call import Call, place
from tenku.studio.engines.pump import Patience, Pump
from tenku.studio.engines.web import PAUSE_S, TRIES, Away, api_key, check_url, connect, number_of, wait
from tenku.studio.media.codecs import SOUND
from tenku.studio.media.readsound import read_sound
from tenku.studio.media.samples import Samples
from tenku.studio.media.writesound import write_sound
from tenku.studio.model import InstalledModel, JobSpec, Json, Output, Progress, Usage
from tenku.studio.ports import Desk, Made, Step
from tenku.studio.speechjob import FORMATS, SpeechRequest, request_of

PCM_RATE = 24_000
LONGEST_S = 7200.0
MOST_VOICES = 1000
MOST_CHARACTERS = 4096
"""Of one text, as OpenAI has it; a model's parameter `characters` says otherwise."""
TOKENS = ("x-vllm-omni-input-tokens", "x-vllm-omni-output-tokens")
"""Headers that say what a text took, where a server knows."""
WHAT = "What the server sent"


def load(model: InstalledModel) -> "RemoteSpeech":
    """The engine for a server that answers. Raises ModelError: it does not, or does not have the model.

    The model's path is the base URL, like `http://127.0.0.1:8091/v1`. Parameters: `remote_model` (its name there),
    `key_variable` (the environment variable with the API key), `at_once` (requests), `characters` (of one text),
    `formats` (that the server can write; others are made here of the first), `extra` (fields that every request gets,
    like `{"task_type": "VoiceDesign"}`), `connect_s`, `first_s` (until sound comes), `next_s` (between two pieces).
    """
    engine = RemoteSpeech(model, environment=os.environ)
    engine.check()
    return engine


@dataclass(frozen=True, kw_only=True)
class _Limits:
    at_once: int
    connect_s: float
    first_s: float
    next_s: float
    characters: int
    formats: Sequence[str]
    extra: Mapping[str, Json]


class RemoteSpeech:
    """One speech model on a server elsewhere. Its weights are not here, so their hash cannot be known."""

    def __init__(self, model: InstalledModel, *, environment: Mapping[str, str]) -> None:
        self._model = model
        self._url = check_url(model.path)
        self._name = str(model.parameters.get("remote_model") or model.name)
        self._limits = _limits(model)
        self._key = api_key(model, environment)
        self._places = threading.BoundedSemaphore(self._limits.at_once)

    def check(self) -> None:
        """Raises ModelError: the server does not answer, or does not have the model."""
        try:
            answer = self._get("/models")
        except (Away, JobError) as error:
            raise ModelError(
                f"{self._model.name}: {error}", hint="Is the server running, and the URL right?"
            ) from error
        rows = answer.get("data")
        names = [str(row.get("id")) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
        if names and self._name not in names:
            raise ModelError(
                f"{self._model.path} has no model {self._name}.", hint=f"It has {', '.join(sorted(names))[:400]}."
            )

    def voices(self) -> list[str]:
        """The voices that the server says it has; none: it does not say."""
        try:
            rows = self._get("/audio/voices").get("voices")
        except (Away, JobError):
            return []  # not a part of OpenAI's API: a server need not have it
        named = (row.get("name") if isinstance(row, Mapping) else row for row in rows) if isinstance(rows, list) else ()
        return [each for each in named if isinstance(each, str)][:MOST_VOICES]

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:  # noqa: ARG002
        """See `Engine.run`. Whether the same seed gives the same sound is up to the server."""
        request, began = request_of(spec), time.monotonic()
        if len(request.text) > self._limits.characters:
            raise JobError(
                f"The text has {len(request.text)} characters; {self._model.name} takes {self._limits.characters}.",
                hint="Say it in several lines.",
            )
        written = request.format if request.format in self._limits.formats else self._limits.formats[0]
        report(Step(Progress(0, 1, "texts")))
        with place(self._places, stop):
            headers, data = self._said(self._body(request, written), stop)
        sound = _checked(data, written)
        if written != request.format:
            data = write_sound(sound.data, sound.rate, request.format)
        report(Step(Progress(1, 1, "texts")))
        how = SOUND[request.format]
        usage = Usage(seconds=time.monotonic() - began, **_tokens(headers))
        facts: dict[str, Json] = {"voice": request.voice, "speech_seconds": round(sound.seconds, 3)}
        output = Output(name=f"speech.{how.ending}", media_type=how.media_type, data=data)
        return Made(outputs=[output], usage=usage, facts=facts)

    def close(self) -> None:
        """Nothing is held here."""

    def _body(self, request: SpeechRequest, written: str) -> dict[str, Json]:
        """OpenAI's request. What was not asked for is left out: a strict server refuses unknown fields."""
        voice = request.voice or str(self._model.parameters.get("voice") or "")
        asked: dict[str, Json] = {"model": self._name, "input": request.text, "response_format": written}
        asked |= {"voice": voice} if voice else {}
        asked |= {"speed": request.speed} if request.speed != 1 else {}
        asked |= {"instructions": request.instructions} if request.instructions else {}
        asked |= {"language": request.language} if request.language else {}
        asked |= {"seed": request.seed} if request.seed else {}
        return {**self._limits.extra, **asked}

    def _said(self, body: Mapping[str, Json], stop: Callable[[], bool]) -> tuple[Mapping[str, str], bytes]:
        """The headers and the whole sound. Raises JobError: `again`, where the server went away."""
        for number in range(1, TRIES + 1):
            came: list[Any] = []
            try:
                for thing in self._pump(body).things(stop=stop, patience=self._patience()):
                    came.append(thing)
                return came[0], b"".join(came[1:])
            except Away as error:
                # A server that died in the middle of one answer is left to the queue, which tries later.
                if came or number == TRIES:
                    raise JobError(f"{self._model.name}: {error}", hint="Try again later.", again=True) from error
            wait(PAUSE_S * 2 ** (number - 1), stop)
        raise AssertionError("unreachable")

    def _pump(self, body: Mapping[str, Json]) -> Pump:
        # Whoever waits looks at the clock himself; the socket is shut where it takes too long.
        call = Call(self._connection(None), self._url, self._key)
        return Pump(lambda put: call.blocks("/audio/speech", body, put), leave=call.leave)

    def _patience(self) -> Patience:
        return Patience(self._limits.connect_s + self._limits.first_s, self._limits.next_s)

    def _get(self, path: str) -> dict[str, Any]:
        return Call(self._connection(self._limits.connect_s), self._url, self._key).answer("GET", path, None)

    def _connection(self, read_s: float | None) -> http.client.HTTPConnection:
        return connect(self._url, connect_s=self._limits.connect_s, read_s=read_s)


def remote_voices(model: InstalledModel) -> list[str]:
    """The voices of a server's model. Raises ModelError: the server does not answer."""
    engine = RemoteSpeech(model, environment=os.environ)
    engine.check()
    return engine.voices()


def _checked(data: bytes, written: str) -> Samples:
    """The sound of an answer. Raises JobError: it is none."""
    if written == "pcm":
        if not data or len(data) % 2 or data[:1] in (b"{", b"<"):
            raise JobError(f"{WHAT} is no sound: {data[:80]!r}.", hint="Does the model there speak?")
        numbers = np.frombuffer(data, "<i2").astype(np.float32) / 32768.0
        return Samples(numbers.reshape(-1, 1), PCM_RATE)
    return read_sound(data, what=WHAT, most_s=LONGEST_S)


def _tokens(headers: Mapping[str, str]) -> dict[str, int]:
    prompt, completion = (headers.get(name) or "" for name in TOKENS)
    known = prompt.isdecimal() and completion.isdecimal()
    return {"prompt_tokens": int(prompt), "completion_tokens": int(completion)} if known else {}


def _limits(model: InstalledModel) -> _Limits:
    formats = model.parameters.get("formats") or list(FORMATS)
    extra = model.parameters.get("extra") or {}
    if not isinstance(formats, list | tuple) or not set(map(str, formats)) <= set(FORMATS):
        raise ModelError(f"{model.name} has the formats {formats!r}.", hint=f"They are of {', '.join(FORMATS)}.")
    if not isinstance(extra, Mapping):
        raise ModelError(f"{model.name} has the extra fields {extra!r}.", hint="They are one JSON object.")
    return _Limits(
        at_once=max(1, int(number_of(model, "at_once", 4))),
        connect_s=number_of(model, "connect_s", 5.0),
        first_s=number_of(model, "first_s", 120.0),
        next_s=number_of(model, "next_s", 30.0),
        characters=int(number_of(model, "characters", MOST_CHARACTERS)),
        formats=[str(each) for each in formats],
        extra=extra,
    )
