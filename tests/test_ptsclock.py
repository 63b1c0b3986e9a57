"""The time of a sound follows from its place in the stream, however unevenly packets arrive."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tenku.play.ptsclock import BUCKET, PtsClock

PACKET_US = 10_000
ORIGIN_US = 77_000_000
lateness = st.lists(st.integers(0, 40_000), min_size=1, max_size=200)


def clock() -> PtsClock:
    return PtsClock(rate=48_000, packet=480)


def truth(n: int) -> int:
    return ORIGIN_US + n * PACKET_US


def run(late: list[int], gaps: list[int] | None = None) -> list[tuple[int, int, int]]:
    """True time, arrival and answer for every packet; `gaps` are silent packets before each."""
    it, n, arrival, rows = clock(), 0, 0, []
    for index, delay in enumerate(late):
        n += gaps[index] if gaps else 0
        arrival = max(arrival, truth(n) + PACKET_US + delay)  # packets do not overtake each other
        rows.append((truth(n), arrival, it.played(pts=n * 480, arrival_us=arrival)))
        n += 1
    return rows


@given(lateness)
def test_no_sound_is_dated_before_it_was_played_or_after_it_arrived(late: list[int]) -> None:
    for n, (true, arrival, answer) in enumerate(run(late)):
        assert true <= answer <= arrival - PACKET_US + n  # a microsecond each keeps the order of a burst


@given(lateness, st.data())
def test_times_rise_over_gaps_too(late: list[int], data: st.DataObject) -> None:
    gaps = data.draw(st.lists(st.integers(0, 500), min_size=len(late), max_size=len(late)))
    answers = [answer for _, _, answer in run(late, gaps)]
    assert all(a < b for a, b in pairwise(answers))


@given(lateness)
def test_the_error_is_that_of_the_least_late_packet_of_the_last_half_second(late: list[int]) -> None:
    rows = run(late)
    waits = [arrival - PACKET_US - true for true, arrival, _ in rows]
    for n, (true, _, answer) in enumerate(rows):
        # Until the first half second is over, the least late so far; n for the order of a burst, as above.
        assert answer - true <= min(waits[max(0, n + 1 - BUCKET) : n + 1]) + n


@given(st.integers(-30_000, 900_000))
def test_a_lasting_shift_is_learned_within_a_second_of_sound(shift: int) -> None:
    """The sound server was held up, and lost samples that were not counted."""
    it = clock()
    for n in range(100):
        it.played(pts=n * 480, arrival_us=truth(n) + PACKET_US)
    for n in range(100, 100 + 2 * BUCKET + 1):
        answer = it.played(pts=n * 480, arrival_us=truth(n) + PACKET_US + shift)
    assert answer == truth(n) + shift


def test_samples_that_are_counted_anew_begin_a_new_mapping() -> None:
    """The encoder lost its server and connected again."""
    it = clock()
    before = [it.played(pts=n * 480, arrival_us=truth(n) + PACKET_US) for n in range(300)][-1]
    assert it.played(pts=0, arrival_us=before + 500_000) == before + 490_000


def test_a_burst_after_a_stall_keeps_its_true_times() -> None:
    """This process stood still for 400 ms; what it then finds was played evenly."""
    it = clock()
    for n in range(100):
        it.played(pts=n * 480, arrival_us=truth(n) + PACKET_US)
    for n in range(100, 140):
        assert it.played(pts=n * 480, arrival_us=truth(139) + PACKET_US) == truth(n)
