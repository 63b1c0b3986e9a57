"""Every operator of an inventory is tried on a device in children, and whatever it does there is a finding."""

import math
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tenku.accel.inventory.model import DTYPE, Call, Inventory, Part, Tensor
from tenku.accel.inventory.read import inventory_of
from tenku.accel.report.model import Against, Finding, Verdict
from tenku.accel.report.operators import Limits, Progress, run_operators
from tenku.base.errors import MachineError

MATRIX = Tensor(shape=(8, 16), dtype=DTYPE)


@pytest.fixture(autouse=True)
def _chips_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def call(operator: str, *arguments: object, **keywords: object) -> Call:
    return Call(
        operator=f"aten.{operator}",
        arguments=arguments,
        keywords=keywords,
        results=(MATRIX,),
        counts={"transformer": 3},
        flops=0,
        moved=0,
    )


def inventory(*calls: Call) -> Inventory:
    return Inventory(
        model="a model",
        job="a job",
        libraries={},
        parameters=1,
        parts=(Part(name="transformer", runs=2),),
        calls=calls,
    )


def found(calls: Sequence[Call], chip: str, dtypes: Sequence[str], *, call_s: float = 30.0) -> list[Finding]:
    limits = Limits(call_s=call_s, threads=1, seed=5, budget_s=0.005, peak_s=0.005)
    return run_operators(inventory(*calls), chip, 0, dtypes, limits=limits, report=lambda _: None)[2]


def test_faults_of_a_device_are_findings_and_the_report_goes_on() -> None:
    unary = ("sin", "neg", "tanh", "exp", "log", "abs", "erf", "silu", "cos")
    calls = [call(f"{name}.default", MATRIX) for name in unary]
    calls += [call("mul.Tensor", MATRIX, MATRIX), call("add.Tensor", MATRIX, MATRIX), call("mean.dim", MATRIX, (-1,))]
    by_name = {each.operator.split(".")[1]: each for each in found(calls, "accel_chips:faulty", ["float32"], call_s=8)}
    verdicts = {name: each.verdict for name, each in by_name.items()}
    assert verdicts == {
        "sin": Verdict.WRONG,
        "neg": Verdict.WRONG,
        "tanh": Verdict.WRONG,
        "mul": Verdict.WRONG,
        "add": Verdict.WRONG,
        "mean": Verdict.WRONG,
        "exp": Verdict.HUNG,
        "log": Verdict.CRASHED,
        "abs": Verdict.MISSING,
        "erf": Verdict.FAILING,
        "silu": Verdict.LARGE,
        "cos": Verdict.NATIVE,
    }
    assert by_name["sin"].message == "16 of 128 numbers are NaN"
    assert "64 of 128 numbers are NaN" in by_name["mul"].message, "memory that it left unwritten shows as poison"
    assert by_name["add"].message.startswith("with `out=`, 127 of 128 numbers are NaN")
    assert "its shape is (1, 8) where (8,) is right" in by_name["mean"].message
    assert by_name["tanh"].error == pytest.approx(0.02, rel=0.01)
    assert "not to be rounded" in by_name["neg"].message
    assert "within 8 s while its result was checked" in by_name["exp"].message
    assert "SIGKILL" in by_name["log"].message
    assert by_name["erf"].message == "kernel launch failed"
    assert by_name["cos"].seconds is not None
    assert by_name["cos"].counts == {"transformer": 3}


def test_a_tiny_model_runs_natively_on_the_processor_well_within_a_minute() -> None:
    start, told = time.monotonic(), list[Progress]()
    whole = inventory_of("tiny-qwen3")
    peaks, copy, findings = run_operators(
        whole, "cpu", 0, ["float32", "bfloat16"], limits=Limits(budget_s=0.005, peak_s=0.005), report=told.append
    )
    assert {each.verdict for each in findings} == {Verdict.NATIVE}, [f for f in findings if f.verdict != "native"]
    assert len(findings) == 2 * len(whole.calls)
    assert [each.dtype for each in peaks] == ["float32", "bfloat16"]
    assert all(each.flops > 1e6 for each in peaks)
    assert copy > 1e6
    assert all(each.seconds for each in findings)
    assert all(each.error is not None and each.error < 0.004 for each in findings if each.against)
    assert {each.against for each in findings} >= {Against.FLOAT64, Against.EXACT}
    assert (told[0].done, told[-1].done, told[-1].total) == (0, len(findings), len(findings))
    assert time.monotonic() - start < 60


