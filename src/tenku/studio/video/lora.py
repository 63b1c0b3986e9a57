"""LoRAs on the transformers of a pipeline, for one job: nothing of the model's own weights is changed.

Each layer's output gets what the LoRA adds, by a hook that is taken off again. So this works on weights of few bits and
on parts that wait in main memory as well, and what was removed has left no trace.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import WanPipeline

from tenku.base.errors import JobError
from tenku.studio.diffusion.quiet import quiet
from tenku.studio.diffusion.tensorfile import read_tensor_file

TRANSFORMER = "transformer."
DOWN, UP, BIAS = ".lora_A.weight", ".lora_B.weight", ".lora_B.bias"


@dataclass(eq=False)
class _Added:
    """What one layer's output gets: `up(down(x))`."""

    down: torch.Tensor
    up: torch.Tensor
    bias: torch.Tensor | None

    def __call__(self, layer: torch.nn.Module, given: tuple[Any, ...], made: torch.Tensor) -> torch.Tensor:
        del layer
        if self.down.device != made.device or self.down.dtype != made.dtype:
            self.down, self.up = self.down.to(made.device, made.dtype), self.up.to(made.device, made.dtype)
            self.bias = self.bias.to(made.device, made.dtype) if self.bias is not None else None
        more = torch.nn.functional.linear(given[0].to(made.device, made.dtype), self.down)
        return made + torch.nn.functional.linear(more, self.up, self.bias)


@contextlib.contextmanager
def with_loras(pipeline: Any, files: Sequence[Path]) -> Iterator[None]:
    """The pipeline with LoRAs until the block ends.

    Args:
        files: none; one, which is put on every transformer; or two, for the one that works while there is much noise
            and for the one that works on little.

    Raises:
        JobError: a file is broken, is no LoRA, or is one for another model.
    """
    if not files:
        yield
        return
    parts = [getattr(pipeline, name, None) for name in ("transformer", "transformer_2")]
    parts = [part for part in parts if part is not None]
    if len(files) > len(parts):
        raise JobError(
            f"There are {len(files)} LoRAs for {len(parts)} transformer.", hint="Give one: two are for Wan 2.2's A14B."
        )
    hooks: list[Any] = []
    try:
        for number, part in enumerate(parts):
            file = files[min(number, len(files) - 1)]
            hooks += _hung(part, read_lora(file), file)
        yield
    finally:
        for hook in hooks:
            hook.remove()


def read_lora(file: Path) -> Mapping[str, torch.Tensor]:
    """The numbers of a LoRA, named as diffusers names them, scaled. Raises JobError, ModelError."""
    read_tensor_file(file)  # safetensors, whole, and nothing that is too large
    try:
        with quiet():
            tensors, about = WanPipeline.lora_state_dict(
                str(file), local_files_only=True, use_safetensors=True, return_lora_metadata=True
            )
    except (ValueError, KeyError, RuntimeError, OSError, AttributeError) as error:
        words = " ".join(str(error).split())[:200]
        raise JobError(f"{file.name} cannot be read as a LoRA of Wan: {words}", hint="Take another file.") from error
    if not tensors or not all("lora" in name for name in tensors):
        raise JobError(f"{file.name} is no LoRA.", hint="Take another file.")
    scale = _scale(about or {})
    return {name: tensor * scale if name.endswith(UP) else tensor for name, tensor in tensors.items()}


def _scale(about: Mapping[str, Any]) -> float:
    """What a file that was saved by diffusers says of itself; others have their factors in their numbers by now."""
    alpha, rank = about.get("transformer.lora_alpha"), about.get("transformer.r")
    if not isinstance(alpha, int | float) or not isinstance(rank, int) or rank < 1:
        return 1.0
    return alpha / (math.sqrt(rank) if about.get("transformer.use_rslora") else rank)


def _hung(part: Any, tensors: Mapping[str, torch.Tensor], file: Path) -> list[Any]:
    layers = dict(part.named_modules())
    hooks, seen = [], 0
    try:
        for name in sorted(tensors):
            if not name.endswith(DOWN):
                continue
            stem = name.removesuffix(DOWN)
            layer = layers.get(stem.removeprefix(TRANSFORMER))
            hooks.append(_hook(layer, stem, tensors, file))
            seen += 1
    except JobError:
        for hook in hooks:
            hook.remove()
        raise
    if not seen:
        raise JobError(f"{file.name} changes no layer of this model.", hint="Take one that was made for it.")
    return hooks


def _hook(layer: Any, stem: str, tensors: Mapping[str, torch.Tensor], file: Path) -> Any:
    down, up, bias = tensors[stem + DOWN], tensors.get(stem + UP), tensors.get(stem + BIAS)
    if not isinstance(layer, torch.nn.Linear) or up is None:
        raise _stranger(file, stem)
    if down.shape[-1] != layer.in_features or up.shape[0] != layer.out_features or up.shape[1] != down.shape[0]:
        raise _stranger(file, stem)
    if not all(bool(torch.isfinite(each).all()) for each in (down, up)):
        raise JobError(f"{file.name} holds numbers that are none (NaN).", hint="Bring the file again.")
    return layer.register_forward_hook(_Added(down, up, bias))


def _stranger(file: Path, stem: str) -> JobError:
    return JobError(
        f"{file.name} was made for another model: its layer {stem[:120]} does not fit.",
        hint="Take one that was made for this model.",
    )
