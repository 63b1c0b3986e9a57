"""Speech on the processor: Kokoro-82M with its voices, or one of Hibari's small voices that it taught."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tenku.accel.devices import free_cores
from tenku.base.errors import CancelledJob, JobError, ModelError
from tenku.studio.media.codecs import SOUND
from tenku.studio.media.writesound import write_sound
from tenku.studio.model import InstalledModel, JobSpec, Json, Output, Progress, Usage
from tenku.studio.ports import Desk, Made, Step
from tenku.studio.speech.english import English
from tenku.studio.speech.espeak import espeak_phonemes
from tenku.studio.speech.joined import joined
from tenku.studio.speech.languages import ENGLISH, Language, find_language, find_voice
from tenku.studio.speech.script import script_of
from tenku.studio.speech.spoken import RATE, SpeechModel
from tenku.studio.speechjob import SpeechRequest, request_of
from tenku.studio.speechmodels import read_model

MOST_THREADS = 8
"""More of them make one sentence no faster."""
SEEDS = 2**63
"""The noise of a voice takes any whole number below this."""


def load(model: InstalledModel) -> "KokoroEngine":
    """The engine with this model's weights. Raises ModelError.

    Parameters of the model: `threads` (0: the cores that are free).
    """
    threads = model.parameters.get("threads") or min(MOST_THREADS, free_cores())
    if isinstance(threads, bool) or not isinstance(threads, int) or not 0 < threads <= 1024:
        raise ModelError(f"{model.name} has the threads {threads!r}, which is no number of them.", hint="Add it again.")
    return KokoroEngine(model, read_model(Path(model.path), threads=threads))


class KokoroEngine:
    """One speech model in memory."""

    def __init__(self, model: InstalledModel, speaker: SpeechModel) -> None:
        self._model = model
        self._speaker: SpeechModel | None = speaker
        self._english = English()

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:  # noqa: ARG002
        """See `Engine.run`. The same job gives the same bytes."""
        request, began = request_of(spec), time.monotonic()
        speaker = self._speaker
        if speaker is None:
            raise JobError(f"{self._model.name} was unloaded.", hint="Try again.", again=True)
        if request.instructions:
            raise JobError(f"{self._model.name} cannot be told how to speak.", hint="Leave `instructions` out.")
        voice = find_voice(request.voice, speaker.voices, usual=speaker.voices[0])
        language = find_language(request.language, voice=voice)
        script = script_of(request.text, partial(self._phonemes, language=language))
        sounds = []
        report(Step(Progress(0, len(script), "sentences")))
        for number, piece in enumerate(script):
            if stop():
                raise CancelledJob("The job was ended.")
            seed = (request.seed + number) % SEEDS
            sound = speaker.speak(piece.phonemes, voice=voice, speed=request.speed, seed=seed, stop=stop)
            sounds.append((sound, piece.pause_s / request.speed))
            report(Step(Progress(number + 1, len(script), "sentences")))
        said = joined(sounds)
        facts: dict[str, Json] = {
            "voice": voice,
            "language": language.code,
            "sentences": len(script),
            "speech_seconds": round(len(said) / RATE, 3),
        }
        output = _output(write_sound(said.reshape(-1, 1), RATE, request.format), request)
        return Made(outputs=[output], usage=Usage(seconds=time.monotonic() - began), facts=facts)

    def close(self) -> None:
        """Free the memory."""
        self._speaker = None

    def _phonemes(self, text: str, *, language: Language) -> str:
        if language.code in ENGLISH:
            return self._english.phonemes(text, language=language.code)
        return espeak_phonemes(text, language=language.espeak)


def _output(data: bytes, request: SpeechRequest) -> Output:
    how = SOUND[request.format]
    return Output(name=f"speech.{how.ending}", media_type=how.media_type, data=data)
