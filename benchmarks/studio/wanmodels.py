"""Wan models of the real classes with random weights, in several sizes, saved to folders like real ones.

They say how long something takes and how much memory it wants, and nothing about quality. The text encoder is small in
all of them: it works once a video, and its real weights would be 11 GB of random numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tenku.studio.diffusion.quiet import quiet


@dataclass(frozen=True, kw_only=True)
class Size:
    """One model, and the video that is made with it."""

    transformer: Mapping[str, Any]
    vae: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    width: int
    height: int
    frames: int
    steps: int
    fps: int


def _latents(channels: int) -> dict[str, Any]:
    return {"z_dim": channels, "latents_mean": [0.0] * channels, "latents_std": [1.0] * channels}


SIZES: Mapping[str, Size] = {
    "tiny": Size(
        transformer={
            "num_attention_heads": 8,
            "attention_head_dim": 24,
            "in_channels": 8,
            "out_channels": 8,
            "text_dim": 64,
            "freq_dim": 64,
            "ffn_dim": 512,
            "num_layers": 8,
        },
        vae={"base_dim": 4, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1, **_latents(8)},
        width=96,
        height=96,
        frames=17,
        steps=8,
        fps=16,
    ),
    "1.3b": Size(
        transformer={"num_attention_heads": 12, "num_layers": 30, "ffn_dim": 8960},
        vae={},
        width=832,
        height=480,
        frames=81,
        steps=6,
        fps=16,
    ),
    "5b": Size(
        transformer={
            "num_attention_heads": 24,
            "num_layers": 30,
            "ffn_dim": 14336,
            "in_channels": 48,
            "out_channels": 48,
        },
        vae={
            "base_dim": 160,
            "decoder_base_dim": 256,
            "is_residual": True,
            "patch_size": 2,
            "in_channels": 12,
            "out_channels": 12,
            "scale_factor_spatial": 16,
            **_latents(48),
        },
        settings={"expand_timesteps": True},
        width=1280,
        height=704,
        frames=121,
        steps=4,
        fps=24,
    ),
}
"""`tiny` for every machine; the others have the shapes of Wan 2.1 T2V 1.3B and Wan 2.2 TI2V-5B."""


def save(size: Size, folder: Path, *, dtype: torch.dtype) -> Path:
    """A folder with such a model."""
    from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
    from transformers import T5Tokenizer, UMT5Config, UMT5EncoderModel

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -1.0)]
    pieces += [(chr(letter), -2.0) for letter in range(33, 127)]
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(0)
        transformer = WanTransformer3DModel(**size.transformer).to(dtype)
        config = UMT5Config(
            vocab_size=300, d_model=transformer.config.text_dim, d_kv=16, d_ff=64, num_layers=2, num_heads=4
        )
        pipeline = WanPipeline(
            tokenizer=T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=512),
            text_encoder=UMT5EncoderModel(config).to(dtype),
            vae=AutoencoderKLWan(**size.vae),
            scheduler=UniPCMultistepScheduler(
                prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=3.0
            ),
            transformer=transformer,
            **size.settings,
        )
        pipeline.save_pretrained(str(folder), safe_serialization=True)
    return folder
