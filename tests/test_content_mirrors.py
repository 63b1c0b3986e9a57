"""Several stores read as one: failover, blame, waiting."""

import asyncio
from dataclasses import dataclass, field

import pytest

from tenku.base.errors import ContentError, CorruptError, NotFoundError, StoreError, UsageError
from tenku.content.stores.backoff import Backoff, order
from tenku.content.stores.mirrors import Mirrors

GOOD = b"0123456789"


@dataclass
class Scripted:
    """A store that answers as it is told, the last answer for ever, and counts."""

    name: str
    answers: list[bytes | ContentError]
    asked: int = 0

    async def get(self, key: str, *, limit: int) -> bytes:
        del key
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, ContentError):
            raise answer
        return answer[:limit]

    async def get_range(self, key: str, *, start: int, length: int) -> bytes:
        return (await self.get(key, limit=1 << 30))[start : start + length]


@dataclass
class Clock:
    """Time that passes only by sleeping."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def mirrors(*stores: Scripted, clock: Clock | None = None, backoff: Backoff | None = None) -> Mirrors:
    clock = clock or Clock()
    return Mirrors(stores, backoff=backoff, clock=clock, sleep=clock.sleep, chance=lambda: 1.0)


def get(store: Mirrors) -> bytes:
    return asyncio.run(store.get("game/pack/aa", limit=100))


def right(data: bytes) -> str:
    """The check of a caller who knows the hash."""
    if data != GOOD:
        raise CorruptError("game/pack/aa is not what its name says.")
    return "checked"


async def slowly_right(data: bytes) -> str:
    """The same check, where it takes long enough to be done in a thread."""
    return await asyncio.to_thread(right, data)


DOWN = StoreError("Connection refused.")
GONE = NotFoundError("Not there.")


def test_one_mirror_is_enough_and_the_others_are_left_alone() -> None:
    first, second = Scripted("a", [GOOD]), Scripted("b", [GOOD])
    store = mirrors(first, second)
    assert get(store) == GOOD
    assert asyncio.run(store.get_range("game/pack/aa", start=2, length=3)) == b"234"
    assert (first.asked, second.asked) == (2, 0)
    assert store.name == "a, b"


def test_the_next_mirror_takes_over_at_once() -> None:
    clock = Clock()
    assert get(mirrors(Scripted("a", [DOWN]), Scripted("b", [GOOD]), clock=clock)) == GOOD
    assert clock.slept == []


def test_a_mirror_that_failed_is_asked_last_for_a_while() -> None:
    clock = Clock()
    first, second = Scripted("a", [DOWN, GOOD]), Scripted("b", [GOOD])
    store = mirrors(first, second, clock=clock, backoff=Backoff(lately_s=60))
    for _ in range(3):
        get(store)
    assert (first.asked, second.asked) == (1, 3)
    clock.now = 61
    get(store)
    assert (first.asked, second.asked) == (2, 3)


def test_a_mirror_that_lacks_one_object_is_still_asked_first_for_others() -> None:
    first, second = Scripted("a", [GONE, GOOD]), Scripted("b", [GOOD])
    store = mirrors(first, second)
    get(store)
    get(store)
    assert (first.asked, second.asked) == (2, 1)


def test_all_are_tried_again_with_growing_pauses() -> None:
    clock = Clock()
    first, second = Scripted("a", [DOWN, DOWN, DOWN, GOOD]), Scripted("b", [DOWN])
    assert get(mirrors(first, second, clock=clock)) == GOOD
    assert clock.slept == [0.5, 1.0, 2.0]


def test_when_all_fail_each_one_is_named() -> None:
    first, second = Scripted("a", [DOWN]), Scripted("b", [GONE])
    with pytest.raises(StoreError, match=r"a: Connection refused\. b: Not there\.") as caught:
        get(mirrors(first, second, backoff=Backoff(rounds=3)))
    assert not isinstance(caught.value, NotFoundError)
    assert (first.asked, second.asked) == (3, 1), "what is not there is not asked for again"


def test_what_no_mirror_has_is_not_found_at_once() -> None:
    clock = Clock()
    with pytest.raises(NotFoundError, match="No mirror has game/pack/aa"):
        get(mirrors(Scripted("a", [GONE]), Scripted("b", [GONE]), clock=clock))
    assert clock.slept == []


def test_the_only_store_speaks_for_itself() -> None:
    with pytest.raises(StoreError, match=r"^Connection refused\.$"):
        get(mirrors(Scripted("a", [DOWN])))


def test_a_mirror_with_wrong_bytes_is_passed_over() -> None:
    first, second = Scripted("a", [b"evil"]), Scripted("b", [GOOD])
    store = mirrors(first, second)
    for _ in range(2):
        assert asyncio.run(store.get_checked("game/pack/aa", right, limit=100)) == "checked"
    assert asyncio.run(store.get_range_checked("game/pack/aa", slowly_right, start=0, length=10)) == "checked"
    assert (first.asked, second.asked) == (1, 3)


def test_wrong_bytes_everywhere_are_named() -> None:
    with pytest.raises(StoreError, match=r"a: .*not what its name says.* b: .*not what its name says"):
        asyncio.run(mirrors(Scripted("a", [b"x"]), Scripted("b", [b"y"])).get_checked("game/pack/aa", right, limit=9))


def test_an_error_that_is_not_the_mirrors_goes_straight_through() -> None:
    first, second = Scripted("a", [UsageError("No.")]), Scripted("b", [GOOD])  # type: ignore[list-item]
    first.answers = [ContentError("The disk is full.")]
    with pytest.raises(ContentError, match="disk is full"):
        get(mirrors(first, second))
    assert second.asked == 0


def test_all_mirrors_are_asked_for_what_changes() -> None:
    found = asyncio.run(
        mirrors(Scripted("a", [b"old"]), Scripted("b", [DOWN]), Scripted("c", [b"new"])).get_all("g/head/x", limit=10)
    )
    assert [(each.mirror, each.data) for each in found.answers] == [("a", b"old"), ("c", b"new")]
    assert found.failures == (DOWN,)


def test_what_changes_is_asked_for_again_when_nobody_answers() -> None:
    clock = Clock()
    found = asyncio.run(
        mirrors(Scripted("a", [DOWN, b"new"]), Scripted("b", [GONE]), clock=clock).get_all("g/head/x", limit=9)
    )
    assert [each.data for each in found.answers] == [b"new"]
    assert clock.slept == [0.5]
    with pytest.raises(NotFoundError):
        asyncio.run(mirrors(Scripted("a", [GONE]), Scripted("b", [GONE])).get_all("g/head/x", limit=9))
    with pytest.raises(StoreError, match=r"a: Connection refused\. b: Not there"):
        asyncio.run(mirrors(Scripted("a", [DOWN]), Scripted("b", [GONE])).get_all("g/head/x", limit=9))


def test_pauses_grow_to_their_limit_and_differ_between_clients() -> None:
    backoff = Backoff(first_s=1, factor=2, most_s=5)
    assert [backoff.pause(each, chance=1.0) for each in (1, 2, 3, 4, 40)] == [1, 2, 4, 5, 5]
    assert backoff.pause(3, chance=0.0) == 2


def test_the_order_is_the_given_one_then_those_that_failed_longest_ago() -> None:
    assert order([None, None], now=0, lately_s=60) == [0, 1]
    assert order([90.0, None, 80.0, 10.0], now=100, lately_s=60) == [1, 3, 2, 0]
