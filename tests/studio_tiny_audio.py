"""Tiny models of the real classes for sound, and for video with sound, with random weights of a fixed seed.

They prove plumbing and numbers. What they make is noise.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tenku.studio.diffusion.quiet import quiet
from tenku.studio.model import InstalledModel, Json, Kind

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from diffusers import (
        AudioLDM2Pipeline,
        AudioLDM2ProjectionModel,
        AudioLDM2UNet2DConditionModel,
        AutoencoderKL,
        AutoencoderKLLTX2Audio,
        AutoencoderKLLTX2Video,
        AutoencoderOobleck,
        DDIMScheduler,
        EDMDPMSolverMultistepScheduler,
        FlowMatchEulerDiscreteScheduler,
        LTX2Pipeline,
        LTX2VideoTransformer3DModel,
        StableAudioDiTModel,
        StableAudioPipeline,
        StableAudioProjectionModel,
    )
    from diffusers.pipelines.ltx2 import LTX2LatentUpsamplerModel, LTX2TextConnectors, LTX2Vocoder
    from transformers import (
        ClapConfig,
        ClapFeatureExtractor,
        ClapModel,
        Gemma3Config,
        Gemma3ForConditionalGeneration,
        GemmaTokenizer,
        GPT2Config,
        GPT2LMHeadModel,
        RobertaTokenizer,
        SpeechT5HifiGan,
        SpeechT5HifiGanConfig,
        T5Config,
        T5EncoderModel,
        T5Tokenizer,
    )

torch.set_num_threads(1)

LETTERS = [chr(code) for code in range(33, 127)]
Tiny = Callable[[str], Path]
"""The folder of a tiny model, made once: `stable-audio`, `audioldm2`, `ltx2`, `ltx2-upsampled`."""


@pytest.fixture(scope="session")
def tiny_sound(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Tiny models that make sound; each is made when it is first asked for."""
    root = tmp_path_factory.mktemp("tiny-sounds")
    makers: dict[str, Callable[[], Any]] = {
        "stable-audio": stable_audio,
        "audioldm2": audioldm2,
        "ltx2": ltx2,
        "ltx2-upsampled": ltx2,
    }

    def make(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            with torch.random.fork_rng(devices=[]), quiet():
                torch.manual_seed(0)
                makers[name]().save_pretrained(str(folder), safe_serialization=True)
                if name.endswith("upsampled"):
                    upsampler().save_pretrained(str(folder / "latent_upsampler"))
        return folder

    return make


def sound_model(folder: Path, *, engine: str = "audio", name: str = "tiny", **parameters: Json) -> InstalledModel:
    """A folder as an installed model, where it is."""
    return InstalledModel(
        name=name,
        kind=Kind.SOUND if engine == "audio" else Kind.VIDEO,
        engine=engine,
        path=str(folder),
        hash="0" * 64,
        size=1,
        licence="Apache-2.0",
        parameters=parameters,
    )


def stable_audio() -> Any:
    """Stereo of 8 kHz, 4.096 s at most."""
    return StableAudioPipeline(
        transformer=StableAudioDiTModel(
            sample_size=512,
            in_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            num_key_value_attention_heads=2,
            out_channels=4,
            cross_attention_dim=8,
            time_proj_dim=8,
            global_states_input_dim=16,
            cross_attention_input_dim=8,
        ),
        scheduler=EDMDPMSolverMultistepScheduler(solver_order=2, prediction_type="v_prediction", sigma_data=1.0),
        vae=AutoencoderOobleck(
            encoder_hidden_size=8,
            downsampling_ratios=[4, 4, 4],
            decoder_channels=8,
            decoder_input_channels=4,
            audio_channels=2,
            channel_multiples=[1, 2, 4],
            sampling_rate=8000,
        ),
        text_encoder=t5(hidden=8),
        tokenizer=t5_tokenizer(),
        projection_model=StableAudioProjectionModel(text_encoder_dim=8, conditioning_dim=8, min_value=0, max_value=32),
    )


def audioldm2() -> Any:
    """Mono of 16 kHz."""
    clap = ClapConfig(
        text_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "vocab_size": 200,
            "max_position_embeddings": 130,
            "projection_dim": 16,
        },
        audio_config={
            "hidden_size": 16,
            "patch_embeds_hidden_size": 8,
            "depths": [1, 1],
            "num_attention_heads": [1, 1],
            "num_mel_bins": 64,
            "spec_size": 64,
            "window_size": 4,
            "projection_dim": 16,
        },
        projection_dim=16,
    )
    return AudioLDM2Pipeline(
        unet=AudioLDM2UNet2DConditionModel(
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=8,
            sample_size=32,
            in_channels=4,
            out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=(8, 16),
        ),
        scheduler=DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False),
        vae=AutoencoderKL(
            block_out_channels=[8, 16],
            in_channels=1,
            out_channels=1,
            norm_num_groups=8,
            down_block_types=["DownEncoderBlock2D"] * 2,
            up_block_types=["UpDecoderBlock2D"] * 2,
            latent_channels=4,
        ),
        text_encoder=ClapModel(clap),
        text_encoder_2=t5(hidden=32),
        tokenizer=roberta_tokenizer(),
        tokenizer_2=t5_tokenizer(),
        feature_extractor=ClapFeatureExtractor(feature_size=64, sampling_rate=16000, hop_length=160),
        language_model=GPT2LMHeadModel(gpt2()),
        projection_model=AudioLDM2ProjectionModel(text_encoder_dim=16, text_encoder_1_dim=32, langauge_model_dim=16),
        vocoder=hifigan(),
    )


