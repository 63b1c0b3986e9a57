"""A speech job: what its parameters may be."""

from dataclasses import dataclass

from tenku.base.errors import JobError
from tenku.studio.model import InstalledModel, JobSpec, Kind
from tenku.studio.parameters import LONGEST_TEXT, Parameters
from tenku.studio.speech.languages import find_language, find_voice

FORMATS = ("wav", "flac", "opus", "mp3", "aac", "pcm")
"""As OpenAI's API names them; `pcm`: 24 kHz, mono, 16 bits, little-endian, without a header."""

LOCAL = "kokoro"
"""The engine whose voices and languages are known without asking it."""


@dataclass(frozen=True, kw_only=True)
class SpeechRequest:
    """One text to be said."""

    text: str
    voice: str
    """A voice of the model; empty: its usual one."""
    speed: float
    language: str
    """Like `en-us`; empty: the voice's own."""
    instructions: str
    """How it is to be said, for models that can be told."""
    format: str
    seed: int


def request_of(spec: JobSpec) -> SpeechRequest:
    """Read and check a speech job. Raises JobError."""
    given = Parameters(spec, Kind.SPEECH)
    request = SpeechRequest(
        text=spec.prompt,
        voice=given.text("voice"),
        speed=given.number("speed", 1.0, low=0.25, high=4.0),
        language=given.text("language"),
        instructions=given.text("instructions"),
        format=given.choice("format", FORMATS, "wav"),
        seed=spec.seed,
    )
    given.end()
    if not request.text.strip():
        raise JobError("Speech needs a text.", hint="Say what is to be said.")
    if len(request.text) > LONGEST_TEXT:
        raise JobError(
            f"The text has {len(request.text)} characters; {LONGEST_TEXT} are the most.", hint="Say it in several."
        )
    return request


def voices_of(model: InstalledModel) -> list[str]:
    """The voices that a model was installed with, the usual one first; none: they are not known here."""
    known = model.parameters.get("voices")
    return [str(each) for each in known] if isinstance(known, list | tuple) else []


def check_voice(model: InstalledModel, spec: JobSpec) -> None:
    """Find what this model cannot say before the job is handed in. Raises JobError.

    A server's voices may have changed since, so that it is asked itself.
    """
    voices = voices_of(model)
    if model.engine != LOCAL or not voices:
        return
    request = request_of(spec)
    voice = find_voice(request.voice, voices, usual=voices[0])
    find_language(request.language, voice=voice)
    if request.instructions:
        raise JobError(f"{model.name} cannot be told how to speak.", hint="Leave the instructions out.")
