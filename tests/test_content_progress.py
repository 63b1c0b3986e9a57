"""The progress bar: what it says by amounts and times, and what it writes to terminals and logs."""

import io
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenku.cli.amounts import bytes_text, count_text, date_text, seconds_text
from tenku.cli.progress import CLEAR, Bar
from tenku.cli.progressline import WINDOW_S, Speed, plain_line, progress_line


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (56_000_000, "56.0 MB"),
        (1_234_000_000, "1.2 GB"),
        (2 * 10**12, "2.0 TB"),
        (5 * 10**15, "5000.0 TB"),
    ],
)
def test_bytes_are_written_in_thousands(amount: int, text: str) -> None:
    assert bytes_text(amount) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (0.61, "0.6 s"),
        (4, "4 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (65, "1 min 5 s"),
        (3600, "1 h"),
        (7380.4, "2 h 3 min"),
        (90_061, "1 d 1 h"),
    ],
)
def test_times_are_written_in_their_two_largest_units(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_counts_and_dates() -> None:
    assert [count_text(n, "file") for n in (0, 1, 12_345)] == ["0 files", "1 file", "12,345 files"]
    assert date_text(0) == "1970-01-01 00:00 UTC"


def line(done: int, total: int, *, rate: float = 0.0, width: int = 100, unit: str = "B") -> str:
    return progress_line("fetch", done=done, total=total, unit=unit, rate=rate, width=width)


def test_a_line_says_how_far_how_fast_and_how_long() -> None:
    assert line(60_000_000, 120_000_000, rate=12_000_000) == (
        "Fetch         ████████████░░░░░░░░░░░░   50 %  60.0 MB of 120.0 MB  12.0 MB/s  5 s left"
    )
    assert line(3, 10, unit="file") == "Fetch         ███████░░░░░░░░░░░░░░░░░   30 %  3 of 10 files"
    assert line(0, 0) == "Fetch …"
    assert "left" not in line(1, 10**12, rate=1e-320), "nobody waits for years"


def test_100_percent_is_said_when_it_is_true() -> None:
    assert " 99 %" in line(999_999, 1_000_000)
    assert "100 %" in line(1_000_000, 1_000_000, rate=1.0)
    assert "left" not in line(1_000_000, 1_000_000, rate=1.0)
    assert "100 %" in line(2_000_000, 1_000_000), "more than was announced is still all"


@given(
    done=st.integers(0, 10**13),
    total=st.integers(0, 10**13),
    rate=st.floats(0, 1e12),
    width=st.integers(1, 200),
    label=st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=80),
)
def test_a_line_never_goes_on_in_the_next_one(done: int, total: int, rate: float, width: int, label: str) -> None:
    text = progress_line(label, done=done, total=total, unit="B", rate=rate, width=width)
    assert len(text) <= width
    assert "\n" not in text


def test_the_rate_is_that_of_the_last_seconds() -> None:
    speed = Speed()
    assert speed.rate() == 0
    speed.add(0, now=100.0)
    assert speed.rate() == 0
    for second in range(1, 11):
        speed.add(second * 1000, now=100.0 + second)
    assert speed.rate() == pytest.approx(1000)
    for second in range(1, 20):
        speed.add(10_000 + second * 10, now=110.0 + second)
    assert speed.rate() == pytest.approx(10), "what was fast long ago does not count"
    assert speed.rate() < 10_190 / WINDOW_S


def test_a_rate_needs_time() -> None:
    speed = Speed()
    speed.add(0, now=5.0)
    speed.add(1000, now=5.0)
    assert speed.rate() == 0


def test_a_log_gets_one_plain_line_for_each_phase() -> None:
    out = io.StringIO()
    with Bar(out, live=False, clock=lambda: 0.0) as bar:
        bar.phase("fetch", total=120_000_000)
        for _ in range(1000):
            bar.advance(120_000)
        bar.note("A mirror was passed over.")
        bar.phase("install", total=0)
    assert out.getvalue() == "Fetch: 120.0 MB\ntenku: A mirror was passed over.\nInstall\n"
    assert plain_line("verify", total=3, unit="file") == "Verify: 3 files"


def test_a_terminal_is_redrawn_ten_times_a_second_at_most() -> None:
    out, now = io.StringIO(), [0.0]
    with Bar(out, live=True, clock=lambda: now[0]) as bar:
        bar.phase("fetch", total=1000)
        for step in range(1000):
            now[0] = step / 1000
            bar.advance(1)
        drawn = out.getvalue().count(CLEAR)
        assert 5 <= drawn <= 11
        bar.note("Look.")
        assert out.getvalue().endswith(f"{CLEAR}tenku: Look.\n")
    assert out.getvalue().endswith(CLEAR), "nothing of the bar is left"


def test_many_threads_may_tell_it() -> None:
    out, now = io.StringIO(), [0.0]
    with Bar(out, live=True, clock=lambda: now[0]) as bar:
        bar.phase("fetch", total=8000)
        threads = [threading.Thread(target=advance_often, args=(bar,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        now[0] = 1.0
        bar.advance(0)
    assert "100 %  8.0 kB of 8.0 kB" in out.getvalue()


def advance_often(bar: Bar) -> None:
    for _ in range(1000):
        bar.advance(1)
