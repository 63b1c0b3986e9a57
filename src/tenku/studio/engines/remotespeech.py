"""Speech from a server that speaks OpenAI's API: Qwen3-TTS on vLLM-Omni, OpenAI itself, another Tenku."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tenku.base.errors import JobError, ModelError
from tenku.studio.engines.remotehost import RemoteHost
from tenku.studio.engines.web import Away, number_of
from tenku.studio.media.codecs import SOUND
from tenku.studio.media.readsound import read_sound
from tenku.studio.media.samples import Samples
from tenku.studio.media.writesound import write_sound
from tenku.studio.model import InstalledModel, JobSpec, Json, Output, Progress, Usage
from tenku.studio.ports import Desk, Made, Step
from tenku.studio.speechjob import FORMATS, SpeechRequest, request_of

AT_ONCE = 4
"""Requests, where the model does not say."""
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

    Its path and parameters: see `RemoteHost`, and `characters` (of one text), `formats` (that the server can write;
    others are made here of the first), `extra` (fields that every request gets, like `{"task_type": "VoiceDesign"}`).
    """
    engine = RemoteSpeech(model, environment=os.environ)
    engine.check()
    return engine


@dataclass(frozen=True, kw_only=True)
class _Limits:
    characters: int
    formats: Sequence[str]
    extra: Mapping[str, Json]


class RemoteSpeech:
    """One speech model on a server elsewhere. Its weights are not here, so their hash cannot be known."""

    def __init__(self, model: InstalledModel, *, environment: Mapping[str, str]) -> None:
        self._model = model
        self._host = RemoteHost(model, environment=environment, at_once=AT_ONCE)
        self._limits = _limits(model)

    def check(self) -> None:
        """Raises ModelError: the server does not answer, or does not have the model."""
        self._host.check()

    def voices(self) -> list[str]:
        """The voices that the server says it has; none: it does not say."""
        try:
            rows = self._host.get("/audio/voices").get("voices")
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
        body = self._body(request, written)
        headers, *blocks = self._host.things(lambda call, put: call.blocks("/audio/speech", body, put), stop=stop)
        data = b"".join(blocks)
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
        asked: dict[str, Json] = {"model": self._host.name, "input": request.text, "response_format": written}
        asked |= {"voice": voice} if voice else {}
        asked |= {"speed": request.speed} if request.speed != 1 else {}
        asked |= {"instructions": request.instructions} if request.instructions else {}
        asked |= {"language": request.language} if request.language else {}
        asked |= {"seed": request.seed} if request.seed else {}
        return {**self._limits.extra, **asked}


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
        characters=int(number_of(model, "characters", MOST_CHARACTERS)),
        formats=[str(each) for each in formats],
        extra=extra,
    )
