"""Loaded models: each is loaded once, shared by jobs and chats, and stays warm while there is room."""

import contextlib
import threading
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field

from tenku.base.errors import JobError, ModelError, TakenError
from tenku.studio.model import InstalledModel
from tenku.studio.outofmemory import is_out_of_memory
from tenku.studio.ports import Engine, Load
from tenku.studio.share import Alone, Holding, Share
from tenku.studio.warm import MAIN, Bytes, Evict, Never, Wait, Warm, make_room

PATIENCE_S = 600.0
"""How long a request waits for others to free the memory that it needs."""
LOOK_S = 0.25
"""How often who waits for another program looks again."""


def weights_alone(model: InstalledModel) -> Bytes:
    """What a model is counted with where nobody knows better: its weights, in main memory."""
    return {MAIN: model.size}


@dataclass
class _Held:
    model: InstalledModel
    engine: Engine
    where: Bytes
    holding: Holding
    used: float
    by: list[int] = field(default_factory=list)
    """The threads that work with it."""

    def close(self) -> None:
        """Free its memory, then say so to others."""
        self.engine.close()
        self.holding.close()


class Pool:
    """Gives out engines; safe to use from several threads.

    Args:
        load: loads weights; blocks for seconds.
        budget: bytes that models take of a device at most; a number is for main memory.
        need: bytes that a model takes while it works, by device.
        clock: seconds that only rise.
        share: what other programs of this user leave to this pool.
    """

    def __init__(
        self,
        load: Load,
        *,
        budget: Callable[[str], int] | int,
        clock: Callable[[], float],
        need: Callable[[InstalledModel], Bytes] = weights_alone,
        share: Share | None = None,
    ) -> None:
        self._load = load
        self._budget = budget
        self._need = need
        self._clock = clock
        self._share = share or Alone()
        self._wished: Bytes = {}
        self._held: dict[str, _Held] = {}
        self._changed = threading.Condition()
        self._loading = threading.Lock()

    @contextlib.contextmanager
    def use(self, model: InstalledModel, *, patience_s: float = 0.0) -> Iterator[Engine]:
        """An engine with this model; it stays in memory at least until the block ends.

        Args:
            patience_s: for how long other programs that hold the memory are waited for.

        Raises:
            ModelError: the weights cannot be loaded, or are too large for this machine.
            JobError: `again`, there was no room in time.
            TakenError: other programs hold the memory; `waits` says when to come again.
        """
        held = self._enter(model, patience_s)
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
            held.close()
        return bool(leaving)

    def make_way(self) -> None:
        """Free a model that nobody uses, if it lies where others wait for memory; which is asked again and again."""
        with self._changed:
            idle = {device for held in self._held.values() if not held.by for device in held.where}
        if idle:
            self._free_oldest(self._share.wanted(idle))

    def waits(self) -> bool:
        """Whether other programs still hold the memory that was asked for last; idle models of ours leave it."""
        while self._share.waits():
            if not self._free_oldest(self._wished):
                return True
        return False

    def wait_no_more(self) -> None:
        """What was asked for last is not wanted any more."""
        self._share.wish_no_more()

    def close(self) -> None:
        """Free what can be freed: the process is about to end."""
        self.free_idle()

    def _enter(self, model: InstalledModel, patience_s: float) -> _Held:
        held = self._find(model)
        if held is not None:
            if not self._share.waits():
                self._share.wish_no_more()  # there is room, and something else is done: nobody is kept from it
            return held
        # One load at a time: two at once would both count the same free memory, and be slower than one by one.
        with self._loading:
            held = self._find(model)
            if held is not None:
                return held
            need = self._need(model)
            self._make_room(model, need)
            with contextlib.ExitStack() as undo:
                holding = undo.enter_context(contextlib.closing(self._take(model, need, patience_s)))
                engine = undo.enter_context(contextlib.closing(self._loaded(model)))
                holding.in_use()
                undo.pop_all()
            loaded = _Held(model, engine, need, holding, self._clock(), [threading.get_ident()])
            with self._changed:
                self._held[model.name] = loaded
            return loaded

    def _take(self, model: InstalledModel, need: Bytes, patience_s: float) -> Holding:
        """The memory, also from other programs. Raises TakenError."""
        looks = int(patience_s / LOOK_S)
        while True:
            try:
                return self._share.take(model.name, need)
            except TakenError:
                if self._free_oldest(need):
                    continue
                if self._waits_for_itself():
                    # What the job made so far would be lost if it went back to the queue. It goes over the bound.
                    return self._share.take(model.name, need, anyway=True)
                self._wished = need
                self._share.wish(model.name, need)
                if looks <= 0:
                    if patience_s:
                        self._share.wish_no_more()  # whoever asked is gone
                    raise
            looks -= 1
            with self._changed:
                self._changed.wait(LOOK_S)

    def _free_oldest(self, devices: Container[str]) -> bool:
        """Free the model on one of these devices that nobody uses for the longest time; whether there was one."""
        with self._changed:
            idle = [held for held in self._held.values() if not held.by and any(each in devices for each in held.where)]
            if not idle:
                return False
            leaving = min(idle, key=lambda held: held.used)
            del self._held[leaving.model.name]
        leaving.close()
        return True

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
            held.close()
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
            held.close()

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
