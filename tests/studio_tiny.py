"""Tiny models of the real classes, with random weights of a fixed seed, saved to folders like real ones.

They prove plumbing and numbers. What they draw is noise.
"""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers.pre_tokenizers import ByteLevel

from tenku.studio.diffusion.pictureprocessor import PictureProcessor
from tenku.studio.diffusion.quiet import quiet
from tenku.studio.model import InstalledModel, Kind

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from diffusers import (
        AutoencoderKLQwenImage,
        FlowMatchEulerDiscreteScheduler,
        QwenImageEditPipeline,
        QwenImageEditPlusPipeline,
        QwenImageLayeredPipeline,
        QwenImagePipeline,
        QwenImageTransformer2DModel,
    )
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2Tokenizer,
        Qwen2VLImageProcessorPil,
    )

torch.set_num_threads(1)

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
FIRST_SPECIAL = 256
HIDDEN = 16
LATENT = 16
"""Channels of latents; four, as pictures with alpha have, would be taken for such a picture."""
Tiny = Callable[[str], Path]
"""The folder of a tiny model, made once: `qwenimage`, `edit`, `edit-plus` or `layered`."""


@pytest.fixture(scope="session")
def tiny_image(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Tiny models of Qwen-Image; each is made when it is first asked for."""
    root = tmp_path_factory.mktemp("tiny-images")
    makers = {
        "qwenimage": tiny_qwenimage,
        "edit": tiny_qwenimage_edit,
        "edit-plus": tiny_qwenimage_edit_plus,
        "layered": tiny_qwenimage_layered,
    }

    def make(name: str) -> Path:
        folder = root / name
        return folder if folder.exists() else makers[name](folder)

    return make


def image_model(folder: Path, **parameters: Any) -> InstalledModel:
    """A folder as an installed model, where it is."""
    return InstalledModel(
        name="tiny",
        kind=Kind.IMAGE,
        engine="qwenimage",
        path=str(folder),
        hash="0" * 64,
        size=sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
        licence="Apache-2.0",
        parameters=parameters,
    )


def tiny_qwenimage(folder: Path) -> Path:
    """From text."""
    return saved(QwenImagePipeline(**qwen_parts(channels=3)), folder)


def tiny_qwenimage_edit(folder: Path) -> Path:
    """From a picture and text."""
    parts = qwen_parts(channels=3)
    return saved(QwenImageEditPipeline(**parts, processor=picture_reader(parts["tokenizer"])), folder)


def tiny_qwenimage_edit_plus(folder: Path) -> Path:
    """From several pictures and text."""
    parts = qwen_parts(channels=3)
    return saved(QwenImageEditPlusPipeline(**parts, processor=picture_reader(parts["tokenizer"])), folder)


def tiny_qwenimage_layered(folder: Path) -> Path:
    """A picture into layers with alpha."""
    parts = qwen_parts(channels=4, use_additional_t_cond=True, use_layer3d_rope=True)
    return saved(QwenImageLayeredPipeline(**parts, processor=picture_reader(parts["tokenizer"])), folder)


def qwen_parts(*, channels: int, **transformer: Any) -> dict[str, Any]:
    """All parts but the processor; the same numbers every time."""
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(0)
        return {
            "transformer": QwenImageTransformer2DModel(
                patch_size=2,
                in_channels=4 * LATENT,
                out_channels=LATENT,
                num_layers=2,
                attention_head_dim=16,
                num_attention_heads=2,
                joint_attention_dim=HIDDEN,
                axes_dims_rope=(4, 6, 6),
                **transformer,
            ),
            "vae": AutoencoderKLQwenImage(
                base_dim=8,
                z_dim=LATENT,
                dim_mult=[1, 2, 2, 2],
                num_res_blocks=1,
                temperal_downsample=[False, True, True],
                input_channels=channels,
            ),
            "scheduler": FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
            "text_encoder": qwen_encoder(),
            "tokenizer": qwen_tokenizer(),
        }


def qwen_tokenizer() -> Any:
    """Each byte is a token; then come the special ones."""
    vocabulary = {letter: number for number, letter in enumerate(sorted(ByteLevel.alphabet()))}
    vocabulary |= {token: FIRST_SPECIAL + number for number, token in enumerate(SPECIAL)}
    return Qwen2Tokenizer(vocab=vocabulary, merges=[], additional_special_tokens=list(SPECIAL[1:]))


def qwen_encoder() -> Any:
    """Qwen2.5-VL with two layers."""
    ids = {token: FIRST_SPECIAL + number for number, token in enumerate(SPECIAL)}
    config = Qwen2_5_VLConfig(
        text_config={
            "hidden_size": HIDDEN,
            "intermediate_size": HIDDEN,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "vocab_size": 264,
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1000000.0},
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"],
        },
        vision_config={
            "depth": 2,
            "hidden_size": HIDDEN,
            "intermediate_size": HIDDEN,
            "num_heads": 2,
            "out_hidden_size": HIDDEN,
            "fullatt_block_indexes": [1],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=False,
    )
    return Qwen2_5_VLForConditionalGeneration(config).eval()


def picture_reader(tokenizer: Any) -> Any:
    """What makes tokens of text and pictures."""
    pictures = Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=112 * 112)
    return PictureProcessor(image_processor=pictures, tokenizer=tokenizer)


def saved(pipeline: Any, folder: Path) -> Path:
    """Save a pipeline as its publisher would."""
    with quiet():
        pipeline.save_pretrained(str(folder), safe_serialization=True)
    # Ours is the library's processor under another name; a folder names the library's.
    for file in folder.rglob("*.json"):
        text = file.read_text(encoding="utf-8")
        if "PictureProcessor" in text:
            new = text.replace("tenku.studio.diffusion.pictureprocessor", "transformers")
            file.write_text(new.replace("PictureProcessor", "Qwen2VLProcessor"), encoding="utf-8")
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    if "processor" in index:
        index["processor"] = ["transformers", "Qwen2VLProcessor"]
        (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder
