"""What tests of videos share: engines of tiny models, jobs, their files, and the same by diffusers alone."""

import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from studio_tiny_wan import TinyWan, wan_model
from tenku.content.hashes import hash_bytes
from tenku.studio.desk import EmptyDesk
from tenku.studio.diffusion.quiet import quiet
from tenku.studio.engines.wan import Wan, load
from tenku.studio.media.readframes import read_frames
from tenku.studio.media.writevideo import write_video
from tenku.studio.model import JobSpec, Kind
from tenku.studio.ports import Made
from tenku.studio.videojob import request_of

SIDE = 64
PROMPT = "a dragon"
BASE: Mapping[str, Any] = {"width": SIDE, "height": SIDE, "seconds": 0.5, "steps": 2}
FRAMES = 9
"""Of half a second, 16 a second."""
Pictures = npt.NDArray[np.uint8]


class Papers(EmptyDesk):
    """A desk with files on it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        name = hash_bytes(data).hex()
        self.files[name] = data
        return name

    def input(self, name: str) -> bytes:
        return self.files[name]


Engines = Callable[..., Wan]


@pytest.fixture(scope="session")
def engine(tiny_wan: TinyWan) -> Iterator[Engines]:
    """The engine of a tiny model, loaded once."""
    loaded: dict[str, Wan] = {}

    def get(name: str, **parameters: Any) -> Wan:
        key = f"{name} {parameters}"
        if key not in loaded:
            loaded[key] = load(wan_model(tiny_wan(name), **parameters))
        return loaded[key]

    yield get
    for each in loaded.values():
        each.close()


def spec(**parameters: Any) -> JobSpec:
    return JobSpec(kind=Kind.VIDEO, model="tiny", prompt=PROMPT, parameters={**BASE, **parameters}, seed=7)


def pictures(engine: Wan, desk: Papers | None = None, **parameters: Any) -> Pictures:
    """What the engine makes, before it is coded."""
    film = engine.film(request_of(spec(**parameters)), desk=desk or Papers(), report=lambda _: None, stop=lambda: False)
    return film.frames


def made(engine: Wan, desk: Papers | None = None, **parameters: Any) -> Made:
    return engine.run(spec(**parameters), desk=desk or Papers(), report=lambda _: None, stop=lambda: False)


def direct(folder: Path, kind: str, *, seed: int = 7, more: Mapping[str, Any] | None = None, **call: Any) -> Pictures:
    """The same by diffusers alone."""
    with quiet():
        pipe = getattr(diffusers, kind).from_pretrained(str(folder), local_files_only=True, **(more or {}))
        pipe.set_progress_bar_config(disable=True)
        base: dict[str, Any] = {"height": SIDE, "width": SIDE, "num_inference_steps": 2, "output_type": "np"}
        generator = torch.Generator("cpu").manual_seed(seed)
        frames = pipe(prompt=PROMPT, negative_prompt="", generator=generator, **{**base, **call}).frames[0]
    rounded: Pictures = (frames * 255).round().astype(np.uint8)
    return rounded


def portrait(seed: int = 1) -> Image.Image:
    """A picture of the video's size."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8))


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def film(count: int, seed: int, *, fps: int = 16) -> tuple[bytes, list[Image.Image]]:
    """A video, and its pictures as they are read again."""
    rng = np.random.default_rng(seed)
    still = np.kron(rng.integers(0, 256, (8, 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    data = write_video(np.stack([np.roll(still, 3 * at, axis=1) for at in range(count)]), fps=fps)
    return data, [Image.fromarray(each) for each in read_frames(data).frames]
