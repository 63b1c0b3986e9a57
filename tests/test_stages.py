"""Measurements: what is kept, what is forgotten, and which number stands for a stage."""

import csv
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenku.play.stages import HEADER, ROWS, Row, Stages

FRAME_US = 16_667


def a_row(number: int, *, encode_us: int = 7_000, input_to_shown_us: int | None = None) -> Row:
    return Row(
        slot=1,
        number=number,
        size_bytes=12_000,
        capture_us=500,
        encode_us=encode_us,
        send_us=200,
        network_us=10_000,
        decode_us=3_000,
        show_us=4_000,
        input_to_shown_us=input_to_shown_us,
    )


def test_the_csv_has_a_row_a_frame_with_units_in_the_header_and_the_stages_add_up() -> None:
    stages = Stages()
    stages.add(a_row(7, input_to_shown_us=41_500), now_us=2_000_000)
    stages.add(a_row(8), now_us=2_016_667)
    rows = list(csv.DictReader(stages.csv()))
    assert tuple(rows[0]) == HEADER
    assert rows[0] == {
        "at_s": "2.000000",
        "slot": "1",
        "number": "7",
        "size_bytes": "12000",
        "capture_ms": "0.500",
        "encode_ms": "7.000",
        "send_ms": "0.200",
        "network_ms": "10.000",
        "decode_ms": "3.000",
        "show_ms": "4.000",
        "input_to_shown_ms": "41.500",
        "skew_ms": "",
        "total_ms": "24.700",
        "input_ms": "",
    }
    assert rows[1]["input_to_shown_ms"] == ""


def test_p50_and_p95_are_of_the_last_ten_seconds_only() -> None:
    stages = Stages()
    for number in range(600):
        stages.add(a_row(number, encode_us=90_000), now_us=number * FRAME_US)
    for number in range(100):
        stages.add(a_row(number, encode_us=1_000 * (number + 1)), now_us=60_000_000 + number * FRAME_US)
    encode = stages.spreads()["encode"]
    assert (encode.p50_ms, encode.p95_ms) == (50, 95)
    assert encode.count == 700
    assert encode.total_ms == 600 * 90 + sum(range(1, 101))


def test_every_input_counts_and_the_row_after_shows_the_slowest() -> None:
    stages = Stages()
    for round_trip_us in (2_000, 9_000, 3_000):
        stages.add_input(round_trip_us=round_trip_us)
    stages.add(a_row(1), now_us=1)
    stages.add(a_row(2), now_us=2)
    assert [row["input_ms"] for row in csv.DictReader(stages.csv())] == ["9.000", ""]
    spread = stages.spreads()["input"]
    assert (spread.p50_ms, spread.p95_ms, spread.count) == (3, 9, 3)


def test_what_was_never_measured_has_no_quantiles() -> None:
    stages = Stages()
    assert stages.spreads() == {}
    stages.add(a_row(1), now_us=1)
    assert {"skew", "input", "input_to_shown"}.isdisjoint(stages.spreads())


def test_ten_minutes_are_kept_in_less_than_ten_megabytes_and_no_more() -> None:
    stages = Stages()
    for number in range(ROWS + 500):
        stages.add_input(round_trip_us=2_000)
        stages.add(a_row(number), now_us=number * FRAME_US)
    columns = [*stages._columns.values(), stages._at_us, stages._inputs]
    assert ROWS == 600 * 60
    assert sum(column.buffer_info()[1] * column.itemsize for column in columns) < 10_000_000
    numbers = [int(row["number"]) for row in csv.DictReader(stages.csv())]
    assert numbers == list(range(500, ROWS + 500))
    assert len(stages._inputs) == ROWS


@pytest.mark.parametrize("wild_us", [10**12, -(10**12)])
def test_a_browser_whose_clock_is_wild_breaks_nothing(wild_us: int) -> None:
    stages = Stages()
    stages.add_input(round_trip_us=wild_us)
    stages.add(a_row(1, encode_us=wild_us), now_us=1)
    assert len(list(csv.DictReader(stages.csv()))) == 1
    assert "encode" in stages.spreads()


@given(
    values=st.lists(st.integers(min_value=0, max_value=2**31 - 1), min_size=1, max_size=80),
    rows=st.integers(min_value=1, max_value=40),
    seed=st.integers(min_value=0, max_value=99),
)
def test_quantiles_are_nearest_ranks_of_what_is_still_kept(values: list[int], rows: int, seed: int) -> None:
    Random(seed).shuffle(values)
    stages = Stages(rows=rows)
    for number, value in enumerate(values):
        stages.add(a_row(number, encode_us=value), now_us=number)
    kept = sorted(values[-rows:])
    spread = stages.spreads()["encode"]
    for share, found_ms in ((50, spread.p50_ms), (95, spread.p95_ms)):
        enough = [value for value in kept if 100 * sum(each <= value for each in kept) >= share * len(kept)]
        assert found_ms == min(enough) / 1000
