"""Qwen-Image's transformer and VAE, and Qwen2.5-VL 7B, which reads words and pictures for it.

Where numbers come from: the transformer's and the VAE's are the classes' defaults, which are Qwen/Qwen-Image's own;
Qwen2.5-VL's as known of Qwen/Qwen2.5-VL-7B-Instruct, not read in its config.json; the count of parameters is right.
1328x1328 is Qwen-Image's own square, 50 steps its own example; the edit pipeline looks at a picture twice: at about
384x384 with Qwen2.5-VL, at 1024x1024 with the VAE. How long a prompt is nobody says: 128 tokens are a good paragraph.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.vision_utils import get_vision_window_index

from tenku.accel.inventory.subject import Piece, Run, Subject, built, tensor, tokens

WORDS = 128
TEMPLATE, TEMPLATE_EDIT = 34, 64
"""Tokens that the pipelines put before a prompt, and drop again behind the text encoder."""
VL_TEXT: Mapping[str, Any] = {
    "vocab_size": 152_064,
    "hidden_size": 3584,
    "intermediate_size": 18_944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "max_position_embeddings": 128_000,
    "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0, "mrope_section": [16, 24, 24]},
}
VL_VISION: Mapping[str, Any] = {"hidden_size": 1280, "out_hidden_size": 3584, "depth": 32}
VISION_ROUND = 8
"""Every eighth block of its sight looks at the whole picture, the others at windows."""
SEEN = 28
"""Patches a side of the picture that Qwen2.5-VL sees; four of them are a token."""


@dataclass(frozen=True, kw_only=True)
class QwenImage:
    """One of them, and the picture that is made with it."""

    side: int
    steps: int
    given: int = 0
    """A side of the picture that is changed; 0: none is given."""
    transformer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> int:
        """Tokens that the transformer is given."""
        return WORDS + (SEEN // 2) ** 2 * bool(self.given)

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """Moments, height and width of the pictures, in patches."""
        return [(1, side // 16, side // 16) for side in (self.side, self.given) if side]


def subject(image: QwenImage) -> Subject:
    """A Qwen-Image model as it is recorded."""
    transformer = Piece(
        name="transformer",
        runs=image.steps * 2,
        ready=lambda blocks: _transformer(image, blocks),
        blocks=image.transformer.get("num_layers", 60),
    )
    text = Piece(
        name="text encoder", runs=2, ready=lambda blocks: _text(image, blocks), blocks=VL_TEXT["num_hidden_layers"]
    )
    decode = Piece(name="vae decode", runs=1, ready=lambda _: _decode(image))
    if not image.given:
        job = f"{image.side}x{image.side}, {image.steps} steps"
        return Subject(job=job, pieces=(text, transformer, decode))
    sight = Piece(
        name="picture encoder", runs=2, ready=_sight, blocks=VL_VISION["depth"], period=VISION_ROUND, shared=True
    )
    encode = Piece(name="vae encode", runs=1, ready=lambda _: _encode(image), shared=True)
    job = f"{image.side}x{image.side} from {image.given}x{image.given}, {image.steps} steps"
    return Subject(job=job, pieces=(sight, text, encode, transformer, decode))


def _transformer(image: QwenImage, blocks: int) -> Run:
    model = built(QwenImageTransformer2DModel, **{**image.transformer, "num_layers": blocks})
    noise = tensor(1, sum(height * width for _, height, width in image.shapes), model.config.in_channels)
    words = tensor(1, image.words, model.config.joint_attention_dim)
    time = tensor(1)

    def work() -> object:
        # Without a mask: a prompt alone needs no filling up, and then the pipeline leaves it out.
        return model(noise, words, None, time, [image.shapes], return_dict=False)

    return Run(module=model, work=work)


def _text(image: QwenImage, blocks: int) -> Run:
    """The words, and what was seen, as one row of tokens."""
    model = _reader(text={"num_hidden_layers": blocks})
    count = image.words + (TEMPLATE_EDIT if image.given else TEMPLATE)
    row = tensor(1, count, VL_TEXT["hidden_size"]) if image.given else None
    ids, mask, places = None if image.given else tokens(1, count), tokens(1, count), tokens(3, 1, count)

    def work() -> object:
        return model(
            input_ids=ids, inputs_embeds=row, attention_mask=mask, position_ids=places, output_hidden_states=True
        )

    return Run(module=model, work=work)


def _sight(blocks: int) -> Run:
    """Qwen2.5-VL sees a picture."""
    model = _reader(vision={"depth": blocks}).model.visual
    patches = tensor(SEEN * SEEN, 3 * 2 * 14 * 14)
    # What the model asks the processor before it can begin: how long the picture's windows are.
    sides = torch.tensor([[1, SEEN, SEEN]])
    _, windows = get_vision_window_index(
        sides, spatial_merge_size=model.spatial_merge_size, window_size=model.window_size, patch_size=model.patch_size
    )
    given = {"position_ids": tokens(SEEN * SEEN, 2), "window_index": tokens(SEEN * SEEN // 4)}
    return Run(module=model, work=lambda: model(patches, grid_thw=sides, cu_window_seqlens=windows, **given))


def _reader(text: Mapping[str, Any] | None = None, vision: Mapping[str, Any] | None = None) -> Any:
    config = Qwen2_5_VLConfig(text_config={**VL_TEXT, **(text or {})}, vision_config={**VL_VISION, **(vision or {})})
    return built(Qwen2_5_VLForConditionalGeneration, config)


def _decode(image: QwenImage) -> Run:
    model = built(AutoencoderKLQwenImage)
    latents = tensor(1, 16, 1, image.side // 8, image.side // 8)
    return Run(module=model, work=lambda: model.decode(latents, return_dict=False))


def _encode(image: QwenImage) -> Run:
    model = built(AutoencoderKLQwenImage)
    picture = tensor(1, 3, 1, image.given, image.given)
    return Run(module=model, work=lambda: model.encode(picture))


SUBJECTS: Mapping[str, Subject] = {
    "qwen-image": subject(QwenImage(side=1328, steps=50)),
    "qwen-image-edit": subject(QwenImage(side=1024, given=1024, steps=40)),
}
