"""Bitrate, frame rate and size follow what the connection carries, in simulated time."""

from itertools import pairwise
from statistics import mean

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from simulated_line import MAXIMUM, SECOND, Content, LineModel, Record, Seat, run
from tenku.play.delivery import VIEWER
from tenku.play.ladder import SIZE_DOWN_REST_US, SIZE_UP_REST_US, Ladder, steps
from tenku.play.model import Quality, Size
from tenku.play.rate import FLOOR_KBPS, RateControl, combine

SEARCH = (Phase.explicit, Phase.generate)
"""Without shrinking: a smaller line is no simpler one, and a run takes a while."""
STEADY = Content(scene_changes_per_s=0)


def at(seat: Seat, second: float) -> Quality:
    """What was asked for at that second."""
    return [decision for decision in seat.decisions if decision.at_us <= second * SECOND][-1].quality


def between(seat: Seat, first_s: float, last_s: float) -> list[Record]:
    return [record for record in seat.records if first_s * SECOND <= record.encoded_us < last_s * SECOND]


def p95_queue_frames(records: list[Record]) -> float:
    """The queue that frames met, in frame times."""
    queues = sorted(record.queue_us * record.quality.fps / SECOND for record in records if record.sent)
    return queues[int(0.95 * (len(queues) - 1))]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("delay_ms", [5, 20, 40])
@pytest.mark.parametrize("shows_backlog", [False, True])
def test_a_fall_from_20_to_one_and_a_half_megabits_is_followed_within_a_second_and_back_up(
    seed: int, delay_ms: int, shows_backlog: bool
) -> None:
    line = LineModel(((0, 20_000), (3, 1_500), (7, 20_000)), ((0, delay_ms),), shows_backlog=shows_backlog)
    seat = Seat(line, seed=seed)
    run([seat], seconds=8.5, seed=seed)
    assert at(seat, 3).bitrate_kbps == MAXIMUM.bitrate_kbps
    assert at(seat, 4).bitrate_kbps <= 1_500
    # The queue is gone: some frame of the half second after went through without meeting one.
    assert min(record.queue_us for record in between(seat, 4, 4.5) if record.sent) == 0
    assert p95_queue_frames(between(seat, 4.5, 7)) < 1.5
    assert at(seat, 7).bitrate_kbps >= 0.6 * 1_500
    assert at(seat, 8).bitrate_kbps >= 0.7 * MAXIMUM.bitrate_kbps
    assert not seat.undecodable


def test_a_good_line_has_the_best_picture_within_a_second_and_loses_no_frame() -> None:
    seat = Seat(LineModel(jitter_ms=2), seed=5)
    run([seat], seconds=10, content=STEADY)
    assert at(seat, 1) == MAXIMUM
    assert all(record.sent for record in seat.records)
    assert at(seat, 10) == MAXIMUM
    assert len({decision.quality.size for decision in seat.decisions}) == 1


def test_at_a_steady_line_it_keeps_steady() -> None:
    """Under one per cent of frames dropped, few changes, a narrow band; over lines of very different speeds."""
    dropped = []
    for seed, kbps in enumerate((700, 1_500, 3_000, 5_000, 9_000)):
        seat = Seat(LineModel(kbps=((0, kbps),), jitter_ms=2), seed=seed)
        encoder = run([seat], seconds=40, content=STEADY, seed=seed)
        records = between(seat, 8, 40)
        dropped.append(mean(not record.sent for record in records))
        targets = [decision.quality for decision in seat.decisions if decision.at_us > 8 * SECOND]
        assert len(targets) <= 16
        assert all(0.75 * min(kbps, 8_000) <= target.bitrate_kbps <= 1.25 * kbps for target in targets)
        assert dropped[-1] < 0.02
        assert p95_queue_frames(records) < 1.5
        assert encoder.keys <= 6
    assert mean(dropped) < 0.01


def test_a_line_that_stalls_to_repair_losses_does_not_make_the_picture_pulse() -> None:
    seat = Seat(LineModel(stalls_per_s=1, delay_ms=((0, 40),)), seed=2)
    encoder = run([seat], seconds=20, seed=2)
    assert encoder.keys <= 5
    assert mean(record.sent for record in seat.records) > 0.85


@pytest.mark.parametrize("seed", [0, 4, 5])
def test_a_line_that_stalls_often_and_long_keeps_its_bitrate(seed: int) -> None:
    seat = Seat(LineModel(kbps=((0, 12_000),), stalls_per_s=1.5, delay_ms=((0, 80),)), seed=seed)
    run([seat], seconds=15, seed=seed)
    asked = [at(seat, second / 4).bitrate_kbps for second in range(8, 60)]
    assert mean(asked) > 0.9 * MAXIMUM.bitrate_kbps


def test_a_quiet_scene_neither_lowers_the_bitrate_nor_makes_it_run_away() -> None:
    quiet = Content(activity=((0, 1.0), (6, 0.05)), scene_changes_per_s=0)
    good = Seat(LineModel(), seed=1)
    run([good], seconds=16, content=quiet)
    assert at(good, 16) == MAXIMUM
    slow = Seat(LineModel(kbps=((0, 1_500),)), seed=1)
    run([slow], seconds=10, content=quiet)
    assert at(slow, 10).bitrate_kbps <= 1.3 * 1_500


def test_a_scene_that_wakes_up_on_a_line_that_became_slow_meanwhile_is_caught_within_a_second() -> None:
    content = Content(activity=((0, 1.0), (3, 0.03), (6, 1.0)), scene_changes_per_s=0)
    seat = Seat(LineModel(kbps=((0, 20_000), (4, 1_500))), seed=4)
    run([seat], seconds=10, content=content)
    assert at(seat, 7).bitrate_kbps <= 1_500
    assert p95_queue_frames(between(seat, 8, 10)) < 1.5


@pytest.mark.parametrize("delay_ms", [45, 90, 150])
def test_a_path_that_becomes_longer_is_not_taken_for_a_queue_for_long(delay_ms: int) -> None:
    seat = Seat(LineModel(delay_ms=((0, 20), (3, delay_ms))), seed=1)
    run([seat], seconds=8, seed=1)
    assert mean(record.sent for record in between(seat, 5.5, 8)) > 0.97
    assert at(seat, 8) == MAXIMUM


def test_an_encoder_that_does_not_track_references_still_gets_through_a_fall() -> None:
    seat = Seat(LineModel(kbps=((0, 20_000), (3, 1_500))), seed=1)
    encoder = run([seat], seconds=12, tracks=False, seed=1)
    assert not seat.undecodable
    assert mean(record.sent for record in between(seat, 6, 12)) > 0.9
    assert encoder.keys <= 8


def test_a_decoder_that_cannot_follow_gets_fewer_pixels_and_not_fewer_bits() -> None:
    def decodes(quality: Quality) -> float:
        return 35 * MAXIMUM.size.width * MAXIMUM.size.height / (quality.size.width * quality.size.height)

    seat = Seat(LineModel(), seed=1, decodes_per_s=decodes)
    run([seat], seconds=8, seed=1, content=STEADY)
    asked = at(seat, 8)
    assert asked.bitrate_kbps == MAXIMUM.bitrate_kbps
    assert asked.fps * asked.size.width * asked.size.height < 40 * MAXIMUM.size.width * MAXIMUM.size.height


@settings(max_examples=20, deadline=None, derandomize=True, phases=SEARCH)
@given(
    kbps=st.integers(min_value=500, max_value=50_000),
    later_kbps=st.integers(min_value=500, max_value=50_000),
    delay_ms=st.integers(min_value=1, max_value=80),
    jitter_ms=st.floats(min_value=0, max_value=4),
    seed=st.integers(min_value=0, max_value=1_000),
    tracks=st.booleans(),
)
def test_on_any_line(kbps: int, later_kbps: int, delay_ms: int, jitter_ms: float, seed: int, tracks: bool) -> None:
    """Decisions keep their bounds, frames are decodable, no queue stays, and no good line is left at the floor."""
    line = LineModel(((0, kbps), (5, later_kbps)), ((0, delay_ms),), jitter_ms)
    seat = Seat(line, seed=seed)
    run([seat], seconds=12, seed=seed, tracks=tracks, content=STEADY)
    sizes = {step.size for step in steps(MAXIMUM)}
    for decision in seat.decisions:
        assert FLOOR_KBPS <= decision.quality.bitrate_kbps <= MAXIMUM.bitrate_kbps
        assert 15 <= decision.quality.fps <= MAXIMUM.fps
        assert decision.quality.size in sizes
    assert not seat.undecodable
    assert at(seat, 12).bitrate_kbps >= 0.5 * min(later_kbps, MAXIMUM.bitrate_kbps)
    settled = [record for record in between(seat, 9, 12) if not near_a_key_frame(record, seat)]
    assert len([record for record in settled if record.sent]) > 0.9 * len(settled)
    if tracks:
        # A key frame is several frames long and cannot be split; what follows it waits for it, and little longer.
        assert p95_queue_frames(settled) < 1.5


def near_a_key_frame(record: Record, seat: Seat) -> bool:
    keys = [each.encoded_us for each in seat.records if each.key]
    return any(0 <= record.encoded_us - key_us < 700_000 for key_us in keys)


