"""What a report comes to: seconds, shares of the roof, and what to mend first."""

import math
from dataclasses import replace

import pytest

from accel_reports import COPY, PEAK, pointwise, product, report, sound, troubled, without
from tenku.accel.report.costs import Roof, costs
from tenku.accel.report.headline import answers, reason
from tenku.accel.report.model import Fit, Verdict
from tenku.accel.report.roofline import chart_of
from tenku.accel.report.summary import FIRST, total, totals
from tenku.accel.report.words import error_text, rate_text, share_text, short, time_text

ROOF = Roof(flops=PEAK, copy=COPY)


def test_an_operators_seconds_count_for_each_call_of_each_run() -> None:
    one = replace(product(0, 64, 64, 64), seconds=1e-3, counts={"transformer": 30, "vae decode": 2})
    whole = total(report([one]), "bfloat16")
    assert {part.name: round(part.seconds, 9) for part in whole.parts} == {
        "text encoder": 0.0,
        "transformer": 3.0,
        "vae decode": 0.002,
    }
    assert whole.seconds == pytest.approx(3.002)
    assert whole.step is not None
    assert whole.step.name == "transformer"
    assert whole.lines[0].calls == 3002


def test_the_roof_is_what_computing_and_moving_allow() -> None:
    assert ROOF.attainable(1.0) == COPY
    assert ROOF.attainable(1e6) == PEAK
    computing = product(0, 8192, 8192, 8192, reach=0.5)
    moving = pointwise(1, "add.Tensor", 10**8, reach=0.25)
    shares = [cost.share for cost in costs(report([computing, moving]), "bfloat16")]
    assert shares == [pytest.approx(0.5), pytest.approx(0.25)]


def test_what_nothing_runs_without_is_mended_first_and_then_what_saves_most() -> None:
    found = sound()
    found[6] = without(found[6], Verdict.MISSING, "no add")
    found[8] = replace(found[8], seconds=(found[8].seconds or 0) * 50)
    found[5] = replace(found[5], verdict=Verdict.FALLBACK, seconds=5e-3)
    first = [short(line.operator) for line in total(report(found), "bfloat16").first]
    assert first == ["add.Tensor", "native_layer_norm", "gelu"]


def test_mended_an_operator_is_as_good_as_the_middle_one_of_its_kind() -> None:
    found = [pointwise(number, f"op{number}.default", 10**8, reach=0.6 + 0.1 * number) for number in range(3)]
    slow = pointwise(9, "slow.default", 10**8, reach=0.07)
    whole = total(report([*found, slow]), "bfloat16")
    line = whole.first[0]
    assert line.operator == "aten.slow.default"
    # The middle one of 0.07, 0.6, 0.7 and 0.8 of the roof is 0.65.
    assert line.mended == pytest.approx(line.seconds * 0.07 / 0.65)
    assert line.saved == pytest.approx(line.seconds - (line.mended or 0))
    assert whole.mended == pytest.approx(whole.seconds - sum(each.saved for each in whole.first))


def test_no_operator_is_expected_to_be_faster_than_the_fastest_call() -> None:
    """A tiny operator is as slow as starting it, whatever its share of the roof."""
    tiny = [replace(pointwise(number, f"tiny{number}.default", 1536), seconds=5e-6) for number in range(3)]
    large = [pointwise(10 + number, f"large{number}.default", 10**8) for number in range(3)]
    whole = total(report([*tiny, *large]), "bfloat16")
    assert [line.saved for line in whole.lines if "tiny" in line.operator] == [0.0, 0.0, 0.0]
    assert whole.first == ()


def test_time_that_nobody_knows_is_said_and_not_counted_as_none() -> None:
    found = sound()
    found[1] = without(found[1], Verdict.HUNG, "30 s")
    made = report(found)
    whole = total(made, "bfloat16")
    assert [short(line.operator) for line in whole.unknown] == ["addmm"]
    assert whole.seconds < total(report(), "bfloat16").seconds
    assert whole.mended > whole.seconds  # with addmm running the job takes longer than all that runs now
    fast = answers(made)[1]
    assert fast.short.startswith("at least ")
    assert "What addmm would take is not known." in fast.text


def test_a_number_type_that_runs_goes_before_a_faster_one_that_does_not() -> None:
    found = totals(troubled())
    assert [each.dtype for each in found][-1] == "float16"
    assert [each.runs for each in found] == [True, True, False]
    can = answers(troubled())[0]
    assert "Not in float16" in can.text
    assert can.short == "Yes"


