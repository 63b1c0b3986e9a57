"""Settings: flag over environment over config.toml over default, and a clear word where something is wrong."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenku.base.convert import Secret, bits_per_second, truth
from tenku.base.docstrings import field_docs
from tenku.base.errors import SettingError
from tenku.base.settings import Config, Settings, config_path, load, read_config, setting
from tenku.content.settings import ContentSettings
from tenku.play.model import Size
from tenku.play.settings import Codec, PlaySettings


class Mood(Enum):
    CALM = "calm"  # nothing happens
    WILD = "wild"  # everything does


@dataclass(frozen=True, kw_only=True)
class Sample(Settings):
    """A settings class with a field of every kind."""

    AREA: ClassVar[str] = "sample"

    name: str = setting("sky")
    """What it is called."""
    count: int = setting(3, low=1, high=9)
    share: float = setting(0.5)
    on: bool = setting(False)
    where: Path | None = setting(None)
    mood: Mood = setting(Mood.CALM)
    rate: int = setting(8_000_000, parse=bits_per_second)
    password: Secret | None = setting(None)


NOTHING = Config(Path("config.toml"), {})


def sample(flags: Mapping[str, str] = {}, environment: Mapping[str, str] = {}, config: Config = NOTHING) -> Sample:
    return load(Sample, flags=flags, environment=environment, config=config)


def config_with(**table: object) -> Config:
    return Config(Path("/etc/tenku/config.toml"), {"sample": table})


def test_the_strongest_place_that_gives_a_value_counts() -> None:
    config = config_with(name="file", count=7)
    environment = {"TENKU_SAMPLE_NAME": "variable", "HOME": "/"}
    assert sample().name == "sky"
    assert sample(config=config).name == "file"
    assert sample(environment=environment, config=config).name == "variable"
    assert sample({"name": "flag"}, environment, config).name == "flag"
    assert sample({"name": "flag"}, environment, config).count == 7


def test_every_kind_of_field_is_read_from_text_and_from_toml() -> None:
    text = {
        "name": "x", "count": "4", "share": "0.25", "on": "yes", "where": "/tmp/f",
        "mood": "wild", "rate": "800k", "password": "pssst",
    }  # fmt: skip
    toml = {**text, "count": 4, "share": 0.25, "on": True, "rate": 800_000}
    expected = Sample(
        name="x", count=4, share=0.25, on=True, where=Path("/tmp/f"),
        mood=Mood.WILD, rate=800_000, password=Secret("pssst"),
    )  # fmt: skip
    assert sample(text) == expected
    assert sample(config=config_with(**toml)) == expected


def test_an_empty_text_takes_back_what_may_be_absent() -> None:
    assert sample({"where": ""}, config=config_with(where="/somewhere")).where is None


def test_paths_of_a_file_count_from_its_folder_and_others_do_not() -> None:
    assert sample(config=config_with(where="saves")).where == Path("/etc/tenku/saves")
    assert sample({"where": "saves"}).where == Path("saves")
    assert sample({"where": "~/saves"}).where == Path.home() / "saves"


@pytest.mark.parametrize(
    ("flags", "environment", "config", "sentence"),
    [
        ({"count": "many"}, {}, NOTHING, "--count: 'many' cannot be used: it takes a whole number."),
        ({"count": "0"}, {}, NOTHING, "--count: '0' cannot be used: it is at least 1."),
        ({"count": "10"}, {}, NOTHING, "--count: '10' cannot be used: it is at most 9."),
        ({"share": "nan"}, {}, NOTHING, "--share: 'nan' cannot be used: it takes a number."),
        (
            {},
            {"TENKU_SAMPLE_MOOD": "sad"},
            NOTHING,
            "TENKU_SAMPLE_MOOD: 'sad' cannot be used: it is one of calm, wild.",
        ),
        ({}, {"TENKU_SAMPLE_ON": "maybe"}, NOTHING, "TENKU_SAMPLE_ON: 'maybe' cannot be used: it takes true or false."),
        ({}, {}, config_with(rate="fast"), "/etc/tenku/config.toml: sample.rate: 'fast' cannot be used"),
        ({}, {}, config_with(count=[1]), "/etc/tenku/config.toml: sample.count: [1] cannot be used"),
        ({}, {}, config_with(count=True), "sample.count: True cannot be used: it takes a whole number."),
    ],
)
def test_a_wrong_value_is_refused_with_the_place_it_came_from(
    flags: dict[str, str], environment: dict[str, str], config: Config, sentence: str
) -> None:
    with pytest.raises(SettingError) as caught:
        sample(flags, environment, config)
    assert sentence in caught.value.sentence()


def test_unknown_names_are_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(SettingError) as caught:
        sample(config=config_with(cuont=1))
    assert caught.value.sentence() == ("/etc/tenku/config.toml has an unknown key sample.cuont. Did you mean count?")
    with pytest.raises(SettingError, match="TENKU_SAMPLE_NAEM is no setting"):
        sample(environment={"TENKU_SAMPLE_NAEM": "x"})


def test_other_areas_variables_are_none_of_this_areas_business() -> None:
    assert sample(environment={"TENKU_OTHER_NAEM": "x", "TENKU_PADS": "/x"}) == Sample()


def test_a_secret_shows_nowhere() -> None:
    settings = sample({"password": "hunter2"})
    assert settings.password is not None
    assert settings.password.reveal() == "hunter2"
    assert "hunter2" not in f"{settings} {settings!r} {dataclasses.asdict(settings)}"
    with pytest.raises(SettingError) as caught:
        sample(config=config_with(password=["hunter2"]))
    assert "hunter2" not in caught.value.sentence()


def test_a_file_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_config(tmp_path / "config.toml", areas=(Sample,)).tables == {}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("count = ", "cannot be read"),
        ("[smaple]\n", "unknown table or key smaple. Did you mean sample?"),
        ("sample = 3\n", "sample is a table."),
        ("\xff", "cannot be read"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(SettingError) as caught:
        read_config(path, areas=(Sample,))
    assert str(path) in caught.value.sentence()
    assert sentence in caught.value.sentence()


def test_config_toml_lies_where_the_xdg_rules_say() -> None:
    assert config_path({"XDG_CONFIG_HOME": "/c"}) == Path("/c/tenku/config.toml")
    assert config_path({"XDG_CONFIG_HOME": "relative"}) == Path.home() / ".config/tenku/config.toml"
    assert config_path({"TENKU_CONFIG": "/x/y.toml", "XDG_CONFIG_HOME": "/c"}) == Path("/x/y.toml")


@given(st.integers(min_value=0, max_value=10**9))
def test_a_bitrate_reads_the_same_in_every_unit(rate: int) -> None:
    assert bits_per_second(str(rate)) == rate
    assert bits_per_second(f"{rate}k") == bits_per_second(f"{rate}K") == rate * 1000
    assert bits_per_second(f"{rate}M") == rate * 1_000_000


@given(st.text())
def test_no_text_breaks_a_converter(text: str) -> None:
    """Whatever somebody types: a value, or ValueError with what it takes."""
    for convert in (bits_per_second, truth):
        try:
            convert(text)
        except ValueError as error:
            assert str(error).startswith(("it takes", "a bitrate is"))  # noqa: PT017 - both outcomes are right


def test_every_setting_of_playing_has_a_text() -> None:
    names = {field.name for field in dataclasses.fields(PlaySettings)}
    assert names <= field_docs(PlaySettings).keys()


def test_settings_of_playing_read_sizes_and_rates() -> None:
    flags = {"size": "1920x1080", "bitrate": "12M", "codec": "av1", "memory": "2G"}
    settings = load(PlaySettings, flags=flags, environment={}, config=NOTHING)
    assert (settings.size, settings.bitrate, settings.memory) == (Size(1920, 1080), 12_000_000, 2 * 2**30)
    assert settings.codec is Codec.AV1


def test_half_a_certificate_is_refused() -> None:
    with pytest.raises(SettingError, match="--cert is given without --key"):
        load(PlaySettings, flags={"cert": "c.pem"}, environment={}, config=NOTHING)
    with pytest.raises(SettingError, match="--key is given without --cert"):
        load(PlaySettings, flags={"key": "k.pem"}, environment={}, config=NOTHING)


def content(environment: Mapping[str, str] = {}, **table: object) -> ContentSettings:
    config = Config(Path("/etc/tenku/config.toml"), {"content": table})
    return load(ContentSettings, flags={}, environment=environment, config=config)


def test_every_setting_of_content_has_a_text() -> None:
    fields = {field.name for field in dataclasses.fields(ContentSettings)}
    assert fields - field_docs(ContentSettings).keys() == set()


def test_several_stores_are_a_list_or_stand_between_commas() -> None:
    assert content(store=["./games", "https://cdn.example/games"]).store == ("./games", "https://cdn.example/games")
    assert content({"TENKU_CONTENT_STORE": "s3://one, s3://two"}).store == ("s3://one", "s3://two")
    assert content({"TENKU_CONTENT_STORE": ""}, store="./games").store == ()
    with pytest.raises(SettingError, match=r"content\.store.*with commas between them"):
        content(store="s3://one,,s3://two")
    with pytest.raises(SettingError, match="it takes one plain value"):
        content(trust=["studio.pub"])


def test_content_reads_rates_and_spans() -> None:
    settings = content(rate="10M", expires="30d", trust="studio.pub")
    assert (settings.rate, settings.expires, settings.trust) == (10_000_000, 30 * 86400, Path("/etc/tenku/studio.pub"))
    with pytest.raises(SettingError, match="at least 86,400"):
        content(expires="1h")
