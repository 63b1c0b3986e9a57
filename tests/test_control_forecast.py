"""What jobs of every kind will take: seconds, memory and money; and which of them are refused, with what would fit."""

import random
from dataclasses import replace
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio_scripted import MODEL
from tenku.accel.devices import Device, processor
from tenku.base.errors import JobError, ModelError
from tenku.control.jobs.admission import Admission
from tenku.control.jobs.answerlength import MOST, answer_tokens
from tenku.control.jobs.estimate import fit
from tenku.control.jobs.fits import Limits, Need, fits
from tenku.control.jobs.footprint import footprint
from tenku.control.jobs.forecast import Forecast, together
from tenku.control.jobs.guess import guess
from tenku.control.jobs.ledger import Past
from tenku.control.jobs.work import work_size, work_units
from tenku.studio.catalog import installed_bytes
from tenku.studio.memory import Memory
from tenku.studio.model import Estimate, InstalledModel, JobSpec, Json, Kind, Spread

GB = 1_000_000_000
ITEM: dict[str, Json] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 40},
        "damage": {"type": "integer"},
        "rarity": {"enum": ["common", "rare", "epic"]},
    },
}


def spec(kind: Kind, **parameters: Json) -> JobSpec:
    return JobSpec(kind=kind, model="m", prompt="a dragon", parameters=parameters)


def test_work_grows_with_what_is_made() -> None:
    small, large = spec(Kind.IMAGE, width=512, height=512), spec(Kind.IMAGE, width=1024, height=1024)
    assert work_units(large) > 4 * work_units(small)  # positions are compared with each other
    assert work_units(spec(Kind.IMAGE, steps=8)) == pytest.approx(2 * work_units(spec(Kind.IMAGE, steps=4)))
    assert work_units(spec(Kind.VIDEO, seconds=10.0)) > 2 * work_units(spec(Kind.VIDEO, seconds=5.0))
    assert work_units(spec(Kind.VIDEO, fps=32)) > work_units(spec(Kind.VIDEO))
    assert work_units(spec(Kind.IMAGE, task="layers", layers=8)) > work_units(spec(Kind.IMAGE, task="layers"))
    assert work_units(spec(Kind.SOUND, seconds=8.0, steps=10)) == 80
    assert work_units(spec(Kind.SPEECH)) == work_size(spec(Kind.SPEECH)) == len("a dragon")
    assert work_size(large) == 1024 * 1024
    assert work_size(spec(Kind.VIDEO, width=64, height=64, seconds=2.0, fps=8)) == 64 * 64 * 16


@pytest.mark.parametrize("value", ["wide", -5, True, None, [], float("inf"), float("nan"), 1e300])
def test_parameters_that_make_no_sense_still_have_a_size(value: Json) -> None:
    """What is wrong with them is said elsewhere."""
    for kind in Kind:
        odd = spec(kind, width=value, height=value, seconds=value, steps=value, fps=value, max_tokens=value)
        assert 1 <= work_units(odd) < 1e18
        assert 1 <= work_size(odd) < 1e18


def test_an_answer_is_as_long_as_its_schema_wants() -> None:
    one, three = answer_tokens(ITEM), answer_tokens({"type": "array", "items": ITEM, "minItems": 3, "maxItems": 3})
    assert 20 < one < 60
    assert 2.5 * one < three < 4 * one
    assert answer_tokens({"type": "array", "items": {"enum": [1, 2]}, "minItems": 900, "maxItems": 900}) > 1500
    assert answer_tokens({"anyOf": [{"type": "string"}, {"type": "null"}]}) < answer_tokens({"type": "string"})
    item = spec(Kind.TEXT, schema=ITEM)
    assert work_units(item) < work_units(spec(Kind.TEXT))
    assert work_units(replace(item, parameters={"schema": ITEM, "max_tokens": 5})) < 8


@settings(max_examples=30)
@given(st.recursive(st.none() | st.text() | st.floats(), lambda inner: st.dictionaries(st.text(), inner)))
def test_any_schema_has_a_length(schema: object) -> None:
    assert 1 <= answer_tokens(schema) <= MOST
    deep: object = schema
    for _ in range(100):
        deep = {"properties": {"a": deep, "b": deep}}
    assert 1 <= answer_tokens(deep) <= MOST