@pytest.mark.parametrize("verdict", [each for each in Verdict if each not in (Verdict.NATIVE, Verdict.FALLBACK)])
def test_one_operator_that_does_not_work_is_a_no(verdict: Verdict) -> None:
    found = sound()
    found[7] = without(found[7], verdict, "bad <luck>")
    can, _, _, mend = answers(report(found))
    assert can.short == "No"
    assert "mul.Tensor" in can.text
    assert mend.short == "mul.Tensor"


def test_fall_backs_are_a_yes_that_names_them_and_their_cost() -> None:
    found = sound()
    found[5] = replace(found[5], verdict=Verdict.FALLBACK, seconds=0.05)
    made = report(found)
    assert answers(made)[0].short == "Yes, with fall-backs"
    assert "gelu" in answers(made)[0].text
    said = reason(total(made, "bfloat16").first[0])
    assert said.startswith("falls back to the processor; it costs ")


def test_what_does_not_fit_is_a_no() -> None:
    nothing = Fit(what="resolution", computed="", computed_bytes=0, message="the smallest needs 30 GB of 24 GB")
    can = answers(replace(report(), fits=(nothing,)))[0]
    assert can.short == "No, it is too large"
    assert "30 GB" in can.text


def test_not_a_number_is_the_largest_error() -> None:
    found = sound()
    found[3] = replace(found[3], error=math.nan, verdict=Verdict.WRONG)
    whole = total(report(found), "bfloat16")
    assert whole.errors[0].call == 3
    assert answers(report(found))[2].short == "1 operator wrong"


def test_a_report_of_nothing_says_so() -> None:
    can, fast, right, mend = answers(report([]))
    assert [can.short, fast.short, right.short, mend.short] == ["Not known", "Not known", "Not known", "Nothing"]


def test_without_peaks_there_is_time_and_no_roof() -> None:
    made = replace(report(copy=0.0), peaks=())
    whole = total(made, "bfloat16")
    assert whole.seconds > 0
    assert {line.reached for line in whole.lines} == {None}
    assert chart_of(costs(made, "bfloat16"), Roof(flops=0, copy=0)).ridge is None


def test_beside_products_of_8_bits_the_rest_stands_under_the_roof_of_bf16() -> None:
    eight = replace(product(0, 4096, 4096, 4096), operator="aten._scaled_mm.default", dtype="float8_e4m3fn")
    rest = replace(product(1, 4096, 4096, 4096), operator="aten.bmm.default", dtype="float8_e4m3fn")
    made = report([eight, rest], dtypes=("bfloat16", "float8_e4m3fn"))
    made = replace(made, peaks=(made.peaks[0], replace(made.peaks[1], flops=2 * PEAK)))
    shares = [cost.share for cost in costs(made, "float8_e4m3fn")]
    assert shares[1] == pytest.approx(0.7)
    assert (shares[0] or 0) == pytest.approx(0.35)


def test_every_timed_operator_has_its_place_under_the_roof() -> None:
    found = costs(report(), "bfloat16")
    chart = chart_of(found, ROOF)
    assert len(chart.points) == len(found)
    assert chart.left_out == 0
    assert chart.ridge == pytest.approx(PEAK / COPY)
    for point in chart.points:
        assert 10.0**chart.up.low <= chart.height(point) <= 10.0**chart.up.high
        if point.intensity:
            assert point.rate <= ROOF.attainable(point.intensity) * 1.001
    assert [point.radius for point in chart.points] == sorted((each.radius for each in chart.points), reverse=True)
    assert sum(point.share for point in chart.points) == pytest.approx(1.0)


def test_only_five_are_named() -> None:
    found = [without(each, Verdict.MISSING, "") for each in sound()]
    assert len(total(report(found), "bfloat16").first) == FIRST


def test_numbers_read_well() -> None:
    assert [time_text(each) for each in (8.5e-7, 1.234e-5, 4.56e-3, 0.9999, 1.2, 99.96, 200, 7400)] == [
        "850 ns",
        "12.3 µs",
        "4.56 ms",
        "1 s",
        "1.2 s",
        "1 min 40 s",
        "3 min 20 s",
        "2 h 3 min",
    ]
    assert [rate_text(each) for each in (989e12, 1.5e9)] == ["989 Tflop/s", "1.5 Gflop/s"]
    assert [share_text(each) for each in (0.413, 0.05, 0.00001, None)] == ["41 %", "5.0 %", "under 0.1 %", ""]
    assert [error_text(each) for each in (0.0019, 2.1e-6, 0.0, math.nan, None)] == [
        "0.19 %",
        "2.1e-06",
        "exact",
        "not a number",
        "",
    ]
