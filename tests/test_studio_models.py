"""Installed models: brought from a file, a hub or a channel, found, listed and removed; whole or not at all."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from studio_faultserver import answer, fault_server
from studio_gguf import KEYS, gguf
from studio_models import smollm2 as smollm2
from tenku.base.errors import ModelError
from tenku.content.hubname import HubFile
from tenku.studio.addmodel import Wish, add_model, add_remote, choose_file
from tenku.studio.model import InstalledModel, Kind
from tenku.studio.models import Models, check_name, hash_weights


def weights(folder: Path, keys: Mapping[str, object] = KEYS) -> Path:
    file = folder / "tiny.gguf"
    file.write_bytes(gguf(keys))
    return file


def add(models: Models, wish: Wish) -> InstalledModel:
    return asyncio.run(add_model(wish, models, environment={}))


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path / "data")


def test_a_file_is_installed_found_listed_and_removed(models: Models, tmp_path: Path) -> None:
    added = add(models, Wish(name="tiny", source=str(weights(tmp_path)), parameters={"context": 512}))
    assert models.find("tiny") == added
    assert models.list() == [added]
    assert (added.kind, added.engine, added.licence) == (Kind.TEXT, "llama", "apache-2.0")
    assert added.parameters["context"] == 512
    assert added.parameters["trained_context"] == 2048
    assert Path(added.path).read_bytes() == gguf()
    assert added.hash == hash_weights(Path(added.path), advance=lambda _: None)[0]
    assert len(added.hash) == 64
    assert models.remove("tiny") > added.size
    assert models.list() == []
    assert (tmp_path / "tiny.gguf").exists(), "the user's own file stays"
    assert list(models.folder.iterdir()) == []


def test_a_real_model_takes_no_second_place_on_the_disk(models: Models, smollm2: Path) -> None:
    added = add(models, Wish(name="smollm2-135m", source=str(smollm2)))
    assert added.licence == "Apache-2.0"
    # Another file system has no links; the same one must use them.
    if Path(added.path).stat().st_dev == smollm2.stat().st_dev:
        assert Path(added.path).samefile(smollm2)
    assert added.size == smollm2.stat().st_size


def test_equal_weights_have_equal_hashes_and_others_others(models: Models, tmp_path: Path) -> None:
    one = add(models, Wish(name="one", source=str(weights(tmp_path))))
    two = add(models, Wish(name="two", source=str(weights(tmp_path))))
    (tmp_path / "tiny.gguf").unlink()
    other = add(models, Wish(name="other", source=str(weights(tmp_path, {**KEYS, "general.name": "Other"}))))
    assert one.hash == two.hash != other.hash


def test_a_model_that_is_there_is_not_replaced_unseen(models: Models, tmp_path: Path) -> None:
    wish = Wish(name="tiny", source=str(weights(tmp_path)))
    add(models, wish)
    with pytest.raises(ModelError, match="installed already"):
        add(models, wish)


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({key: value for key, value in KEYS.items() if "template" not in key}, "no chat template"),
        ({**KEYS, "split.count": 3}, "several parts"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(
    models: Models, tmp_path: Path, keys: Mapping[str, object], why: str
) -> None:
    with pytest.raises(ModelError, match=why):
        add(models, Wish(name="tiny", source=str(weights(tmp_path, keys))))
    assert not models.folder.exists()


@pytest.mark.parametrize("name", ["w.bin", "w.safetensors", "w.ckpt", "w.gguf"])
def test_files_of_other_kinds_are_refused(models: Models, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(ModelError):
        add(models, Wish(name="tiny", source=str(tmp_path / name)))


def test_a_model_that_runs_on_a_server_says_how_it_is_added(models: Models) -> None:
    with pytest.raises(ModelError, match="runs on a server of its own") as caught:
        add(models, Wish(name="qwen3-tts"))
    assert "--remote URL --makes speech" in caught.value.hint


def test_a_model_without_a_known_source_asks_for_one(models: Models) -> None:
    with pytest.raises(ModelError, match="not known") as caught:
        add(models, Wish(name="my-model"))
    assert "--from" in caught.value.hint


@pytest.mark.parametrize("name", ["", "../x", "A", ".hidden", "a/b", "x" * 65, "a b"])
def test_names_that_could_leave_the_folder_are_refused(models: Models, name: str) -> None:
    with pytest.raises(ModelError):
        check_name(name)
    with pytest.raises(ModelError):
        models.find(name)
    with pytest.raises(ModelError):
        models.remove(name)


def test_a_missing_model_says_what_there_is(models: Models, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model tiny") as caught:
        models.find("tiny")
    assert "tenku models add" in caught.value.hint
    add(models, Wish(name="other", source=str(weights(tmp_path))))
    with pytest.raises(ModelError) as caught:
        models.find("tiny")
    assert "other" in caught.value.hint


@pytest.mark.parametrize(
    "record", ["", "{", "[]", "{}", '{"name": "x", "path": "p", "engine": "llama", "kind": "tex"}']
)
def test_a_broken_record_harms_no_other_model(models: Models, tmp_path: Path, record: str) -> None:
    good = add(models, Wish(name="good", source=str(weights(tmp_path))))
    (models.folder / "bad").mkdir()
    (models.folder / "bad" / "model.json").write_text(record, encoding="utf-8")
    assert models.list() == [good]
    assert [each.name for each in models.unreadable()] == ["bad"]
    with pytest.raises(ModelError, match="cannot be read"):
        models.find("bad")
    models.remove("bad")
    assert models.unreadable() == []


def test_a_folder_that_was_moved_still_works(models: Models, tmp_path: Path) -> None:
    add(models, Wish(name="tiny", source=str(weights(tmp_path))))
    (tmp_path / "data").rename(tmp_path / "moved")
    assert Path(Models(tmp_path / "moved").find("tiny").path).is_file()


def test_a_licence_that_is_accepted_later_is_written_down(models: Models, tmp_path: Path) -> None:
    file = weights(tmp_path)
    model = InstalledModel(
        name="m", kind=Kind.TEXT, engine="llama", path="", hash="", size=0, licence="LicenseRef-X", accepted=False
    )
    models.put(model, file)
    assert not models.find("m").accepted
    models.accept("m")
    assert models.find("m") == replace(models.find("m"), accepted=True)


def test_a_remote_model_is_asked_once_and_its_key_is_not_stored(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAR_KEY", "secret-1")
    with fault_server([answer("hello")]) as server:
        parameters = {"remote_model": "far-model", "key_variable": "FAR_KEY"}
        added = add_remote("far", server.url, models, parameters=parameters)
    assert models.find("far") == added
    assert (added.engine, added.path, added.hash) == ("remote", server.url, "remote")
    assert "secret-1" not in (models.folder / "far" / "model.json").read_text(encoding="utf-8")
    assert json.loads((models.folder / "far" / "model.json").read_text(encoding="utf-8"))["engine"] == "remote"
    with pytest.raises(ModelError, match="does not answer"):
        add_remote("gone", server.url, models, parameters=parameters)
    assert not models.has("gone")


FILES = tuple(HubFile(path, 1, "") for path in ("a-q4.gguf", "sub/a-q8.gguf", "README.md"))


def test_the_file_of_a_hubs_model_has_to_be_clear() -> None:
    assert choose_file(FILES, "a-q4.gguf", "hf:x").path == "a-q4.gguf"
    assert choose_file(FILES, "a-q8.gguf", "hf:x").path == "sub/a-q8.gguf"
    assert choose_file(FILES[:1], "", "hf:x").path == "a-q4.gguf"
    with pytest.raises(ModelError, match="2 GGUF files"):
        choose_file(FILES, "", "hf:x")
    with pytest.raises(ModelError, match="no file 'b'"):
        choose_file(FILES, "b", "hf:x")
    with pytest.raises(ModelError, match="no GGUF") as caught:
        choose_file((HubFile("pytorch_model.bin", 1, ""),), "", "hf:x")
    assert "pickles" in caught.value.hint
