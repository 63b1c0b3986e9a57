"""Small pictures of what is being made, from latents: a step costs no decoding by the VAE.

A VAE's latents are close to linear in colour. A mosaic of many colours is encoded once, and least squares say how to
get from latents back to red, green and blue; so it works for every VAE, and no table of numbers has to be known.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

TILES = 8
"""Colours a side in the mosaic."""
TILE_CELLS = 3
"""Latent cells a side of one colour; its border is left out, as the neighbours shine in there."""
LARGEST = 256
"""Pixels of the longer side of a preview."""
RIDGE = 1e-3
"""Keeps the solution small where latents say little about colour."""


@dataclass(frozen=True)
class Colours:
    """How to get from latents to colours."""

    matrix: torch.Tensor
    """(channels + 1, 3), fp32 in main memory; the last row is added."""

    def png(self, latents: torch.Tensor) -> bytes:
        """A picture of latents (channels, height, width), as the VAE itself has them."""
        cells = latents.detach().float().cpu()
        flat = cells.reshape(cells.shape[0], -1).T
        colours = torch.cat([flat, torch.ones(len(flat), 1)], dim=1) @ self.matrix
        pixels = (colours.clamp(0, 1) * 255).round().byte().reshape(*cells.shape[1:], 3).numpy()
        return _png(pixels)


def fit_colours(vae: Any, scale: int, device: torch.device) -> Colours:
    """Learn a VAE's colours: one encoding of a small picture.

    Args:
        vae: encodes (batch, channels, frames, height, width); diffusers' VAEs for Qwen-Image, Wan and LTX do.
        scale: pixels a latent cell, along one side.
        device: where the VAE computes.
    """
    colours = _mosaic()
    picture = colours.repeat_interleave(TILE_CELLS * scale, 0).repeat_interleave(TILE_CELLS * scale, 1)
    channels = int(vae.config.get("input_channels") or vae.config.get("in_channels") or 3)
    pixels = torch.ones(1, channels, 1, *picture.shape[:2])
    pixels[0, :3, 0] = picture.permute(2, 0, 1) * 2 - 1
    parameter = next(vae.parameters())
    with torch.no_grad():
        encoded = vae.encode(pixels.to(device, parameter.dtype)).latent_dist.mode()
    cells = encoded[0, :, 0].float().cpu()
    tiles = cells.reshape(cells.shape[0], TILES, TILE_CELLS, TILES, TILE_CELLS)
    means = tiles[:, :, 1:-1, :, 1:-1].mean(dim=(2, 4)).reshape(cells.shape[0], -1).T
    return Colours(_least_squares(means, colours.reshape(-1, 3)))


def latent_preview(colours: Colours, unpack: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], bytes]:
    """For `Steps`: `unpack` makes (channels, height, width), as the VAE has it, of what the pipeline hands out."""
    return lambda latents: colours.png(unpack(latents))


def own_scale(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Latents (channels, …) from the pipeline's scale back to the VAE's own, by `latents_mean` and `latents_std`."""
    shape = (-1, *[1] * (latents.dim() - 1))
    mean = torch.tensor(vae.config.latents_mean).reshape(shape)
    std = torch.tensor(vae.config.latents_std).reshape(shape)
    return latents.detach().float().cpu() * std + mean


def _mosaic() -> torch.Tensor:
    """(TILES, TILES, 3) colours from 0 to 1, always the same."""
    return torch.rand(TILES, TILES, 3, generator=torch.Generator().manual_seed(0))


def _least_squares(latents: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
    with_one = torch.cat([latents, torch.ones(len(latents), 1)], dim=1).double()
    weight = RIDGE * torch.eye(with_one.shape[1], dtype=torch.float64)
    solution: torch.Tensor = torch.linalg.solve(with_one.T @ with_one + weight, with_one.T @ colours.double())
    return solution.float()


def _png(pixels: "np.ndarray[Any, Any]") -> bytes:
    height, width = pixels.shape[:2]
    scale = max(1, LARGEST // max(height, width))
    image = Image.fromarray(pixels).resize((width * scale, height * scale), Image.Resampling.BICUBIC)
    image.thumbnail((LARGEST, LARGEST))
    with io.BytesIO() as file:
        image.save(file, "PNG")
        return file.getvalue()
