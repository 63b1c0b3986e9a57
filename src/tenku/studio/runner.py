"""One job, from its specification to its outputs on the disk."""

import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from tenku.base.errors import CancelledJob, JobError, ModelError, StudioError, TenkuError
from tenku.studio.model import InstalledModel, Job, JobSpec, Json, Kind, Progress, StoredOutput, Usage
from tenku.studio.pool import Pool
from tenku.studio.ports import Finished, JobQueue, Step
from tenku.studio.resultkey import Maker, result_key
from tenku.studio.results import Results

BEAT_S = 1.0
"""How often a worker holds on to its job; a cancel is seen within one beat and one step."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a runner works with."""

    queue: JobQueue
    pool: Pool
    results: Results
    find: Callable[[str], InstalledModel]
    """An installed model by its name. Raises ModelError."""
    maker: Callable[[InstalledModel], Maker]
    """What, besides the request, a result of this model depends on."""
    now: Callable[[], float]
    """Seconds since 1970."""


class Runner:
    """Does jobs, one after the other.

    Args:
        worker: whose jobs they are.
        lease_s: after so many seconds without a beat somebody else may do the job.
        stopping: set when this worker is asked to end: its job goes back to the queue.
    """

    def __init__(self, parts: Parts, *, worker: str, lease_s: float, stopping: threading.Event) -> None:
        self._parts = parts
        self._worker = worker
        self._lease_s = lease_s
        self._stopping = stopping

    def run_next(self) -> bool:
        """Do the job whose turn it is; False: nothing is queued."""
        job = self._parts.queue.claim(self._worker, lease_s=self._lease_s)
        if job is None:
            return False
        self.run(job)
        return True

    def run(self, job: Job) -> None:
        """Do one job, and say how it ended."""
        with _Heart(self._parts.queue, job, self._worker, self._lease_s, self._stopping) as heart:
            finished = self._finished(job, heart)
        if finished is None:
            self._parts.queue.give_back(job.id, self._worker)
        else:
            self._parts.queue.finish(job.id, self._worker, finished)

    def _finished(self, job: Job, heart: "_Heart") -> Finished | None:
        """How it ended; None: this worker ends before the job does."""
        try:
            return self._make(job, heart)
        except CancelledJob:
            return Finished(cancelled=True) if heart.lost else None
        except JobError as error:
            return Finished(error=error.sentence(), again=error.again)
        except TenkuError as error:
            return Finished(error=error.sentence())
        except Exception as error:  # noqa: BLE001 - here a job is supervised: an engine's fault must not end the worker
            traceback.print_exc()
            return Finished(error=f"The engine failed with {type(error).__name__}: {error}".strip())

    def _make(self, job: Job, heart: "_Heart") -> Finished:
        parts, spec, began = self._parts, job.spec, self._parts.now()
        model = _fit(parts.find(spec.model), spec)
        maker = parts.maker(model)
        key = result_key(spec, model, maker)
        known = parts.results.find(key, job=job.id)
        if known is not None:
            return Finished(outputs=known, usage=Usage(seconds=parts.now() - began))
        with parts.pool.use(model) as engine:
            made = engine.run(spec, report=heart.report, stop=heart.stop)
        if heart.stop():
            raise CancelledJob(f"The job {job.id} was ended.")
        provenance = describe(spec, model, maker, made_at=parts.now())
        outputs: list[StoredOutput] = parts.results.write(job.id, made.outputs, key=key, provenance=provenance)
        return Finished(outputs=outputs, usage=made.usage)


def describe(spec: JobSpec, model: InstalledModel, maker: Maker, *, made_at: float) -> dict[str, Json]:
    """What stands beside an output: what made it, from what, under which licence. `made_at`: seconds since 1970."""
    return {
        "made_by": "tenku",
        "generated": True,
        "kind": spec.kind.value,
        "model": {"name": model.name, "hash": model.hash, "licence": model.licence},
        "engine": {
            "name": maker.engine,
            "version": maker.version,
            "device": maker.device,
            "acceleration": maker.acceleration,
        },
        "prompt": spec.prompt,
        "parameters": spec.parameters,
        "seed": spec.seed,
        "team": spec.team,
        "made_at": made_at,
    }


def _fit(model: InstalledModel, spec: JobSpec) -> InstalledModel:
    """The model, where it may do this job."""
    if spec.kind is not Kind.TEXT:
        raise JobError(f"Jobs of the kind {spec.kind.value} cannot be done yet.", hint="Text can.")
    if model.kind is not spec.kind:
        raise JobError(f"{model.name} makes {model.kind.value}, not {spec.kind.value}.", hint="See `tenku models`.")
    if not model.accepted:
        raise ModelError(
            f"The licence of {model.name}, {model.licence}, has not been accepted on this machine.",
            hint="Read it, then add the model again and accept it.",
        )
    return model


class _Heart:
    """Beats for one job in a thread of its own: loading weights takes longer than a lease."""

    def __init__(self, queue: JobQueue, job: Job, worker: str, lease_s: float, stopping: threading.Event) -> None:
        self._queue = queue
        self._job = job
        self._worker = worker
        self._lease_s = lease_s
        self._stopping = stopping
        self._progress = Progress(0, 0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heart", daemon=True)
        self.lost = False
        """The job was cancelled, or is somebody else's."""

    def __enter__(self) -> "_Heart":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def report(self, step: Step) -> None:
        """An engine did a step."""
        self._progress = step.progress

    def stop(self) -> bool:
        """Whether the job is to end at this step."""
        return self.lost or self._stopping.is_set()

    def _beat(self) -> None:
        while not self.lost and not self._over.wait(BEAT_S):
            # A database that does not answer for a moment is no reason to end; if it lasts, the lease runs out.
            with suppress(StudioError):
                self.lost = not self._queue.beat(self._job.id, self._worker, self._progress, lease_s=self._lease_s)
