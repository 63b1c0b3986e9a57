"""The catalogue of known models: complete, honest about what is not there, and right about memory."""

import pytest

from studio_models import SIZE
from tenku.accel.devices import Device
from tenku.content.hubname import parse_hub_name
from tenku.studio.catalog import CATALOG, KnownModel, fits, installed_bytes, known_model, memory_bytes
from tenku.studio.model import InstalledModel, Kind
from tenku.studio.models import check_name

GIB = 1024**3


@pytest.mark.parametrize("model", CATALOG, ids=lambda model: model.name)
def test_every_row_is_whole(model: KnownModel) -> None:
    assert check_name(model.name)
    assert model.about
    assert model.licence
    assert model.parameters > 0
    assert model.size > 0
    assert not model.source or model.source.startswith("package:") or parse_hub_name(model.source)
    if model.kind is Kind.TEXT:
        assert model.shape
        assert bool(model.file) == bool(model.source)
        assert model.size < model.parameters * 2, "larger than at 16 bits"
    if model.must_accept:
        assert model.licence.startswith("LicenseRef-")


def test_names_are_unique() -> None:
    assert len({model.name for model in CATALOG}) == len(CATALOG)
    assert known_model("qwen3-8b") in CATALOG
    assert known_model("qwen3-800b") is None


def test_memory_is_weights_and_chats() -> None:
    model = known_model("qwen3-8b")
    assert model
    assert model.shape
    assert model.shape.bytes_per_token == 144 * 1024
    need = memory_bytes(model.size, model.shape, context=4096, slots=4)
    assert need - model.size == 4096 * 4 * 144 * 1024 + 256 * 1024**2
    assert memory_bytes(model.size, model.shape, context=10**9) == memory_bytes(model.size, model.shape, context=40_960)
    assert memory_bytes(GIB, None) > GIB


def test_an_installed_model_counts_with_its_own_settings() -> None:
    base = InstalledModel(
        name="m", kind=Kind.TEXT, engine="llama", path="x", hash="x", size=SIZE, licence="x", parameters={}
    )
    small = {"kv_bytes_per_token": 23_040, "trained_context": 8192, "context": 1024, "slots": 1}
    one = InstalledModel(**{**vars(base), "parameters": small})
    many = InstalledModel(**{**vars(base), "parameters": {**small, "slots": 9}})
    assert installed_bytes(many) - installed_bytes(one) == 8 * 1024 * 23_040
    assert installed_bytes(InstalledModel(**{**vars(base), "hash": "remote"})) == 0


def test_the_first_device_that_is_large_enough_is_taken() -> None:
    small, large = Device("cuda", 0, "gpu", 8 * GIB, GIB), Device("cpu", 0, "cpu", 32 * GIB, GIB, 8)
    assert fits(6 * GIB, [small, large]) is small
    assert fits(16 * GIB, [small, large]) is large
    assert fits(64 * GIB, [small, large]) is None
