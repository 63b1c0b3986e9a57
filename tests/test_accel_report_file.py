"""A report is read back as it was written, and a file that is none says what it is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_reports import report, troubled
from tenku.accel.report.file import read, report_of, text_of, write_whole
from tenku.accel.report.model import Against, Block, Chipped, Finding, Fit, Peak, Report, Verdict
from tenku.base.errors import MachineError, UsageError

WHOLE = text_of(troubled())
FLOATS = st.floats()
TEXTS = st.text(max_size=12)
WORDS = st.dictionaries(TEXTS, TEXTS, max_size=3)
COUNTS = st.dictionaries(TEXTS, st.integers(0, 10**9), max_size=3)
VERDICTS = st.sampled_from(Verdict)
PERHAPS = st.none() | FLOATS
FINDINGS = st.builds(
    Finding,
    call=st.integers(0),
    operator=TEXTS,
    shapes=TEXTS,
    dtype=TEXTS,
    verdict=VERDICTS,
    message=TEXTS,
    error=PERHAPS,
    worst=PERHAPS,
    against=st.none() | st.sampled_from(Against),
    seconds=PERHAPS,
    flops=st.integers(0),
    moved=st.integers(0),
    counts=COUNTS,
)
BLOCKS = st.builds(
    Block, name=TEXTS, dtype=TEXTS, verdict=VERDICTS, message=TEXTS, error=PERHAPS, seconds=PERHAPS, scale=TEXTS
)
FITS = st.builds(Fit, what=TEXTS, computed=TEXTS, computed_bytes=st.integers(0), tried=TEXTS, message=TEXTS)
REPORTS = st.builds(
    Report,
    version=st.just(1),
    made_at=TEXTS,
    took_s=FLOATS,
    device=st.builds(
        Chipped, kind=TEXTS, index=st.integers(0), name=TEXTS, memory=st.integers(0), driver=TEXTS, host=TEXTS
    ),
    software=WORDS,
    model=TEXTS,
    job=TEXTS,
    inventory=TEXTS,
    dtypes=st.lists(TEXTS, max_size=3).map(tuple),
    parts=COUNTS,
    copy=FLOATS,
    peaks=st.lists(st.builds(Peak, dtype=TEXTS, flops=FLOATS), max_size=2).map(tuple),
    findings=st.lists(FINDINGS, max_size=4).map(tuple),
    blocks=st.lists(BLOCKS, max_size=2).map(tuple),
    fits=st.lists(FITS, max_size=2).map(tuple),
)


@given(REPORTS)
def test_a_report_is_read_back_as_it_was_written(made: Report) -> None:
    """Every text, every number, NaN and infinite ones too (whose `repr` is the same, though they equal nothing)."""
    again = report_of(text_of(made), where="a.json")
    assert repr(again) == repr(made)


@given(st.text(st.characters(categories=["Cs", "L", "Cc"]), max_size=9))
def test_half_letters_of_a_drivers_message_come_back_from_the_disk(
    tmp_path_factory: pytest.TempPathFactory, said: str
) -> None:
    path = tmp_path_factory.mktemp("half") / "a.json"
    made = report([replace(report().findings[0], message=said)])
    write_whole({path: text_of(made)})
    assert read(path) == made


@given(st.integers(1, len(WHOLE.rstrip()) - 1))
def test_a_file_that_ends_early_is_said_to_be_cut_off(length: int) -> None:
    with pytest.raises(UsageError, match=r"^a\.json is cut off"):
        report_of(WHOLE[:length], where="a.json")


def test_a_file_that_ends_within_a_letter_is_cut_off(tmp_path: Path) -> None:
    made = replace(report(), job="ä" * 9)
    data = text_of(made).encode()
    (tmp_path / "a.json").write_bytes(data[: data.index("ä".encode()) + 1])
    with pytest.raises(UsageError, match="is cut off"):
        read(tmp_path / "a.json")


def changed(**values: object) -> str:
    return json.dumps({**json.loads(WHOLE), **values})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a report: it is no JSON"),
        ("<!doctype html>", "is not a report: it is no JSON. Give the JSON file, not the page."),
        ("[" * 100_000, "is no JSON"),
        ('{"a": 1} and more', "is no JSON"),
        ("[1, 2]", "is not a report of a device"),
        ('{"model": "wan", "calls": []}', "is not a report of a device"),
        (changed(version=2), "is a report of version 2, and this Tenku reads version 1"),
        (changed(version="x" * 999), f"of version {'x' * 40}, and"),
        (changed(findings=3), "is not a whole report: findings is not a list"),
        (changed(findings=[{}]), r"findings[0].call is missing"),
        (
            changed(findings=[{**json.loads(WHOLE)["findings"][0], "verdict": "nice"}]),
            "verdict is 'nice' and none of native",
        ),
        (changed(copy="fast"), "copy is not a number"),
        (changed(copy=True), "copy is not a number"),
        (changed(copy=10**400), "copy is larger than any number"),
        (changed(model=7), "model is not a text"),
        (changed(parts={"vae": 1.5}), "parts.vae is not a whole number"),
        (changed(parts=[]), "parts is not a table"),
        (changed(device=None), "device is not a table"),
        (changed(weather="fine"), "weather is nothing that it should have"),
    ],
)
def test_what_is_no_report_says_why(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        report_of(text, where="a.json")
    assert refused.value.sentence().startswith("a.json ")
    assert said in refused.value.sentence()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json cannot be read: No such file"):
        read(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is no JSON"):
        read(tmp_path / "bytes.json")


def test_where_one_file_cannot_be_written_neither_changes(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("before", encoding="utf-8")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(MachineError, match="cannot be written"):
        write_whole({tmp_path / "a.json": "after", tmp_path / "file" / "b.html": "after"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "file"]
