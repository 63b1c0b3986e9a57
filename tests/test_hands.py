"""Several players on one keyboard: what goes down comes up, exactly once."""

from hypothesis import example, given
from hypothesis import strategies as st

from tenku.play.frames import FrameCount
from tenku.play.hands import Hands, PadPlaces, Press
from tenku.play.model import ConnectionId
from tenku.play.readiness import DRAWN_BYTES, PATIENCE_S, Readiness
from tenku.play.typing_keys import SPARE_KEYS, Typist, keysym

ADA, BO = ConnectionId(1), ConnectionId(2)


def test_a_key_that_two_hold_comes_up_with_the_last() -> None:
    hands = Hands()
    assert hands.press(ADA, 30, True) == [Press(30, True)]
    assert hands.press(BO, 30, True) == []
    assert hands.press(ADA, 30, False) == []
    assert hands.release(BO) == [Press(30, False)]


@given(st.lists(st.tuples(st.sampled_from([ADA, BO]), st.integers(1, 5), st.booleans())))
def test_the_game_sees_each_key_go_down_and_up_in_turn(steps: list[tuple[ConnectionId, int, bool]]) -> None:
    hands = Hands()
    presses = [press for who, code, down in steps for press in hands.press(who, code, down)]
    presses += hands.release(ADA) + hands.release(BO)
    for code in range(1, 6):
        turns = [press.down for press in presses if press.code == code]
        assert turns == [True, False] * (len(turns) // 2)


def test_the_second_players_first_pad_is_the_second_pad() -> None:
    places = PadPlaces()
    assert places.place(BO, 0, prefer=1) == (1, True)
    assert places.place(ADA, 0, prefer=0) == (0, True)
    assert places.place(ADA, 1, prefer=0) == (2, True)
    assert places.place(BO, 0, prefer=1) == (1, False)
    assert places.place(ADA, 2, prefer=0) == (3, True)
    assert places.place(BO, 1, prefer=1) is None
    assert places.owner(2) == (ADA, 1)
    assert places.drop(ADA, 1) == [2]
    assert sorted(places.drop(ADA)) == [0, 3]
    assert places.owner(0) is None


def test_characters_become_keysyms() -> None:
    assert keysym("a") == 0x61
    assert keysym("ü") == 0xFC
    assert keysym("天") == 0x01005929
    assert keysym("\n") == 0xFF0D
    assert keysym("\x00") is None
    assert keysym("\ud800") is None


@given(st.text(max_size=300))
@example("00123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXY\n0Z")  # the key of 0 is next to be bound anew, and in use
def test_text_is_typed_in_order_whatever_it_is(text: str) -> None:
    """What each press means at the moment of its press spells the text."""
    typist = Typist()
    spelled: list[int] = []
    for binds, presses in typist.type(text):
        assert len({key for key, _ in binds}) == len(binds) <= len(SPARE_KEYS)
        meaning = dict(binds)
        spelled += [meaning[key] for key, down in presses if down]
    assert spelled == [symbol for symbol in map(keysym, text) if symbol is not None]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=50), st.integers(0, 65_535))
def test_frame_numbers_rise_over_the_encoders_wrap(steps: list[int], start: int) -> None:
    count = FrameCount()
    raw, previous = start, count.number(start, key=True)
    for step in steps:
        old, raw = raw, (raw + step) % 65_536
        number = count.number(raw, key=False)
        assert number == previous + step
        assert count.reference(old) == previous
        assert count.raw(number) == raw
        assert count.raw(previous) == old
        previous = number
    assert count.reference(-1) == -1
    assert count.reference(-2) == -2


def test_frame_numbers_rise_over_a_restart_of_the_encoder() -> None:
    count = FrameCount()
    before = [count.number(raw, key=raw == 500) for raw in (500, 501, 502)]
    after = [count.number(raw, key=raw == 0) for raw in (0, 1)]
    assert after == [before[-1] + 1, before[-1] + 2]


def test_a_game_is_ready_when_it_draws_in_a_window() -> None:
    ready = Readiness()
    ready.frame(DRAWN_BYTES * 10, key=False)
    assert not ready.ready(100)
    ready.window(1, 100)
    ready.frame(DRAWN_BYTES * 10, key=True)
    assert not ready.ready(101)
    ready.frame(DRAWN_BYTES + 1, key=False)
    assert ready.ready(101)


def test_a_still_window_is_ready_after_a_while() -> None:
    ready = Readiness()
    ready.window(1, 100)
    assert not ready.ready(100 + PATIENCE_S - 0.1)
    assert ready.ready(100 + PATIENCE_S)
