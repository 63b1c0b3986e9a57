"""`tenku models`: the real command, with the real SmolLM2 and with files that are none."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from studio_house import House
from studio_models import smollm2

__all__ = ["smollm2"]


def test_a_model_is_added_listed_and_removed(tmp_path: Path, smollm2: Path) -> None:
    house = House(tmp_path)
    assert {row["installed"] for row in house.json("models")["models"]} == {False}
    done = house.run("models", "add", "smollm2-135m", "--from", smollm2)
    assert done.returncode == 0, done.stderr
    assert "Installed smollm2-135m: text, 98.4 MB, licence Apache-2.0." in done.stdout
    lines = house.run("models", "--kind", "text").stdout.splitlines()
    assert lines[0].split()[:5] == ["MODEL", "MAKES", "SIZE", "MEMORY", "LICENCE"]
    assert lines[1].startswith("smollm2-135m ")
    assert " installed " in lines[1]
    assert not any("wan2.2" in line for line in lines)
    house.refused("models", "add", "smollm2-135m", "--from", smollm2, part="is installed already", code=1)
    assert house.json("models", "remove", "smollm2-135m")["freed"] >= smollm2.stat().st_size
    house.refused("models", "remove", "smollm2-135m", part="There is no model smollm2-135m", code=1)
    assert smollm2.is_file()


def test_weights_that_cannot_be_used_leave_nothing_behind(tmp_path: Path, smollm2: Path) -> None:
    house = House(tmp_path)
    (tmp_path / "cut.gguf").write_bytes(smollm2.read_bytes()[:50_000_000])
    (tmp_path / "evil.gguf").write_bytes(pickle.dumps({"a": 1}))
    house.refused("models", "add", "cut", "--from", "cut.gguf", part="is cut off", code=1)
    house.refused("models", "add", "evil", "--from", "evil.gguf", part="safetensors and GGUF only", code=1)
    house.refused("models", "add", "gone", "--from", "gone.gguf", part="gone.gguf", code=1)
    house.refused("models", "add", "Bad/Name", "--from", "cut.gguf", part="cannot be a model's name", code=1)
    assert [row for row in house.json("models")["models"] if row["installed"]] == []


def test_a_licence_that_was_not_accepted_makes_nothing_until_it_is(tmp_path: Path, smollm2: Path) -> None:
    house = House(tmp_path)
    house.install(smollm2, name="mine", accepted=False)
    assert "licence not accepted" in house.run("models").stdout
    house.refused("make", "text", "x", "--model", "mine", part="has not been accepted", code=1)
    assert house.run("models", "add", "mine", "--accept-licence").returncode == 0
    assert [row["accepted"] for row in house.json("models")["models"] if row["installed"]] == [True]


def test_what_cannot_be_had_is_one_sentence(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.refused(
        "models", "add", "ltx-2", part="LicenseRef-LTX-2-Community-License-Agreement, has to be accepted", code=1
    )
    house.refused("models", "add", "ltx-2", part="Read it at https://huggingface.co/Lightricks/LTX-2", code=1)
    house.refused("models", "add", "x", "--from", tmp_path, part="bring a folder with a model_index.json", code=1)
    house.refused("models", "add", "x", "--set", "steps", part="it has to be NAME=VALUE", code=2)
    house.refused("models", "add", "x", part="Where x can be had is not known", code=1)
    house.refused("models", "add", "x", "--from", "game:channel", part="game:channel is no file that is here", code=1)
    house.refused("models", "add", "x", "--remote", "http://127.0.0.1:9", part="http://127.0.0.1:9/v1", code=1)
    house.refused("models", "--kind", "smell", part="There is no kind 'smell'", code=2)
    house.refused("make", "text", "x", part="No model that makes text is installed", code=1)


@pytest.mark.parametrize("missing", ["xllamacpp", "sqlalchemy", "jsonschema"])
@pytest.mark.parametrize("command", [("models",), ("make", "text", "x"), ("jobs",)])
def test_without_the_extra_a_sentence_says_how_to_get_it(
    tmp_path: Path, missing: str, command: tuple[str, ...]
) -> None:
    """The library cannot be imported, as where it is not installed."""
    program = (
        f"import sys; sys.modules[{missing!r}] = None\nfrom tenku.cli.main import main\nsys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command],
        env=House(tmp_path).environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"tenku: Making assets needs {missing}, which is not installed. Run `pip install 'tenku[studio]'`.\n"
    )
