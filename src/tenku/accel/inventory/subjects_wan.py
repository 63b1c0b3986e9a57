"""Wan's transformers and VAEs, and UMT5-xxl, which reads the words for them.

Where numbers come from: the transformers' and the VAEs' as in diffusers' conversion script
(scripts/convert_wan_to_diffusers.py; Wan 2.1's VAE is the class's default), UMT5's as known of google/umt5-xxl, not
read in its config.json; the count of parameters is right. Sizes of pictures, steps and guidance are those of Wan's own
examples.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers import AutoencoderKLWan, WanTransformer3DModel
from transformers import UMT5Config, UMT5EncoderModel

from tenku.accel.inventory.subject import Piece, Run, Subject, built, tensor, tokens

EXACT = torch.float32
"""What Wan's VAE computes in, whatever the transformer does: its makers' way, and the studio's."""
WORDS = 512
"""Tokens that Wan is always given: a shorter prompt is filled up."""
UMT5_XXL: Mapping[str, Any] = {
    "vocab_size": 256_384,
    "d_model": 4096,
    "d_kv": 64,
    "d_ff": 10_240,
    "num_layers": 24,
    "num_heads": 64,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
}
_VAE_16: Mapping[str, Any] = {}
_VAE_48: Mapping[str, Any] = {
    "base_dim": 160,
    "decoder_base_dim": 256,
    "z_dim": 48,
    "is_residual": True,
    "patch_size": 2,
    "in_channels": 12,
    "out_channels": 12,
    "scale_factor_spatial": 16,
    "latents_mean": [0.0] * 48,
    "latents_std": [1.0] * 48,
}


@dataclass(frozen=True, kw_only=True)
class Wan:
    """One of them, and the video that is made with it."""

    transformer: Mapping[str, Any]
    vae: Mapping[str, Any]
    text: Mapping[str, Any] = field(default_factory=lambda: UMT5_XXL)
    words: int = WORDS
    width: int
    height: int
    frames: int
    steps: int
    transformers: int = 1
    """Two of Wan 2.2's share the steps."""
    each_token: bool = False
    """Every token has its own time: Wan 2.2 TI2V-5B, whose first frame may be given."""

    def latents(self) -> tuple[int, int, int, int, int]:
        """Batch, channels, moments, height, width."""
        channels = self.transformer.get("in_channels", 16)
        scale = self.vae.get("scale_factor_spatial", 8)
        return 1, channels, (self.frames - 1) // 4 + 1, self.height // scale, self.width // scale


def subject(wan: Wan) -> Subject:
    """A Wan model as it is recorded. The VAE's encoder is in use where a video begins from a frame."""
    return Subject(
        job=f"{wan.width}x{wan.height}, {wan.frames} frames, {wan.steps} steps",
        pieces=(
            Piece(
                name="text encoder",
                runs=2,
                ready=lambda blocks: text_encoder({**wan.text, "num_layers": blocks}, words=wan.words),
                blocks=wan.text["num_layers"],
            ),
            Piece(
                name="transformer",
                runs=wan.steps * 2,
                ready=lambda blocks: _transformer(wan, blocks),
                blocks=wan.transformer.get("num_layers", 40),
                copies=wan.transformers,
            ),
            Piece(name="vae decode", runs=1, ready=lambda _: _decode(wan)),
            Piece(name="vae encode", runs=1, ready=lambda _: _encode(wan), shared=True),
        ),
    )


def text_encoder(config: Mapping[str, Any], *, words: int) -> Run:
    """UMT5 reads a prompt."""
    model = built(UMT5EncoderModel, UMT5Config(**config))
    ids, mask = tokens(1, words), tokens(1, words)
    return Run(module=model, work=lambda: model(ids, mask))


def _transformer(wan: Wan, blocks: int) -> Run:
    model = built(WanTransformer3DModel, **{**wan.transformer, "num_layers": blocks})
    shape = wan.latents()
    noise = tensor(*shape)
    seen = shape[2] * (shape[3] // 2) * (shape[4] // 2)
    # diffusers counts time in whole numbers for one clock, and in floats where every token has its own.
    time = tensor(1, seen, dtype=torch.float32) if wan.each_token else tokens(1)
    words = tensor(1, wan.words, wan.transformer.get("text_dim", 4096))
    return Run(module=model, work=lambda: model(noise, time, words, return_dict=False))


def _decode(wan: Wan) -> Run:
    model = built(AutoencoderKLWan, dtype=EXACT, **wan.vae)
    latents = tensor(*wan.latents(), dtype=EXACT)
    return Run(module=model, work=lambda: model.decode(latents, return_dict=False))


def _encode(wan: Wan) -> Run:
    """A first frame alone."""
    model = built(AutoencoderKLWan, dtype=EXACT, **wan.vae)
    picture = tensor(1, 3, 1, wan.height, wan.width, dtype=EXACT)
    return Run(module=model, work=lambda: model.encode(picture))


SUBJECTS: Mapping[str, Subject] = {
    "wan2.1-t2v-1.3b": subject(
        Wan(
            transformer={"num_attention_heads": 12, "num_layers": 30, "ffn_dim": 8960},
            vae=_VAE_16,
            width=832,
            height=480,
            frames=81,
            steps=50,
        )
    ),
    "wan2.2-ti2v-5b": subject(
        Wan(
            transformer={
                "num_attention_heads": 24,
                "num_layers": 30,
                "ffn_dim": 14_336,
                "in_channels": 48,
                "out_channels": 48,
            },
            vae=_VAE_48,
            width=1280,
            height=704,
            frames=121,
            steps=50,
            each_token=True,
        )
    ),
    "wan2.2-t2v-a14b": subject(
        Wan(transformer={}, vae=_VAE_16, width=1280, height=720, frames=81, steps=40, transformers=2)
    ),
    "tiny-wan": subject(
        Wan(
            transformer={
                "num_attention_heads": 2,
                "attention_head_dim": 32,
                "in_channels": 8,
                "out_channels": 8,
                "text_dim": 32,
                "freq_dim": 32,
                "ffn_dim": 128,
                "num_layers": 2,
            },
            vae={
                "base_dim": 8,
                "z_dim": 8,
                "dim_mult": [1, 1, 1, 1],
                "num_res_blocks": 1,
                "latents_mean": [0.0] * 8,
                "latents_std": [1.0] * 8,
            },
            text={
                "vocab_size": 256,
                "d_model": 32,
                "d_kv": 16,
                "d_ff": 64,
                "num_layers": 2,
                "num_heads": 2,
                "feed_forward_proj": "gated-gelu",
                "tie_word_embeddings": False,
            },
            words=16,
            width=64,
            height=64,
            frames=5,
            steps=4,
        )
    ),
}
