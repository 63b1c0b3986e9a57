"""Kokoro-82M, the real one: it is understood, equals a direct run of its network, and is left in mid-sentence."""

import shutil
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from studio_voices import DRAGON, heard, kokoro, voice_files
from tenku.base.errors import CancelledJob, JobError, MachineError, ModelError
from tenku.content.ports import NoProgress
from tenku.studio.addspeech import install_speech
from tenku.studio.desk import EmptyDesk
from tenku.studio.engines.kokoro import KokoroEngine, load
from tenku.studio.media.readsound import read_sound
from tenku.studio.model import InstalledModel, JobSpec, Json, Kind
from tenku.studio.models import Models
from tenku.studio.ports import Made
from tenku.studio.speech.alphabet import numbers_of
from tenku.studio.speech.english import English
from tenku.studio.speech.espeak import PROGRAM, espeak_phonemes, kokoro_writes
from tenku.studio.speech.joined import trimmed
from tenku.studio.speech.styles import read_styles
from tenku.studio.speechmodels import read_model, speech_files

__all__ = ["kokoro"]

FRENCH = "Le dragon dort sous la vieille montagne."
needs_espeak = pytest.mark.skipif(
    shutil.which(PROGRAM) is None, reason="espeak-ng is not installed: apt install espeak-ng"
)


@pytest.fixture(scope="module")
def engine(kokoro: Path) -> KokoroEngine:
    return load(
        InstalledModel(
            name="narrator",
            kind=Kind.SPEECH,
            engine="kokoro",
            path=str(kokoro),
            hash="ab" * 32,
            size=1,
            licence="Apache-2.0",
            parameters={"threads": 1},
        )
    )


def say(engine: KokoroEngine, text: str, **parameters: Json) -> Made:
    spec = JobSpec(kind=Kind.SPEECH, model="narrator", prompt=text, parameters=parameters)
    return engine.run(spec, desk=EmptyDesk(), report=lambda _: None, stop=lambda: False)


def test_it_is_understood_and_equals_a_direct_run_of_the_network(engine: KokoroEngine, kokoro: Path) -> None:
    made = say(engine, DRAGON)
    assert made.facts["voice"] == "af_heart"
    assert heard(made.outputs[0].data) == "the dragon sleeps under the old mountain"

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(kokoro / "kokoro-v1.0.int8.onnx"), options)
    numbers = numbers_of(English().phonemes(DRAGON, language="en-us"))
    style = np.fromfile(kokoro / "voices" / "af_heart.bin", np.float32).reshape(-1, 256)[len(numbers) - 1]
    [direct] = session.run(
        None,
        {
            "tokens": np.array([[0, *numbers, 0]]),
            "style": style.reshape(1, 256),
            "speed": np.array([1.0], np.float32),
        },
    )
    ours = read_sound(made.outputs[0].data).data[:, 0]
    assert np.abs(ours - trimmed(direct.reshape(-1))).max() <= 1 / 32768


@needs_espeak
def test_a_french_voice_speaks_french(engine: KokoroEngine) -> None:
    made = say(engine, FRENCH, voice="siwis")
    assert (made.facts["voice"], made.facts["language"]) == ("ff_siwis", "fr")
    assert 1 < read_sound(made.outputs[0].data).seconds < 5


def test_a_job_is_left_in_the_middle_of_a_sentence(engine: KokoroEngine) -> None:
    """Twenty seconds of speech take one core about as long; leaving takes a moment."""
    text = "the old gate and the bridge and the tower and the wall " * 6
    spec = JobSpec(kind=Kind.SPEECH, model="narrator", prompt=text)
    asked = 0
    wanted_from = 0.0

    def stop() -> bool:
        nonlocal asked, wanted_from
        asked += 1
        if asked == 10:  # it is computing by now
            wanted_from = time.monotonic()
        return asked >= 10

    with pytest.raises(CancelledJob):
        engine.run(spec, desk=EmptyDesk(), report=lambda _: None, stop=stop)
    assert time.monotonic() - wanted_from < 5


def test_a_folder_is_installed_with_its_voices(kokoro: Path, tmp_path: Path) -> None:
    installed = install_speech(
        kokoro, Models(tmp_path), name="kokoro", licence="Apache-2.0", parameters={}, progress=NoProgress()
    )
    assert installed.parameters["voices"] == ["af_heart", "bm_george", "ff_siwis"]
    assert installed.size == sum(file.stat().st_size for file in kokoro.rglob("*") if file.is_file())
    assert Models(tmp_path).find("kokoro") == installed
    files = speech_files(Path(installed.path))
    assert files.network.name == "kokoro-v1.0.int8.onnx"
    assert len(files.voices) == 3


def test_voices_come_from_an_archive_as_well(kokoro: Path, tmp_path: Path) -> None:
    tables = {file.stem.partition("-")[2]: np.fromfile(file, np.float32).reshape(-1, 1, 256) for file in voice_files()}
    with (tmp_path / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, **tables)  # type: ignore[arg-type]
    archived = read_styles([tmp_path / "voices-v1.0.bin"])
    single = read_styles(sorted((kokoro / "voices").iterdir()))
    assert list(archived) == list(single) == ["af_heart", "bm_george", "ff_siwis"]
    assert all(np.array_equal(archived[name], single[name]) for name in single)


def test_voices_that_are_missing_or_broken_are_refused(kokoro: Path, tmp_path: Path) -> None:
    (tmp_path / "kokoro.onnx").symlink_to((kokoro / "kokoro-v1.0.int8.onnx").resolve())
    with pytest.raises(ModelError, match="No voices"):
        read_model(tmp_path, threads=1)
    for data, part in ((b"x" * 1000, "1000 bytes"), (b"", "0 bytes"), (b"\xff" * 1024, "numbers that are none")):
        (tmp_path / "af_x.bin").write_bytes(data)
        with pytest.raises(ModelError, match=part):
            read_styles([tmp_path / "af_x.bin"])
    pickled = np.array([{"a": 1}], dtype=object)
    with (tmp_path / "voices.npz").open("wb") as file:
        np.savez(file, af_x=pickled, allow_pickle=True)
    with pytest.raises(ModelError, match="allow_pickle"):
        read_styles([tmp_path / "voices.npz"])


@needs_espeak
def test_espeak_keeps_marks_and_writes_as_kokoro_does() -> None:
    said = espeak_phonemes(f"{FRENCH} Non, merci !", language="fr-fr")
    assert said.count(",") == said.count(".") == said.count("!") == 1
    assert "dʁaɡˈɔ̃" in said
    assert not set("^-_()") & set(said)
    assert espeak_phonemes("...", language="fr-fr") == "..."
    with pytest.raises(JobError, match="espeak-ng says"):
        espeak_phonemes("x", language="xx")


def test_what_espeak_writes_as_two_sounds_kokoro_writes_as_one() -> None:
    assert kokoro_writes("t^ʃˈa^ɪ (en)d^ʒoʊ(fr) lə-") == "ʧˈa^ɪ ʤoʊ lə".replace("a^ɪ", "I")


def test_without_espeak_other_languages_say_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match="espeak-ng, which is not installed"):
        espeak_phonemes("Bonjour", language="fr-fr")
