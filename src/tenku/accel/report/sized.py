"""The parts of a model as real modules at any size: with few or all blocks, with or without memory.

Classes and settings are the inventory's own; only what they are given is made here, as it depends on the size.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache

from tenku.accel.inventory.record import SUBJECTS
from tenku.accel.inventory.subject import Piece
from tenku.accel.report.extent import Extent

Given = dict[str, Any]
"""What a module is called with, by name."""
Shapes = Callable[[Extent, torch.dtype], Given]
VOCABULARY = 4096
"""Words that are enough: which of them it is changes nothing, and all of them would be a block's weights many times."""
AUDIO = 25
"""Moments of LTX-2's sound a second."""
FPS = 24.0


@dataclass(frozen=True, kw_only=True)
class Sized:
    """A part of a model. Everything that it makes lies on the device of the moment (`with torch.device(…)`)."""

    name: str
    """As the inventory calls it."""
    blocks: int
    """How many equal ones it has; 0: none are equal."""
    make: Callable[[int], nn.Module]
    """With so many of them; of one that has none equal it is all."""
    given: Shapes
    most: int = 0
    """Tokens that it was trained for; 0: it reads none."""


class _Seen(Exception):  # noqa: N818 - nothing is wrong
    """What a module was called with."""

    def __init__(self, values: Given) -> None:
        super().__init__()
        self.values = values


class Decoder(nn.Module):
    """A VAE that draws: `forward` is its `decode`."""

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, **given: Any) -> Any:
        return self.vae.decode(**given, return_dict=False)[0]


class Reader(nn.Module):
    """A language model that reads a prompt, and scores the word behind it."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.model(
            tokens, use_cache=True, past_key_values=DynamicCache(), logits_to_keep=1
        ).logits
        return scores


class Writer(nn.Module):
    """A language model that writes one token behind keys and values of those before; the same for every block."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        cache = DynamicCache()
        for block in range(self.model.config.num_hidden_layers):
            cache.update(keys, values, block)
        scores: torch.Tensor = self.model(tokens, use_cache=True, past_key_values=cache, logits_to_keep=1).logits
        return scores


def sized_parts(model: str) -> dict[str, Sized]:
    """The parts of a model that blocks and memory are measured with, by name. One of SUBJECTS."""
    pieces = {piece.name: piece for piece in SUBJECTS[model].pieces}
    if "decode" in pieces:
        return _language(pieces)
    transformer, vae = pieces["transformer"], pieces["vae decode"]
    drawing = _FAMILIES[type(_module(transformer)).__name__](transformer, _module(vae).config)
    return {
        "transformer": Sized(name="transformer", blocks=transformer.blocks, make=_maker(transformer), given=drawing[0]),
        "vae decode": Sized(
            name="vae decode", blocks=0, make=lambda _: Decoder(_again(_module(vae))), given=drawing[1]
        ),
    }


def _language(pieces: Mapping[str, Piece]) -> dict[str, Sized]:
    piece = pieces["prefill"]
    config = _module(piece).config
    heads = config.num_key_value_heads
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads

    def reading(extent: Extent, _: torch.dtype) -> Given:
        return {"tokens": torch.randint(0, min(config.vocab_size, VOCABULARY), (extent.batch, extent.tokens))}

    def writing(extent: Extent, dtype: torch.dtype) -> Given:
        shape = extent.batch, heads, extent.tokens - 1, head
        one = torch.randint(0, min(config.vocab_size, VOCABULARY), (extent.batch, 1))
        return {"tokens": one, "keys": torch.randn(shape, dtype=dtype), "values": torch.randn(shape, dtype=dtype)}

    make, most = _maker(piece), config.max_position_embeddings
    read = Sized(
        name="prefill", blocks=piece.blocks, make=lambda blocks: Reader(make(blocks)), given=reading, most=most
    )
    write = Sized(
        name="decode", blocks=piece.blocks, make=lambda blocks: Writer(make(blocks)), given=writing, most=most
    )
    return {read.name: read, write.name: write}


