"""One job, from its specification to its outputs on the disk."""

import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tenku.base.errors import CancelledJob, JobError, TakenError, TenkuError
from tenku.studio.heart import USUAL, Heart, Rhythm
from tenku.studio.model import InstalledModel, Job, JobSpec, Json, Output, StoredOutput, Usage
from tenku.studio.outofmemory import is_out_of_memory
from tenku.studio.pool import Pool
from tenku.studio.ports import Desk, Finished, JobQueue, Made
from tenku.studio.requests import check_licence, check_model
from tenku.studio.resultkey import Ingredient, Maker, accelerated, result_key
from tenku.studio.results import Results
from tenku.studio.turnstile import NOBODY_PLAYS, PlayersFirst, Turnstile, manner


def _no_others(_: JobSpec, __: InstalledModel) -> Sequence[Ingredient]:
    return ()


def _as_it_is(spec: JobSpec) -> JobSpec:
    return spec


def _unsigned(output: Output, _: Mapping[str, Json]) -> Output:
    return output


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a runner works with."""

    queue: JobQueue
    pool: Pool
    desk: Desk
    results: Results
    find: Callable[[str], InstalledModel]
    """An installed model by its name. Raises ModelError."""
    maker: Callable[[InstalledModel], Maker]
    """What, besides the request, a result of this model depends on."""
    others: Callable[[JobSpec, InstalledModel], Sequence[Ingredient]] = _no_others
    """What else the job asks for: other models, LoRAs. Raises ModelError, JobError."""
    complete: Callable[[JobSpec], JobSpec] = _as_it_is
    """Names the models that a job leaves to us, like the only one for sound. Raises JobError, ModelError."""
    sign: Callable[[Output, Mapping[str, Json]], Output] = _unsigned
    """Writes into a file where it comes from. Raises StudioError."""
    now: Callable[[], float]
    """Seconds since 1970."""
    turnstile: Turnstile = NOBODY_PLAYS
    players_first: PlayersFirst = PlayersFirst.PAUSE


class Runner:
    """Does jobs, one after the other.

    Args:
        worker: whose jobs they are.
        lease_s: after so many seconds without a beat somebody else may do the job.
        stopping: set when this worker is asked to end: its job goes back to the queue.
    """

    def __init__(
        self, parts: Parts, *, worker: str, lease_s: float, stopping: threading.Event, rhythm: Rhythm = USUAL
    ) -> None:
        self._parts = parts
        self._worker = worker
        self._lease_s = lease_s
        self._stopping = stopping
        self._rhythm = rhythm

    def run_next(self) -> bool:
        """Do the job whose turn it is; False: nothing is queued, somebody plays, or others hold the memory."""
        pool = self._parts.pool
        pool.make_way()
        if self._players_play() or pool.waits():
            return False
        job = self._parts.queue.claim(self._worker, lease_s=self._lease_s)
        if job is None:
            pool.wait_no_more()
            return False
        self.run(job)
        return True

    def run(self, job: Job) -> None:
        """Do one job, and say how it ended."""
        parts = self._parts
        heart = Heart(
            job,
            queue=parts.queue,
            previews=parts.results.previews,
            turnstile=parts.turnstile,
            worker=self._worker,
            lease_s=self._lease_s,
            stopping=self._stopping,
            rhythm=self._rhythm,
        )
        with heart:
            finished = self._finished(job, heart)
        if finished is None:
            parts.queue.give_back(job.id, self._worker, seconds=heart.worked_s)
        else:
            parts.queue.finish(job.id, self._worker, replace(finished, progress=heart.progress))

    def _players_play(self) -> bool:
        parts = self._parts
        if parts.players_first is PlayersFirst.IGNORE or not parts.turnstile.wanted():
            return False
        if parts.players_first is PlayersFirst.FREE:
            parts.pool.free_idle()
        return True

    def _finished(self, job: Job, heart: Heart) -> Finished | None:
        """How it ended; None: it goes back to the queue, as this worker ends, somebody plays, or memory is held."""
        try:
            return self._make(job, heart)
        except CancelledJob:
            return Finished(cancelled=True, usage=Usage(seconds=heart.worked_s)) if heart.lost else None
        except TakenError as error:
            # Said once: this worker begins no job before there is room.
            print(f"worker: The job {job.id} waits. {error}", file=sys.stderr, flush=True)
            return None
        except JobError as error:
            return Finished(error=error.sentence(), again=error.again, usage=Usage(seconds=heart.worked_s))
        except TenkuError as error:
            return Finished(error=error.sentence(), usage=Usage(seconds=heart.worked_s))
        except Exception as error:  # noqa: BLE001 - here a job is supervised: an engine's fault must not end the worker
            traceback.print_exc()
            told = f"The engine failed with {type(error).__name__}: {error}".strip()
            return Finished(error=told, usage=Usage(seconds=heart.worked_s))

    def _make(self, job: Job, heart: Heart) -> Finished:
        parts = self._parts
        model = parts.find(job.spec.model)
        check_model(job.spec, model)
        spec = parts.complete(job.spec)
        heart.manner = manner(parts.players_first, spec, model)
        maker = accelerated(parts.maker(model), spec)
        others = parts.others(spec, model)
        for other in others:
            if other.model is not None:
                check_licence(other.model)
        key = result_key(spec, model, maker, others=others)
        known = parts.results.find(key, job=job.id)
        if known is not None:
            # No second of the device: also a few milliseconds would tell estimates that such jobs take no time.
            return Finished(outputs=known, usage=Usage(seconds=0.0))
        made = self._run(spec, model, heart)
        if heart.lost:
            raise CancelledJob(f"The job {job.id} was ended.")
        provenance = describe(spec, model, maker, made_at=parts.now(), facts=made.facts, others=others)
        signed = [parts.sign(each, provenance) for each in made.outputs]
        outputs: list[StoredOutput] = parts.results.write(job.id, signed, key=key, provenance=provenance)
        # An engine's clock went on while it waited for players.
        usage = replace(made.usage, seconds=max(0.0, made.usage.seconds - heart.held_s))
        return Finished(outputs=outputs, usage=usage)

    def _run(self, spec: JobSpec, model: InstalledModel, heart: Heart) -> Made:
        """Have the engine do it; where memory runs out, once more with no other model in it."""
        try:
            return self._run_once(spec, model, heart)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # Not in the handler: while an error is being handled, it holds on to what the engine had in memory.
        self._parts.pool.free_idle()
        try:
            return self._run_once(spec, model, heart)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise JobError(
                f"Memory ran out while {model.name} worked, also with no other model loaded.",
                hint=getattr(error, "hint", "") or "Ask for something smaller or shorter, or take a smaller model.",
            ) from error

    def _run_once(self, spec: JobSpec, model: InstalledModel, heart: Heart) -> Made:
        with self._parts.pool.use(model) as engine:
            return engine.run(spec, desk=self._parts.desk, report=heart.report, stop=heart.stop)


def describe(
    spec: JobSpec,
    model: InstalledModel,
    maker: Maker,
    *,
    made_at: float,
    facts: Mapping[str, Json],
    others: Sequence[Ingredient] = (),
) -> dict[str, Json]:
    """What stands beside an output: what made it, from what, under which licence. `made_at`: seconds since 1970."""
    return {
        "made_by": "tenku",
        "generated": True,
        "kind": spec.kind.value,
        "model": _about(model),
        "engine": {
            "name": maker.engine,
            "version": maker.version,
            "device": maker.device,
            "acceleration": maker.acceleration,
        },
        **({"others": {each.role: _ingredient(each) for each in others}} if others else {}),
        **({"facts": dict(facts)} if facts else {}),
        "prompt": spec.prompt,
        "parameters": spec.parameters,
        "seed": spec.seed,
        "team": spec.team,
        "made_at": made_at,
    }


def _about(model: InstalledModel) -> dict[str, Json]:
    return {"name": model.name, "hash": model.hash, "licence": model.licence}


def _ingredient(each: Ingredient) -> dict[str, Json]:
    return _about(each.model) if each.model is not None else {"hash": each.weights}
