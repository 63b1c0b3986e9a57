"""Makes the sound track of a video: what is heard by one model, what is said by another, both in their places."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tenku.base.errors import JobError
from tenku.studio.media.readsound import read_sound
from tenku.studio.media.resample import as_channels, resampled
from tenku.studio.media.samples import Samples
from tenku.studio.model import JobSpec, Json, Kind
from tenku.studio.ports import Desk, Engine, Step
from tenku.studio.soundtrack.loudness import Sound, below_ceiling, level_of
from tenku.studio.soundtrack.mixing import faded, joined, spoken, under_speech
from tenku.studio.soundtrack.timing import OVERLAP_S, pieces_of, speech_start
from tenku.studio.videojob import VideoRequest

RATE = 48_000
CHANNELS = 2
BESIDE = "made beside the picture"
NEXT_SEED = 0x9E3779B1
"""From one piece to the next: far from the seeds of neighbours in a batch."""

Report = Callable[[Step], None]
Stop = Callable[[], bool]


def make_soundtrack(
    request: VideoRequest, *, seconds: float, desk: Desk, report: Report, stop: Stop
) -> tuple[Samples, dict[str, Json]]:
    """Stereo of 48 kHz, exactly as long as the video, and what the provenance is to say about it.

    Args:
        request: its `sound_model` and `speech_model` are named, as `complete_sound` does it.
        seconds: of the video that was made: frames by frames a second.

    Raises:
        JobError: speech that is longer than the video, or what a model says.
        ModelError: a model cannot be used.
        CancelledJob: `stop` said so.
    """
    length = round(seconds * RATE)
    facts: dict[str, Json] = {"sound": BESIDE}
    sound = np.zeros((length, CHANNELS), np.float32)
    # Speech first: it is quick, and whether it fits is known before anything else is made.
    speech = _speech(request, desk, report, stop) if request.speech.strip() else sound[:0]
    start = round(speech_start(len(speech) / RATE, length / RATE) * RATE)
    if request.sound.strip():
        sound, count = _sound(request, length, desk, report, stop)
        facts |= {"sound_model": request.sound_model, "sound_pieces": count}
    if len(speech):
        sound = under_speech(sound, start=start, length=len(speech), rate=RATE)
        facts |= {"speech_model": request.speech_model, "speech_begins_s": round(start / RATE, 3)}
        facts["speech_lasts_s"] = round(len(speech) / RATE, 3)
    sound = faded(sound, RATE)  # ambience alone: a first word must not fade in
    sound[start : start + len(speech)] += speech
    sound, turned_db = below_ceiling(sound)
    facts["peak_db"] = round(level_of(sound).peak_db, 1)
    if turned_db:
        facts["turned_down_db"] = round(-turned_db, 1)
    return Samples(sound, RATE), facts


def _sound(request: VideoRequest, length: int, desk: Desk, report: Report, stop: Stop) -> tuple[Sound, int]:
    """Effects and ambience, and of how many pieces."""
    with desk.use(request.sound_model) as engine:
        most = _longest(engine)
        pieces = pieces_of(length, most=most, overlap=round(OVERLAP_S * RATE))
        sounds = []
        for number, piece in enumerate(pieces):
            # The first piece has the job's own seed, so that a short track is what the model alone would make.
            spec = JobSpec(
                kind=Kind.SOUND,
                model=request.sound_model,
                prompt=request.sound,
                parameters={"seconds": max(0.1, piece.length / RATE)},
                seed=(request.seed + number * NEXT_SEED) % 2**63,
            )
            sounds.append(_heard(engine, spec, desk, _told(report, "sound steps", number, len(pieces)), stop))
    return joined(sounds, pieces), len(pieces)


def _speech(request: VideoRequest, desk: Desk, report: Report, stop: Stop) -> Sound:
    parameters: dict[str, Json] = {"voice": request.voice} if request.voice else {}
    spec = JobSpec(
        kind=Kind.SPEECH,
        model=request.speech_model,
        prompt=request.speech,
        parameters=parameters,
        seed=request.seed,
    )
    with desk.use(request.speech_model) as engine:
        speech = spoken(_heard(engine, spec, desk, _told(report, "speech steps", 0, 1), stop))
    if not len(speech):
        raise JobError(f"{request.speech_model} said nothing.", hint="Say it in other words, or take another voice.")
    return speech


def _heard(engine: Engine, spec: JobSpec, desk: Desk, report: Report, stop: Stop) -> Sound:
    """What a model makes of a job, as stereo of 48 kHz."""
    made = engine.run(spec, desk=desk, report=report, stop=stop)
    samples = read_sound(made.outputs[0].data, what=f"What {spec.model} made")
    return as_channels(resampled(samples, RATE), CHANNELS).data


def _longest(engine: Engine) -> int:
    """Samples of the longest sound that a model makes at once; without a limit of its own, what a job may have."""
    return int(min(float(getattr(engine, "longest_s", 60.0)), 60.0) * RATE)


def _told(report: Report, unit: str, number: int, count: int) -> Report:
    """Steps of one piece as steps of all."""

    def told(step: Step) -> None:
        total = step.progress.total
        progress = replace(step.progress, done=number * total + step.progress.done, total=count * total, unit=unit)
        report(Step(progress))

    return told
