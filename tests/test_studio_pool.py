"""Models load once, stay warm while there is room, and the least recently used one goes first."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_scripted import MODEL, Clock, Scripted
from tenku.base.errors import ModelError
from tenku.studio.model import InstalledModel
from tenku.studio.pool import Pool
from tenku.studio.warm import Evict, Never, Wait, Warm, make_room

WARM = st.builds(
    Warm,
    name=st.uuids().map(str),
    size=st.integers(1, 100),
    used=st.floats(0, 100),
    users=st.integers(0, 2),
)


@given(st.lists(WARM, max_size=8, unique_by=lambda each: each.name), st.integers(1, 150), st.integers(1, 300))
def test_the_budget_is_kept_and_nobody_at_work_is_thrown_out(warm: list[Warm], need: int, budget: int) -> None:
    plan = make_room(warm, need=need, budget=budget)
    if isinstance(plan, Evict):
        leaving = set(plan.names)
        stay = [each for each in warm if each.name not in leaving]
        assert all(not each.users for each in warm if each.name in leaving)
        assert not leaving or sum(each.size for each in stay) + need <= budget
        idle = [each.used for each in stay if not each.users]
        assert all(each.used <= used for each in warm if each.name in leaving for used in idle)
    elif isinstance(plan, Never):
        assert need > budget
    else:
        assert sum(each.size for each in warm if each.users) + need > budget


def test_no_more_goes_than_has_to() -> None:
    warm = [Warm(name=name, size=10, used=used, users=0) for name, used in (("new", 3), ("old", 1), ("middle", 2))]
    assert make_room(warm, need=10, budget=30) == Evict(("old",))
    assert make_room(warm, need=10, budget=40) == Evict(())
    busy = [replace(each, users=1) for each in warm]
    assert make_room(busy, need=10, budget=30) == Wait()


@dataclass
class Loader:
    """Counts what is loaded."""

    engines: dict[str, list[Scripted]] = field(default_factory=dict)
    before: Callable[[], object] = lambda: None

    def __call__(self, model: InstalledModel) -> Scripted:
        self.before()
        engine = Scripted()
        self.engines.setdefault(model.name, []).append(engine)
        return engine


def model(name: str, *, size: int = 400) -> InstalledModel:
    return replace(MODEL, name=name, size=size)


def test_a_model_loads_once_for_all() -> None:
    loader, clock = Loader(), Clock()
    pool = Pool(loader, budget=1000, clock=clock)
    with pool.use(model("a")) as one, pool.use(model("a")) as other:
        assert one is other
    with pool.use(model("a")) as again:
        assert again is one
    assert len(loader.engines["a"]) == 1


def test_many_at_once_wait_for_one_load() -> None:
    loading, got = threading.Event(), []
    loader = Loader(before=lambda: loading.wait(5))
    pool = Pool(loader, budget=1000, clock=Clock())

    def use() -> None:
        with pool.use(model("a")) as engine:
            got.append(engine)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    loading.set()
    for thread in threads:
        thread.join(10)
    assert len(got) == 8
    assert len(loader.engines["a"]) == 1


def test_the_least_recently_used_goes_and_its_memory_is_freed() -> None:
    loader, clock = Loader(), Clock()
    pool = Pool(loader, budget=1000, clock=clock)
    for name in ("a", "b", "a", "c"):
        clock.seconds += 1
        with pool.use(model(name)):
            pass
    assert sorted(each.name for each in pool.warm()) == ["a", "c"]
    assert loader.engines["b"][0].closed
    assert not loader.engines["a"][0].closed


def test_who_needs_room_waits_for_those_at_work() -> None:
    loader, clock = Loader(), Clock()
    pool = Pool(loader, budget=500, clock=clock)
    waiting = threading.Thread(target=lambda: pool.use(model("b")).__enter__())
    with pool.use(model("a")):
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive()
        assert "b" not in loader.engines
    waiting.join(5)
    assert loader.engines["a"][0].closed
    assert [each.name for each in pool.warm()] == ["b"]


def test_a_model_over_the_budget_is_refused_and_others_stay() -> None:
    loader = Loader()
    pool = Pool(loader, budget=1000, clock=Clock())
    with pool.use(model("a")):
        pass
    with pytest.raises(ModelError, match=r"huge needs 2\.0 GB"), pool.use(model("huge", size=2_000_000_000)):
        pass
    assert [each.name for each in pool.warm()] == ["a"]


def test_weights_that_were_replaced_are_loaded_anew() -> None:
    loader = Loader()
    pool = Pool(loader, budget=1000, clock=Clock())
    with pool.use(model("a")):
        pass
    with pool.use(replace(model("a"), hash="cd" * 32)):
        pass
    first, second = loader.engines["a"]
    assert (first.closed, second.closed) == (True, False)
    pool.close()
    assert second.closed


def test_a_load_that_fails_leaves_nothing_behind() -> None:
    def fail(model: InstalledModel) -> Scripted:
        raise ModelError(f"{model.name} is broken.")

    pool = Pool(fail, budget=1000, clock=Clock())
    for _ in range(2):
        with pytest.raises(ModelError, match="a is broken"), pool.use(model("a")):
            pass
    assert pool.warm() == []
