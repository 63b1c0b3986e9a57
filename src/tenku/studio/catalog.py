"""Known models as data: licence, size, what they need, and where their weights can be had."""

from collections.abc import Sequence
from dataclasses import dataclass

from tenku.accel.devices import Device
from tenku.studio.model import InstalledModel, Kind

CPU = "cpu"
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
    whole: int = 0
    """Bytes in memory with all its parts on an accelerator, at 16 bits; 0: it has no parts."""
    largest: int = 0
    """Of those, bytes of its largest part: what is on the accelerator while the others wait in main memory."""
    needs: str = ""
    """The machine that it takes, in words."""
    remote: bool = False
    """It runs on a server of its own."""

    @property
    def read_at(self) -> str:
        """Where its publisher says what it is and under which licence, as part of a sentence; empty: nowhere known."""
        hub, _, name = self.source.partition(":")
        return f" at https://huggingface.co/{name}" if hub == "hf" else ""


def memory_bytes(size: int, shape: Shape | None, *, context: int = CONTEXT, slots: int = SLOTS) -> int:
    """Bytes of memory while a model works, as a first guess: weights, chats, and what computing takes.

    `context` and `slots` as the engine has them: tokens of a chat, and chats at once.
    """
    if shape is None:
        return with_working(size)
    return size + shape.bytes_per_token * min(context, shape.context or context) * slots + WORKING


def installed_bytes(model: InstalledModel) -> int:
    """Bytes of memory that an installed model takes while it works; 0: it runs elsewhere."""
    if model.hash == "remote":
        return 0
    numbers = {key: value for key, value in model.parameters.items() if isinstance(value, int)}
    if "pipeline" in model.parameters:
        # On the disk they may have 32 bits; `weights` is how many numbers there are.
        width = 4 if model.parameters.get("dtype") == "float32" else 2
        return with_working(numbers.get("weights", 0) * width or model.size)
    per_token, trained = numbers.get("kv_bytes_per_token", 0), numbers.get("trained_context", 0)
    context = numbers.get("context", min(CONTEXT, trained or CONTEXT))
    return model.size + per_token * context * numbers.get("slots", SLOTS) + WORKING


def largest_bytes(model: InstalledModel) -> int:
    """Bytes of an installed model's largest part while it works; 0: it has no parts that could wait elsewhere."""
    numbers = model.parameters.get("largest_part")
    width = 4 if model.parameters.get("dtype") == "float32" else 2
    return with_working(numbers * width) if isinstance(numbers, int) and numbers else 0


def with_working(weights: int) -> int:
    """Bytes of weights, and of what computing with them takes."""
    return weights + weights // 10 + WORKING


def fits(need: int, devices: Sequence[Device]) -> Device | None:
    """The first device with so many bytes in all; None: it runs on none of them."""
    return next((device for device in devices if device.memory >= need), None)


def fits_in_parts(need: int, largest: int, devices: Sequence[Device]) -> Device | None:
    """The first accelerator for the largest part, where main memory has room for all parts; None: there is none."""
    main = max((device.memory for device in devices if device.kind == CPU), default=0)
    return fits(largest, [device for device in devices if device.kind != CPU]) if largest and main >= need else None


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


