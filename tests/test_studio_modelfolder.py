"""Model folders are looked at before they are loaded: what is broken or not trusted is refused, by name."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from studio_tiny import Tiny, image_model, tiny_image
from tenku.base.errors import ModelError
from tenku.studio.diffusion.folder import read_folder
from tenku.studio.diffusion.loaded import Loaded
from tenku.studio.diffusion.loading import load_pipeline
from tenku.studio.diffusion.tensorfile import read_tensor_file

__all__ = ["tiny_image"]

CLASSES = ("QwenImagePipeline",)
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tiny_image: Tiny, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(tiny_image("qwenimage"), tmp_path / "model"))


def load(folder: Path, **parameters: Any) -> Loaded:
    return load_pipeline(image_model(folder, **parameters), classes=CLASSES)


def change_json(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    value = json.loads(file.read_text(encoding="utf-8"))
    change(value)
    file.write_text(json.dumps(value), encoding="utf-8")


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1000])


def in_the_header(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def too_long(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"more")


def another_kind(file: Path) -> None:
    file.write_bytes(b"GGUF" + bytes(5000))


def empty(file: Path) -> None:
    file.write_bytes(b"")


def other_shape(file: Path) -> None:
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length].replace(b'"shape":[32,64]', b'"shape":[32,65]', 1)
    assert header != data[8 : 8 + length]
    file.write_bytes(data[:8] + header + data[8 + length :])


def no_json(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:8] + b"[" + data[9:])


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (cut_off, "1000 bytes of its tensors are missing"),
        (in_the_header, "ends in its header"),
        (too_long, "4 bytes after its last tensor"),
        (another_kind, "no safetensors file"),
        (empty, "no safetensors file"),
        (other_shape, "what cannot be"),
        (no_json, "no safetensors file"),
    ],
)
def test_weights_that_are_broken_are_refused_by_name(folder: Path, harm: Callable[[Path], None], why: str) -> None:
    harm(folder / WEIGHTS)
    with pytest.raises(ModelError, match=why) as caught:
        load(folder)
    assert WEIGHTS in str(caught.value)
    assert caught.value.hint


def test_a_whole_file_of_weights_is_read_right(tiny_image: Tiny) -> None:
    file = read_tensor_file(tiny_image("qwenimage") / WEIGHTS)
    tensors = load_file(file.path)
    assert file.shapes == {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    assert file.numbers == sum(tensor.numel() for tensor in tensors.values())


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.CKPT", "weights.pt", "a.pth", "sub/b.pkl"])
def test_a_pickle_anywhere_in_the_folder_is_refused(folder: Path, name: str) -> None:
    (folder / "vae" / name).parent.mkdir(exist_ok=True)
    (folder / "vae" / name).write_bytes(b"x")
    with pytest.raises(ModelError, match="is a pickle"):
        load(folder)


def missing_part(folder: Path) -> None:
    shutil.rmtree(folder / "scheduler")


def missing_weights(folder: Path) -> None:
    (folder / WEIGHTS).unlink()


def missing_shard(folder: Path) -> None:
    index = {"weight_map": {"a": "diffusion_pytorch_model.safetensors", "b": "other-00002.safetensors"}}
    file = folder / f"{WEIGHTS}.index.json"
    file.write_text(json.dumps(index), encoding="utf-8")


def unknown_pipeline(folder: Path) -> None:
    change_json(folder / "model_index.json", lambda index: index.update(_class_name="MyPipeline"))


def own_code(folder: Path) -> None:
    change_json(folder / "model_index.json", lambda index: index.update(_class_name=["pipeline", "MyPipeline"]))


def foreign_library(folder: Path) -> None:
    change_json(folder / "model_index.json", lambda index: index.update(vae=["os", "system"]))


def unknown_class(folder: Path) -> None:
    change_json(folder / "model_index.json", lambda index: index.update(vae=["diffusers", "AutoencoderOfTomorrow"]))


def no_index(folder: Path) -> None:
    (folder / "model_index.json").write_text("{", encoding="utf-8")


def short_tokenizer(folder: Path) -> None:
    def harm(tokenizer: dict[str, Any]) -> None:
        tokenizer["added_tokens"] += [
            {**tokenizer["added_tokens"][0], "id": 263 + number, "content": f"<more-{number}>"} for number in range(9)
        ]

    change_json(folder / "tokenizer" / "tokenizer.json", harm)


def shifted_tokens(folder: Path) -> None:
    change_json(folder / "text_encoder" / "config.json", lambda config: config.update(image_token_id=258))


def other_config(folder: Path) -> None:
    change_json(folder / "transformer" / "config.json", lambda config: config.update(attention_head_dim=32))


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (missing_part, "lacks its part scheduler"),
        (missing_weights, "has no safetensors file"),
        (missing_shard, "lacks other-00002.safetensors"),
        (unknown_pipeline, "pipeline 'MyPipeline', which is not known"),
        (own_code, "wants code of its own"),
        (foreign_library, "wants the library 'os'"),
        (unknown_class, "class 'AutoencoderOfTomorrow' of diffusers"),
        (no_index, "cannot be read"),
        (short_tokenizer, "has 272 tokens, and its text encoder knows 264"),
        (shifted_tokens, "do not belong together"),
        (other_config, "cannot be loaded from"),
    ],
)
def test_a_folder_with_something_wrong_is_refused(folder: Path, harm: Callable[[Path], None], why: str) -> None:
    harm(folder)
    with pytest.raises(ModelError, match=why) as caught:
        load(folder)
    assert caught.value.hint


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"dtype": "float12"}, "dtype 'float12'; it has to be bfloat16, float16, float32"),
        ({"storage": "fp4"}, "storage"),
        ({"offload": "disk"}, "offload"),
        ({"transformer_file": "/etc/passwd"}, "GGUF file in the model's folder"),
        ({"transformer_file": "../other.gguf"}, "GGUF file in the model's folder"),
    ],
)
def test_parameters_that_cannot_be(tiny_image: Tiny, parameters: dict[str, Any], why: str) -> None:
    with pytest.raises(ModelError, match=why):
        load(tiny_image("qwenimage"), **parameters)
