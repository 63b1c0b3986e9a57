"""A model comes from a hub or from a channel of builds, over their real ways on this machine."""

import asyncio
from pathlib import Path

import pytest

from content_hub import Hub
from content_minisign import key
from studio_gguf import KEYS, gguf
from tenku.base.errors import ModelError
from tenku.content.model import parse_channel
from tenku.content.service import ContentService
from tenku.studio.addmodel import BRINGING, Wish, add_model
from tenku.studio.models import Models

OTHER = gguf({**KEYS, "general.name": "Other"})
FILES = {"tiny-q4.gguf": gguf(), "tiny-q8.gguf": OTHER, "README.md": b"# A model\n"}


def test_the_wanted_file_of_a_hubs_model_comes_and_no_other(tmp_path: Path) -> None:
    models = Models(tmp_path)
    wish = Wish(name="tiny", source="hf:org/model", file="tiny-q8.gguf")
    with Hub(files=FILES) as hub:
        added = asyncio.run(add_model(wish, models, environment=hub.environment))
        assert not any("q4" in request.path and "resolve" in request.path for request in hub.requests)
    assert Path(added.path).read_bytes() == OTHER
    assert models.find("tiny") == added
    assert not (models.folder / BRINGING / "tiny").exists()


def test_a_hubs_model_with_several_files_asks_which(tmp_path: Path) -> None:
    with Hub(files=FILES) as hub, pytest.raises(ModelError, match="2 GGUF files"):
        asyncio.run(add_model(Wish(name="tiny", source="hf:org/model"), Models(tmp_path), environment=hub.environment))


def test_a_hubs_model_of_pickles_is_refused(tmp_path: Path) -> None:
    with Hub(files={"pytorch_model.bin": b"x"}) as hub, pytest.raises(ModelError, match="no GGUF") as caught:
        asyncio.run(add_model(Wish(name="tiny", source="hf:org/model"), Models(tmp_path), environment=hub.environment))
    assert "pickles" in caught.value.hint


def test_a_model_comes_from_a_channel(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "tiny.gguf").write_bytes(gguf())
    studio = key(1)
    store = tmp_path / "store"
    content = ContentService((str(store),), trust=studio.public, key=studio, memory=tmp_path / "memory")
    models = Models(tmp_path / "data")

    async def through() -> None:
        await content.publish(tmp_path / "build", parse_channel("tiny:stable"))
        await add_model(Wish(name="tiny", source="tiny:stable"), models, environment={}, content=content)

    asyncio.run(through())
    assert Path(models.find("tiny").path).read_bytes() == gguf()
