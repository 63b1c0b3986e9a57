"""What an inventory is: plain data, which knows nothing of torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DTYPE = "dtype"
"""Stands for the number type that a model computes in: it is chosen when the calls are made."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A tensor's looks."""

    shape: tuple[int, ...]
    dtype: str
    """As torch calls it: `int64`, `bool`, `float32`; `DTYPE`: what the model computes in."""
    stride: tuple[int, ...] = ()
    """In elements; empty: contiguous."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One operator at one set of shapes."""

    operator: str
    """As torch calls it: `aten.addmm.default`."""
    arguments: tuple[Any, ...]
    """Tensor, numbers, texts, None, and tuples of them; a number type is `{"dtype": NAME}`.

    A memory format is `{"memory_format": NAME}`, and the ends of what `DTYPE` can say `{"limit": "lowest"}` and
    `{"limit": "highest"}`: masks are made of them. `device` is left out: it is the one that is asked.
    """
    keywords: Mapping[str, Any]
    results: tuple[Tensor, ...]
    """Empty where the processor is told a number (`aten._local_scalar_dense`)."""
    counts: Mapping[str, int]
    """How often each part asks for it in one run of that part."""
    flops: int
    """Of one call: two for each multiply and add. 0 where it only moves or compares."""
    moved: int
    """Bytes that one call has to read and write at least, with numbers of two bytes for `DTYPE`."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of a model that runs as a whole."""

    name: str
    """`transformer`, `vae decode`, `text encoder`, `prefill`, `decode`."""
    runs: int
    """How often in one usual job: steps, times two with guidance."""


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Everything that one model asks of a device in one usual job."""

    model: str
    """As the catalogue calls it."""
    job: str
    """What the usual job is: `1280x704, 121 frames, 50 steps`."""
    libraries: Mapping[str, str]
    """Versions of torch, diffusers and transformers that it was taken with."""
    parameters: int
    """Of the whole model."""
    parts: tuple[Part, ...]
    calls: tuple[Call, ...]
