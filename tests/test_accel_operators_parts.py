"""What a trial of an operator is made of: inputs that make sense, right results, bounds, poison, time, fall-backs."""

import math
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tenku.accel.devices import processor
from tenku.accel.inventory.model import DTYPE, Call, Tensor
from tenku.accel.inventory.read import inventory_of
from tenku.accel.report.case import case_of, meta_of, poison
from tenku.accel.report.compare import ROUNDOFF, bound, compared, identical
from tenku.accel.report.model import Against
from tenku.accel.report.poisoning import out_form
from tenku.accel.report.reference import right_of
from tenku.accel.report.smaller import Most, shrunk
from tenku.accel.report.timing import measured, settled
from tenku.accel.torchchip import TorchChip, brought_back

ROUNDED = st.sampled_from([torch.float32, torch.float16, torch.bfloat16])
NUMBERS = st.lists(st.floats(-1000, 1000).filter(lambda each: abs(each) > 1e-3), min_size=1, max_size=50)


def call(operator: str, *arguments: object, **keywords: object) -> Call:
    return Call(operator=operator, arguments=arguments, keywords=keywords, results=(), counts={}, flops=0, moved=0)


@given(NUMBERS, ROUNDED)
def test_rounding_once_is_always_right(numbers: list[float], dtype: torch.dtype) -> None:
    right = torch.tensor(numbers, dtype=torch.float64)
    off = compared(right.to(dtype), right)
    assert not off.wrong
    assert off.error <= ROUNDOFF[dtype]


@given(NUMBERS, ROUNDED, st.sampled_from([math.nan, math.inf, -math.inf]), st.data())
def test_a_number_that_is_none_never_passes(
    numbers: list[float], dtype: torch.dtype, stray: float, data: st.DataObject
) -> None:
    right = torch.tensor(numbers, dtype=torch.float64)
    got = right.to(dtype)
    got[data.draw(st.integers(0, len(numbers) - 1))] = stray
    assert compared(got, right).wrong
    assert identical(got, right.to(dtype)).wrong


@given(NUMBERS, ROUNDED, st.integers(1, 1 << 14))
def test_whatever_is_further_off_than_the_bound_is_wrong(numbers: list[float], dtype: torch.dtype, depth: int) -> None:
    right = torch.tensor(numbers, dtype=torch.float64)
    share = 3 * (bound(dtype, depth=depth) + ROUNDOFF[dtype])
    assert compared((right * (1 + share)).to(dtype), right, depth=depth).wrong


@given(ROUNDED, st.integers(1, 1000), st.integers(1, 1000))
def test_longer_sums_may_be_further_off(dtype: torch.dtype, depth: int, more: int) -> None:
    assert bound(dtype, depth=depth + more) > bound(dtype, depth=depth) > ROUNDOFF[dtype]


def test_a_number_too_large_for_its_type_is_infinite_and_right() -> None:
    right = torch.tensor([1e6, -1e6, 1.0], dtype=torch.float64)
    assert not compared(right.to(torch.float16), right).wrong
    assert compared(torch.tensor([math.inf, math.inf, 1.0], dtype=torch.float16), right).wrong


def test_a_result_that_is_right_nan_or_infinite_passes_where_it_is_not_rounded() -> None:
    numbers = torch.tensor([math.nan, math.inf, 1.0])
    assert not identical(numbers, numbers.clone()).wrong
    assert identical(numbers, torch.tensor([0.0, math.inf, 1.0])).wrong
    assert identical(numbers, numbers.double()).wrong