def seconds(job: JobSpec, chance: random.Random) -> float:
    """A simulated device: loading of latents, steps by positions and their comparisons, a VAE by pixels."""
    pixels, steps = work_size(job), float(str(job.parameters["steps"]))
    positions = pixels / 256
    work = 0.5 + steps * positions * (1 + positions / 9_000) / 20_000 + pixels / 2e6
    return work * chance.lognormvariate(0, 0.08) * (4.0 if chance.random() < 1 / 12 else 1.0)


def test_pictures_of_all_sizes_are_estimated_after_ten_jobs() -> None:
    """The line through units need not be how the device counts."""
    errors = []
    for seed in range(200):
        chance = random.Random(seed)

        def job(chance: random.Random = chance) -> JobSpec:
            side = chance.choice([512, 768, 1024, 1328])
            return spec(Kind.IMAGE, width=side, height=side, steps=chance.choice([4, 8, 20, 50]))

        history = [(work_units(each), seconds(each, chance)) for each in (job() for _ in range(10))]
        new = job()
        actual, found = seconds(new, chance), fit(history)
        assert found is not None
        errors.append(abs(found.estimate(work_units(new)).seconds - actual) / actual)
    assert median(errors) < 0.2


def test_jobs_of_the_same_size_say_the_most() -> None:
    """Where the line is off at one size, ten jobs of that size mend it."""
    history = [(100.0, 1.0)] * 5 + [(1000.0, 30.0)] * 5 + [(400.0, 4.0)] * 5
    found = fit(history)
    assert found is not None
    assert [round(found.estimate(units).seconds, 3) for units in (100.0, 400.0, 1000.0)] == [1.0, 4.0, 30.0]


def test_memory_is_weights_and_what_the_size_takes() -> None:
    first = footprint(Kind.IMAGE, 1024 * 1024, [], weights=10 * GB)
    assert 10 * GB < first.low < first.likely < first.high
    history = [(each, 10e9 + 900 * each) for each in (256.0**2, 512.0**2, 1024.0**2)]
    for side in (256.0, 640.0, 2048.0):
        found = footprint(Kind.IMAGE, side**2, history, weights=99 * GB)
        assert found.likely == pytest.approx(10e9 + 900 * side**2)
        assert found.low < found.likely < found.high
    alone = footprint(Kind.IMAGE, 512.0**2, [(512.0**2, 12e9)], weights=GB)
    assert alone.likely == pytest.approx(12e9)


@given(st.lists(st.tuples(st.floats(1, 1e9), st.floats(1, 1e12)), max_size=20), st.floats(1, 1e9))
def test_the_spread_of_memory_holds_what_is_likely(history: list[tuple[float, float]], size: float) -> None:
    found = footprint(Kind.VIDEO, size, history, weights=GB)
    assert 0 <= found.low <= found.likely <= found.high


@pytest.mark.parametrize("kind", Kind)
def test_there_is_a_first_guess_for_every_kind(kind: Kind) -> None:
    found = guess(kind, work_units(spec(kind)), model_size=GB, speed=1e12)
    assert 0 < found.low < found.seconds < found.high
    assert found.jobs == 0
    assert guess(kind, 1.0, model_size=1, speed=1e12).seconds >= (0 if kind is Kind.TEXT else 1), "nothing is free"


def model(name: str, size: int, kind: Kind = Kind.IMAGE, **more: object) -> InstalledModel:
    base = replace(MODEL, name=name, kind=kind, size=size, engine="qwenimage")
    return replace(base, **more)  # type: ignore[arg-type]


def forecast(*models: InstalledModel, past: list[Past] | None = None, price: float = 0.0) -> Forecast:
    by_name = {each.name: each for each in models}

    def find(name: str) -> InstalledModel:
        if name not in by_name:
            raise ModelError(f"There is no model {name} here.")
        return by_name[name]

    return Forecast(
        history=lambda _, __: past or [],
        find=find,
        weights=installed_bytes,
        speed=lambda _: 1e12,
        price_per_hour=price,
        clock=lambda: 0.0,
    )


def test_a_forecast_has_seconds_memory_and_money() -> None:
    past = [Past(units=work_units(spec(Kind.IMAGE)), seconds=36.0, size=work_size(spec(Kind.IMAGE)), memory=5e9)] * 12
    found = forecast(model("m", GB), past=past, price=2.0).one(spec(Kind.IMAGE))
    assert found.seconds == pytest.approx(36)
    assert found.memory.likely == pytest.approx(5e9)
    assert found.cost.likely == pytest.approx(0.02)
    assert found.jobs == 12
    assert found.cost.low < found.cost.likely < found.cost.high
    assert forecast(model("m", GB)).one(spec(Kind.IMAGE)).cost == Spread()
    assert forecast(model("m", GB, hash="remote")).one(spec(Kind.IMAGE)).memory == Spread()
    assert forecast().all([spec(Kind.IMAGE)]) == [None]