def _wan(transformer: Piece, vae: Any) -> tuple[Shapes, Shapes]:
    seen = _seen(transformer)
    _, time, words = seen["0"], seen["1"], seen["2"]
    channels = _module(transformer).config.in_channels

    def latents(extent: Extent, dtype: torch.dtype) -> torch.Tensor:
        moments = (extent.frames - 1) // vae.scale_factor_temporal + 1
        sides = extent.height // vae.scale_factor_spatial, extent.width // vae.scale_factor_spatial
        return torch.randn((extent.batch, channels, moments, *sides), dtype=dtype)

    def step(extent: Extent, dtype: torch.dtype) -> Given:
        noise = latents(extent, dtype)
        places = noise.shape[2] * (noise.shape[3] // 2) * (noise.shape[4] // 2)
        each = (extent.batch, places) if time.dim() == 2 else (extent.batch,)
        return {
            "hidden_states": noise,
            "timestep": torch.full(each, 500, dtype=time.dtype),
            "encoder_hidden_states": torch.randn((extent.batch, *words.shape[1:]), dtype=dtype),
            "return_dict": False,
        }

    return step, lambda extent, dtype: {"z": latents(extent, dtype)}


def _qwen_image(transformer: Piece, vae: Any) -> tuple[Shapes, Shapes]:
    seen = _seen(transformer)
    words, pictures = seen["1"], len(seen["4"][0])
    channels = _module(transformer).config.in_channels

    def step(extent: Extent, dtype: torch.dtype) -> Given:
        rows, columns = extent.height // 16, extent.width // 16
        return {
            # A picture that is changed comes with one of its own size.
            "hidden_states": torch.randn((extent.batch, rows * columns * pictures, channels), dtype=dtype),
            "encoder_hidden_states": torch.randn((extent.batch, *words.shape[1:]), dtype=dtype),
            "timestep": torch.full((extent.batch,), 0.5, dtype=dtype),
            "img_shapes": [[(1, rows, columns)] * pictures] * extent.batch,
            "return_dict": False,
        }

    def latents(extent: Extent, dtype: torch.dtype) -> Given:
        return {"z": torch.randn((extent.batch, vae.z_dim, 1, extent.height // 8, extent.width // 8), dtype=dtype)}

    return step, latents


def _ltx2(transformer: Piece, _: Any) -> tuple[Shapes, Shapes]:
    seen = _seen(transformer)
    prompts, words = seen["encoder_hidden_states"].shape[:2]
    channels = seen["hidden_states"].shape[-1]

    def step(extent: Extent, dtype: torch.dtype) -> Given:
        count, sound = extent.batch * prompts, max(1, round(extent.frames / FPS * AUDIO))
        moments, rows, columns = (extent.frames - 1) // 8 + 1, extent.height // 32, extent.width // 32
        told = {name: torch.randn((count, words, value.shape[-1]), dtype=dtype) for name, value in _told(seen)}
        time = torch.full((count,), 500.0)
        return {
            **told,
            "hidden_states": torch.randn((count, moments * rows * columns, channels), dtype=dtype),
            "audio_hidden_states": torch.randn((count, sound, seen["audio_hidden_states"].shape[-1]), dtype=dtype),
            "timestep": time,
            "sigma": time,
            "video_coords": torch.rand((count, 3, moments * rows * columns, 2)),
            "audio_coords": torch.rand((count, 1, sound, 2)),
            "num_frames": moments,
            "height": rows,
            "width": columns,
            "fps": FPS,
            "audio_num_frames": sound,
            "use_cross_timestep": True,
            "return_dict": False,
        }

    def latents(extent: Extent, dtype: torch.dtype) -> Given:
        shape = extent.batch, channels, (extent.frames - 1) // 8 + 1, extent.height // 32, extent.width // 32
        return {"z": torch.randn(shape, dtype=dtype), "temb": None}

    return step, latents


def _told(seen: Given) -> list[tuple[str, torch.Tensor]]:
    return [(name, seen[name]) for name in ("encoder_hidden_states", "audio_encoder_hidden_states")]


_FAMILIES: Mapping[str, Callable[[Piece, Any], tuple[Shapes, Shapes]]] = {
    "WanTransformer3DModel": _wan,
    "QwenImageTransformer2DModel": _qwen_image,
    "LTX2VideoTransformer3DModel": _ltx2,
}


def _module(piece: Piece, blocks: int = 1) -> Any:
    return piece.ready(blocks).module


def _maker(piece: Piece) -> Callable[[int], Any]:
    return lambda blocks: _again(_module(piece, blocks))


def _again(module: Any) -> Any:
    """A new module of the same class and settings, whose constants are there: the inventory's has none."""
    if hasattr(type(module), "from_config") and not hasattr(module.config, "to_diff_dict"):
        return type(module).from_config(module.config).eval()
    config = copy.deepcopy(module.config)
    config.vocab_size = min(config.vocab_size, VOCABULARY)
    return type(module)(config).eval()


def _seen(piece: Piece) -> Given:
    """What the inventory gives this part, by name and by position."""
    run = piece.ready(1)

    def stop(_: nn.Module, positions: tuple[Any, ...], names: Given) -> None:
        raise _Seen({**{str(at): value for at, value in enumerate(positions)}, **names})

    run.module.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        run.work()
    except _Seen as seen:
        return seen.values
    raise AssertionError("a part ran without being called")
