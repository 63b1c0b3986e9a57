"""Hands jobs in: what is known already is done at once, of everything else the worker is told."""

import asyncio
from collections.abc import Sequence

from tenku.api.studioparts import StudioParts
from tenku.studio.model import Job, JobId, JobSpec, StoredOutput
from tenku.studio.ports import Known
from tenku.studio.results import Results

LOOKED_UP = 32
"""More jobs than this are not looked up: who hands in a batch does not wait for its first result, and every output of
a result is read to see that it is whole."""


async def hand_in(parts: StudioParts, specs: Sequence[JobSpec]) -> list[Job]:
    """Accept jobs that were checked. Raises StudioError: none is accepted."""
    keys = await parts.line.keys(specs) if len(specs) <= LOOKED_UP else []
    jobs = await asyncio.to_thread(_submit, parts, specs, keys)
    parts.metrics.accepted.add(len(jobs))
    if not all(job.state.ended for job in jobs):
        await parts.line.wake()
    return jobs


def _submit(parts: StudioParts, specs: Sequence[JobSpec], keys: Sequence[str]) -> list[Job]:
    # Looked up before the transaction, which others wait for; in it, files only get second names.
    return parts.queue.submit(specs, known=[_known(parts.results, key) for key in keys])


def _known(results: Results, key: str) -> Known | None:
    known = results.known(key)
    if known is None:
        return None
    other, stored = known

    def give(job: JobId) -> Sequence[StoredOutput] | None:
        return stored if results.give(other, stored, job=job) else None

    return give