def test_jobs_together_add_up_and_need_the_largest_memory() -> None:
    one = Estimate(seconds=1, low=0.5, high=2, jobs=3, memory=Spread(5, 4, 6), cost=Spread(1, 1, 1))
    other = Estimate(seconds=2, low=1.5, high=3, jobs=1, memory=Spread(9, 8, 9), cost=Spread(2, 1, 3))
    both = Estimate(seconds=3, low=2, high=5, jobs=1, memory=Spread(9, 8, 9), cost=Spread(3, 2, 4))
    assert together([one, other]) == both
    assert together([]).seconds == 0


def test_what_waits_in_main_memory_leaves_room_on_the_device() -> None:
    need, gpu = Need(weights=60 * GB, working=4 * GB), Limits(main=64 * GB, device=22 * GB)
    assert fits(need, gpu)
    assert not fits(replace(need, whole=True), gpu)
    assert not fits(need, replace(gpu, main=32 * GB))
    assert not fits(replace(need, working=21 * GB), gpu)
    assert not fits(need, Limits(main=63 * GB))
    assert fits(need, Limits(main=64 * GB))


def admission(*models: InstalledModel, limit: int, gpu: int = 0) -> Admission:
    predicted = forecast(*models)
    found = [Device("cuda", 0, "a GPU", memory=gpu, free=gpu)] if gpu else []
    memory = Memory(limit, devices=lambda: [*found, processor()])
    return Admission(find=predicted._find, installed=lambda: models, forecast=predicted, memory=memory)


def refusal(admission: Admission, job: JobSpec) -> JobError:
    with pytest.raises(JobError) as caught:
        admission.check(job)
    return caught.value


def test_a_job_that_cannot_fit_is_refused_with_what_would() -> None:
    huge, small = model("huge", 40 * GB), model("small", GB)
    error = refusal(admission(huge, small, limit=8 * GB), replace(spec(Kind.IMAGE), model="huge"))
    assert "huge needs 41." in str(error)
    assert "models may take 8.0 GB here" in str(error)
    assert error.hint == "What fits: the model small."
    assert error.short_of_memory
    admission(huge, small, limit=8 * GB).check(replace(spec(Kind.IMAGE), model="small"))


def test_a_picture_that_is_too_large_is_offered_smaller() -> None:
    only = model("m", 4 * GB)
    error = refusal(admission(only, limit=5 * GB), spec(Kind.IMAGE, width=4096, height=2048))
    [size] = [part for part in error.hint.removeprefix("What fits: ").rstrip(".").split("; ") if "pixels" in part]
    width, height = (int(side) for side in size.removesuffix(" pixels").split("x"))
    assert width == 2 * height < 4096
    admission(only, limit=5 * GB).check(spec(Kind.IMAGE, width=width, height=height))


def test_a_video_that_is_too_long_is_offered_shorter() -> None:
    only = model("m", 4 * GB, Kind.VIDEO, engine="wan")
    error = refusal(admission(only, limit=6 * GB), spec(Kind.VIDEO, seconds=10.0))
    assert " seconds" in error.hint
    assert " pixels" in error.hint


def test_nothing_that_was_fixed_is_fixed_by_us_but_offered() -> None:
    whole = model("m", 40 * GB, parameters={"offload": "none"})
    error = refusal(admission(whole, limit=64 * GB, gpu=24 * GB), spec(Kind.IMAGE))
    assert "added with its parameter offload=auto" in error.hint
    admission(replace(whole, parameters={}), limit=64 * GB, gpu=24 * GB).check(spec(Kind.IMAGE))


def test_a_model_elsewhere_needs_no_memory_here() -> None:
    admission(model("m", 900 * GB, hash="remote"), limit=GB).check(spec(Kind.IMAGE))


def test_what_else_is_wrong_is_said_first() -> None:
    entrance = admission(model("m", 900 * GB), limit=GB)
    assert "makes image, not video" in str(refusal(entrance, spec(Kind.VIDEO)))
    assert "has no parameter 'colour'" in str(refusal(entrance, spec(Kind.IMAGE, colour="red")))