@pytest.fixture(scope="module")
def on_the_processor() -> dict[tuple[str, str], Finding]:
    """One run of everything below, as a child takes seconds to start."""
    findings = found([each for each, _ in CALLS], "cpu", ["float32", "float8_e4m3fn"])
    return {(name, each.dtype): each for name, each in zip([name for _, name in CALLS] * 2, findings, strict=True)}


ROWS, WEIGHTS = Tensor(shape=(8, 32), dtype=DTYPE), Tensor(shape=(32, 16), dtype=DTYPE, stride=(1, 32))
VAST = Tensor(shape=(1 << 20, 1 << 14), dtype=DTYPE)
CALLS = (
    (call("addmm.default", Tensor(shape=(16,), dtype=DTYPE), ROWS, WEIGHTS), "product"),
    (call("silu.default", ROWS), "silu"),
    (call("cos.default", Tensor(shape=(64,), dtype="float32")), "own"),
    (call("mm.default", Tensor(shape=(4096, 64), dtype=DTYPE), Tensor(shape=(64, 1000), dtype=DTYPE)), "large"),
    (call("add.Tensor", VAST, VAST), "vast"),
    (call("no_such_operator.default", MATRIX), "unknown"),
)


Found = dict[tuple[str, str], Finding]


def test_products_of_fp8_are_asked_for_where_a_model_is_to_compute_in_it(on_the_processor: Found) -> None:
    product, silu = (on_the_processor[name, "float8_e4m3fn"] for name in ("product", "silu"))
    assert (product.operator, product.verdict) == ("aten._scaled_mm.default", Verdict.NATIVE), product.message
    assert product.against is Against.FLOAT64
    assert (silu.operator, silu.verdict) == ("aten.silu.default", Verdict.NATIVE)
    assert silu.error is not None
    assert silu.error > 1e-4, "the rest is done in bf16"
    assert on_the_processor["product", "float32"].operator == "aten.addmm.default"


def test_a_call_that_names_its_own_number_types_is_run_once_and_stands_in_every_one(on_the_processor: Found) -> None:
    first, second = (on_the_processor["own", dtype] for dtype in ("float32", "float8_e4m3fn"))
    assert first.seconds == second.seconds
    assert first.error == second.error
    assert first.shapes == "(64) float32"


def test_a_large_call_is_checked_smaller_and_timed_at_its_own_size(on_the_processor: Found) -> None:
    finding = on_the_processor["large", "float32"]
    assert finding.verdict is Verdict.NATIVE
    assert finding.message == "error at 1024 for 4096"
    assert finding.flops == 2 * 4096 * 64 * 1000
    assert finding.moved == 4 * (4096 * 64 + 64 * 1000 + 4096 * 1000)
    assert finding.error is not None
    assert 0 < finding.error < 1e-6
    assert finding.seconds is not None
    assert math.isfinite(finding.seconds)


def test_a_call_that_does_not_fit_is_said_before_it_is_tried(on_the_processor: Found) -> None:
    finding = on_the_processor["vast", "float32"]
    assert finding.verdict is Verdict.LARGE
    assert "bytes" in finding.message
    assert finding.error == pytest.approx(0, abs=1e-7)


def test_an_operator_that_torch_does_not_have_is_missing(on_the_processor: Found) -> None:
    finding = on_the_processor["unknown", "float32"]
    assert finding.verdict is Verdict.MISSING
    assert "no_such_operator" in finding.message


def test_a_device_that_cannot_be_opened_is_an_error_that_says_why() -> None:
    with pytest.raises(MachineError, match="the driver is of another version"):
        found([call("cos.default", MATRIX)], "accel_chips:unopened", ["float32"])
