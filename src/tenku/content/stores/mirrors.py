"""Several stores that hold the same objects, read as one."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tenku.base.errors import NotFoundError, StoreError
from tenku.content.ports import ReadStore
from tenku.content.stores.backoff import Backoff, order

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What one mirror says of a mutable object."""

    mirror: str
    data: bytes


@dataclass(frozen=True)
class Answers:
    """What all mirrors say of a mutable object: at least one answer, and why the others gave none."""

    answers: tuple[Answer, ...]
    failures: tuple[StoreError, ...] = ()


class Mirrors:
    """Implements `ports.ReadStore` over one or more; the first is asked first.

    A mirror that fails is asked last for a while. `get_checked` and `get_range_checked` count an answer that fails the
    caller's check as the mirror's failure, and go on to the next one: prefer them wherever a hash is known.
    """

    def __init__(
        self,
        stores: Sequence[ReadStore],
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if not stores:
            raise ValueError("mirrors are at least one store")
        self._stores = tuple(stores)
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._failed_at: list[float | None] = [None] * len(stores)

    @property
    def name(self) -> str:
        """All their names."""
        return ", ".join(store.name for store in self._stores)

    async def get(self, key: str, *, limit: int) -> bytes:
        """See `ports.ReadStore`."""
        return await self.get_checked(key, _unchanged, limit=limit)

    async def get_range(self, key: str, *, start: int, length: int) -> bytes:
        """See `ports.ReadStore`."""

        async def as_it_is(data: bytes) -> bytes:
            return data

        return await self.get_range_checked(key, as_it_is, start=start, length=length)

    async def get_checked(self, key: str, check: Callable[[bytes], T], *, limit: int) -> T:
        """What `check` makes of the object. It raises CorruptError for bytes that are not what they should be.

        Raises:
            NotFoundError: no mirror has it.
            StoreError: all failed; it names each one.
        """

        async def ask(store: ReadStore) -> T:
            return check(await store.get(key, limit=limit))

        return await self._ask_each(key, ask)

    async def get_range_checked(
        self, key: str, check: Callable[[bytes], Awaitable[T]], *, start: int, length: int
    ) -> T:
        """The same for a range; `check` may take its time in a thread, as ranges are large."""

        async def ask(store: ReadStore) -> T:
            return await check(await store.get_range(key, start=start, length=length))

        return await self._ask_each(key, ask)

    async def get_all(self, key: str, *, limit: int) -> Answers:
        """What every mirror says of a mutable object, for the caller to take the newest that can be trusted.

        Raises:
            NotFoundError: no mirror has it.
            StoreError: no mirror answered, though at least one could not say that there is none.
        """
        for number in range(self._backoff.rounds):
            await self._pause(number)
            found = await asyncio.gather(*(self._answer(index, key, limit) for index in range(len(self._stores))))
            answers = tuple(each for each in found if isinstance(each, Answer))
            failures = tuple(each for each in found if isinstance(each, StoreError))
            if answers:
                return Answers(answers, failures)
            if all(isinstance(each, NotFoundError) for each in failures):
                break
        raise self._all_failed(key, dict(enumerate(failures)))

    async def _answer(self, index: int, key: str, limit: int) -> Answer | StoreError:
        try:
            return Answer(self._stores[index].name, await self._stores[index].get(key, limit=limit))
        except StoreError as error:
            self._blame(index, error)
            return error

    async def _ask_each(self, key: str, ask: Callable[[ReadStore], Awaitable[T]]) -> T:
        failures: dict[int, StoreError] = {}
        for number in range(self._backoff.rounds):
            await self._pause(number)
            for index in order(self._failed_at, now=self._clock(), lately_s=self._backoff.lately_s):
                if isinstance(failures.get(index), NotFoundError):
                    continue
                try:
                    return await ask(self._stores[index])
                except StoreError as error:
                    failures[index] = error
                    self._blame(index, error)
            if all(isinstance(each, NotFoundError) for each in failures.values()):
                break
        raise self._all_failed(key, failures)

    async def _pause(self, number: int) -> None:
        if number > 0:
            await self._sleep(self._backoff.pause(number, chance=self._chance()))

    def _blame(self, index: int, error: StoreError) -> None:
        # A mirror may hold less than all, like a peer that is still pulling: no fault of its own.
        if not isinstance(error, NotFoundError):
            self._failed_at[index] = self._clock()

    def _all_failed(self, key: str, failures: dict[int, StoreError]) -> StoreError:
        if len(self._stores) == 1:
            return failures[0]
        said = " ".join(f"{self._stores[index].name}: {error}" for index, error in sorted(failures.items()))
        if all(isinstance(each, NotFoundError) for each in failures.values()):
            return NotFoundError(f"No mirror has {key}. {said}")
        return StoreError(f"No mirror gave {key}. {said}", hint=_first_hint(failures))


def _first_hint(failures: dict[int, StoreError]) -> str:
    return next((each.hint for each in failures.values() if each.hint), "")


def _unchanged(data: bytes) -> bytes:
    return data
