"""`tenku make speech`: who says which line with which voice, and the real command with a real small voice."""

import csv
import json
from pathlib import Path

import pytest

from studio_house import House
from studio_voices import DRAGON, heard, hibari
from tenku.base.errors import UsageError
from tenku.studio.model import InstalledModel, Kind
from tenku.studio.recipes.speech import Cast, Delivery, Stage, line_ask, read_cast, read_lines, slug

__all__ = ["hibari"]


def speaker(name: str) -> InstalledModel:
    return InstalledModel(name=name, kind=Kind.SPEECH, engine="kokoro", path="x", hash="x", size=1, licence="MIT")


def stage(*, cast: Cast | None = None, usual: Delivery | None = None, models: tuple[str, ...] = ("kokoro",)) -> Stage:
    return Stage(
        cast=cast or {}, usual=usual or Delivery(), models={name: speaker(name) for name in models}, format="wav"
    )


CAST = "character;voice;speed;language\nGrim;bm_george;0,9;\nMira;af_heart;;en-gb\n"


def test_what_stands_in_a_row_goes_before_its_character_and_that_before_the_flags() -> None:
    cast = read_cast(CAST, where="cast.csv")
    text = "character,text,speed,voice\nGrim,Halt!,,\nMIRA,Go on.,1.5,\nMira,Away!,,grim\nNobody,Hm.,,\n"
    text += "Mira,Psst,,am_adam\n"
    asks, bad = read_lines(text, where="lines.csv", stage=stage(cast=cast, usual=Delivery(voice="af_sky", speed="2")))
    assert bad == []
    assert [dict(ask.spec.parameters) for ask in asks] == [
        {"format": "wav", "voice": "bm_george", "speed": 0.9},
        {"format": "wav", "voice": "af_heart", "speed": 1.5, "language": "en-gb"},
        {"format": "wav", "voice": "bm_george", "speed": 0.9, "language": "en-gb"},
        {"format": "wav", "voice": "af_sky", "speed": 2.0},
        {"format": "wav", "voice": "am_adam", "speed": 2.0, "language": "en-gb"},
    ]
    assert [ask.spec.row for ask in asks] == [0, 1, 2, 3, 4]


def test_a_line_is_called_by_its_name_else_by_its_character_and_number() -> None:
    text = "id,character,number,line\ngate-1,Grim,,Halt!\n,Old Grim,2,Go.\n,,,Hm.\n"
    asks, _ = read_lines(text, where="x", stage=stage())
    assert [ask.key for ask in asks] == ["gate-1", "old-grim-0002", "0003"]


def test_a_voice_may_be_a_model() -> None:
    asks, bad = read_lines(
        "text,voice,model\nHi.,narrator,\nHi.,bm_george,kokoro\nHi.,bm_george,\nHi.,x,nothing\n",
        where="x",
        stage=stage(models=("kokoro", "narrator")),
    )
    assert [(ask.spec.model, ask.spec.parameters.get("voice")) for ask in asks] == [
        ("narrator", None),
        ("kokoro", "bm_george"),
    ]
    assert ["which model?" in row.why for row in bad] == [True, False]
    assert "No model 'nothing'" in bad[1].why


def test_a_row_that_cannot_be_said_fails_and_the_others_go_on() -> None:
    text = (
        "name,text,speed,seed\n"
        "good,Halt!,,\n"
        "hole,Hello {player}.,,\n"
        "empty,  ,,\n"
        "fast,Go,quick,\n"
        "good,Again,,\n"
        "a/b,Go,,\n"
        "seed,Go,,-1\n"
        "given,[Tenku](/tˈɛnku/) waits.,,7\n"
        "wide,Go,,,more\n"
    )
    asks, bad = read_lines(text, where="x", stage=stage())
    assert [(ask.key, ask.spec.seed) for ask in asks] == [("good", 0), ("given", 7)]
    assert [row.line for row in bad] == [3, 4, 5, 6, 7, 8, 10]
    parts = ["{player}", "no text", "speed is 'quick'", "there already", "name of a file", "seed is '-1'", "more cells"]
    assert all(part in row.why for part, row in zip(parts, bad, strict=True))


def test_the_column_of_the_texts_can_be_named() -> None:
    table = "key,source,de\na,Hello,Hallo\n"
    asks, _ = read_lines(table, where="x", stage=stage(), column="de")
    assert asks[0].spec.prompt == "Hallo"
    with pytest.raises(UsageError, match="no column text"):
        read_lines(table, where="x", stage=stage())
    with pytest.raises(UsageError, match="no column fr"):
        read_lines(table, where="x", stage=stage(), column="fr")


