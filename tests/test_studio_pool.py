"""Models load once, stay warm while there is room, and the least recently used one goes first."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_scripted import MODEL, Clock, Scripted
from studio_tiny import Tiny, image_model, tiny_image
from tenku.accel.devices import Device, processor
from tenku.base.errors import ModelError
from tenku.studio.catalog import WORKING
from tenku.studio.diffusion.folder import read_folder
from tenku.studio.memory import Memory
from tenku.studio.model import InstalledModel
from tenku.studio.pool import Pool
from tenku.studio.warm import Evict, Never, Wait, Warm, make_room


def warm_model(name: str, where: dict[str, int], used: float, users: int) -> Warm:
    return Warm(name=name, size=sum(where.values()), used=used, users=users, where=where)


__all__ = ["tiny_image"]

WHERE = st.dictionaries(st.sampled_from(["cpu", "gpu"]), st.integers(1, 100), min_size=1)
WARM = st.builds(warm_model, st.uuids().map(str), WHERE, st.floats(0, 100), st.integers(0, 2))
BUDGET = st.fixed_dictionaries({"cpu": st.integers(1, 300), "gpu": st.integers(1, 300)})


def taken(models: list[Warm], device: str) -> int:
    return sum(each.where.get(device, 0) for each in models)


@given(st.lists(WARM, max_size=8, unique_by=lambda each: each.name), WHERE, BUDGET)
def test_the_budgets_are_kept_and_nobody_at_work_is_thrown_out(
    warm: list[Warm], need: dict[str, int], budget: dict[str, int]
) -> None:
    plan = make_room(warm, need=need, budget=budget)
    if isinstance(plan, Evict):
        leaving = [each for each in warm if each.name in plan.names]
        stay = [each for each in warm if each.name not in plan.names]
        assert all(not each.users for each in leaving)
        assert all(taken(stay, device) + size <= budget[device] for device, size in need.items())
        for each in leaving:  # it made room where some was needed
            assert set(each.where) & set(need)
    elif isinstance(plan, Never):
        assert need[plan.device] > budget[plan.device]
    else:
        busy = [each for each in warm if each.users]
        assert any(taken(busy, device) + size > budget[device] for device, size in need.items())


@given(st.lists(WARM, max_size=8, unique_by=lambda each: each.name), st.integers(1, 150), st.integers(150, 300))
def test_who_was_used_last_stays(warm: list[Warm], need: int, budget: int) -> None:
    plan = make_room(warm, need={"cpu": need}, budget={"cpu": budget})
    if isinstance(plan, Evict):
        idle = [each for each in warm if not each.users and "cpu" in each.where]
        stay = [each.used for each in idle if each.name not in plan.names]
        assert all(each.used <= used for each in idle if each.name in plan.names for used in stay)


def test_a_model_on_another_device_makes_no_room() -> None:
    warm = [warm_model("video", {"gpu": 80}, 1, 0), warm_model("text", {"cpu": 80}, 2, 0)]
    budget = {"cpu": 100, "gpu": 100}
    assert make_room(warm, need={"cpu": 50}, budget=budget) == Evict(("text",))
    assert make_room(warm, need={"cpu": 50, "gpu": 50}, budget=budget) == Evict(("video", "text"))
    assert make_room(warm, need={"gpu": 101}, budget=budget) == Never("gpu")


def test_no_more_goes_than_has_to() -> None:
    warm = [warm_model(name, {"cpu": 10}, used, 0) for name, used in (("new", 3), ("old", 1), ("middle", 2))]
    assert make_room(warm, need={"cpu": 10}, budget={"cpu": 30}) == Evict(("old",))
    assert make_room(warm, need={"cpu": 10}, budget={"cpu": 40}) == Evict(())
    busy = [replace(each, users=1) for each in warm]
    assert make_room(busy, need={"cpu": 10}, budget={"cpu": 30}) == Wait()


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


def test_a_job_that_needs_a_second_model_does_not_wait_for_itself() -> None:
    loader = Loader()
    pool = Pool(loader, budget=500, clock=Clock())
    with pool.use(model("idle", size=100)):
        pass
    with pool.use(model("video")), pool.use(model("sound")):
        assert sorted(each.name for each in pool.warm()) == ["sound", "video"]
    assert loader.engines["idle"][0].closed


def test_memory_that_runs_out_while_a_model_loads_is_taken_from_idle_ones() -> None:
    loader, fails = Loader(), [True]

    def load(wanted: InstalledModel) -> Scripted:
        if wanted.name == "b" and fails.pop():
            fails.append(False)
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
        return loader(wanted)

    pool = Pool(load, budget=1000, clock=Clock())
    with pool.use(model("a")):
        pass
    with pool.use(model("b")):
        assert [each.name for each in pool.warm()] == ["b"]
    assert loader.engines["a"][0].closed


def test_each_device_has_a_budget_of_its_own() -> None:
    gpu = Device("cuda", 0, "a GPU", memory=100_000_000_000, free=100_000_000_000)
    memory = Memory(7_000_000_000, devices=lambda: [gpu, processor()])
    text, picture = model("text", size=5_000_000_000), replace(model("p", size=50_000_000_000), engine="qwenimage")
    assert list(memory.need(text)) == ["cpu"]
    assert (memory.budget("cpu"), memory.budget("cuda:0")) == (7_000_000_000, 90_000_000_000)
    assert list(memory.need(picture)) == ["cuda:0"]
    large = memory.need(replace(picture, size=120_000_000_000))
    assert large["cuda:0"] == 90_000_000_000  # its parts wait in main memory, and work on the device in turn
    assert large["cpu"] >= 120_000_000_000
    assert memory.need(replace(text, engine="remote", hash="remote")) == {}
    assert list(Memory(0, devices=lambda: [processor()]).need(picture)) == ["cpu"]


def test_a_folders_weights_count_as_wide_as_they_are_in_memory(tiny_image: Tiny) -> None:
    """Files of 16 bits are computed with in 32 by a processor."""
    folder = tiny_image("qwenimage")
    numbers = sum(read_folder(folder).numbers(part) for part in read_folder(folder).files)
    memory, picture = Memory(0, devices=lambda: [processor()]), image_model(folder)
    assert memory.weights(picture) == 4 * numbers + WORKING
    assert memory.weights(image_model(folder, dtype="bfloat16")) == 2 * numbers + WORKING
    gone = replace(picture, path=str(folder / "gone"), size=7)
    assert memory.weights(gone) == 7 + WORKING
