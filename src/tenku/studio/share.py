"""What of this machine's memory a worker holds beside other workers and sessions of the same user."""

import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from tenku.accel.devices import Device
from tenku.accel.lease import Lease
from tenku.accel.leases import Held, Leases
from tenku.base.errors import MachineError, TakenError
from tenku.studio.memory import Memory
from tenku.studio.warm import Bytes


class Holding(Protocol):
    """The memory of one model."""

    def in_use(self) -> None:
        """The model is loaded: devices count its memory as used by now."""

    def close(self) -> None:
        """The model has left."""


class Share(Protocol):
    """Asked before a model is loaded. Safe to use from several threads."""

    def take(self, model: str, need: Bytes, *, anyway: bool = False) -> Holding:
        """Hold memory for a model, by device: all of it or nothing. It ends a wish.

        `anyway`: whether there is room or not. Raises TakenError: others hold it; MachineError.
        """

    def wish(self, model: str, need: Bytes) -> None:
        """Say that so much is wanted. There is one wish at a time; a new one keeps the old one's place.

        Raises MachineError.
        """

    def waits(self) -> bool:
        """Whether there is a wish, and no room for it yet."""

    def wish_no_more(self) -> None:
        """There is nothing to wait for any more."""

    def wanted(self, devices: Collection[str]) -> frozenset[str]:
        """Those of these devices on which others wait for memory."""


class Nothing:
    """Implements `Holding` where nobody else is asked."""

    def in_use(self) -> None:
        """See `Holding`."""

    def close(self) -> None:
        """See `Holding`."""


class Alone:
    """Implements `Share` where no other worker is."""

    def take(self, model: str, need: Bytes, *, anyway: bool = False) -> Holding:  # noqa: ARG002
        """See `Share`."""
        return Nothing()

    def wish(self, model: str, need: Bytes) -> None:
        """See `Share`."""

    def waits(self) -> bool:
        """See `Share`."""
        return False

    def wish_no_more(self) -> None:
        """See `Share`."""

    def wanted(self, devices: Collection[str]) -> frozenset[str]:  # noqa: ARG002
        """See `Share`."""
        return frozenset()


class LeasedHolding:
    """Implements `Holding`."""

    def __init__(self, held: list[Held]) -> None:
        self._held = held

    def in_use(self) -> None:
        """See `Holding`."""
        for each in self._held:
            each.in_use()

    def close(self) -> None:
        """See `Holding`."""
        for each in self._held:
            each.close()


class LeasedShare:
    """Implements `Share` by leases that all programs of one user see.

    Args:
        device: a device by its name, as it is now.
        most: bytes of it that workers together may hold.
        who: begins what others read of us.
    """

    def __init__(
        self, leases: Leases, *, device: Callable[[str], Device], most: Callable[[str], int], who: str = "studio worker"
    ) -> None:
        self._leases = leases
        self._device = device
        self._most = most
        self._who = who
        self._wishes: dict[str, Held] = {}
        self._lock = threading.RLock()

    def take(self, model: str, need: Bytes, *, anyway: bool = False) -> Holding:
        """See `Share`."""
        held: list[Held] = []
        with self._lock:
            try:
                for name, size in need.items():
                    held.append(self._one(model, name, size, anyway=anyway))
            except MachineError:
                for each in held:  # who has one device does not wait for another with it
                    each.close()
                raise
            self.wish_no_more()
        return LeasedHolding(held)

    def wish(self, model: str, need: Bytes) -> None:
        """See `Share`."""
        with self._lock:
            for name in self._wishes.keys() - need.keys():
                self._wishes.pop(name).close()
            for name, size in need.items():
                old = self._wishes.get(name)
                if old is not None and old.lease.bytes == size:
                    continue
                since = old.lease.since if old is not None else None
                self._wishes[name] = self._leases.wish(self._device(name), size, who=self._named(model), since=since)
                if old is not None:
                    old.close()

    def waits(self) -> bool:
        """See `Share`."""
        with self._lock:
            return not all(self._has_room(each.lease) for each in self._wishes.values())

    def wish_no_more(self) -> None:
        """See `Share`."""
        with self._lock:
            while self._wishes:
                self._wishes.popitem()[1].close()

    def wanted(self, devices: Collection[str]) -> frozenset[str]:
        """See `Share`."""
        with self._lock:
            others = self._leases.waiting(but=self._wishes.values())
            return frozenset(each.device for each in others if each.device in devices and not self._has_room(each))

    def _has_room(self, wish: Lease) -> bool:
        try:
            return self._leases.has_room(self._device(wish.device), wish, most=self._most(wish.device))
        except MachineError:
            return True  # what is wrong with the folder is said to who takes something

    def _one(self, model: str, name: str, size: int, *, anyway: bool) -> Held:
        wishes = [self._wishes[name]] if name in self._wishes else []

        def take(size: int, *, anyway: bool) -> Held:
            device, most = self._device(name), self._most(name)
            return self._leases.take(device, size, who=self._named(model), most=most, instead=wishes, anyway=anyway)

        try:
            return take(size, anyway=anyway)
        except TakenError as error:
            if error.waits:
                raise
            # Programs that hold no lease have the rest. Waiting does not help, and who loads the model knows whether
            # its parts can take turns in what there is; it says so if not.
            return take(error.room, anyway=False)

    def _named(self, model: str) -> str:
        return f"{self._who}, model {model}"


def memory_and_share(limit: int, folder: Path | None) -> tuple[Memory, Share]:
    """What a worker's pool asks before it loads a model.

    Args:
        limit: bytes of main memory that models may take; 0: half of it.
        folder: where programs of this user say what they hold; None: nobody is asked.
    """
    if folder is None:
        return Memory(limit), Alone()
    leases = Leases(folder)
    memory = Memory(limit, room=leases.room)
    return memory, LeasedShare(leases, device=memory.now, most=memory.together)
