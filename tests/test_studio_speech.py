"""Speech on the processor with a real small voice: it is understood, the same each time, and says what is wrong."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import hibari as library
import numpy as np
import pytest

from studio_voices import DRAGON, heard, hibari, loud_seconds
from tenku.base.errors import CancelledJob, JobError, MachineError, ModelError
from tenku.studio.desk import EmptyDesk
from tenku.studio.engines.kokoro import KokoroEngine, load
from tenku.studio.media.readsound import read_sound
from tenku.studio.model import InstalledModel, JobSpec, Json, Kind, Progress
from tenku.studio.ports import Made, Step
from tenku.studio.registry import ENGINES, engine_version
from tenku.studio.speech.alphabet import NUMBERS, can_be_said
from tenku.studio.speech.joined import joined, trimmed
from tenku.studio.speech.languages import find_language, find_voice
from tenku.studio.speech.sentences import CLAUSE_S, PARAGRAPH_S, SENTENCE_S, breaths_of, sentences_of
from tenku.studio.speech.spoken import RATE
from tenku.studio.speechjob import FORMATS, check_voice
from tenku.studio.speechmodels import is_speech, read_model, voice_name

__all__ = ["hibari"]

TALE = f"{DRAGON} Nobody has seen it for three hundred years.\nDr. Smith says it will wake at 7:30 pm!"
Say = Callable[..., Made]


def model(path: Path, **parameters: Json) -> InstalledModel:
    return InstalledModel(
        name="narrator",
        kind=Kind.SPEECH,
        engine="kokoro",
        path=str(path),
        hash="ab" * 32,
        size=1,
        licence="Apache-2.0",
        parameters={"threads": 1, **parameters},
    )


@pytest.fixture(scope="module")
def engine(hibari: Path) -> KokoroEngine:
    return load(model(hibari))


@pytest.fixture(scope="module")
def say(engine: KokoroEngine) -> Say:
    def run(text: str, *, seed: int = 3, report: Callable[[Step], None] = lambda _: None, **parameters: Json) -> Made:
        spec = JobSpec(kind=Kind.SPEECH, model="narrator", prompt=text, parameters=parameters, seed=seed)
        return engine.run(spec, desk=EmptyDesk(), report=report, stop=lambda: False)

    return run


def test_a_recogniser_understands_what_is_said(say: Say) -> None:
    made = say(DRAGON)
    assert heard(made.outputs[0].data) == "the dragon sleeps under the old mountain"
    sound = read_sound(made.outputs[0].data)
    assert sound.rate == RATE
    assert 1.5 < sound.seconds < 4
    assert loud_seconds(sound) > 0.6 * sound.seconds
    assert float(np.sqrt((sound.data**2).mean())) > 0.01
    assert float(np.abs(sound.data).max()) < 0.99
    assert made.facts == {
        "voice": "heart",
        "language": "en-us",
        "sentences": 1,
        "speech_seconds": pytest.approx(sound.seconds, abs=1e-3),
    }
    assert made.usage.seconds > 0


def test_the_same_job_gives_the_same_bytes_and_another_seed_others(say: Say) -> None:
    first, second, other = say("Halt!"), say("Halt!"), say("Halt!", seed=4)
    assert first.outputs == second.outputs
    assert first.outputs != other.outputs


def test_a_sentence_is_what_the_library_makes_of_it(hibari: Path) -> None:
    """Bit for bit, with its own reading of the text."""
    direct = library.Hibari(model=str(hibari))
    phonemes = direct.g2p(DRAGON)
    ours = read_model(hibari, threads=1).speak(phonemes, voice="heart", speed=1.2, seed=7, stop=lambda: False)
    assert np.array_equal(ours, direct.from_phonemes(phonemes, speed=1.2, seed=7))
    assert dict(direct.vocab) == dict(NUMBERS)


def test_progress_goes_by_sentences_and_pauses_stand_between(say: Say) -> None:
    steps: list[Progress] = []
    made = say(TALE, report=lambda step: steps.append(step.progress))
    assert [step.done for step in steps] == [0, 1, 2, 3]
    assert {(step.total, step.unit) for step in steps} == {(3, "sentences")}
    sound = read_sound(made.outputs[0].data)
    assert sound.seconds - loud_seconds(sound) > SENTENCE_S + PARAGRAPH_S
    apart = [read_sound(say(each.text).outputs[0].data).seconds for each in sentences_of(TALE)]
    assert sound.seconds == pytest.approx(sum(apart) + SENTENCE_S + PARAGRAPH_S, abs=0.1)


def test_speed_changes_how_long_it_takes(say: Say) -> None:
    slow, usual, fast = (read_sound(say(DRAGON, speed=speed).outputs[0].data).seconds for speed in (0.7, 1.0, 1.5))
    assert slow > 1.2 * usual > 1.3 * fast


def test_british_and_american_are_two_accents(say: Say) -> None:
    assert say("The bath is hot.", language="en-gb").outputs != say("The bath is hot.", language="en-us").outputs


def test_a_word_can_be_given_its_phonemes(say: Say) -> None:
    assert say("[Qxz](/dɹˈæɡən/).").outputs == say("[Bxz](/dɹˈæɡən/).").outputs
    assert heard(say("[Qxz](/ðə dɹˈæɡən slˈips/).").outputs[0].data) == "the dragon sleeps"


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_written(say: Say, format: str) -> None:
    [output] = say("Halt! Who goes there?", format=format).outputs
    assert output.name == f"speech.{format}"
    seconds = read_sound(say("Halt! Who goes there?").outputs[0].data).seconds
    if format == "pcm":
        assert output.media_type == "audio/pcm"
        assert len(output.data) == pytest.approx(2 * RATE * seconds, rel=0.01)
    else:
        assert read_sound(output.data).seconds == pytest.approx(seconds, abs=0.1)


def test_a_long_text_is_said_to_its_end(say: Say) -> None:
    """More than a network takes at once, without an end of a sentence."""
    text = " and ".join(["the old gate, the bridge, the tower"] * 14)
    made = say(f"{text}.")
    assert made.facts["sentences"] > 1  # type: ignore[operator]
    assert read_sound(made.outputs[0].data).seconds > 20


@pytest.mark.parametrize(
    ("text", "parameters", "part"),
    [
        ("   ", {}, "needs a text"),
        ("😀 …", {}, "can be said"),
        ("Hello Привет.", {}, "'П' is no letter"),
        ("x" * 20_001, {}, "20000 are the most"),
        ("Hi.", {"voice": "bella"}, "'bella' is no voice"),
        ("Hi.", {"language": "klingon"}, "'klingon', which cannot be spoken"),
        ("Hi.", {"language": "ja"}, "Japanese cannot be spoken"),
        ("Hi.", {"instructions": "whisper"}, "cannot be told how"),
        ("Hi.", {"speed": 9}, "speed is '9'"),
        ("Hi.", {"format": "ogg"}, "format is 'ogg'"),
        ("Hi.", {"pitch": 2}, "no parameter 'pitch'"),
    ],
)
def test_what_cannot_be_said_is_told(say: Say, text: str, parameters: dict[str, Json], part: str) -> None:
    with pytest.raises(JobError, match=part) as caught:
        say(text, **parameters)
    assert not caught.value.again


def test_a_voice_can_be_checked_before_the_job_is_handed_in() -> None:
    installed = model(Path("x"), voices=["af_heart", "bf_emma"])
    check_voice(installed, JobSpec(kind=Kind.SPEECH, model="narrator", prompt="Hi.", parameters={"voice": "emma"}))
    with pytest.raises(JobError, match="'grim' is no voice"):
        check_voice(installed, JobSpec(kind=Kind.SPEECH, model="narrator", prompt="Hi.", parameters={"voice": "grim"}))


def test_a_job_is_left_between_two_sentences(engine: KokoroEngine) -> None:
    stop = threading.Event()
    seen: list[int] = []

    def report(step: Step) -> None:
        seen.append(step.progress.done)
        if step.progress.done == 1:
            stop.set()

    spec = JobSpec(kind=Kind.SPEECH, model="narrator", prompt=TALE)
    with pytest.raises(CancelledJob):
        engine.run(spec, desk=EmptyDesk(), report=report, stop=stop.is_set)
    assert seen == [0, 1]


def test_an_engine_that_was_unloaded_says_so(hibari: Path) -> None:
    closed = load(model(hibari))
    closed.close()
    with pytest.raises(JobError, match="unloaded") as caught:
        closed.run(
            JobSpec(kind=Kind.SPEECH, model="narrator", prompt="Hi."),
            desk=EmptyDesk(),
            report=lambda _: None,
            stop=lambda: False,
        )
    assert caught.value.again


def test_weights_that_are_broken_or_others_are_refused(hibari: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(hibari.read_bytes()[:3_000_000])
    with pytest.raises(ModelError, match="broken, or no network"):
        load(model(cut))
    (tmp_path / "text.onnx").write_text("no network at all")
    with pytest.raises(ModelError, match="broken, or no network"):
        load(model(tmp_path / "text.onnx"))
    other = hibari.with_name("oov.onnx")
    with pytest.raises(ModelError, match="no speech model that is known"):
        load(model(other))
    with pytest.raises(ModelError, match="not there"):
        load(model(tmp_path / "gone.onnx"))
    with pytest.raises(ModelError, match="no number of them"):
        load(model(hibari, threads=-1))


def test_a_folder_that_is_no_speech_model_is_refused(hibari: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="one network"):
        read_model(tmp_path, threads=1)
    (tmp_path / "a.onnx").symlink_to(hibari)
    (tmp_path / "config.json").write_text('{"sample_rate": 22050}')
    with pytest.raises(ModelError, match="22050 samples a second"):
        read_model(tmp_path, threads=1)
    (tmp_path / "config.json").write_text('{"vocab": {"a": 1}}')
    with pytest.raises(ModelError, match="other phonemes"):
        read_model(tmp_path, threads=1)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        read_model(tmp_path, threads=1)
    (tmp_path / "config.json").unlink()
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "af_heart.pt").write_bytes(b"\x80\x02")
    with pytest.raises(ModelError, match="pickles"):
        read_model(tmp_path, threads=1)
    (tmp_path / "b.onnx").symlink_to(hibari)
    with pytest.raises(ModelError, match=r"a\.onnx, b\.onnx"):
        read_model(tmp_path, threads=1)


def test_speech_models_are_told_from_others(hibari: Path, tmp_path: Path) -> None:
    assert is_speech(hibari)
    assert not is_speech(tmp_path)
    (tmp_path / "x.onnx").symlink_to(hibari)
    assert is_speech(tmp_path)
    (tmp_path / "model_index.json").write_text("{}")
    assert not is_speech(tmp_path)
    assert voice_name(Path("voices/bf_emma.int8.onnx")) == "bf_emma"
    assert voice_name(hibari) == "heart"


def test_a_library_that_is_missing_is_named_with_what_brings_it(hibari: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MachineError, match="needs onnxruntime") as caught:
        read_model(hibari, threads=1)
    assert "pip install 'tenku[studio]'" in caught.value.hint


def test_the_registry_knows_the_engine() -> None:
    assert ENGINES["kokoro"].kinds == (Kind.SPEECH,)
    assert engine_version("kokoro")


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. Smith met J. K. Rowling. They talked.", ["Dr. Smith met J. K. Rowling.", "They talked."]),
        ("It costs 3.50 gold... maybe. So what?", ["It costs 3.50 gold... maybe.", "So what?"]),
        ('"Halt!" he said. "Who goes?" No one.', ['"Halt!" he said.', '"Who goes?"', "No one."]),
        ("It was I. We ran.", ["It was I.", "We ran."]),
        ("眠る。起きる！はい", ["眠る。", "起きる！", "はい"]),
        ("\n\n", []),
    ],
)
def test_sentences_end_where_they_end(text: str, sentences: list[str]) -> None:
    assert [each.text for each in sentences_of(text)] == sentences


def test_a_paragraph_has_a_longer_pause() -> None:
    assert [each.pause_s for each in sentences_of("Go. Run.\nStop.")] == [SENTENCE_S, PARAGRAPH_S, PARAGRAPH_S]
    assert CLAUSE_S < SENTENCE_S < PARAGRAPH_S


@pytest.mark.parametrize("phonemes", ["a" * 1201, "ab cd, " * 100, "ab. " * 300, " ", "abc"])
def test_long_phonemes_are_cut_and_nothing_is_lost(phonemes: str) -> None:
    pieces = breaths_of(phonemes, most=500)
    assert all(0 < len(piece) <= 500 for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(phonemes.split())
    assert all(piece.endswith((",", ".", "a", "c")) for piece in pieces)


def test_marks_alone_are_no_speech() -> None:
    assert not can_be_said("... !? “”")
    assert can_be_said("həlˈO.")


def test_a_voice_is_found_by_its_name_or_its_end() -> None:
    voices = ["af_heart", "af_alloy", "bm_santa", "am_santa"]
    assert find_voice("", voices, usual="af_heart") == "af_heart"
    assert find_voice("AF_Alloy", voices, usual="af_heart") == "af_alloy"
    assert find_voice("alloy", voices, usual="af_heart") == "af_alloy"
    with pytest.raises(JobError, match="fits several"):
        find_voice("santa", voices, usual="af_heart")


def test_a_voice_speaks_its_own_language_unless_told() -> None:
    assert find_language("", voice="bf_emma").code == "en-gb"
    assert find_language("", voice="somebody").code == "en-us"
    assert find_language("EN", voice="bf_emma").code == "en-us"
    assert find_language("fr-FR", voice="ff_siwis").espeak == "fr-fr"


def test_silence_is_cut_nothing_clicks_and_nothing_clips() -> None:
    tone = np.sin(np.arange(RATE) / 10).astype(np.float32) * 1.4
    padded = np.concatenate([np.zeros(RATE, np.float32), tone, np.zeros(RATE, np.float32)])
    assert len(trimmed(padded)) / RATE == pytest.approx(1.0, abs=0.12)
    assert trimmed(tone)[0] == 0.0
    both = joined([(padded, 0.5), (padded, 0.5)])
    assert len(both) / RATE == pytest.approx(2.5, abs=0.2)
    assert float(np.abs(both).max()) == pytest.approx(0.97)
    for nothing in ([], [(np.zeros(100, np.float32), 0.1)], [(np.full(100, np.nan, np.float32), 0.1)]):
        with pytest.raises(JobError):
            joined(nothing)
