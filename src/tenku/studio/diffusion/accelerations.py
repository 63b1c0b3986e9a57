"""What trades exactness for speed, by name: put on a pipeline for one job, and taken off again.

All of these skip work whose result changed little since the last step, so pictures come out a little different. That is
why the name is part of a job's parameters, and so of its result's key.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from tenku.base.errors import JobError, MachineError

FIRST_BLOCK_THRESHOLD = 0.05
"""The rest of the blocks is skipped where the first one's change differs less than this from the last step's."""
ALWAYS_BLOCKS = 8
"""The first blocks of a transformer that cache-dit computes in every step, as it does by itself."""
CACHE_DIT_THRESHOLD = 0.08
"""As for the first block, over those that are always computed."""
TAYLOR_INTERVAL, TAYLOR_ORDER, TAYLOR_WARMUP = 5, 1, 3
"""Every so many steps is computed, after so many at the beginning; the others follow from a line through them."""


@contextlib.contextmanager
def accelerated(pipeline: Any, name: str, *, guided: bool = True) -> Iterator[None]:
    """A pipeline with an acceleration until the block ends; an empty name: with none.

    Args:
        guided: each step asks the transformer twice, with what is wanted and with what is not.

    Raises:
        JobError: there is none of this name, or it does not work with this model.
        MachineError: its library is not installed.
    """
    if not name:
        yield
        return
    check_acceleration(name)
    with ACCELERATIONS[name](pipeline, guided):
        yield


def check_acceleration(name: str) -> None:
    """Raises JobError: there is no acceleration of this name."""
    if name and name not in ACCELERATIONS:
        raise JobError(
            f"There is no acceleration {name[:80]!r}.", hint=f"There are {', '.join(ACCELERATIONS)}; or leave it out."
        )


@contextlib.contextmanager
def _first_block_cache(pipeline: Any, guided: bool) -> Iterator[None]:  # noqa: ARG001 - it tells them apart itself
    from diffusers import FirstBlockCacheConfig

    with _cached(pipeline, lambda: FirstBlockCacheConfig(threshold=FIRST_BLOCK_THRESHOLD)):
        yield


@contextlib.contextmanager
def _taylor_seer(pipeline: Any, guided: bool) -> Iterator[None]:  # noqa: ARG001 - it tells them apart itself
    from diffusers import TaylorSeerCacheConfig

    config = TaylorSeerCacheConfig(
        cache_interval=TAYLOR_INTERVAL,
        max_order=TAYLOR_ORDER,
        disable_cache_before_step=TAYLOR_WARMUP,
        use_lite_mode=True,
    )
    with _cached(pipeline, lambda: config):
        yield


@contextlib.contextmanager
def _cached(pipeline: Any, config: Callable[[], Any]) -> Iterator[None]:
    """One of the caches of diffusers on every transformer."""
    enabled = []
    try:
        for part in _transformers(pipeline):
            enabled.append(part)
            try:
                part.enable_cache(config())
            except (ValueError, AttributeError, KeyError, TypeError) as error:
                raise _unsuited(pipeline, error) from error
        yield
    finally:
        for part in enabled:
            if part.is_cache_enabled:
                part.disable_cache()


@contextlib.contextmanager
def _cache_dit(pipeline: Any, guided: bool) -> Iterator[None]:
    try:
        import cache_dit
    except ImportError as error:
        raise MachineError("cache-dit is not installed.", hint="Run: pip install 'tenku[studio]'") from error
    config = cache_dit.DBCacheConfig(
        Fn_compute_blocks=min(ALWAYS_BLOCKS, _fewest_blocks(pipeline) - 1),
        residual_diff_threshold=CACHE_DIT_THRESHOLD,
        enable_separate_cfg=guided,
    )
    try:
        adapter = cache_dit.enable_cache(pipeline, cache_config=config)
    except (ValueError, AssertionError, AttributeError) as error:
        raise _unsuited(pipeline, error) from error
    try:
        yield
    finally:
        cache_dit.disable_cache(adapter)


def _transformers(pipeline: Any) -> list[Any]:
    parts = [part for name, part in pipeline.components.items() if name.startswith("transformer") and part is not None]
    if not parts:
        raise _unsuited(pipeline, None)
    return parts


def _fewest_blocks(pipeline: Any) -> int:
    """Of the transformers, in their longest list of blocks."""
    return min(
        max((len(each) for each in part.children() if type(each).__name__ == "ModuleList"), default=1)
        for part in _transformers(pipeline)
    )


def _unsuited(pipeline: Any, error: Exception | None) -> JobError:
    words = f": {' '.join(str(error).split())[:200]}" if error is not None else ""
    return JobError(
        f"This acceleration does not work with {type(pipeline).__name__}{words}.", hint="Take another one, or none."
    )


ACCELERATIONS: Mapping[str, Callable[[Any, bool], AbstractContextManager[None]]] = {
    "first-block-cache": _first_block_cache,
    "taylor-seer": _taylor_seer,
    "cache-dit": _cache_dit,
}
"""By the name that a job's `accelerate` has."""
