"""Models that are folders: checked, linked or copied, hashed and described; from disks, hubs and channels."""

import asyncio
import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from content_hub import Hub
from content_minisign import key
from studio_tiny import Tiny, tiny_image
from tenku.accel.devices import Device
from tenku.base.errors import JobError, ModelError
from tenku.content.hubname import HubFile
from tenku.content.model import parse_channel
from tenku.content.service import ContentService
from tenku.studio.addfolder import licence_of, wanted_files
from tenku.studio.addmodel import BRINGING, Wish, add_model
from tenku.studio.catalog import CATALOG, installed_bytes, largest_bytes
from tenku.studio.diffusion.folder import read_parts
from tenku.studio.model import InstalledModel, JobSpec, Kind
from tenku.studio.models import Models
from tenku.studio.overview import overview
from tenku.studio.registry import load
from tenku.studio.requests import check_job

__all__ = ["tiny_image"]

WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"
GB = 10**9


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path / "data")


def add(models: Models, folder: Path | str, *, name: str = "mine", **wish: Any) -> InstalledModel:
    return asyncio.run(add_model(Wish(name=name, source=str(folder), **wish), models, environment={}))


def in_folder(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_folder_is_installed_and_runs(models: Models, tiny_image: Tiny) -> None:
    folder = tiny_image("qwenimage")
    added = add(models, folder, parameters={"offload": "model", "steps": 4})
    assert models.find("mine") == added
    assert (added.kind, added.engine, added.licence) == (Kind.IMAGE, "qwenimage", "unknown")
    assert added.parameters == {
        "pipeline": "QwenImagePipeline",
        "weights": 352_139,
        "largest_part": 220_107,
        "tasks": ["make", "inpaint"],
        "offload": "model",
        "steps": 4,
    }
    assert in_folder(Path(added.path)) == in_folder(folder)
    assert added.size == sum(len(data) for data in in_folder(folder).values())
    assert (Path(added.path) / WEIGHTS).stat().st_nlink > 1, "it takes no second place on the disk"
    load(added).close()
    assert models.remove("mine") >= added.size
    assert (folder / WEIGHTS).is_file(), "the user's own stay"


def test_equal_folders_have_equal_hashes_wherever_they_lie(models: Models, tiny_image: Tiny, tmp_path: Path) -> None:
    one = add(models, tiny_image("qwenimage"), name="one")
    copy = Path(shutil.copytree(tiny_image("qwenimage"), tmp_path / "another name"))
    (copy / ".git").mkdir()
    (copy / ".git" / "HEAD").write_text("x", encoding="utf-8")
    two = add(models, copy, name="two")
    (copy / "scheduler" / "more.json").write_text("{}", encoding="utf-8")
    other = add(models, copy, name="other")
    assert one.hash == two.hash != other.hash
    assert not (Path(two.path) / ".git").exists()


@pytest.mark.parametrize(
    ("name", "tasks"), [("edit", ["edit", "inpaint"]), ("edit-plus", ["edit"]), ("layered", ["layers"])]
)
def test_what_a_model_can_do_is_known_before_it_is_loaded(
    models: Models, tiny_image: Tiny, name: str, tasks: list[str]
) -> None:
    added = add(models, tiny_image(name))
    assert added.parameters["tasks"] == tasks
    with pytest.raises(JobError, match="mine cannot make pictures from words"):
        check_job(JobSpec(kind=Kind.IMAGE, model="mine", prompt="x"), added)
    with pytest.raises(JobError, match="no acceleration"):
        check_job(JobSpec(kind=Kind.IMAGE, model="mine", prompt="x", parameters={"accelerate": "x"}), added)


def bad_index(folder: Path) -> None:
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}), encoding="utf-8")


def cut_off(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-10])


def pickled(folder: Path) -> None:
    (folder / "vae" / "model.bin").write_bytes(b"x")


