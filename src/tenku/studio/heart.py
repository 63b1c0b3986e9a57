"""Beats for one job while an engine does it: holds on to it, tells how far it is, and hears when it is to end."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType

from tenku.base.errors import StudioError
from tenku.studio.model import Job, Progress
from tenku.studio.ports import JobQueue, Step
from tenku.studio.previews import Previews
from tenku.studio.turnstile import Manner, Turnstile


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How often a heart does what, in seconds."""

    look_s: float = 0.2
    """It asks whether the job is still wanted, and whether players want the device: two reads that disturb nobody."""
    beat_s: float = 1.0
    """It writes down that it lives, and how far the job is."""
    preview_s: float = 1.0
    """It writes a new preview at most."""


USUAL = Rhythm()


class Heart:
    """A context for the time of one job, with a thread of its own: loading weights takes longer than a lease.

    Args:
        worker: who holds the job.
        lease_s: for how long each beat holds it.
        stopping: set when this worker is asked to end.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        job: Job,
        *,
        queue: JobQueue,
        previews: Previews,
        turnstile: Turnstile,
        worker: str,
        lease_s: float,
        stopping: threading.Event,
        rhythm: Rhythm,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._job = job
        self._queue = queue
        self._previews = previews
        self._turnstile = turnstile
        self._worker = worker
        self._lease_s = lease_s
        self._stopping = stopping
        self._rhythm = rhythm
        self._clock = clock
        self._preview = b""
        self._players = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="heart", daemon=True)
        self.progress = Progress(0, 0)
        self.manner = Manner.GO_ON
        """How this job makes room for players; known when its model is."""
        self.lost = False
        """The job was cancelled, or is somebody else's."""
        self.held_s = 0.0
        """For how long it waited for players."""
        self._began = clock()

    @property
    def worked_s(self) -> float:
        """For how long the device was at work for it, until now."""
        return max(0.0, self._clock() - self._began - self.held_s)

    def __enter__(self) -> "Heart":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._previews.drop(self._job.id)

    def report(self, step: Step) -> None:
        """An engine did a step."""
        self.progress = step.progress
        self._preview = step.preview or self._preview

    def stop(self) -> bool:
        """Whether the job is to end at this step. While players have the device, one that can hold waits here."""
        if self.manner is Manner.HOLD and self._players:
            self._wait_for_players()
        return self._is_to_end() or (self.manner is Manner.LEAVE and self._players)

    def _is_to_end(self) -> bool:
        return self.lost or self._stopping.is_set()

    def _wait_for_players(self) -> None:
        began = self._clock()
        self.progress = replace(self.progress, held=True)
        while self._players and not self._is_to_end():
            self._stopping.wait(self._rhythm.look_s)
        self.held_s += self._clock() - began
        self.progress = replace(self.progress, held=False)

    def _live(self) -> None:
        next_beat = self._clock() + self._rhythm.beat_s
        next_preview, shown = self._clock(), b""
        while not self.lost and not self._over.wait(self._rhythm.look_s):
            now = self._clock()
            if now >= next_preview and self._preview != shown:
                shown, next_preview = self._preview, now + self._rhythm.preview_s
                self._previews.keep(self._job.id, shown)
            self._players = self._turnstile.wanted()
            if now >= next_beat:
                next_beat = now + self._rhythm.beat_s
                self._ask(self._beat)
            else:
                self._ask(self._is_wanted)

    def _ask(self, wanted: Callable[[], bool]) -> None:
        # A database that does not answer for a moment is no reason to end; if it lasts, the lease runs out.
        with suppress(StudioError):
            self.lost = not wanted()

    def _beat(self) -> bool:
        return self._queue.beat(self._job.id, self._worker, self.progress, lease_s=self._lease_s)

    def _is_wanted(self) -> bool:
        return self._queue.wanted(self._job.id, self._worker)
