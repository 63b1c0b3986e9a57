"""Known models as data: licence, size, what they need, and where their weights can be had."""

from collections.abc import Sequence
from dataclasses import dataclass

from tenku.accel.devices import Device
from tenku.studio.model import InstalledModel, Kind

CONTEXT = 4096
"""Tokens of one chat, where neither the model nor its settings say less."""
SLOTS = 4
"""Chats at once; each has the whole context."""
WORKING = 256 * 1024 * 1024
"""Bytes that an engine takes besides weights and chats, small models and large."""


@dataclass(frozen=True)
class Shape:
    """What the memory for chats follows from."""

    blocks: int
    kv_heads: int
    head_length: int
    context: int
    """Tokens that the model was trained for."""

    @property
    def bytes_per_token(self) -> int:
        """Keys and values of one token, at 16 bits."""
        return self.blocks * self.kv_heads * self.head_length * 2 * 2


@dataclass(frozen=True, kw_only=True)
class KnownModel:
    """A model that people may want."""

    name: str
    kind: Kind
    about: str
    licence: str
    """As SPDX writes it; `LicenseRef-…` for one that is not in its list."""
    parameters: int
    size: int
    """Bytes to bring."""
    source: str = ""
    """`hf:ORG/MODEL`; empty: from a file alone."""
    file: str = ""
    """The file that is wanted of it; empty: all."""
    shape: Shape | None = None
    must_accept: bool = False
    """Its licence has terms beyond naming and notices, so somebody has to have read it."""
    ready: bool = True
    """False: Tenku cannot run it yet."""
    needs: str = ""
    """What it takes, where it is not ready."""


def memory_bytes(size: int, shape: Shape | None, *, context: int = CONTEXT, slots: int = SLOTS) -> int:
    """Bytes of memory while a model works, as a first guess: weights, chats, and what computing takes.

    `context` and `slots` as the engine has them: tokens of a chat, and chats at once.
    """
    if shape is None:
        return size + size // 10 + WORKING
    return size + shape.bytes_per_token * min(context, shape.context or context) * slots + WORKING


def installed_bytes(model: InstalledModel) -> int:
    """Bytes of memory that an installed model takes while it works; 0: it runs elsewhere."""
    if model.engine == "remote":
        return 0
    numbers = {key: value for key, value in model.parameters.items() if isinstance(value, int)}
    per_token, trained = numbers.get("kv_bytes_per_token", 0), numbers.get("trained_context", 0)
    context = numbers.get("context", min(CONTEXT, trained or CONTEXT))
    return model.size + per_token * context * numbers.get("slots", SLOTS) + WORKING


def fits(need: int, devices: Sequence[Device]) -> Device | None:
    """The first device with so many bytes in all; None: it runs on none of them."""
    return next((device for device in devices if device.memory >= need), None)


def known_model(name: str) -> KnownModel | None:
    """A model of the catalogue."""
    return next((model for model in CATALOG if model.name == name), None)


def _text(name: str, about: str, parameters: float, size: int, source: str, file: str, shape: Shape) -> KnownModel:
    return KnownModel(
        name=name,
        kind=Kind.TEXT,
        about=about,
        licence="Apache-2.0",
        parameters=int(parameters * 1e9),
        size=size,
        source=source,
        file=file,
        shape=shape,
    )


def _later(
    name: str, kind: Kind, about: str, parameters: float, size: float, source: str, needs: str, licence: str = ""
) -> KnownModel:
    return KnownModel(
        name=name,
        kind=kind,
        about=about,
        licence=licence or "Apache-2.0",
        parameters=int(parameters * 1e9),
        size=int(size * 1e9),
        source=source,
        must_accept=bool(licence),
        ready=False,
        needs=needs,
    )


CATALOG: Sequence[KnownModel] = (
    _text(
        "smollm2-135m",
        "the smallest that writes English; for trying things out",
        0.135,
        98_362_432,
        "",
        "",
        Shape(30, 3, 64, 8192),
    ),
    _text(
        "qwen2.5-coder-0.5b",
        "small, quick on a processor, good at JSON",
        0.49,
        491_400_064,
        "hf:Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        Shape(24, 2, 64, 32_768),
    ),
    _text(
        "qwen3-0.6b",
        "small, thinks where asked, many languages",
        0.6,
        639_446_688,
        "hf:Qwen/Qwen3-0.6B-GGUF",
        "Qwen3-0.6B-Q8_0.gguf",
        Shape(28, 8, 128, 40_960),
    ),
    _text(
        "qwen3-1.7b",
        "for a laptop",
        1.7,
        1_834_426_016,
        "hf:Qwen/Qwen3-1.7B-GGUF",
        "Qwen3-1.7B-Q8_0.gguf",
        Shape(28, 8, 128, 40_960),
    ),
    _text(
        "qwen3-4b",
        "items, barks and short dialogue",
        4.0,
        2_497_280_256,
        "hf:Qwen/Qwen3-4B-GGUF",
        "Qwen3-4B-Q4_K_M.gguf",
        Shape(36, 8, 128, 40_960),
    ),
    _text(
        "qwen3-8b",
        "dialogue, quests and translation",
        8.2,
        5_027_783_488,
        "hf:Qwen/Qwen3-8B-GGUF",
        "Qwen3-8B-Q4_K_M.gguf",
        Shape(36, 8, 128, 40_960),
    ),
    _text(
        "qwen3-14b",
        "long texts; wants a GPU",
        14.8,
        9_001_752_960,
        "hf:Qwen/Qwen3-14B-GGUF",
        "Qwen3-14B-Q4_K_M.gguf",
        Shape(40, 8, 128, 40_960),
    ),
    _text(
        "qwen3-32b",
        "the best of them; wants a GPU of 32 GB",
        32.8,
        19_762_149_024,
        "hf:Qwen/Qwen3-32B-GGUF",
        "Qwen3-32B-Q4_K_M.gguf",
        Shape(64, 8, 128, 40_960),
    ),
    _later(
        "qwen-image",
        Kind.IMAGE,
        "pictures with readable text in them",
        20.4,
        57.7,
        "hf:Qwen/Qwen-Image",
        "a GPU of 24 GB with off-loading",
    ),
    _later(
        "wan2.1-t2v-1.3b",
        Kind.VIDEO,
        "video from text, 480p; silent",
        1.3,
        28.6,
        "hf:Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
        "a GPU of 8 GB with off-loading",
    ),
    _later(
        "wan2.1-i2v-14b",
        Kind.VIDEO,
        "video from a picture, 480p; silent",
        16.4,
        90.0,
        "hf:Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
        "a GPU of 24 GB with off-loading",
    ),
    _later(
        "wan2.2-ti2v-5b",
        Kind.VIDEO,
        "video from text or a picture, 720p; silent",
        5.0,
        34.2,
        "hf:Wan-AI/Wan2.2-TI2V-5B-Diffusers",
        "a GPU of 24 GB",
    ),
    _later(
        "wan2.2-t2v-a14b",
        Kind.VIDEO,
        "video from text, 720p; silent",
        28.6,
        126.0,
        "hf:Wan-AI/Wan2.2-T2V-A14B-Diffusers",
        "a GPU of 80 GB, or 24 GB with off-loading",
    ),
    _later(
        "ltx-2",
        Kind.VIDEO,
        "video with stereo sound in one pass",
        19.0,
        80.0,
        "hf:Lightricks/LTX-2",
        "a GPU of 32 GB",
        licence="LicenseRef-LTX-2-Community-License-Agreement",
    ),
)
"""Sizes of those that are not ready are rounded; `source` and `file` as their publishers name them."""
