"""Loaded models: each is loaded once, shared by jobs and chats, and stays warm while there is room."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tenku.accel.devices import processor
from tenku.base.errors import ModelError
from tenku.studio.model import InstalledModel
from tenku.studio.ports import Engine, Load
from tenku.studio.warm import Never, Wait, Warm, make_room

PATIENCE_S = 600.0
"""How long a request waits for others to free the memory that it needs."""


def usual_budget() -> int:
    """Bytes for models where nobody said how many: half of the machine's memory; games and the system need the rest."""
    return processor().memory // 2


@dataclass
class _Held:
    model: InstalledModel
    engine: Engine
    used: float
    users: int = 0


class Pool:
    """Gives out engines; safe to use from several threads.

    Args:
        load: loads weights; blocks for seconds.
        budget: bytes of weights that are in memory at most.
        clock: seconds that only rise.
    """

    def __init__(self, load: Load, *, budget: int, clock: Callable[[], float]) -> None:
        self._load = load
        self._budget = budget
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._changed = threading.Condition()
        self._loading = threading.Lock()

    @contextlib.contextmanager
    def use(self, model: InstalledModel) -> Iterator[Engine]:
        """An engine with this model; it stays in memory at least until the block ends.

        Raises:
            ModelError: the weights cannot be loaded, are too large for this machine, or there was no room in time.
        """
        held = self._enter(model)
        try:
            yield held.engine
        finally:
            with self._changed:
                held.users -= 1
                held.used = self._clock()
                self._changed.notify_all()

    def warm(self) -> list[Warm]:
        """The models in memory."""
        with self._changed:
            return self._warm()

    def close(self) -> None:
        """Free every model that nobody uses."""
        with self._loading, self._changed:
            leaving = [self._held.pop(name) for name, held in list(self._held.items()) if not held.users]
        for held in leaving:
            held.engine.close()

    def _enter(self, model: InstalledModel) -> _Held:
        held = self._find(model)
        if held is not None:
            return held
        # One load at a time: two at once would both count the same free memory, and be slower than one by one.
        with self._loading:
            held = self._find(model)
            if held is not None:
                return held
            self._make_room(model)
            loaded = _Held(model, self._load(model), self._clock(), users=1)
            with self._changed:
                self._held[model.name] = loaded
            return loaded

    def _find(self, model: InstalledModel) -> _Held | None:
        with self._changed:
            held = self._held.get(model.name)
            if held is None or held.model != model:
                return None
            held.users += 1
            held.used = self._clock()
            return held

    def _make_room(self, model: InstalledModel) -> None:
        with self._changed:
            # Deciding and taking out happen under one lock: nobody begins to use a model that is about to go.
            if not self._changed.wait_for(lambda: self._leaving(model) is not None, timeout=PATIENCE_S):
                raise ModelError(
                    f"There was no memory for {model.name} in {PATIENCE_S:.0f} s: other models are at work.",
                    hint="Try again later, or let models take more memory.",
                )
            leaving = [self._held.pop(name) for name in self._leaving(model) or ()]
        for held in leaving:
            held.engine.close()

    def _leaving(self, model: InstalledModel) -> list[str] | None:
        """Who goes for this model; None: those at work have to end first. Raises ModelError."""
        # Weights of the same name that were replaced on the disk: whoever works with the old ones ends first.
        old = self._held.get(model.name)
        if old is not None and old.users:
            return None
        others = [each for each in self._warm() if each.name != model.name]
        plan = make_room(others, need=model.size, budget=self._budget)
        if isinstance(plan, Never):
            raise ModelError(
                f"{model.name} needs {_gigabytes(model.size)} of memory, and models may take "
                f"{_gigabytes(self._budget)} here.",
                hint="Take a smaller model, or let models take more memory.",
            )
        return None if isinstance(plan, Wait) else [*plan.names, *([model.name] if old else [])]

    def _warm(self) -> list[Warm]:
        return [
            Warm(name=name, size=held.model.size, used=held.used, users=held.users) for name, held in self._held.items()
        ]


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
