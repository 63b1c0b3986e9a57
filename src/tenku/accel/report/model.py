"""What a report is: plain data, written as JSON, read again by `tenku devices diff`."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

VERSION = 1
"""Of the file; a file of another version is refused by name."""


class Verdict(StrEnum):
    """How an operator fared on a device."""

    NATIVE = "native"  # the device did it
    FALLBACK = "fallback"  # the processor did it, and the device's memory was copied there and back
    MISSING = "missing"  # it said that it does not have it
    FAILING = "failing"  # it ended with an error
    WRONG = "wrong"  # it came back with NaN where none is, or further off than its number type explains
    HUNG = "hung"  # it did not come back in time, and its process was ended
    CRASHED = "crashed"  # its process died
    LARGE = "large"  # its memory did not suffice


class Against(StrEnum):
    """What a result was compared with."""

    FLOAT64 = "float64"
    FLOAT32 = "float32"  # an operator that has no float64 on the processor
    EXACT = "exact"  # numbers that are not rounded: indices, masks, copies


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One operator at one set of shapes in one number type."""

    call: int
    """Which of the inventory's calls."""
    operator: str
    shapes: str
    """For people: `(1536, 8960) x (8960, 1536)`."""
    dtype: str
    verdict: Verdict
    message: str = ""
    error: float | None = None
    """Length of the difference over the length of what is right."""
    worst: float | None = None
    """The largest difference of one number over the largest number that is right."""
    against: Against | None = None
    seconds: float | None = None
    """Of device time, the median."""
    flops: int = 0
    moved: int = 0
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Peak:
    """What the device reached with the work that suits it best; measured, not promised."""

    dtype: str
    flops: float
    """A second, of a matrix product."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A piece of the model, whole: one transformer block, one VAE decode, one decoding step with a cache."""

    name: str
    dtype: str
    verdict: Verdict
    message: str = ""
    error: float | None = None
    """End to end, as in `Finding`, against float64 or float32 on the processor."""
    parts_error: float | None = None
    """What its operators' own errors would come to if they were independent: the root of the sum of their squares."""
    seconds: float | None = None
    parts_seconds: float | None = None
    """What its operators take one by one."""
    scale: str = ""
    """Where it was made smaller to fit: `1 of 30 blocks, 1/16 of the tokens`."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The largest that fits of one kind."""

    what: str
    """`resolution at 81 frames`, `frames at 832x480`, `batch at 832x480, 81 frames`."""
    computed: str
    """`1280x720`; empty: nothing fits."""
    computed_bytes: int
    tried: str = ""
    """The largest that was really run; empty: not tried, and `message` says why."""
    tried_bytes: int = 0
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Chipped:
    """The device that it is about."""

    kind: str
    index: int
    name: str
    memory: int
    driver: str
    host: str
    """The processor and the system around it: what makes a difference to time."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that was found of one model on one device."""

    version: int
    made_at: str
    """ISO 8601, UTC."""
    took_s: float
    device: Chipped
    software: Mapping[str, str]
    """Versions: tenku, python, torch, diffusers, transformers, the vendor's package."""
    model: str
    job: str
    inventory: str
    """Hash of the inventory: two reports of different ones cannot be compared."""
    dtypes: tuple[str, ...]
    parts: Mapping[str, int]
    """Name to runs in one usual job."""
    copy: float
    """Bytes a second, read and written, of a plain copy on the device."""
    peaks: tuple[Peak, ...]
    findings: tuple[Finding, ...]
    blocks: tuple[Block, ...]
    fits: tuple[Fit, ...]
