"""The largest jobs that fit: counted without memory, and then tried on the device."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tenku.accel.chip import Chip
from tenku.accel.devices import processor
from tenku.accel.inventory.read import inventory_of
from tenku.accel.report.extent import Extent, extent_of
from tenku.accel.report.fitcases import Needs, largest, rows_of, working_bytes
from tenku.accel.report.fits import computed, run_fits
from tenku.accel.report.livebytes import live_bytes
from tenku.accel.report.sized import sized_parts
from tenku.accel.torchchip import TorchChip

EXAMPLE = Path(__file__).parents[1] / "examples" / "simulated_chip"


def meta(*shape: int) -> torch.Tensor:
    return torch.empty(shape, device="meta")


def test_the_peak_is_what_it_is_by_hand() -> None:
    with torch.device("meta"):
        one, two = nn.Linear(10, 20, bias=False), nn.Linear(20, 30, bias=False)
    given = meta(5, 10)

    def work() -> torch.Tensor:
        hidden = one(given)  # 100 numbers
        hidden = hidden.relu()  # 100 more, then the first are gone
        result = two(hidden)  # 150 more: the most
        view = result.view(-1)[:3]  # none more
        del result, hidden
        total: torch.Tensor = view.sum()
        return total

    weights = [*one.parameters(), *two.parameters()]
    counted = live_bytes(work, held=[weights, given])
    assert counted.peak == 4 * (10 * 20 + 20 * 30 + 5 * 10 + 100 + 150)
    assert 0 <= counted.flops - 2 * 5 * (10 * 20 + 20 * 30) <= 100 + 3  # and what a relu and a sum are thought to take
    assert counted.now == 4 * (10 * 20 + 20 * 30 + 5 * 10)  # nothing is left


def test_attention_holds_no_matrix_of_scores() -> None:
    query = meta(1, 8, 4096, 64)
    scaled = torch.nn.functional.scaled_dot_product_attention
    counted = live_bytes(lambda: scaled(query=query, key=query, value=query), held=query)
    assert counted.peak == 2 * query.numel() * 4


def test_counting_is_what_the_processor_takes() -> None:
    """The same run with real memory: every tensor's bytes, as torch's own profiler sees them come and go."""
    module, given = nn.Sequential(nn.Linear(64, 256), nn.SiLU(), nn.Linear(256, 512)), torch.randn(32, 64)
    with torch.no_grad(), torch.profiler.profile(profile_memory=True) as seen:
        module(given)
    now = peak = 0
    for event in sorted(
        (each for each in seen.profiler.kineto_results.events() if each.name() == "[memory]"),
        key=lambda each: each.start_ns(),
    ):
        now += event.nbytes()
        peak = max(peak, now)
    module = module.to("meta")
    counted = live_bytes(lambda: module(meta(32, 64)), held=list(module.parameters()))
    weights = sum(each.nbytes for each in module.parameters())
    assert peak == counted.peak - weights - given.nbytes


@pytest.mark.parametrize("frames", [5, 25])
def test_a_vae_is_known_at_every_size_from_a_tile(frames: int) -> None:
    needs, part = Needs("tiny-wan", torch.bfloat16), sized_parts("tiny-wan")["vae decode"]
    extent = Extent(width=128, height=64, frames=frames)
    exact = working_bytes(part, extent, torch.bfloat16)
    assert exact * 0.98 <= needs._of_part(part, extent) <= exact * 1.35


def test_two_blocks_tell_of_all() -> None:
    """Those of a language model keep their keys and values, which are added."""
    part = sized_parts("tiny-qwen3")["prefill"]
    extent = Extent(tokens=256)
    needs = Needs("tiny-qwen3", torch.bfloat16)
    deep = replace(part, blocks=6)
    with torch.device("meta"):
        module, given = part.make(6), part.given(extent, torch.bfloat16)
    module = module.to(torch.bfloat16)
    weights = [*module.parameters(), *module.buffers()]
    size = sum(each.untyped_storage().nbytes() for each in weights)
    exact = live_bytes(lambda: module(**given), held=[weights, given]).peak - size
    assert needs._of_part(deep, extent) == pytest.approx(exact, rel=0.02)


def test_weights_are_the_inventory_s() -> None:
    for model in ("tiny-wan", "tiny-qwen3", "wan2.1-t2v-1.3b"):
        weights = Needs(model, torch.bfloat16).weights()
        assert sum(weights.values()) == pytest.approx(2 * inventory_of(model).parameters, rel=1e-6)


def test_more_takes_more_and_the_largest_that_fits_is_found() -> None:
    needs = Needs("tiny-qwen3", torch.bfloat16)
    row = rows_of(extent_of(inventory_of("tiny-qwen3").job), trained=needs.trained)[0]
    sizes = [needs.working(extent) for extent in row.extents]
    assert sizes == sorted(sizes)
    assert largest(row.extents, needs.working, sizes[2]) == 3
    assert largest(row.extents, needs.working, sizes[0] - 1) == 0


def test_what_may_grow_depends_on_what_it_makes() -> None:
    said = [
        [row.what for row in rows_of(extent_of(job), trained=512)]
        for job in ("832x480, 81 frames", "512x512", "32 tokens read")
    ]
    assert said == [
        ["resolution at 81 frames", "frames at 832x480", "batch at 832x480, 81 frames"],
        ["resolution", "batch at 512x512"],
        ["context", "batch at 32 tokens"],
    ]


def test_computed_sizes_are_tried_on_a_chip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLE))
    monkeypatch.setenv("SIMULATED_CHIP_MEMORY", "3000000")
    inventory = inventory_of("tiny-qwen3")
    context, batch = run_fits(inventory, "simulated_chip:chips:0", ("float32", "bfloat16"), limit_s=60)
    assert context.computed == context.tried == "512 tokens"
    assert context.message == ""
    assert 0 < int(batch.tried) <= int(batch.computed) < 256
    assert batch.computed_bytes <= 3_000_000


def computed_on(chip: Chip) -> list[dict[str, Any]]:
    argument = {"model": "tiny-qwen3", "job": inventory_of("tiny-qwen3").job, "dtype": "bfloat16"}
    return computed(chip, argument, lambda _: None)


def test_a_model_whose_weights_do_not_fit_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    chip = importlib.import_module("simulated_chip").SimulatedChip(memory=100_000)
    for row in computed_on(chip):
        assert (row["fit"]["computed"], row["sizes"]) == ("", [])
        assert row["fit"]["message"].startswith("Not tried: the largest part's weights alone have")


def test_the_processor_is_not_filled() -> None:
    for row in computed_on(TorchChip(processor())):
        assert row["fit"]["computed"]
        assert row["sizes"] == []
        assert "Not tried: this is the machine's own memory" in row["fit"]["message"]