@settings(max_examples=10, deadline=None, derandomize=True, phases=SEARCH)
@given(kbps=st.integers(min_value=600, max_value=4_000), seed=st.integers(min_value=0, max_value=1_000))
def test_a_line_twice_as_fast_gets_more(kbps: int, seed: int) -> None:
    asked = []
    for factor in (1, 2):
        seat = Seat(LineModel(kbps=((0, kbps * factor),)), seed=seed)
        run([seat], seconds=7, seed=seed, content=STEADY)
        asked.append(mean(at(seat, second / 2).bitrate_kbps for second in range(8, 14)))
    assert asked[1] > 1.3 * asked[0]


# --- the ladder ----------------------------------------------------------------------------------------------------


@given(
    width=st.integers(min_value=64, max_value=7_680),
    height=st.integers(min_value=64, max_value=4_320),
    fps=st.integers(min_value=15, max_value=240),
)
def test_every_ladder_goes_down_in_even_sizes_from_the_maximum_to_a_third(width: int, height: int, fps: int) -> None:
    maximum = Quality(8_000, fps, Size(width, height))
    ladder = steps(maximum)
    assert ladder[0].fps == fps
    assert abs(ladder[0].size.width - width) <= 1
    assert all(step.size.width % 2 == step.size.height % 2 == 0 for step in ladder)
    pixels = [step.pixels_per_s for step in ladder]
    assert pixels == sorted(pixels, reverse=True)
    assert ladder[-1].fps == 15
    assert abs(ladder[-1].size.width - width / 3) <= 1


@given(kbps=st.lists(st.integers(min_value=300, max_value=8_000), min_size=50, max_size=200))
def test_however_the_bitrate_wavers_sizes_rest_between_changes(kbps: list[int]) -> None:
    ladder, changes = Ladder(MAXIMUM), [(0, MAXIMUM.size)]
    for tick, bitrate in enumerate(kbps):
        size = ladder.choose(bitrate, now_us=tick * 100_000).size
        if size != changes[-1][1]:
            changes.append((tick * 100_000, size))
    for (before_us, before), (after_us, after) in pairwise(changes[1:]):
        rest_us = SIZE_DOWN_REST_US if after.width < before.width else SIZE_UP_REST_US
        assert after_us - before_us >= rest_us


def test_a_bitrate_at_the_edge_of_a_step_does_not_make_the_picture_flap() -> None:
    ladder = Ladder(MAXIMUM)
    chosen = [ladder.choose(2_000 + 150 * (tick % 2), now_us=tick * 100_000) for tick in range(300)]
    assert len(set(chosen[20:])) == 1


def test_few_bits_for_a_big_picture_are_a_wish_and_respected() -> None:
    frugal = Quality(1_000, 60, Size(1920, 1080))
    assert Ladder(frugal).choose(1_000, now_us=0).size == frugal.size


# --- the session's one encoder ------------------------------------------------------------------------------------


def test_the_encoder_does_what_the_weakest_player_needs_and_viewers_only_drop() -> None:
    big, small = Quality(8_000, 45, Size(1280, 720)), Quality(1_200, 60, Size(960, 540))
    assert combine([big, small], [Quality(300, 15, Size(426, 240))], maximum=MAXIMUM) == Quality(
        1_200, 45, Size(960, 540)
    )


def test_where_nobody_plays_the_weakest_viewer_counts_and_without_anybody_the_maximum() -> None:
    weak = Quality(900, 30, Size(640, 360))
    assert combine([], [weak, MAXIMUM], maximum=MAXIMUM) == weak
    assert combine([], [], maximum=MAXIMUM) == MAXIMUM


def test_viewers_alone_are_followed() -> None:
    viewer = Seat(LineModel(kbps=((0, 2_000),)), seed=1, limits=VIEWER)
    run([viewer], seconds=10, seed=1, content=STEADY)
    assert 1_000 <= at(viewer, 10).bitrate_kbps <= 2_200
    assert mean(record.sent for record in between(viewer, 6, 10)) > 0.9


def test_before_anything_is_known_it_asks_for_a_picture_of_full_size() -> None:
    first = RateControl(MAXIMUM).decide(0)
    assert first.size == MAXIMUM.size
    assert first.bitrate_kbps < MAXIMUM.bitrate_kbps


def test_a_busy_machine_on_a_clear_network_keeps_its_picture() -> None:
    """Acknowledgements that come late for want of a processor say nothing about the line."""
    control = RateControl(MAXIMUM)
    for number in range(1, 600):
        now_us = number * 16_667
        control.network(clear=True)
        control.machines(waited_us=80_000)
        control.sent(number, size_bytes=15_000, now_us=now_us)
        if number % 8 == 0:  # The browser gets to it every now and then, and takes all at once.
            control.acked(number, queue=0, now_us=now_us + 90_000)
        control.decide(now_us)
    assert control.decide(600 * 16_667).bitrate_kbps >= MAXIMUM.bitrate_kbps * 0.4
    assert control.decide(600 * 16_667).size == MAXIMUM.size
