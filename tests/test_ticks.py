"""How often the compositor looks: often, unless the game would draw as often."""

from tenku.play.ticks import LOOKS, REST_US, Ticks


def watch(ticks: Ticks, *, fps: int, seconds: int, start_us: int = 0) -> int:
    """Feed a steady stream of pictures; the time of the last."""
    now_us = start_us
    for number in range(fps * seconds):
        now_us = start_us + number * 1_000_000 // fps
        ticks.frame(now_us)
    return now_us


def test_a_game_at_the_streams_rate_is_looked_at_often() -> None:
    ticks = Ticks(best_fps=60)
    now_us = watch(ticks, fps=60, seconds=10)
    assert ticks.looks(60, now_us) == LOOKS


def test_a_game_that_draws_as_fast_as_it_is_let_is_let_no_faster_than_the_stream() -> None:
    ticks = Ticks(best_fps=60)
    now_us = watch(ticks, fps=150, seconds=3)
    assert ticks.looks(60, now_us) == 1
    assert ticks.looks(60, now_us + REST_US * 2) == LOOKS


def test_a_narrow_line_gets_no_more_frames_than_asked_for() -> None:
    ticks = Ticks(best_fps=60)
    assert ticks.looks(45, watch(ticks, fps=60, seconds=2)) == 1


def test_a_still_game_says_nothing_about_its_speed() -> None:
    ticks = Ticks(best_fps=60)
    now_us = watch(ticks, fps=60, seconds=2)
    now_us = watch(ticks, fps=60, seconds=2, start_us=now_us + 30_000_000)
    assert ticks.looks(60, now_us) == LOOKS
