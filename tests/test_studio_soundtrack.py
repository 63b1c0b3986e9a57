"""Sound beside a video: in which pieces it is made, where speech begins, how both are mixed, and with which models."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from studio_tiny_audio import Tiny, sound_model
from studio_tiny_audio import tiny_sound as tiny_sound
from tenku.base.errors import CancelledJob, JobError, ModelError
from tenku.studio.desk import EmptyDesk
from tenku.studio.engines.audio import load
from tenku.studio.engines.pump import never
from tenku.studio.media.checkvideo import check_video
from tenku.studio.media.readback import read_back
from tenku.studio.media.samples import Samples
from tenku.studio.media.writesound import write_sound
from tenku.studio.media.writevideo import write_video
from tenku.studio.model import InstalledModel, JobSpec, Json, Kind, Output, Progress, Usage
from tenku.studio.othermodels import other_models
from tenku.studio.ports import Desk, Engine, Made, Step
from tenku.studio.soundtrack.choice import check_sound, complete_sound
from tenku.studio.soundtrack.loudness import CEILING, amplitude, below_ceiling, check_heard, level_of
from tenku.studio.soundtrack.make import RATE, make_soundtrack
from tenku.studio.soundtrack.mixing import DUCK_DB, faded, fitted, joined, spoken, under_speech
from tenku.studio.soundtrack.silenced import silenced
from tenku.studio.soundtrack.timing import LEAD_S, Piece, pieces_of, speech_start
from tenku.studio.videojob import VideoRequest, request_of


class Tone:
    """An engine that makes a tone, or noise, of the length that is asked for, or of its own."""

    def __init__(self, *, longest_s: float = 60.0, own_s: float = 0.0, level: float = 0.5, noise: bool = False) -> None:
        self.longest_s = longest_s
        self.asked: list[JobSpec] = []
        self._own_s = own_s
        self._level = level
        self._noise = noise

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:  # noqa: ARG002
        if stop():
            raise CancelledJob("It was ended.")
        self.asked.append(spec)
        seconds = self._own_s or float(spec.parameters["seconds"])  # type: ignore[arg-type]
        count = round(seconds * 24_000)
        random = np.random.default_rng(spec.seed % 1000)
        wave = random.normal(0, 0.2, count) if self._noise else np.sin(np.arange(count) / 9) * self._level
        report(Step(Progress(1, 2)))
        data = write_sound(wave[:, None].astype(np.float32), 24_000)
        return Made(outputs=(Output(name="x.wav", media_type="audio/wav", data=data),), usage=Usage(seconds=0.0))

    def close(self) -> None:
        """Nothing is held."""


class Engines(EmptyDesk):
    """A desk with these engines."""

    def __init__(self, **engines: Engine) -> None:
        super().__init__()
        self.engines = engines

    def input(self, name: str) -> bytes:
        raise JobError(f"There is no {name}.")

    @contextmanager
    def use(self, model: str) -> Iterator[Engine]:
        if model not in self.engines:
            raise ModelError(f"There is no model {model}.")
        yield self.engines[model]


def video(**parameters: Json) -> JobSpec:
    return JobSpec(kind=Kind.VIDEO, model="silent", prompt="a dragon", parameters=parameters, seed=1)


def wanted(**parameters: Json) -> VideoRequest:
    return request_of(video(**parameters))


def track(request: VideoRequest, seconds: float, **engines: Engine) -> tuple[Samples, dict[str, Json]]:
    return make_soundtrack(request, seconds=seconds, desk=Engines(**engines), report=lambda _: None, stop=never)


def test_ambience_is_exactly_as_long_as_the_video() -> None:
    for frames, fps in ((81, 16), (49, 24), (17, 16)):
        sound, facts = track(wanted(sound="wind", sound_model="noises"), frames / fps, noises=Tone())
        assert (len(sound.data), sound.rate, sound.channels) == (round(frames / fps * 48_000), 48_000, 2)
        assert facts["sound"] == "made beside the picture"
        assert facts["sound_model"] == "noises"
        assert np.abs(sound.data[[0, -1]]).max() < 0.01  # it comes and goes softly


def test_the_model_is_asked_for_exactly_this_length() -> None:
    engine = Tone()
    track(wanted(sound="wind", sound_model="noises"), 81 / 16, noises=engine)
    assert [job.parameters["seconds"] for job in engine.asked] == [81 / 16]
    assert (engine.asked[0].kind, engine.asked[0].prompt, engine.asked[0].seed) == (Kind.SOUND, "wind", 1)


def test_a_long_track_is_put_together_from_pieces_without_a_hole() -> None:
    """The power stays level over the seams: pieces of noise that overlap are cross-faded by power, not amplitude."""
    engine = Tone(longest_s=4.0, noise=True)
    sound, facts = track(wanted(sound="rain", sound_model="noises"), 10.0, noises=engine)
    assert facts["sound_pieces"] == 3
    assert len({job.seed for job in engine.asked}) == 3
    assert all(float(job.parameters["seconds"]) <= 4.0 for job in engine.asked)  # type: ignore[arg-type]
    block = RATE // 4
    powers = [
        float(np.mean(sound.data[at : at + block] ** 2)) for at in range(block, len(sound.data) - 2 * block, block)
    ]
    assert max(powers) / min(powers) < 10 ** (1.5 / 10)


def test_speech_lies_over_quieter_ambience() -> None:
    both = wanted(sound="wind", sound_model="noises", speech="Hello.", speech_model="voices", voice="old")
    voice = Tone(own_s=1.0, level=0.05)
    sound, facts = track(both, 4.0, noises=Tone(noise=True), voices=voice)
    assert facts["speech_begins_s"] == pytest.approx(LEAD_S)
    assert facts["speech_lasts_s"] == pytest.approx(1.0, abs=0.01)
    assert voice.asked[0].parameters == {"voice": "old"}
    alone, _ = track(wanted(sound="wind", sound_model="noises"), 4.0, noises=Tone(noise=True))
    during, after = slice(RATE, RATE + 4800), slice(3 * RATE, 3 * RATE + 4800)
    assert np.allclose(sound.data[after], alone.data[after], atol=1e-3)
    ducked = alone.data[during] * amplitude(DUCK_DB)
    rest = sound.data[during] - ducked  # the tone alone, turned up by 12 dB
    assert level_of(rest).peak_db == pytest.approx(20 * np.log10(0.05) + 12, abs=0.6)


def test_speech_alone_needs_no_sound_model() -> None:
    sound, facts = track(wanted(speech="Hello.", speech_model="voices"), 2.0, voices=Tone(own_s=1.9))
    assert facts["speech_begins_s"] == pytest.approx(0.05, abs=0.002)  # as much room before as behind
    assert "sound_model" not in facts
    assert len(sound.data) == 2 * RATE


def test_speech_that_is_longer_than_the_video_is_refused_with_both_lengths() -> None:
    noises = Tone()
    request = wanted(sound="wind", sound_model="noises", speech="A long story.", speech_model="voices")
    with pytest.raises(JobError, match=r"The speech lasts 3\.00 s, and the video 2\.00 s"):
        track(request, 2.0, noises=noises, voices=Tone(own_s=3.0))
    assert noises.asked == []  # nothing else was made in vain


def test_speech_that_says_nothing_is_told() -> None:
    with pytest.raises(JobError, match="voices said nothing"):
        track(wanted(speech="Hello.", speech_model="voices"), 2.0, voices=Tone(own_s=1.0, level=0.0))


def test_a_mix_is_never_cut_off() -> None:
    request = wanted(sound="wind", sound_model="noises", speech="Hello.", speech_model="voices")
    sound, facts = track(request, 3.0, noises=Tone(level=1.0), voices=Tone(own_s=2.0, level=1.0))
    assert np.abs(sound.data).max() <= CEILING + 1e-6
    peak = facts["peak_db"]
    assert isinstance(peak, float)
    assert peak <= -1.0


def test_progress_and_cancel_go_through() -> None:
    steps: list[Step] = []
    request = wanted(sound="wind", sound_model="noises")
    desk = Engines(noises=Tone(longest_s=3.0))
    make_soundtrack(request, seconds=5.0, desk=desk, report=steps.append, stop=never)
    assert [(step.progress.done, step.progress.total, step.progress.unit) for step in steps] == [
        (1, 4, "sound steps"),
        (3, 4, "sound steps"),
    ]
    with pytest.raises(CancelledJob):
        make_soundtrack(request, seconds=5.0, desk=desk, report=steps.append, stop=lambda: True)


def test_a_model_that_is_gone_is_told() -> None:
    with pytest.raises(ModelError, match="There is no model noises"):
        track(wanted(sound="wind", sound_model="noises"), 2.0)


def test_a_real_model_makes_a_track_that_is_muxed_in_time(tiny_sound: Tiny) -> None:
    """Longer than the model can, so in pieces; written beside pictures, and decoded again."""
    engine = load(sound_model(tiny_sound("stable-audio"), steps=1, longest_s=1.5))
    sound, facts = track(wanted(sound="wind", sound_model="noises"), 33 / 16, noises=engine)
    assert facts["sound_pieces"] == 2
    frames = np.zeros((33, 64, 64, 3), np.uint8)
    data = write_video(frames, fps=16, sound=sound)
    check_video(data, frames=33, width=64, height=64, fps=16, sound_s=sound.seconds)
    found = read_back(data)
    assert abs(found.start_offset_s) <= 1 / 16
    assert abs(found.end_offset_s) <= 1 / 16
    assert silenced(data) == silenced(silenced(data))
    alone = read_back(silenced(data))
    assert alone.sound is None
    assert alone.pictures == found.pictures


@pytest.mark.parametrize(
    ("length", "most", "overlap"), [(480_000, 192_000, 24_000), (7, 7, 2), (1000, 300, 290), (101, 10, 2)]
)
def test_pieces_cover_everything_once(length: int, most: int, overlap: int) -> None:
    pieces = pieces_of(length, most=most, overlap=overlap)
    assert pieces[0].start == 0
    assert pieces[-1].start + pieces[-1].length == length
    assert all(1 <= piece.length <= most for piece in pieces)
    for one, next_one in pairwise(pieces):
        assert one.start < next_one.start < one.start + one.length


def test_equal_pieces_fade_over_by_power() -> None:
    ones = np.ones((10, 1), np.float32)
    whole = joined([ones, ones], [Piece(0, 10), Piece(6, 10)])
    assert whole.shape == (16, 1)
    assert whole[:6].tolist() == whole[10:].tolist() == [[1.0]] * 6
    assert np.all(whole[6:10] > 1)  # for sounds that swing alike the sum is louder; their powers add up to 1
    rise = np.sin((np.arange(4) + 0.5) / 4 * np.pi / 2)
    assert np.allclose(whole[6:10, 0], rise + rise[::-1], atol=1e-6)


def test_speech_begins_where_it_fits() -> None:
    assert speech_start(1.0, 5.0) == LEAD_S
    assert speech_start(4.8, 5.0) == pytest.approx(0.1)
    assert speech_start(5.0, 5.0) == 0.0


def test_the_silence_around_speech_does_not_count() -> None:
    quiet, word = np.zeros((500, 2), np.float32), np.full((100, 2), 0.2, np.float32)
    cut = spoken(np.concatenate([quiet, word, quiet]))
    assert len(cut) == 100
    assert cut.max() == pytest.approx(amplitude(-3), rel=1e-3)  # at its usual level


def test_levels() -> None:
    sound = np.full((100, 2), 0.5, np.float32)
    assert level_of(sound).peak_db == pytest.approx(-6.02, abs=0.01)
    assert below_ceiling(sound)[1] == 0.0
    turned, by = below_ceiling(sound * 4)
    assert turned.max() == pytest.approx(CEILING)
    assert by == pytest.approx(-7.02, abs=0.01)
    with pytest.raises(JobError, match="It is silence: -200 dB"):
        check_heard(sound * 0, what="It")
    with pytest.raises(JobError, match="It holds numbers that are none"):
        check_heard(sound * np.float32(np.nan), what="It")
    assert np.array_equal(fitted(sound, 100), sound)
    assert fitted(sound, 50).shape == (50, 2)
    assert fitted(sound, 150)[100:].max() == 0
    assert faded(sound, 48_000)[[0, -1]].max() < 0.01
    assert under_speech(sound, start=40, length=20, rate=40)[50].max() == pytest.approx(0.5 * amplitude(DUCK_DB))


def installed(name: str, kind: Kind, engine: str = "x", *, accepted: bool = True) -> InstalledModel:
    return InstalledModel(
        name=name, kind=kind, engine=engine, path="/x", hash="h", size=1, licence="L", accepted=accepted
    )


SILENT = installed("silent", Kind.VIDEO, "wan")
NOISES, VOICES = installed("noises", Kind.SOUND), installed("voices", Kind.SPEECH)


def test_the_only_fitting_model_is_taken_and_written_down() -> None:
    spec = video(sound="wind", speech="Hello.")
    complete = complete_sound(spec, [SILENT, NOISES, VOICES])
    assert complete.parameters == {**spec.parameters, "sound_model": "noises", "speech_model": "voices"}
    assert other_models(complete) == {"sound_model": "noises", "speech_model": "voices"}
    assert complete_sound(complete, [SILENT, NOISES, VOICES]) == complete


def test_a_video_without_sound_needs_nobody() -> None:
    assert complete_sound(video(), [SILENT]) == video()
    text = JobSpec(kind=Kind.TEXT, model="x", prompt="y", parameters={"sound": "z"})
    assert complete_sound(text, [SILENT]) == text


@pytest.mark.parametrize(
    ("parameters", "models", "says"),
    [
        ({"sound": "wind"}, [SILENT], "silent makes silent videos, and no model that makes sound is installed"),
        ({"speech": "Hello."}, [SILENT, NOISES], "no model that makes speech is installed"),
        ({"sound": "wind"}, [SILENT, NOISES, installed("more", Kind.SOUND)], "several models for sound"),
        ({"sound": "wind", "sound_model": "gone"}, [SILENT, NOISES], "no model 'gone' on this machine"),
        ({"sound": "wind", "sound_model": "voices"}, [SILENT, VOICES], "voices makes speech, no sound"),
        ({"sound_model": "noises"}, [SILENT, NOISES], "a sound_model and nothing for it to make"),
        ({"voice": "old"}, [SILENT, VOICES], "a voice and nothing for it to say"),
        (
            {"sound": "wind", "sound_model": "noises"},
            [replace(SILENT, engine="ltx2"), NOISES],
            "makes its own sound, so it takes no sound_model",
        ),
    ],
)
def test_what_cannot_be_heard_is_refused_at_submission(
    parameters: dict[str, Json], models: list[InstalledModel], says: str
) -> None:
    with pytest.raises(JobError, match=says):
        check_sound(video(**parameters), models)


def test_a_model_with_sound_in_one_pass_needs_no_other() -> None:
    for engine in ("ltx2", "dashscope"):
        spec = video(sound="wind", speech="Hello.")
        assert complete_sound(spec, [replace(SILENT, engine=engine), NOISES, VOICES]) == spec
