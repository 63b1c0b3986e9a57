"""Whether a job can be done in the memory that there is, and if not, what could."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tenku.studio.model import InstalledModel, JobSpec, Json, Kind

MULTIPLE = 16
"""Of widths and heights."""
SMALLEST = 64
LARGEST_PART = 0.05
"""Of its weights a model needs at least so much on the device, when all other parts wait in main memory."""
SHRINK = (0.9, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1)
"""Factors by which a picture is tried smaller, or a video and a sound shorter."""
SIZED = {Kind.IMAGE: (1024, 1024), Kind.VIDEO: (832, 480)}
"""What width and height are where a job does not say."""
TIMED = {Kind.VIDEO: 5.0, Kind.SOUND: 5.0}
"""What the seconds are where a job does not say."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bytes that models may take."""

    main: int
    """Of main memory."""
    device: int = 0
    """Of the accelerator that computes; 0: the processor does."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """Bytes that a job takes at least."""

    weights: int
    working: int
    """What computing takes besides."""
    whole: bool = False
    """Somebody said that nothing may wait in main memory."""


def fits(need: Need, limits: Limits) -> bool:
    """Whether there is room, if need be with parts that wait in main memory."""
    whole = need.weights + need.working
    if not limits.device:
        return whole <= limits.main
    if whole <= limits.device:
        return True
    return not need.whole and need.weights <= limits.main and _least(need) <= limits.device


def lacking(need: Need, limits: Limits) -> tuple[int, int]:
    """For a job that does not fit: the bytes that it needs, and those that there are."""
    if not limits.device or need.weights > limits.main:
        return need.weights + need.working, max(limits.main, limits.device)
    return (need.weights + need.working if need.whole else _least(need)), limits.device


def smaller(spec: JobSpec, fitting: Callable[[JobSpec], bool]) -> list[str]:
    """What of the same would fit, in words: another size, or fewer seconds. `fitting`: whether a job fits."""
    found = []
    for words, other in (*_smaller_sizes(spec), ("", None)):
        if other is not None and fitting(other):
            found.append(words)
            break
    for words, other in (*_fewer_seconds(spec), ("", None)):
        if other is not None and fitting(other):
            found.append(words)
            break
    return found


def others(spec: JobSpec, models: Sequence[InstalledModel], fitting: Callable[[JobSpec], bool]) -> list[str]:
    """Installed models that could do it, the largest first."""
    alike = [model for model in models if model.kind is spec.kind and model.name != spec.model]
    good = [model for model in alike if fitting(replace(spec, model=model.name))]
    return [model.name for model in sorted(good, key=lambda model: -model.size)]


def _least(need: Need) -> int:
    return int(need.weights * LARGEST_PART) + need.working


def _smaller_sizes(spec: JobSpec) -> Iterator[tuple[str, JobSpec]]:
    if spec.kind not in SIZED:
        return
    width, height = (
        _number(spec.parameters.get(name), usual)
        for name, usual in zip(("width", "height"), SIZED[spec.kind], strict=True)
    )
    for factor in SHRINK:
        size = [max(SMALLEST, int(side * factor) // MULTIPLE * MULTIPLE) for side in (width, height)]
        parameters = {**spec.parameters, "width": size[0], "height": size[1]}
        yield f"{size[0]}x{size[1]} pixels", replace(spec, parameters=parameters)


def _fewer_seconds(spec: JobSpec) -> Iterator[tuple[str, JobSpec]]:
    if spec.kind not in TIMED:
        return
    seconds = _number(spec.parameters.get("seconds"), TIMED[spec.kind])
    for factor in SHRINK:
        parameters = {**spec.parameters, "seconds": round(seconds * factor, 1)}
        yield f"{seconds * factor:.1f} seconds", replace(spec, parameters=parameters)


def _number(value: Json, usual: float) -> float:
    right = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return float(value) if right else usual  # type: ignore[arg-type]