def hifigan() -> Any:
    """A vocoder that can be heard: one with random weights whispers."""
    config = SpeechT5HifiGanConfig(
        model_in_dim=8,
        sampling_rate=16000,
        upsample_initial_channel=16,
        upsample_rates=[8, 4, 4],
        upsample_kernel_sizes=[16, 8, 8],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1]],
        normalize_before=False,
    )
    vocoder = SpeechT5HifiGan(config)
    with torch.no_grad():
        vocoder.conv_post.weight.mul_(1e6)
    return vocoder


def gpt2() -> Any:
    """A language model of two layers."""
    config = GPT2Config(n_embd=16, n_head=2, n_layer=2, vocab_size=200, n_positions=80)
    config.max_new_tokens = 4
    return config


def ltx2() -> Any:
    """Video and stereo sound of 24 kHz."""
    vae = AutoencoderKLLTX2Video(
        latent_channels=4,
        block_out_channels=(8, 16, 32, 64),
        decoder_block_out_channels=(8, 16, 32),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1),
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
    )
    audio_vae = AutoencoderKLLTX2Audio(
        base_channels=32, ch_mult=(1, 1, 1), num_res_blocks=1, latent_channels=4, resolution=32, mel_bins=32
    )
    return LTX2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae,
        audio_vae=audio_vae,
        text_encoder=gemma(),
        tokenizer=gemma_tokenizer(),
        connectors=LTX2TextConnectors(
            caption_channels=16,
            text_proj_in_factor=3,
            video_connector_num_attention_heads=2,
            video_connector_attention_head_dim=8,
            video_connector_num_layers=1,
            video_connector_num_learnable_registers=None,
            audio_connector_num_attention_heads=2,
            audio_connector_attention_head_dim=8,
            audio_connector_num_layers=1,
            audio_connector_num_learnable_registers=None,
        ),
        transformer=LTX2VideoTransformer3DModel(
            in_channels=4,
            out_channels=4,
            num_attention_heads=2,
            attention_head_dim=8,
            cross_attention_dim=16,
            audio_in_channels=32,
            audio_out_channels=32,
            audio_num_attention_heads=2,
            audio_attention_head_dim=8,
            audio_cross_attention_dim=16,
            num_layers=2,
            caption_channels=16,
        ),
        vocoder=LTX2Vocoder(
            in_channels=64,
            hidden_channels=32,
            upsample_kernel_sizes=[16, 15, 8, 4, 4],
            upsample_factors=[6, 5, 2, 2, 2],
            resnet_kernel_sizes=[3],
            resnet_dilations=[[1]],
        ),
    )


def upsampler() -> Any:
    """Twice the width and the height."""
    return LTX2LatentUpsamplerModel(in_channels=4, mid_channels=32, num_blocks_per_stage=1)


def gemma() -> Any:
    """Gemma 3 with two layers."""
    config = Gemma3Config(
        text_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 8,
            "vocab_size": 120,
        },
        vision_config={
            "hidden_size": 8,
            "intermediate_size": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
        mm_tokens_per_image=4,
    )
    return Gemma3ForConditionalGeneration(config).eval()


def gemma_tokenizer() -> Any:
    """Each letter is a token."""
    vocabulary = {token: number for number, token in enumerate(["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁"])}
    vocabulary |= {letter: len(vocabulary) + number for number, letter in enumerate(LETTERS)}
    return GemmaTokenizer(vocab=vocabulary, merges=[], model_max_length=1024)


def t5(*, hidden: int) -> Any:
    """A text encoder of two layers."""
    config = T5Config(vocab_size=200, d_model=hidden, d_kv=8, d_ff=16, num_layers=2, num_heads=2)
    return T5EncoderModel(config).eval()


def t5_tokenizer() -> Any:
    """Each letter is a token."""
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    vocabulary += [(letter, -3.0) for letter in LETTERS]
    return T5Tokenizer(vocab=vocabulary, extra_ids=0, additional_special_tokens=[], model_max_length=64)


def roberta_tokenizer() -> Any:
    """Each letter is a token."""
    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "Ġ": 5}
    vocabulary |= {letter: len(vocabulary) + number for number, letter in enumerate(LETTERS)}
    return RobertaTokenizer(vocab=vocabulary, merges=[], model_max_length=64)
