"""Whole pieces of a model run on a device, and are compared with the same in 64 bits on the processor."""

import importlib
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tenku.accel.chip import Chip, MissingOperatorError
from tenku.accel.devices import processor
from tenku.accel.inventory.read import inventory_of
from tenku.accel.report.blockcases import Case, cases_of, fill, rounded, scale_of
from tenku.accel.report.blocks import block_of, judged, run_blocks
from tenku.accel.report.carried import Carried, Carrier, carry_module
from tenku.accel.report.extent import Extent, extent_of, halved
from tenku.accel.report.model import Block, Verdict
from tenku.accel.report.parts import Parts
from tenku.accel.report.wide import error_of, wide_result
from tenku.accel.torchchip import TorchChip

EXAMPLE = Path(__file__).parents[1] / "examples" / "simulated_chip"
FLOPS = 3e7
"""What the tests' right answers may take: blocks of tiny models as they are, and a corner of a VAE."""
HEALTHY: dict[str, Any] = {
    "missing": frozenset(),
    "imprecise": frozenset(),
    "undefined": frozenset(),
    "unwritten": frozenset(),
    "fallbacks": frozenset(),
    "slow": {},
}


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    """Pieces of both tiny models, by model and part."""
    return {
        f"{model} {case.part.name}": case
        for model in ("tiny-wan", "tiny-qwen3")
        for case in cases_of(model, inventory_of(model).job, flops=FLOPS)
    }


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Chip]:
    """Makes a simulated chip, with these faults alone."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    simulated_chip = importlib.import_module("simulated_chip")
    return lambda **faults: simulated_chip.SimulatedChip(faults=simulated_chip.Faults(**{**HEALTHY, **faults}))


def on_processor(case: Case, dtype: str) -> Block:
    return block_of(TorchChip(processor()), case, dtype)


PIECES = ("tiny-wan transformer", "tiny-wan vae decode", "tiny-qwen3 prefill", "tiny-qwen3 decode")


@pytest.mark.parametrize("piece", PIECES)
def test_a_right_device_is_off_by_its_rounding_and_no_more(cases: dict[str, Case], piece: str) -> None:
    exact, short = on_processor(cases[piece], "float32"), on_processor(cases[piece], "bfloat16")
    assert exact.verdict == short.verdict == Verdict.NATIVE
    # Not nothing either: then it would have been compared with itself.
    assert 2.0**-26 < (exact.error or 0) < 1e-5
    assert 2.0**-11 < (short.error or 0) < 0.05
    for block in (exact, short):
        assert block.error
        assert block.parts_error
        assert 0.1 < block.error / block.parts_error < 10  # operators are independent, near enough
        assert block.seconds
        assert block.parts_seconds


def test_a_chip_that_torch_does_not_know_runs_whole_modules(
    cases: dict[str, Case], simulated: Callable[..., Chip]
) -> None:
    """It computes as the processor does, so its error is the same to the last digit."""
    for piece in ("tiny-wan transformer", "tiny-qwen3 decode"):
        mine, its = on_processor(cases[piece], "bfloat16"), block_of(simulated(), cases[piece], "bfloat16")
        assert its.verdict is Verdict.NATIVE
        assert its.error == pytest.approx(mine.error, rel=1e-6)


def test_a_chip_with_a_wrong_operator_is_found_end_to_end(
    cases: dict[str, Case], simulated: Callable[..., Chip]
) -> None:
    found = block_of(simulated(unwritten=frozenset({"aten.silu.default"})), cases["tiny-qwen3 prefill"], "bfloat16")
    assert found.verdict is Verdict.WRONG
    assert "aten.silu.default is furthest off" in found.message
    assert (found.error or 0) > 0.1


def test_nan_is_wrong_and_names_its_operator(cases: dict[str, Case], simulated: Callable[..., Chip]) -> None:
    found = block_of(simulated(undefined=frozenset({"aten.silu.default"})), cases["tiny-wan transformer"], "float32")
    assert found.verdict is Verdict.WRONG
    assert found.message.startswith("Numbers are NaN")
    assert "aten.silu.default" in found.message
    assert found.error is None


def test_a_fall_back_is_named(cases: dict[str, Case], simulated: Callable[..., Chip]) -> None:
    found = block_of(simulated(fallbacks=frozenset({"aten.silu.default"})), cases["tiny-qwen3 decode"], "float32")
    assert (found.verdict, found.message) == (Verdict.FALLBACK, "The processor does aten.silu.default.")


def test_a_missing_operator_ends_a_piece_by_name(cases: dict[str, Case], simulated: Callable[..., Chip]) -> None:
    with pytest.raises(MissingOperatorError, match=r"aten\.silu\.default"):
        block_of(simulated(missing=frozenset({"aten.silu.default"})), cases["tiny-qwen3 decode"], "float32")


def test_pieces_run_in_children_and_what_ends_one_is_its_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{EXAMPLE}")
    told: list[str] = []
    inventory = inventory_of("tiny-qwen3")
    found = run_blocks(
        inventory, "accel_blocks:chips:0", ("float8_e4m3fn", "float32"), flops=FLOPS, limit_s=60, report=told.append
    )
    assert [(each.name, each.verdict) for each in found] == [
        ("transformer block", Verdict.MISSING),
        ("decoding step", Verdict.MISSING),
    ]
    assert all("aten.silu.default" in each.message for each in found)
    assert told[-1] == "decoding step in float32"


class Writing(nn.Module):
    """Writes through a view, and looks at the same memory in two other ways."""

    def forward(self, given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        whole = given * 1
        row, turned = whole[1], whole.t()
        row.mul_(3)
        whole.add_(1)
        row[1:].copy_(row[:-1].clone())
        return whole, turned, row, whole.sum()


@dataclass(frozen=True)
class Copy:
    tensor: torch.Tensor


class Copying:
    """A chip whose views are copies: nothing is shared."""

    device = replace(processor(), kind="copying")

    def put(self, tensor: torch.Tensor) -> Copy:
        return Copy(tensor.clone())

    def get(self, value: Copy) -> torch.Tensor:
        return value.tensor.clone()

    def call(self, operator: str, arguments: Any, keywords: Any) -> Any:
        def inside(tree: Any) -> Any:
            if isinstance(tree, tuple):
                return tuple(inside(each) for each in tree)
            return tree.tensor.clone() if isinstance(tree, Copy) else tree

        _, name, overload = operator.split(".")
        found = getattr(getattr(torch.ops.aten, name), overload)
        result = found(*inside(tuple(arguments)), **{key: inside(each) for key, each in keywords.items()})
        return tuple(map(Copy, result)) if isinstance(result, tuple | list) else Copy(result.clone())


@pytest.mark.parametrize("sharing", [True, False])
def test_writing_through_a_view_is_seen_by_all_that_share_its_memory(
    simulated: Callable[..., Chip], sharing: bool
) -> None:
    """Whether or not the chip's own values share memory."""
    chip: Any = simulated() if sharing else Copying()
    carrier, given = Carrier(chip), torch.arange(12.0).view(3, 4)
    with carrier.whole_operators():
        found = Writing()(carrier.carried(given))
    for mine, right in zip(found, Writing()(given), strict=True):
        assert isinstance(mine, Carried)
        assert torch.equal(carrier.fetched(mine), right)


