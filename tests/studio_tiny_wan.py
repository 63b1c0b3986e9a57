"""Tiny Wan models of the real classes, with random weights of a fixed seed, saved to folders like real ones.

They prove plumbing and numbers. What they draw is noise.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tenku.studio.diffusion.quiet import quiet
from tenku.studio.model import InstalledModel, Kind

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from diffusers import (
        AutoencoderKLWan,
        UniPCMultistepScheduler,
        WanAnimatePipeline,
        WanAnimateTransformer3DModel,
        WanImageToVideoPipeline,
        WanPipeline,
        WanTransformer3DModel,
        WanVACEPipeline,
        WanVACETransformer3DModel,
    )
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        CLIPVisionModel,
        T5Tokenizer,
        UMT5Config,
        UMT5EncoderModel,
    )

torch.set_num_threads(1)

TEXT = 16
CHANNELS = 4
"""Of the latents."""
MOMENTS = {"latents_mean": [0.0] * CHANNELS, "latents_std": [1.0] * CHANNELS}
TinyWan = Callable[[str], Path]
"""The folder of a tiny model, made once; its name is one of MAKERS."""


@pytest.fixture(scope="session")
def tiny_wan(tmp_path_factory: pytest.TempPathFactory) -> TinyWan:
    """Tiny Wan models; each is made when it is first asked for."""
    root = tmp_path_factory.mktemp("tiny-wan")

    def make(name: str) -> Path:
        folder = root / name / "weights"
        return folder if folder.exists() else saved(name, folder)

    return make


def saved(name: str, folder: Path) -> Path:
    """Save one of MAKERS as its publisher would."""
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(0)
        MAKERS[name]().save_pretrained(str(folder), safe_serialization=True)
    for file in folder.rglob("*.json"):  # without torchvision the library's class has another name
        text = file.read_text(encoding="utf-8")
        if "CLIPImageProcessorPil" in text:
            file.write_text(text.replace("CLIPImageProcessorPil", "CLIPImageProcessor"), encoding="utf-8")
    return folder


def wan_model(folder: Path, **parameters: Any) -> InstalledModel:
    """A folder as an installed model, where it is."""
    return InstalledModel(
        name=f"tiny-{folder.parent.name}",
        kind=Kind.VIDEO,
        engine="wan",
        path=str(folder),
        hash="0" * 64,
        size=sum(file.stat().st_size for file in folder.rglob("*.safetensors")),
        licence="Apache-2.0",
        parameters=parameters,
    )


def transformer(kind: Any = WanTransformer3DModel, **more: Any) -> Any:
    """A transformer of two blocks."""
    settings = {
        "patch_size": (1, 2, 2),
        "num_attention_heads": 2,
        "attention_head_dim": 12,
        "in_channels": CHANNELS,
        "out_channels": CHANNELS,
        "text_dim": TEXT,
        "freq_dim": 32,
        "ffn_dim": 32,
        "num_layers": 2,
        "rope_max_seq_len": 64,
    }
    return kind(**{**settings, **more}).eval()


def shared(**vae: Any) -> dict[str, Any]:
    """The parts that all of them have."""
    return {
        "vae": AutoencoderKLWan(
            **{
                "base_dim": 4,
                "z_dim": CHANNELS,
                "dim_mult": [1, 1, 1, 1],
                "num_res_blocks": 1,
                "temperal_downsample": [False, True, True],
                **MOMENTS,
                **vae,
            }
        ).eval(),
        "scheduler": UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=3.0
        ),
        "text_encoder": UMT5EncoderModel(
            UMT5Config(
                vocab_size=300, d_model=TEXT, d_kv=8, d_ff=16, num_layers=2, num_heads=2, feed_forward_proj="gated-gelu"
            )
        ).eval(),
        "tokenizer": words(),
    }


def words() -> Any:
    """A tokenizer of the kind that UMT5 has; each letter is a token."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -1.0)]
    pieces += [(chr(letter), -2.0) for letter in range(33, 127)]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=512)


def eyes() -> dict[str, Any]:
    """What Wan 2.1 sees frames with: CLIP."""
    config = CLIPVisionConfig(
        hidden_size=TEXT, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )
    return {
        "image_encoder": CLIPVisionModel(config).eval(),
        "image_processor": CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
    }


def two(**more: Any) -> dict[str, Any]:
    """Two transformers, for more noise and for less."""
    return {"transformer": transformer(**more), "transformer_2": transformer(**more), "boundary_ratio": 0.8}


FRAME = {"in_channels": 2 * CHANNELS + 4}
SEES = {**FRAME, "image_dim": TEXT, "added_kv_proj_dim": 24}
MAKERS: dict[str, Callable[[], Any]] = {
    "t2v": lambda: WanPipeline(**shared(), transformer=transformer()),
    "t2v-two": lambda: WanPipeline(**shared(), **two()),
    "i2v": lambda: WanImageToVideoPipeline(**shared(), **eyes(), transformer=transformer(**SEES)),
    # 17 places of CLIP for each of two frames
    "flf2v": lambda: WanImageToVideoPipeline(
        **shared(), **eyes(), transformer=transformer(**SEES, pos_embed_seq_len=2 * 17)
    ),
    "i2v-two": lambda: WanImageToVideoPipeline(**shared(), **two(**FRAME)),
    "ti2v": lambda: WanPipeline(
        **shared(
            is_residual=True,
            patch_size=2,
            in_channels=12,
            out_channels=12,
            scale_factor_spatial=16,
            decoder_base_dim=4,
        ),
        transformer=transformer(),
        expand_timesteps=True,
    ),
    "vace": lambda: WanVACEPipeline(
        **shared(),
        transformer=transformer(WanVACETransformer3DModel, vace_layers=[0], vace_in_channels=2 * CHANNELS + 64),
    ),
    "animate": lambda: WanAnimatePipeline(
        **shared(),
        **eyes(),
        transformer=transformer(
            WanAnimateTransformer3DModel,
            **{**SEES, "latent_channels": CHANNELS},
            motion_encoder_channel_sizes={"4": 8, "8": 8, "16": 8},
            motion_encoder_size=16,
            motion_style_dim=8,
            motion_dim=4,
            motion_encoder_dim=16,
            face_encoder_hidden_dim=16,
            face_encoder_num_heads=2,
            inject_face_latents_blocks=1,
        ),
    ),
}
