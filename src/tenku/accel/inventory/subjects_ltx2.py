"""LTX-2 19B: a transformer for pictures and sound, their VAEs, a vocoder, and Gemma 3 12B, which reads the words.

Where numbers come from: LTX-2.0's as in diffusers' conversion script (scripts/convert_ltx2_to_diffusers.py), Gemma's
as known of google/gemma-3-12b-it, not read in its config.json (its sight is there and unused). Size, frames and steps
are the pipeline's own usual ones; so are its three kinds of guidance: a step is one run for two prompts at once, one
as if a block were left out (LTX-2.0 has no such blocks, so it is a plain run), and one with pictures and sound apart
from each other.
"""

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import AutoencoderKLLTX2Audio, AutoencoderKLLTX2Video, LTX2VideoTransformer3DModel
from diffusers.pipelines.ltx2 import LTX2TextConnectors, LTX2Vocoder
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

from tenku.accel.inventory.subject import Piece, Run, Subject, Work, built, tensor, tokens

WIDTH, HEIGHT, FRAMES, FPS, STEPS = 768, 512, 121, 24.0, 30
WORDS = 1024
"""Tokens that it is always given: a shorter prompt is filled up."""
MOMENTS, ROWS, COLUMNS = (FRAMES - 1) // 8 + 1, HEIGHT // 32, WIDTH // 32
SOUND = round(FRAMES / FPS * 25)
"""Moments of sound: 16000 samples a second, 160 of them a moment, four of those a latent."""
GEMMA_ROUND = 6
"""Every sixth block of Gemma looks at everything, the others at what is near."""
GEMMA: Mapping[str, Any] = {
    "vocab_size": 262_208,
    "hidden_size": 3840,
    "intermediate_size": 15_360,
    "num_hidden_layers": 48,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 256,
    "sliding_window": 1024,
    "query_pre_attn_scalar": 256,
    "rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1_000_000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
    },
}
GEMMA_SIGHT: Mapping[str, Any] = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "image_size": 896,
    "patch_size": 14,
}
ROPE: Mapping[str, Any] = {"rope_type": "split"}
"""Besides this, the classes' defaults are LTX-2.0's."""


def _text(blocks: int) -> Run:
    model = built(
        Gemma3ForConditionalGeneration,
        Gemma3Config(text_config={**GEMMA, "num_hidden_layers": blocks}, vision_config=dict(GEMMA_SIGHT)),
    )
    ids, mask = tokens(1, WORDS), tokens(1, WORDS)
    return Run(module=model, work=lambda: model(input_ids=ids, attention_mask=mask, output_hidden_states=True))


def _connectors(_: int) -> Run:
    """From all of Gemma's layers to what the transformer is told, for two prompts at once."""
    model = built(LTX2TextConnectors, **ROPE)
    layers, mask = tensor(2, WORDS, 3840 * 49), tokens(2, WORDS)
    return Run(module=model, work=lambda: model(layers, mask, padding_side="left"))


def _transformer(blocks: int, *, prompts: int, apart: bool = False) -> Run:
    model = built(LTX2VideoTransformer3DModel, num_layers=blocks, use_prompt_embeddings=True, **ROPE)
    return Run(module=model, work=_step(model, prompts, apart=apart))


def _step(model: Any, prompts: int, *, apart: bool) -> Work:
    time = tensor(prompts, dtype=torch.float32)
    given: dict[str, Any] = {
        "hidden_states": tensor(prompts, MOMENTS * ROWS * COLUMNS, 128),
        "audio_hidden_states": tensor(prompts, SOUND, 128),
        "encoder_hidden_states": tensor(prompts, WORDS, 3840),
        "audio_encoder_hidden_states": tensor(prompts, WORDS, 3840),
        "timestep": time,
        "sigma": time,
        "encoder_attention_mask": tokens(prompts, WORDS),
        "audio_encoder_attention_mask": tokens(prompts, WORDS),
        "video_coords": tensor(prompts, 3, MOMENTS * ROWS * COLUMNS, 2, dtype=torch.float32),
        "audio_coords": tensor(prompts, 1, SOUND, 2, dtype=torch.float32),
    }
    sizes = {"num_frames": MOMENTS, "height": ROWS, "width": COLUMNS, "fps": FPS, "audio_num_frames": SOUND}
    manner = {"isolate_modalities": apart, "use_cross_timestep": True, "return_dict": False}
    return lambda: model(**given, **sizes, **manner)


def _decode(_: int) -> Run:
    model = built(AutoencoderKLLTX2Video, decoder_causal=False)
    latents = tensor(1, 128, MOMENTS, ROWS, COLUMNS)
    return Run(module=model, work=lambda: model.decode(latents, None, return_dict=False))


def _sound(_: int) -> Run:
    model = built(AutoencoderKLLTX2Audio)
    latents = tensor(1, 8, SOUND, 16)
    return Run(module=model, work=lambda: model.decode(latents, return_dict=False))


def _vocoder(_: int) -> Run:
    model = built(LTX2Vocoder)
    heard = tensor(1, 2, SOUND * 4 - 3, 64)
    return Run(module=model, work=lambda: model(heard))


SUBJECTS: Mapping[str, Subject] = {
    "ltx-2": Subject(
        job=f"{WIDTH}x{HEIGHT}, {FRAMES} frames with sound, {STEPS} steps",
        pieces=(
            Piece(name="text encoder", runs=2, ready=_text, blocks=GEMMA["num_hidden_layers"], period=GEMMA_ROUND),
            Piece(name="connectors", runs=1, ready=_connectors),
            Piece(name="transformer", runs=STEPS, ready=lambda blocks: _transformer(blocks, prompts=2), blocks=48),
            Piece(
                name="transformer, one prompt",
                runs=STEPS,
                ready=lambda blocks: _transformer(blocks, prompts=1),
                blocks=48,
                shared=True,
            ),
            Piece(
                name="transformer, apart",
                runs=STEPS,
                ready=lambda blocks: _transformer(blocks, prompts=1, apart=True),
                blocks=48,
                shared=True,
            ),
            Piece(name="vae decode", runs=1, ready=_decode),
            Piece(name="sound decode", runs=1, ready=_sound),
            Piece(name="vocoder", runs=1, ready=_vocoder),
        ),
    )
}