def test_inputs_are_fresh_for_another_seed_and_the_same_for_the_same() -> None:
    asked = call("aten.cos.default", Tensor(shape=(64,), dtype=DTYPE))
    one, same, other = (case_of(asked, "float32", seed=seed).arguments[0] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_inputs_make_sense_for_what_is_done_with_them() -> None:
    table, places = Tensor(shape=(7, 4), dtype=DTYPE), Tensor(shape=(500,), dtype="int64")
    assert case_of(call("aten.embedding.default", table, places), "float32", seed=1).arguments[1].max() == 6
    assert case_of(call("aten.index.Tensor", table, (None, places)), "float32", seed=1).arguments[1][1].max() == 3
    assert case_of(call("aten.rsqrt.default", table), "float32", seed=1).arguments[0].min() > 0
    heads = Tensor(shape=(1, 2, 5, 8), dtype=DTYPE)
    mask = Tensor(shape=(1, 1, 5, 5), dtype="bool")
    attention = call("aten.scaled_dot_product_attention.default", heads, heads, heads, mask)
    assert case_of(attention, "float32", seed=1).arguments[3].any(-1).all()
    lowest = case_of(call("aten.scalar_tensor.default", {"limit": "lowest"}, dtype={"dtype": DTYPE}), "float16", seed=1)
    assert lowest.arguments == (-65504.0,)


def test_inputs_have_the_strides_that_the_model_gives_them_there_and_on_the_device() -> None:
    looks = Tensor(shape=(2, 3, 4), dtype=DTYPE, stride=(64, 0, 3))
    made = case_of(call("aten.cos.default", looks), "bfloat16", seed=1).arguments[0]
    assert (made.shape, made.stride()) == ((2, 3, 4), (64, 0, 3))
    there = TorchChip(processor()).put(made)
    assert there.stride() == made.stride()
    assert torch.equal(there, made)
    assert there.data_ptr() != made.data_ptr()


def test_right_results_are_wider_where_something_is_rounded_and_exact_elsewhere() -> None:
    looks = Tensor(shape=(16, 16), dtype=DTYPE)
    product = call("aten.mm.default", looks, looks)
    right = right_of("aten.mm.default", case_of(product, "bfloat16", seed=1))
    assert (right.against, right.results[0].dtype) == (Against.FLOAT64, torch.float64)
    for operator, arguments in (
        ("t.default", ()),
        ("clone.default", ()),
        ("gt.Scalar", (0,)),
        ("view.default", ((256,),)),
    ):
        asked = call(f"aten.{operator}", looks, *arguments)
        assert right_of(asked.operator, case_of(asked, "bfloat16", seed=1)).against is Against.EXACT
    narrower = call("aten._to_copy.default", Tensor(shape=(4,), dtype="float32"), dtype={"dtype": DTYPE})
    assert right_of(narrower.operator, case_of(narrower, "bfloat16", seed=1)).against is Against.FLOAT64
    assert right_of(narrower.operator, case_of(narrower, "float32", seed=1)).against is Against.EXACT


def test_a_smaller_call_keeps_what_is_summed_over_and_torch_takes_it() -> None:
    asked = call(
        "aten.addmm.default",
        Tensor(shape=(13824,), dtype=DTYPE),
        Tensor(shape=(32760, 5120), dtype=DTYPE),
        Tensor(shape=(5120, 13824), dtype=DTYPE, stride=(1, 5120)),
    )
    small = shrunk(asked, "bfloat16", Most())
    rows, weights = small.call.arguments[1], small.call.arguments[2]
    assert rows.shape[1] == weights.shape[0] == 5120
    assert 2 * rows.shape[0] * weights.shape[1] * 5120 <= Most().flops
    assert weights.stride == (1, 5120)
    assert "for 32760" in small.words()


def test_a_smaller_picture_is_made_larger_by_the_same_factor() -> None:
    picture = Tensor(shape=(4, 192, 360, 640), dtype="float32")
    small = shrunk(call("aten._upsample_nearest_exact2d.default", picture, (720, 1280), 2.0, 2.0), "float32", Most())
    (_, _, height, width), size = small.call.arguments[0].shape, small.call.arguments[1]
    assert size == (2 * height, 2 * width)
    assert height < 360


def test_the_largest_calls_of_a_real_model_can_be_made_small_enough() -> None:
    large = sorted(inventory_of("wan2.2-t2v-a14b").calls, key=lambda each: each.flops)[-60:]
    assert large[0].flops > 1e8
    for each in large:
        small = meta_of(shrunk(each, "bfloat16", Most()).call, "bfloat16")
        numbers = sum(value.numel() for value in small.arguments if isinstance(value, torch.Tensor))
        assert numbers <= Most().numbers, (each.operator, small.arguments)


def test_poison_shows_in_every_number_type() -> None:
    for dtype in (torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64):
        assert poison((4,), dtype).to(torch.complex64).isnan().all()
    assert poison((4,), torch.int64).min() > 1 << 60
    assert poison((4,), torch.bool).all()


def test_the_form_that_writes_where_it_is_told_is_found_by_its_arguments() -> None:
    assert out_form("aten.mm.default") == "aten.mm.out"
    assert out_form("aten.add.Tensor") == "aten.add.out"
    assert out_form("aten.scaled_dot_product_attention.default") is None


def test_time_is_the_median_of_settled_samples_and_ends_with_the_budget() -> None:
    clock = _Clock(step_s=0.004)
    steady = measured(clock.steady, lambda: None, budget_s=10, now=clock.now)
    assert steady == pytest.approx(0.004)
    assert clock.measured < 10
    wild = _Clock(step_s=0.01)
    assert measured(wild.wild, lambda: None, budget_s=1, now=wild.now) > 0
    assert wild.time < 1.5
    assert not settled([1.0, 1.0])


def test_a_fall_back_within_an_operator_is_found_by_what_torch_does_there() -> None:
    """Torch's own fall-back for all devices begins with `_to_cpu` within the operator that it replaces."""
    library: Any = cast(Any, torch.library.Library)("tenku_accel_tests", "DEF")
    library.define("there_and_back(Tensor x) -> Tensor")
    library.define("here(Tensor x) -> Tensor")
    library.impl("there_and_back", lambda x: torch.ops.aten._to_cpu([x])[0].cos(), "CPU")
    library.impl("here", lambda x: x.cos(), "CPU")
    numbers = torch.ones(4)
    assert brought_back(lambda: torch.ops.tenku_accel_tests.here(numbers)) == set()
    found = brought_back(lambda: torch.ops.tenku_accel_tests.there_and_back(numbers))
    assert found == {"tenku_accel_tests::there_and_back"}
    library._destroy()


def test_the_processor_has_the_number_types_that_it_multiplies() -> None:
    assert {"float32", "bfloat16", "float64"} <= set(TorchChip(processor()).dtypes())


class _Clock:
    """A device whose work takes what it is told, and time that passes with it."""

    def __init__(self, *, step_s: float) -> None:
        self.time, self.measured, self._step = 0.0, 0, step_s

    def now(self) -> float:
        return self.time

    def steady(self, _work: Callable[[], object]) -> float:
        self.measured += 1
        self.time += self._step
        return self._step

    def wild(self, _work: Callable[[], object]) -> float:
        self.measured += 1
        self.time += self._step
        return self._step * (1 + self.measured % 7)
