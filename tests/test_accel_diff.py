"""Two reports: what got better, worse and wrong, what is noise, and which ones cannot be compared."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_reports import report, sound, troubled, without
from tenku.accel.report.changes import Kind, of_verdict, size
from tenku.accel.report.costs import BLOCKING
from tenku.accel.report.diff import Outcome, compare
from tenku.accel.report.file import text_of
from tenku.accel.report.model import Block, Chipped, Finding, Fit, Report, Verdict
from tenku.accel.report.noise import noise_of
from tenku.base.errors import UsageError
from tenku.cli.main import main

FINE = report()


def with_call(number: int, **values: object) -> Report:
    """A report of which one operator is different."""
    found = sound()
    found[number] = replace(found[number], **values)  # type: ignore[arg-type]
    return report(found)


def kinds(before: Report, after: Report) -> list[Kind]:
    return [change.kind for change in compare(before, after).changes]


def test_a_report_compared_with_itself_has_not_changed() -> None:
    for made in (FINE, troubled()):
        diff = compare(made, made)
        assert diff.outcome is Outcome.SAME
        assert diff.changes == ()
        assert diff.compared == len(made.findings)


@given(
    st.lists(st.tuples(st.sampled_from(Verdict), st.floats(1e-6, 10), st.floats(1e-9, 1)), min_size=13, max_size=13),
    st.lists(st.tuples(st.sampled_from(Verdict), st.floats(1e-6, 10), st.floats(1e-9, 1)), min_size=13, max_size=13),
)
def test_what_is_worse_one_way_is_better_the_other_way(
    one: list[tuple[Verdict, float, float]], other: list[tuple[Verdict, float, float]]
) -> None:
    """But for one failure in place of another, of which only becoming wrong counts, as nobody hears of it."""

    def made(values: list[tuple[Verdict, float, float]]) -> Report:
        given = [
            replace(finding, verdict=verdict, seconds=seconds, error=error)
            for finding, (verdict, seconds, error) in zip(sound(), values, strict=True)
        ]
        return report(given)

    there, back = compare(made(one), made(other)), compare(made(other), made(one))
    new_kinds = {Kind.BROKEN, Kind.WRONG, Kind.FALLBACK, Kind.NATIVE, Kind.RUNS}

    def calls(changes: tuple[object, ...]) -> set[str]:
        return {f"{c.about.what} {c.about.shapes}" for c in changes if c.kind not in new_kinds}  # type: ignore[attr-defined]

    assert calls(there.worse) == calls(back.better)
    assert calls(there.better) == calls(back.worse)
    assert (there.outcome is Outcome.SAME) <= (not there.changes)


@pytest.mark.parametrize("before", Verdict)
@pytest.mark.parametrize("after", Verdict)
def test_every_pair_of_verdicts_means_what_a_user_would_say(before: Verdict, after: Verdict) -> None:
    kind = of_verdict(before, after)
    ran = before not in BLOCKING
    runs = after not in BLOCKING
    if before is after:
        assert kind is None
    elif ran and not runs:
        assert kind is not None
        assert kind.worse
        assert (kind is Kind.WRONG) == (after is Verdict.WRONG)
    elif runs and (not ran or after is Verdict.NATIVE):
        assert kind is not None
        assert not kind.worse
    elif (before, after) == (Verdict.NATIVE, Verdict.FALLBACK):
        assert kind is Kind.FALLBACK
        assert kind.worse


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"verdict": Verdict.MISSING, "seconds": None, "error": None}, Kind.BROKEN),
        ({"verdict": Verdict.HUNG, "seconds": None, "error": None}, Kind.BROKEN),
        ({"verdict": Verdict.WRONG, "error": 0.4}, Kind.WRONG),
        ({"verdict": Verdict.FALLBACK, "seconds": 0.2}, Kind.FALLBACK),
        ({"seconds": 0.5}, Kind.SLOWER),
        ({"error": 0.02}, Kind.LESS_EXACT),
        ({"error": float("nan")}, Kind.LESS_EXACT),
    ],
)
def test_what_got_worse_is_better_the_other_way_round(values: dict[str, object], kind: Kind) -> None:
    worse = with_call(5, **values)
    assert kinds(FINE, worse) == [kind]
    assert compare(FINE, worse).outcome is Outcome.WORSE
    back = compare(worse, FINE)
    assert back.outcome is Outcome.BETTER
    assert len(back.changes) == 1


def test_a_fall_back_in_place_of_a_failure_is_better() -> None:
    missing = with_call(5, verdict=Verdict.MISSING, seconds=None, error=None)
    fallen = with_call(5, verdict=Verdict.FALLBACK, seconds=0.2)
    assert kinds(missing, fallen) == [Kind.RUNS]
    assert compare(missing, fallen).outcome is Outcome.BETTER


@pytest.mark.parametrize("times", [0.92, 0.98, 1.02, 1.09])
def test_times_that_differ_by_a_few_percent_are_noise(times: float) -> None:
    found = [replace(each, seconds=(each.seconds or 0) * times) for each in sound()]
    assert compare(FINE, report(found)).outcome is Outcome.SAME


def test_a_change_that_the_job_does_not_feel_is_noise() -> None:
    seconds = FINE.findings[11].seconds or 0
    assert kinds(FINE, with_call(11, seconds=seconds * 3)) == []
    assert kinds(FINE, with_call(1, seconds=(FINE.findings[1].seconds or 0) * 1.2)) == [Kind.SLOWER]


def test_errors_that_depend_on_the_numbers_drawn_are_noise() -> None:
    assert kinds(FINE, with_call(5, error=1.3e-3)) == []
    assert kinds(with_call(9, error=1e-9), with_call(9, error=1e-6)) == []  # both far below one rounding
    assert kinds(with_call(9, error=0.0), with_call(9, error=0.004)) == [Kind.LESS_EXACT]


def test_on_a_processor_noise_is_larger_and_says_why() -> None:
    cpu = replace(FINE, device=replace(FINE.device, kind="cpu"))
    noise = noise_of(cpu, cpu)
    assert noise.times > noise_of(FINE, FINE).times
    assert "processor" in noise.why
    found = [replace(each, seconds=(each.seconds or 0) * 1.2) for each in sound()]
    assert compare(cpu, replace(report(found), device=cpu.device)).outcome is Outcome.SAME
    assert compare(FINE, report(found)).outcome is Outcome.WORSE


def test_what_it_costs_the_job_is_told() -> None:
    change = compare(FINE, with_call(5, seconds=0.5)).changes[0]
    finding = FINE.findings[5]
    assert change.seconds == pytest.approx((0.5 - (finding.seconds or 0)) * (60 * 100 + 3))
    assert change.about.what == "gelu"


def test_blocks_fits_and_peaks_are_compared() -> None:
    block = Block(name="transformer block", dtype="bfloat16", verdict=Verdict.NATIVE, error=5e-3, seconds=0.06)
    fit = Fit(what="resolution", computed="1280x720", computed_bytes=20, tried="1280x704", tried_bytes=18)
    before = replace(FINE, blocks=(block,), fits=(fit,))
    after = replace(
        FINE,
        blocks=(replace(block, error=0.2, seconds=0.03),),
        fits=(replace(fit, tried="832x480"),),
        peaks=(replace(FINE.peaks[0], flops=FINE.peaks[0].flops * 2),),
        copy=FINE.copy / 2,
    )
    found = {(change.about.what, change.kind) for change in compare(before, after).changes}
    assert found == {
        ("transformer block", Kind.LESS_EXACT),
        ("transformer block", Kind.FASTER),
        ("resolution", Kind.SMALLER),
        ("matrix product", Kind.FASTER),
        ("copy", Kind.SLOWER),
    }


@pytest.mark.parametrize(("text", "amount"), [("1280x720", 921600), ("81", 81), ("", 0), ("9 at 2x2", 36)])
def test_sizes_are_compared_by_how_much_they_are(text: str, amount: int) -> None:
    assert size(text) == amount


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"model": "qwen-image"}, "one is about wan2.1-t2v-1.3b, the other about qwen-image"),
        ({"inventory": "9c" * 32}, "they ask different things of the device (3f3f3f3f and 9c9c9c9c)"),
        ({"parts": {"transformer": 8}}, "their jobs are different"),
        ({"dtypes": ("float16",)}, "one is of bfloat16, the other of float16"),
    ],
)
def test_two_reports_that_cannot_be_compared_say_why(other: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError) as refused:
        compare(FINE, replace(FINE, **other))  # type: ignore[arg-type]
    assert why in str(refused.value)
    assert refused.value.hint


def test_another_device_host_driver_and_library_are_allowed_and_named() -> None:
    other = Chipped(kind="sim", index=1, name="Better chip", memory=1, driver="2.0", host="Linux, 4 cores")
    after = replace(FINE, device=other, software={"tenku": "0.1", "torch": "2.14.0"})
    notes = " ".join(compare(FINE, after).notes)
    for part in ("Made-up chip before, Better chip after", "Another host", "1.2 before, 2.0 after", "2.13.0 before"):
        assert part in notes


def test_what_only_one_of_them_has_is_left_out_and_said() -> None:
    both = report(dtypes=("bfloat16", "float32"))
    diff = compare(FINE, both)
    assert diff.outcome is Outcome.SAME
    assert diff.compared == len(FINE.findings)
    assert any("float32 is only in the report after" in note for note in diff.notes)


def test_sums_with_different_holes_are_not_compared() -> None:
    found = sound()
    found[1] = without(found[1], Verdict.MISSING, "")
    diff = compare(FINE, report(found))
    assert not diff.wholes[0].both_known


def written(folder: Path, name: str, made: Report) -> str:
    (folder / name).write_text(text_of(made), encoding="utf-8")
    return str(folder / name)


@pytest.mark.parametrize(
    ("after", "code"), [(FINE, 0), (with_call(5, seconds=0.5), 1), (with_call(5, seconds=1e-5), 0)]
)
def test_the_exit_code_says_whether_something_got_worse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], after: Report, code: int
) -> None:
    files = written(tmp_path, "before.json", FINE), written(tmp_path, "after.json", after)
    assert main(["devices", "diff", *files]) == code
    said = capsys.readouterr().out
    assert ("Worse: 1 change" in said) == (code == 1)
    assert main(["devices", "diff", *files, "--json"]) == code
    assert json.loads(capsys.readouterr().out)["outcome"] in ("worse" if code else ("same", "better"))


def test_files_that_cannot_be_compared_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = written(tmp_path, "one.json", FINE)
    other = written(tmp_path, "other.json", replace(FINE, model="qwen-image"))
    assert main(["devices", "diff", one, other]) == 2
    assert capsys.readouterr().err.startswith("tenku: These two reports cannot be compared: one is about")
    assert main(["devices", "diff", one, str(tmp_path / "none.json")]) == 2
    assert "none.json cannot be read" in capsys.readouterr().err


def test_findings_of_the_same_call_are_paired() -> None:
    """The order of findings in a file means nothing."""
    turned: tuple[Finding, ...] = tuple(reversed(FINE.findings))
    assert compare(FINE, replace(FINE, findings=turned)).outcome is Outcome.SAME