def test_a_number_that_the_module_asks_for_comes_from_the_chip(simulated: Callable[..., Chip]) -> None:
    carrier = Carrier(simulated())
    with carrier.whole_operators():
        there = carrier.carried(torch.tensor([2.0, 5.0]))
        assert there.max().item() == 5
        assert bool((there > 1).all())


def test_weights_go_to_the_chip_and_results_stay_there(simulated: Callable[..., Chip]) -> None:
    module = nn.Linear(3, 2)
    carrier, given = Carrier(simulated()), torch.randn(4, 3)
    right = module(given).detach()
    with carrier.whole_operators():
        found = carry_module(carrier, module)(carrier.carried(given))
    assert isinstance(found, Carried)
    assert torch.allclose(carrier.fetched(found), right)


def test_parts_count_what_repeats_and_measure_it_once() -> None:
    parts = Parts()
    add, one = torch.ops.aten.add.Tensor, torch.tensor([1.0])
    parts.add(add, (one, one), {}, torch.tensor([2.2]), 0.5)
    assert parts.counted(add, (one, one), {})
    assert not parts.counted(add, (one, torch.ones(1, 2)), {})
    assert parts.seconds == 1.0
    assert parts.error == pytest.approx(math.sqrt(2) * 0.1, rel=1e-5)


def test_the_right_answer_has_64_bits_where_the_model_asks_for_32() -> None:
    class Asks(nn.Module):
        def forward(self, given: torch.Tensor) -> torch.Tensor:
            return given.float() / torch.full((1,), 3.0, dtype=torch.float32)

    right = wide_result(Asks(), {"given": torch.ones(1, dtype=torch.bfloat16)})[0]
    assert right.dtype == torch.float64
    assert float(right) == 1 / 3


def test_errors_are_shares_and_nan_is_never_small() -> None:
    right = [torch.tensor([3.0, 4.0]), torch.tensor([math.inf])]
    assert error_of([torch.tensor([3.0, 4.5]), torch.tensor([math.inf])], right) == pytest.approx(0.1)
    assert math.isnan(error_of([torch.tensor([3.0, math.nan]), torch.tensor([math.inf])], right))
    assert error_of(right, right) == 0


def test_what_is_said_of_a_piece() -> None:
    off = ("aten.mm.default", 0.5)
    assert judged(0.01, frozenset(), most=0.1, worst=off) == (Verdict.NATIVE, "")
    assert judged(math.nan, frozenset({"x"}), most=0.1, worst=off)[0] is Verdict.WRONG
    assert judged(0.2, frozenset({"x"}), most=0.1, worst=off)[0] is Verdict.WRONG


def test_a_piece_is_made_smaller_until_the_processor_can_check_it() -> None:
    job = extent_of("1280x704, 121 frames, 50 steps")
    sizes = [job]
    while smaller := halved(sizes[-1]):
        sizes.append(smaller)
    assert sizes[0] == Extent(width=1280, height=704, frames=121)
    assert sizes[-1].amount <= 64 * 64
    assert all(one.amount > other.amount for one, other in itertools.pairwise(sizes))
    assert scale_of(30, job, sizes[2]) == f"1 of 30 blocks, {sizes[2]} for {job} (1/{job.amount / sizes[2].amount:.0f})"
    assert scale_of(0, job, job) == ""


def test_weights_are_rounded_as_loading_does() -> None:
    linear, norm = nn.Linear(64, 64), nn.LayerNorm(64)
    module: Any = nn.Sequential(linear, norm)
    fill(module)
    assert float(linear.weight.detach().std()) == pytest.approx(1 / 8, rel=0.1)
    assert float(norm.weight.detach().mean()) == pytest.approx(1, abs=0.1)
    module._keep_in_fp32_modules = ["1"]
    assert {each.dtype for each in rounded(module, torch.bfloat16).parameters()} == {torch.bfloat16, torch.float32}
