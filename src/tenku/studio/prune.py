"""Deletes what jobs left on the disk and nobody used for a while; the database keeps what was made, and from what."""

from collections.abc import Callable
from dataclasses import dataclass

from tenku.studio.inputs import Inputs
from tenku.studio.results import Results


@dataclass(frozen=True)
class Kept:
    """What has to stay, however old it is."""

    jobs: frozenset[str]
    """Those that have not ended, and those that an asset set has."""
    inputs: frozenset[str]
    """Files that such jobs begin from."""


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What was deleted, or would be."""

    jobs: int
    """Whose files are gone."""
    inputs: int
    bytes: int
    """That the disk has more of now."""


def prune(results: Results, inputs: Inputs, *, kept: Callable[[], Kept], before: float, dry: bool = False) -> Pruned:
    """Delete outputs and input files that nobody used since `before`, seconds since 1970. `dry`: only count them.

    Raises:
        StudioError: the database does not say what has to stay.
    """
    stay = kept()
    jobs, size = results.prune(before=before, keep=stay.jobs, dry=dry)
    files, more = inputs.prune(before=before, keep=stay.inputs, dry=dry)
    return Pruned(jobs=jobs, inputs=files, bytes=size + more)
