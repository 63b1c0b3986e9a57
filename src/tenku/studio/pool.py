"""Loaded models: each is loaded once, shared by jobs and chats, and stays warm while there is room."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tenku.base.errors import JobError, ModelError
from tenku.studio.model import InstalledModel
from tenku.studio.outofmemory import is_out_of_memory
from tenku.studio.ports import Engine, Load
from tenku.studio.warm import MAIN, Bytes, Evict, Never, Wait, Warm, make_room

PATIENCE_S = 600.0
"""How long a request waits for others to free the memory that it needs."""


def weights_alone(model: InstalledModel) -> Bytes:
    """What a model is counted with where nobody knows better: its weights, in main memory."""
    return {MAIN: model.size}


@dataclass
class _Held:
    model: InstalledModel
    engine: Engine
    where: Bytes
    used: float
    by: list[int] = field(default_factory=list)
    """The threads that work with it."""


class Pool:
    """Gives out engines; safe to use from several threads.

    Args:
        load: loads weights; blocks for seconds.
        budget: bytes that models take of a device at most; a number is for main memory.
        need: bytes that a model takes while it works, by device.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        load: Load,
        *,
        budget: Callable[[str], int] | int,
        clock: Callable[[], float],
        need: Callable[[InstalledModel], Bytes] = weights_alone,
    ) -> None:
        self._load = load
        self._budget = budget
        self._need = need
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._changed = threading.Condition()
        self._loading = threading.Lock()

    @contextlib.contextmanager
    def use(self, model: InstalledModel) -> Iterator[Engine]:
        """An engine with this model; it stays in memory at least until the block ends.

        Raises:
            ModelError: the weights cannot be loaded, or are too large for this machine.
            JobError: `again`, there was no room in time.
        """
        held = self._enter(model)
        try:
            yield held.engine
        finally:
            with self._changed:
                held.by.remove(threading.get_ident())
                held.used = self._clock()
                self._changed.notify_all()

    def warm(self) -> list[Warm]:
        """The models in memory."""
        with self._changed:
            return self._warm()

    def free_idle(self) -> bool:
        """Free every model that nobody uses; whether there was any."""
        with self._loading, self._changed:
            leaving = self._take_idle()
        for held in leaving:
            held.engine.close()
        return bool(leaving)

    def close(self) -> None:
        """Free what can be freed: the process is about to end."""
        self.free_idle()

    def _enter(self, model: InstalledModel) -> _Held:
        held = self._find(model)
        if held is not None:
            return held
        # One load at a time: two at once would both count the same free memory, and be slower than one by one.
        with self._loading:
            held = self._find(model)
            if held is not None:
                return held
            need = self._need(model)
            self._make_room(model, need)
            loaded = _Held(model, self._loaded(model), need, self._clock(), [threading.get_ident()])
            with self._changed:
                self._held[model.name] = loaded
            return loaded

    def _find(self, model: InstalledModel) -> _Held | None:
        with self._changed:
            held = self._held.get(model.name)
            if held is None or held.model != model:
                return None
            held.by.append(threading.get_ident())
            held.used = self._clock()
            return held

    def _loaded(self, model: InstalledModel) -> Engine:
        try:
            return self._load(model)
        except Exception as error:
            # What a model takes is a guess; that memory ran out is known.
            if not is_out_of_memory(error):
                raise
        with self._changed:
            leaving = self._take_idle()
        for held in leaving:
            held.engine.close()
        return self._load(model)

    def _take_idle(self) -> list[_Held]:
        return [self._held.pop(name) for name, held in list(self._held.items()) if not held.by]

    def _make_room(self, model: InstalledModel, need: Bytes) -> None:
        with self._changed:
            # Deciding and taking out happen under one lock: nobody begins to use a model that is about to go.
            if not self._changed.wait_for(lambda: self._leaving(model, need) is not None, timeout=PATIENCE_S):
                raise JobError(
                    f"There was no memory for {model.name} in {PATIENCE_S:.0f} s: other models are at work.",
                    hint="Try again later, or let models take more memory.",
                    again=True,
                )
            leaving = [self._held.pop(name) for name in self._leaving(model, need) or ()]
        for held in leaving:
            held.engine.close()

    def _leaving(self, model: InstalledModel, need: Bytes) -> list[str] | None:
        """Who goes for this model; None: those at work have to end first. Raises ModelError."""
        # Weights of the same name that were replaced on the disk: whoever works with the old ones ends first.
        old = self._held.get(model.name)
        if old is not None and old.by:
            return None
        others = [each for each in self._warm() if each.name != model.name]
        budget = {device: self._most(device) for device in need}
        plan = make_room(others, need=need, budget=budget)
        if isinstance(plan, Never):
            where = "" if plan.device == MAIN else f" of {plan.device}"
            raise ModelError(
                f"{model.name} needs {_gigabytes(need[plan.device])} of memory, and models may take "
                f"{_gigabytes(budget[plan.device])}{where} here.",
                hint="Take a smaller model, or let models take more memory.",
            )
        if isinstance(plan, Wait) and self._waits_for_itself():
            # A job that needs a second model would wait for its own first one. It goes over the budget instead.
            plan = Evict(tuple(each.name for each in others if not each.users))
        return None if isinstance(plan, Wait) else [*plan.names, *([model.name] if old else [])]

    def _waits_for_itself(self) -> bool:
        return any(threading.get_ident() in held.by for held in self._held.values())

    def _most(self, device: str) -> int:
        if isinstance(self._budget, int):
            return self._budget
        return self._budget(device)

    def _warm(self) -> list[Warm]:
        return [
            Warm(name=name, size=sum(held.where.values()), used=held.used, users=len(held.by), where=held.where)
            for name, held in self._held.items()
        ]


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
