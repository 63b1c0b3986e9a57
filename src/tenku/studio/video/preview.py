"""A small picture of a video that is being made."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tenku.studio.media.poster import png_of

LONGEST = 256
"""Pixels."""
AFTER_S = 5.0
"""What is done sooner needs no preview, and the first steps are noise."""
SHARE = 50
"""At most one second in so many goes into previews."""


class Preview:
    """Makes PNGs of latents, now and then: hand it to `Steps`. Nothing (empty) is shown where it would cost too much.

    Args:
        decode: by the VAE, which shows true colours. Where parts take turns on the device that would throw the
            transformer out; then the three strongest patterns of the latents are shown, in colours that mean nothing.
        clock: seconds that only rise.
    """

    def __init__(self, pipeline: Any, *, decode: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._pipeline = pipeline
        self._decode = decode
        self._clock = clock
        self._next = clock() + AFTER_S

    def __call__(self, latents: torch.Tensor) -> bytes:
        """The picture in the middle of the video, as PNG; empty: not now."""
        began = self._clock()
        if began < self._next:
            return b""
        shown = png_of(self._picture(self._clean(latents)), longest=LONGEST)
        ended = self._clock()
        self._next = ended + max(AFTER_S, SHARE * (ended - began))
        return shown

    def _clean(self, latents: torch.Tensor) -> torch.Tensor:
        """The scheduler's guess of what comes out, where it has one: the latents themselves are noise for long."""
        guesses = getattr(self._pipeline.scheduler, "model_outputs", None) or [None]
        guess = guesses[-1]
        return guess if isinstance(guess, torch.Tensor) and guess.shape == latents.shape else latents

    def _picture(self, latents: torch.Tensor) -> npt.NDArray[np.uint8]:
        middle = latents.shape[2] // 2
        with torch.no_grad():
            if self._decode:
                return _decoded(self._pipeline.vae, latents[:1, :, middle : middle + 1])
            return patterns(latents[0, :, middle].float())


def patterns(latent: torch.Tensor) -> npt.NDArray[np.uint8]:
    """The three strongest patterns of a latent picture, (channels, height, width), as red, green and blue; uint8."""
    channels, height, width = latent.shape
    flat = torch.nan_to_num(latent).reshape(channels, -1).cpu()
    flat = flat - flat.mean(dim=1, keepdim=True)
    _, _, strongest = torch.linalg.svd(flat, full_matrices=False)
    shown = torch.zeros(3, height * width)
    shown[: min(3, len(strongest))] = strongest[:3]
    low, high = shown.amin(dim=1, keepdim=True), shown.amax(dim=1, keepdim=True)
    return _bytes(((shown - low) / (high - low).clamp(min=1e-9)).reshape(3, height, width))


def _decoded(vae: Any, latent: torch.Tensor) -> npt.NDArray[np.uint8]:
    shape = (1, vae.config.z_dim, 1, 1, 1)
    latent = latent.to(vae.device, vae.dtype)
    mean = torch.tensor(vae.config.latents_mean).view(shape).to(latent)
    std = torch.tensor(vae.config.latents_std).view(shape).to(latent)
    picture = vae.decode(latent * std + mean, return_dict=False)[0][0, :, 0]
    return _bytes((torch.nan_to_num(picture.float()) / 2 + 0.5).clamp(0, 1))


def _bytes(picture: torch.Tensor) -> npt.NDArray[np.uint8]:
    """(3, height, width) from 0 to 1 as uint8 (height, width, 3)."""
    return (picture.permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)
