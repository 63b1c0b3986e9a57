"""The worker: does jobs one after the other, and answers chats meanwhile, until it is asked to end."""

import sys
import threading
import time
from collections.abc import Callable

from tenku.base.errors import StudioError
from tenku.studio.chats import Chats
from tenku.studio.pool import Pool
from tenku.studio.runner import Runner

LOOK_S = 0.25
"""How often an idle worker looks for jobs that nobody woke it for: those of another process's database."""
AWAY_S = 2.0
"""The pause where the database does not answer."""
TIDY_S = 6 * 3600.0
"""How often an idle worker deletes what is old."""


class Worker:
    """Keeps a runner and the chats going.

    Args:
        stopping: set when it is to end; the runner has the same one.
        wake: set when there may be a job.
        tidy: deletes what is old.
    """

    def __init__(
        self,
        runner: Runner,
        chats: Chats,
        pool: Pool,
        *,
        stopping: threading.Event,
        wake: threading.Event,
        tidy: Callable[[], None] = lambda: None,
    ) -> None:
        self._tidy = tidy
        self._tidied: float | None = None
        self._runner = runner
        self._chats = chats
        self._pool = pool
        self._stopping = stopping
        self._wake = wake
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._way = threading.Thread(target=self._make_way, name="make way", daemon=True)

    def start(self) -> None:
        """Begin. Raises OSError: the socket cannot be had."""
        self._chats.start()
        self._thread.start()
        self._way.start()

    def close(self, *, grace_s: float) -> bool:
        """End at the job's next step, and give it back; False: it did not come to a step within `grace_s`."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(grace_s)
        self._way.join(grace_s)
        self._chats.close()
        if self._thread.is_alive():
            return False
        self._pool.close()
        return True

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            if not self._try(self._runner.run_next):
                self._try(self._tidy_up)
                self._wake.wait(LOOK_S)

    def _make_way(self) -> None:
        """Models that nobody uses leave for other workers also while a long job is at work here."""
        while not self._stopping.wait(LOOK_S):
            self._pool.make_way()

    def _tidy_up(self) -> bool:
        now = time.monotonic()
        if self._tidied is None or now - self._tidied > TIDY_S:
            self._tidied = now
            self._tidy()
        return False

    def _try(self, step: Callable[[], bool]) -> bool:
        try:
            return step()
        except StudioError as error:
            # The database is away. What is held is done again when its lease has run out.
            print(f"worker: {error.sentence()}", file=sys.stderr, flush=True)
            self._stopping.wait(AWAY_S)
            return False