def _parts(
    name: str,
    kind: Kind,
    about: str,
    source: str,
    needs: str,
    *,
    parameters: float,
    size: float,
    whole: float,
    largest: float,
    licence: str = "",
) -> KnownModel:
    """A folder in the layout of diffusers; numbers are billions."""
    return KnownModel(
        name=name,
        kind=kind,
        about=about,
        licence=licence or "Apache-2.0",
        parameters=int(parameters * 1e9),
        size=int(size * 1e9),
        source=source,
        must_accept=bool(licence),
        whole=int(whole * 1e9),
        largest=int(largest * 1e9),
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
    KnownModel(
        name="hibari",
        kind=Kind.SPEECH,
        about="one English voice, small and quick; it comes with the studio's libraries",
        licence="Apache-2.0",
        parameters=7_900_000,
        size=7_936_868,
        source="package:hibari-tts",
    ),
    KnownModel(
        name="kokoro-82m",
        kind=Kind.SPEECH,
        about="54 voices, English and more; from a folder, see docs/speech.md",
        licence="Apache-2.0",
        parameters=82_000_000,
        size=120_000_000,
    ),
    KnownModel(
        name="qwen3-tts",
        kind=Kind.SPEECH,
        about="voices that can be described, ten languages; on a server of its own, like vLLM-Omni",
        licence="Apache-2.0",
        parameters=1_700_000_000,
        size=4_500_000_000,
        needs="a GPU of 8 GB",
        remote=True,
    ),
    _parts(
        "qwen-image",
        Kind.IMAGE,
        "pictures with readable text in them",
        "hf:Qwen/Qwen-Image",
        "a GPU of 48 GB with off-loading, of 32 GB with storage=fp8",
        parameters=20.4,
        size=57.7,
        whole=57.7,
        largest=40.9,
    ),
    _parts(
        "qwen-image-edit",
        Kind.IMAGE,
        "changes pictures by words, with up to three more as references",
        "hf:Qwen/Qwen-Image-Edit-2509",
        "a GPU of 48 GB with off-loading, of 32 GB with storage=fp8",
        parameters=20.4,
        size=57.7,
        whole=57.7,
        largest=40.9,
    ),
    _parts(
        "qwen-image-layered",
        Kind.IMAGE,
        "takes a picture apart into layers with real transparency",
        "hf:Qwen/Qwen-Image-Layered",
        "a GPU of 48 GB with off-loading, of 32 GB with storage=fp8",
        parameters=20.4,
        size=57.7,
        whole=57.7,
        largest=40.9,
    ),
    _parts(
        "wan2.1-t2v-1.3b",
        Kind.VIDEO,
        "video from words, 480p; silent",
        "hf:Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
        "a GPU of 16 GB with off-loading",
        parameters=1.4,
        size=28.6,
        whole=14.7,
        largest=11.4,
    ),
    _parts(
        "wan2.1-i2v-14b",
        Kind.VIDEO,
        "video from a first frame, 480p; silent",
        "hf:Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
        "a GPU of 40 GB with off-loading",
        parameters=16.4,
        size=90.0,
        whole=47.2,
        largest=32.8,
    ),
    _parts(
        "wan2.1-flf2v-14b",
        Kind.VIDEO,
        "video between a first and a last frame, 720p; silent",
        "hf:Wan-AI/Wan2.1-FLF2V-14B-720P-diffusers",
        "a GPU of 40 GB with off-loading",
        parameters=16.4,
        size=90.0,
        whole=47.2,
        largest=32.8,
    ),
    _parts(
        "wan2.1-vace-1.3b",
        Kind.VIDEO,
        "video from words, frames, references, or another video with a mask, 480p; silent",
        "hf:Wan-AI/Wan2.1-VACE-1.3B-diffusers",
        "a GPU of 16 GB with off-loading",
        parameters=1.8,
        size=19.0,
        whole=15.5,
        largest=11.4,
    ),
    _parts(
        "wan2.2-ti2v-5b",
        Kind.VIDEO,
        "video from words or a first frame, 720p; silent",
        "hf:Wan-AI/Wan2.2-TI2V-5B-Diffusers",
        "a GPU of 24 GB with off-loading",
        parameters=5.0,
        size=34.2,
        whole=24.2,
        largest=11.4,
    ),
    _parts(
        "wan2.2-t2v-a14b",
        Kind.VIDEO,
        "video from words, 720p; silent",
        "hf:Wan-AI/Wan2.2-T2V-A14B-Diffusers",
        "a GPU of 40 GB with off-loading, of 80 GB without",
        parameters=28.6,
        size=126.0,
        whole=69.1,
        largest=28.6,
    ),
    _parts(
        "wan2.2-animate-14b",
        Kind.VIDEO,
        "somebody in a picture moves as somebody in a video does; silent",
        "hf:Wan-AI/Wan2.2-Animate-14B-Diffusers",
        "a GPU of 40 GB with off-loading",
        parameters=17.3,
        size=72.0,
        whole=49.5,
        largest=34.5,
    ),
    _parts(
        "ltx-2",
        Kind.VIDEO,
        "video with stereo sound in one pass",
        "hf:Lightricks/LTX-2",
        "a GPU of 48 GB with off-loading, of 80 GB without",
        parameters=19.0,
        size=80.0,
        whole=70.0,
        largest=38.0,
        licence="LicenseRef-LTX-2-Community-License-Agreement",
    ),
    _parts(
        "stable-audio-open",
        Kind.SOUND,
        "effects and ambience, up to 47 s in stereo",
        "hf:stabilityai/stable-audio-open-1.0",
        "a GPU of 8 GB",
        parameters=1.06,
        size=5.3,
        whole=2.7,
        largest=2.1,
        licence="LicenseRef-Stability-AI-Community-License",
    ),
)
"""Sizes of models in parts are rounded; `source` and `file` as their publishers name them. None was run here."""