def control(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    index["_class_name"] = "QwenImageControlNetPipeline"
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (bad_index, "FluxPipeline, which no engine here runs"),
        (control, "QwenImageControlNetPipeline, which is not run here"),
        (cut_off, "was cut off: 10 bytes"),
        (pickled, "is a pickle"),
    ],
)
def test_what_is_broken_leaves_nothing_behind(
    models: Models, tiny_image: Tiny, tmp_path: Path, harm: Any, why: str
) -> None:
    folder = Path(shutil.copytree(tiny_image("qwenimage"), tmp_path / "model"))
    harm(folder)
    with pytest.raises(ModelError, match=why):
        add(models, folder)
    assert not models.folder.exists()


def with_readme(tiny_image: Tiny, place: Path, head: str) -> Path:
    folder = Path(shutil.copytree(tiny_image("qwenimage"), place))
    (folder / "README.md").write_text(f"---\n{head}\ntags:\n- x\n---\n# A model\n", encoding="utf-8")
    return folder


def test_a_licence_with_terms_has_to_be_accepted(models: Models, tiny_image: Tiny, tmp_path: Path) -> None:
    folder = with_readme(tiny_image, tmp_path / "model", "license: other\nlicense_name: some-community-licence")
    with pytest.raises(ModelError, match="some-community-licence, has to be accepted first") as caught:
        add(models, folder)
    assert "--accept-licence" in caught.value.hint
    assert add(models, folder, accept=True).licence == "some-community-licence"
    free = with_readme(tiny_image, tmp_path / "free", 'license: "apache-2.0"')
    assert add(models, free, name="free").licence == "apache-2.0"
    assert licence_of(tmp_path) == "unknown"


def test_a_name_of_the_catalogue_has_its_licence_and_kind(models: Models, tiny_image: Tiny) -> None:
    assert add(models, tiny_image("qwenimage"), name="qwen-image").licence == "Apache-2.0"
    with pytest.raises(ModelError, match=r"wan2\.2-ti2v-5b makes video, and .* makes image"):
        add(models, tiny_image("qwenimage"), name="wan2.2-ti2v-5b")
    with pytest.raises(ModelError, match="Stability-AI-Community-License, has to be accepted first"):
        add(models, tiny_image("qwenimage"), name="stable-audio-open")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_is_said_and_nothing_is_half_there(tiny_image: Tiny, small_disk: Path) -> None:
    models = Models(small_disk)
    with pytest.raises(ModelError, match="No space left on device") as caught:
        add(models, tiny_image("qwenimage"))
    assert "full" in caught.value.hint
    assert list(models.folder.iterdir()) == []


def test_a_hubs_model_comes_without_what_its_pipeline_does_not_need(models: Models, tiny_image: Tiny) -> None:
    files = in_folder(tiny_image("qwenimage"))
    useless = {
        "everything-in-one.safetensors": b"x",
        "transformer/diffusion_pytorch_model.bin": b"x",
        "transformer/diffusion_pytorch_model.fp16.safetensors": b"x",
        "examples/picture.png": b"x",
    }
    readme = {"README.md": b"---\nlicense: mit\n---\n"}
    with Hub(files={**files, **useless, **readme}, lfs={WEIGHTS}) as hub:
        wish = Wish(name="mine", source="hf:org/model")
        added = asyncio.run(add_model(wish, models, environment=hub.environment))
    assert in_folder(Path(added.path)) == {**files, **readme}
    assert added.licence == "mit"
    assert not (models.folder / BRINGING / "mine").exists()


def test_a_hubs_model_of_pickles_is_refused_before_it_is_brought(models: Models, tiny_image: Tiny) -> None:
    files = in_folder(tiny_image("qwenimage"))
    files["transformer/diffusion_pytorch_model.bin"] = files.pop(WEIGHTS)
    with Hub(files=files) as hub, pytest.raises(ModelError, match="transformer only as pickles"):
        asyncio.run(add_model(Wish(name="mine", source="hf:org/model"), models, environment=hub.environment))
    assert hub.count("resolve") == 1, "its index alone"


