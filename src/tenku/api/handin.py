"""Hands jobs in: what is known already is done at once, of everything else the worker is told."""

import asyncio
from collections.abc import Sequence

from tenku.api.studioparts import StudioParts
from tenku.studio.model import Job, JobId, JobSpec, StoredOutput
from tenku.studio.ports import Known
from tenku.studio.results import Results
from tenku.studio.sets.model import AssetSet
from tenku.studio.sets.service import Sets

LOOKED_UP = 32
"""So many jobs are looked up together. Where none of them is known, the others are not looked up: who hands in a new
batch does not wait for its first result, and every output of a result is read to see that it is whole."""


async def hand_in(parts: StudioParts, specs: Sequence[JobSpec]) -> list[Job]:
    """Accept jobs that were checked. Raises StudioError: none is accepted."""
    known = await _looked_up(parts, specs)
    jobs = await asyncio.to_thread(parts.queue.submit, specs, known=known)
    await _accepted(parts, len(jobs), ended=sum(job.state.ended for job in jobs))
    return jobs


async def hand_in_takes(parts: StudioParts, sets: Sets, name: str, specs: Sequence[JobSpec]) -> AssetSet:
    """The same for takes of a set; the set as it is then. Raises UnknownSet, StudioError: none is accepted."""
    known = await _looked_up(parts, specs)
    takes = await asyncio.to_thread(sets.hand_in, name, specs, known=known)
    await _accepted(parts, len(takes), ended=sum(take.state.ended for take in takes))
    return await asyncio.to_thread(sets.get, name)


async def _looked_up(parts: StudioParts, specs: Sequence[JobSpec]) -> list[Known | None]:
    """What gives each job a result that is there already."""
    found: list[Known | None] = []
    for start in range(0, len(specs), LOOKED_UP):
        keys = await parts.line.keys(specs[start : start + LOOKED_UP])
        # Looked up before the transaction, which others wait for; in it, files only get second names.
        some = await asyncio.to_thread(lambda keys=keys: [_known(parts.results, key) for key in keys])  # type: ignore[misc]
        found += some
        # Where no worker answers, there is nothing to look up by.
        if not any(some):
            break
    return found


async def _accepted(parts: StudioParts, number: int, *, ended: int) -> None:
    parts.metrics.accepted.add(number)
    if ended < number:
        await parts.line.wake()


def _known(results: Results, key: str) -> Known | None:
    known = results.known(key)
    if known is None:
        return None
    other, stored = known

    def give(job: JobId) -> Sequence[StoredOutput] | None:
        return stored if results.give(other, stored, job=job) else None

    return give
