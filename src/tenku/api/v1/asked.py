"""OpenAI's requests that are answered by jobs: handed in, waited for, and ended when whoever asked goes away."""

import asyncio
from collections.abc import Sequence

from fastapi import Request

from tenku.api.handin import hand_in
from tenku.api.problem import Refused
from tenku.api.studioparts import StudioParts
from tenku.api.teams import of_team
from tenku.base.errors import JobError
from tenku.studio.model import InstalledModel, Job, JobSpec, Kind, State

PRIORITY = 10
"""Somebody waits at the other end: before what a batch asks for."""
LOOK_S = (0.02, 0.25)
"""Between two looks at a job: at first, and in the end."""


class Asked:
    """Hands in jobs for requests."""

    def __init__(self, parts: StudioParts) -> None:
        self._parts = parts

    def model(self, name: str | None, kind: Kind) -> InstalledModel:
        """The model that was asked for, or the only one of its kind. Raises Refused."""
        known = {model.name: model for model in self._parts.models() if model.kind is kind}
        if not name and len(known) == 1:
            return next(iter(known.values()))
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise Refused(
                404,
                f"There is no model {name!r} for {kind.value} here." if name else f"Which model for {kind.value}?",
                hint=f"Installed: {there}.",
                code="model_not_found",
            )
        return known[name]

    async def submit(self, request: Request, specs: Sequence[JobSpec]) -> list[Job]:
        """Accept jobs. Raises Refused, JobError: they cannot be done."""
        await asyncio.to_thread(self._check, specs)
        return await hand_in(self._parts, of_team(request, specs))

    def _check(self, specs: Sequence[JobSpec]) -> None:
        for spec in specs:
            self._parts.check(spec)

    async def make(self, request: Request, specs: Sequence[JobSpec]) -> list[Job]:
        """Have jobs made, and wait for all of them. Whoever goes away wants none of them any more.

        Raises:
            Refused: one cannot be done.
        """
        jobs = await self.submit(request, specs)
        leaving = asyncio.create_task(_gone(request))
        try:
            made = [await self._ended(job, leaving) for job in jobs]
        finally:
            leaving.cancel()
            for job in jobs:
                await asyncio.to_thread(self._parts.queue.cancel, job.id)  # one that ended stays as it is
        for job in made:
            if job.state is State.FAILED:
                raise JobError(job.error)
            if job.state is not State.DONE:  # or whoever asked went away, and reads nothing of this
                raise Refused(409, "Somebody cancelled it.", code="cancelled")
        return made

    def output(self, job: Job) -> bytes:
        """What a job made, its main output. Raises OSError."""
        return self._parts.results.path(job.id, job.outputs[0].name).read_bytes()

    async def _ended(self, job: Job, leaving: "asyncio.Task[None]") -> Job:
        pause = LOOK_S[0]
        while not job.state.ended and not leaving.done():
            await asyncio.wait((leaving,), timeout=pause)
            pause = min(pause * 1.5, LOOK_S[1])
            job = await asyncio.to_thread(self._parts.queue.get, job.id)
        return job


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