def test_a_gguf_file_of_such_a_model_is_still_a_choice(models: Models, tiny_image: Tiny) -> None:
    files = {**in_folder(tiny_image("qwenimage")), "a.gguf": b"x", "b.gguf": b"x"}
    wish = Wish(name="mine", source="hf:org/model", file="c.gguf")
    with Hub(files=files) as hub, pytest.raises(ModelError, match=r"has no file 'c\.gguf'"):
        asyncio.run(add_model(wish, models, environment=hub.environment))


def test_which_files_are_wanted(tiny_image: Tiny) -> None:
    parts = read_parts(tiny_image("qwenimage"))
    base = [*in_folder(tiny_image("qwenimage")), "LICENSE.md", "latent_upsampler/model.safetensors"]
    more = ["vae/x.bf16.safetensors", "vae/x.safetensors.index.fp16.json", "vae/notes.md", "LICENSES/a", "vae/x.py"]
    files = [HubFile(path, 1, "") for path in (*base, *more)]
    assert sorted(wanted_files(files, parts)) == sorted(base)
    only = [replace(file, path=file.path.replace(".safetensors", ".fp16.safetensors")) for file in files]
    assert WEIGHTS.replace(".safetensors", ".fp16.safetensors") in wanted_files(only, parts)


def test_a_folder_comes_from_a_channel(models: Models, tiny_image: Tiny, tmp_path: Path) -> None:
    studio = key(1)
    store = tmp_path / "store"
    content = ContentService((str(store),), trust=studio.public, key=studio, memory=tmp_path / "memory")

    async def through() -> None:
        await content.publish(tiny_image("layered"), parse_channel("tiny:stable"))
        await add_model(Wish(name="mine", source="tiny:stable"), models, environment={}, content=content)

    asyncio.run(through())
    assert in_folder(Path(models.find("mine").path)) == in_folder(tiny_image("layered"))


# What fits


def machine(*, card: int, main: int) -> list[Device]:
    cards = [Device("gpu", 0, "card", card * GB, card * GB)] if card else []
    return [*cards, Device("cpu", 0, "cpu", main * GB, main * GB, 8)]


@pytest.mark.parametrize(
    ("name", "card", "main", "device", "offload"),
    [
        ("qwen-image", 80, 64, "gpu", False),
        ("qwen-image", 48, 96, "gpu", True),
        ("qwen-image", 48, 32, "", False),
        ("qwen-image", 24, 96, "", False),
        ("qwen-image", 24, 256, "cpu", False),
        ("wan2.1-t2v-1.3b", 16, 32, "gpu", True),
        ("wan2.2-t2v-a14b", 80, 16, "gpu", False),
        ("stable-audio-open", 0, 16, "cpu", False),
        ("qwen3-8b", 24, 4, "gpu", False),
        ("qwen3-tts", 0, 4, "remote", False),
    ],
)
def test_what_fits_a_machine_whole_or_in_parts(name: str, card: int, main: int, device: str, offload: bool) -> None:
    (row,) = [row for row in overview([], machine(card=card, main=main)) if row.name == name]
    assert (row.device, row.offload) == (device, offload)


def test_an_installed_model_counts_its_numbers_and_not_its_files(models: Models, tiny_image: Tiny) -> None:
    added = add(models, tiny_image("qwenimage"))
    big = dataclasses.replace(added, parameters={**added.parameters, "weights": 28 * GB, "largest_part": 20 * GB})
    assert installed_bytes(big) - installed_bytes(added) == pytest.approx(28 * GB * 2 * 1.1, rel=0.001)
    assert largest_bytes(big) < installed_bytes(big)
    (row,) = [row for row in overview([big], machine(card=48, main=96)) if row.name == "mine"]
    assert (row.device, row.offload, row.installed) == ("gpu", True, True)


def test_every_model_in_parts_says_what_it_needs() -> None:
    parts: Mapping[str, Any] = {model.name: model for model in CATALOG if model.whole}
    assert {"qwen-image-edit", "wan2.1-vace-1.3b", "wan2.2-animate-14b", "wan2.1-flf2v-14b", "ltx-2"} <= parts.keys()
    for model in parts.values():
        assert 0 < model.largest < model.whole
        assert model.needs
        assert model.source