@pytest.mark.parametrize(
    ("text", "part"), [("voice\nx\n", "no character"), ("character\nA\na\n", "a is there already")]
)
def test_a_cast_that_makes_no_sense_is_refused(text: str, part: str) -> None:
    with pytest.raises(UsageError, match=part):
        read_cast(text, where="cast.csv")


def test_a_text_becomes_a_files_name() -> None:
    assert slug("Halt! Who goes there?") == "halt-who-goes-there"
    assert slug("[Tenku](/tˈɛnku/) waits") == "tenku-waits"
    assert slug("?!") == "speech"
    assert len(slug("word " * 100)) <= 60


def test_without_a_model_that_speaks_nobody_can_say_it() -> None:
    with pytest.raises(UsageError, match="which model"):
        line_ask("Hi.", key="x", delivery=Delivery(), stage=stage(models=("a", "b")))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house where the small voice is installed, as its user would."""
    house = House(tmp_path_factory.mktemp("house"))
    house.refused("make", "speech", "Hi.", part="No model that speaks is installed", code=1)
    said = house.json("models", "add", "narrator", "--from", "package:hibari-tts")
    assert (said["kind"], said["engine"], said["licence"]) == ("speech", "kokoro", "Apache-2.0")
    assert said["parameters"] == {"voices": ["heart"], "rate": 24_000}
    return house


def report(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_table_of_lines_becomes_files_and_costs_nothing_the_second_time(house: House) -> None:
    (house.folder / "lines.csv").write_text(
        f"name,character,text\ndragon,Grim,{DRAGON}\nhole,Grim,Hello {{player}}.\nwho,Mira,Who goes there?\n"
        "alien,Mira,Привет!\ngone,Gone,Hi.\n",
        encoding="utf-8",
    )
    (house.folder / "cast.csv").write_text("character,voice,speed\nGrim,heart,1.0\nMira,narrator,1.2\nGone,bella,\n")
    command = ("make", "speech", "lines.csv", "--voices", "cast.csv", "--format", "flac", "--out", "spoken")
    first = house.json(*command, code=1)
    assert (first["made"], first["failed"]) == (2, 3)
    assert heard((house.folder / "spoken" / "dragon.flac").read_bytes()) == "the dragon sleeps under the old mountain"
    rows = {row["name"]: row for row in report(house.folder / "spoken" / "report.csv")}
    assert [row["state"] for row in rows.values()] == ["done", "failed", "done", "failed", "failed"]
    assert 1.5 < float(rows["dragon"]["speech_seconds"]) < 4
    assert first["speech_seconds"] == pytest.approx(sum(float(rows[n]["speech_seconds"]) for n in ("dragon", "who")))
    assert rows["who"]["voice"] == "heart"
    assert "{player}" in rows["hole"]["error"]
    assert "'П' is no letter" in rows["alien"]["error"]
    assert "'bella' is no voice" in rows["gone"]["error"]
    provenance = json.loads((house.folder / "spoken" / "provenance" / "dragon.json").read_text())
    assert provenance["prompt"] == DRAGON
    assert provenance["model"]["licence"] == "Apache-2.0"
    again = house.json(*command, code=1)
    assert (again["made"], again["reused"]) == (2, 2)
    assert again["speech_seconds"] == first["speech_seconds"]


def test_a_single_text_lies_in_a_folder_by_its_words(house: House) -> None:
    done = house.run("make", "speech", "Halt! Who goes there?", "--voice", "narrator")
    assert done.returncode == 0, done.stderr
    assert "Made 1 of 1 line in speech." in done.stdout
    assert (house.folder / "speech" / "halt-who-goes-there.wav").read_bytes()[:4] == b"RIFF"


def test_what_cannot_be_is_said_in_one_sentence(house: House) -> None:
    house.refused("make", "speech", "Hi.", "--voice", "bella", part="'bella' is no voice", code=1)
    house.refused("make", "speech", "Hi.", "--format", "ogg", part="--format: there is no 'ogg'", code=2)
    house.refused("make", "speech", "Hi.", "--speed", "fast", part="speed is 'fast'", code=2)
    house.refused("make", "speech", "gone.csv", part="gone.csv cannot be read", code=2)
    house.refused("make", "speech", "Hi.", "--model", "nobody", part="No model 'nobody'", code=2)


def test_weights_that_are_cut_off_are_not_installed(house: House, hibari: Path) -> None:
    (house.folder / "cut.onnx").write_bytes(hibari.read_bytes()[:1_000_000])
    house.refused("models", "add", "broken", "--from", "cut.onnx", part="broken, or no network", code=1)
    house.refused("models", "add", "other", "--from", "package:other", part="brings no weights", code=1)
    assert [model.name for model in house.models.list()] == ["narrator"]
