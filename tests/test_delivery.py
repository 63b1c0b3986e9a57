"""Frames are dropped rather than queued, and every frame that is sent can be decoded."""

import itertools
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated_line import SECOND, Content, LineModel, Seat, run
from tenku.play.delivery import (
    DEAD_US,
    KEY_FRAMES_EVERY_US,
    PLAYER,
    UNTRACKED,
    VIEWER,
    Delivery,
    Drop,
    KeyFrames,
    Limits,
    Reason,
    Send,
)

FRAME_US = 16_667
KEY = -1


@dataclass
class Stream:
    """A connection whose browser acknowledges 30 ms after each frame was sent, while `acknowledges` is true."""

    delivery: Delivery = field(default_factory=Delivery)
    tracks: bool = True
    acknowledges: bool = True
    now_us: int = 1_000_000
    number: int = 0
    unacknowledged: list[tuple[int, int]] = field(default_factory=list)

    def frame(self, *, key: bool = False, reference: int | None = None, backlog: int = 0) -> Send | Drop:
        self.now_us += FRAME_US
        while self.acknowledges and self.unacknowledged and self.unacknowledged[0][0] + 30_000 <= self.now_us:
            self.delivery.acked(self.unacknowledged.pop(0)[1], queue=0, now_us=self.now_us)
        self.number += 1
        tracked = KEY if key else self.number - 1 if reference is None else reference
        decision = self.delivery.frame(
            self.number,
            reference=tracked if self.tracks else UNTRACKED,
            key=key,
            size_bytes=10_000,
            now_us=self.now_us,
            backlog=backlog,
        )
        if decision == Send():
            self.unacknowledged.append((self.now_us, self.number))
        return decision

    def begin(self) -> "Stream":
        assert self.frame(key=True) == Send()
        for _ in range(10):
            assert self.frame() == Send()
        return self


def test_a_new_connection_begins_at_a_key_frame_and_asks_for_it_once_in_half_a_second() -> None:
    stream = Stream()
    decisions = [stream.frame() for _ in range(31)]
    assert all(isinstance(each, Drop) and each.reason is Reason.KEY_FRAME for each in decisions)
    asked = [index for index, each in enumerate(decisions) if isinstance(each, Drop) and each.want_key]
    assert asked == [0, 30]
    assert stream.frame(key=True) == Send()
    assert stream.frame() == Send()


def test_a_frame_is_dropped_while_bytes_wait_in_this_machine_and_the_next_predicts_past_it() -> None:
    stream = Stream().begin()
    last_sent = stream.number
    assert stream.frame(backlog=1) == Drop(Reason.LATE, invalidate=last_sent + 1)
    assert stream.frame(reference=last_sent) == Send()


def test_a_frame_is_dropped_while_acknowledgements_are_overdue_though_this_machine_is_empty() -> None:
    stream = Stream().begin()
    stream.acknowledges = False
    sent = 0
    while stream.frame() == Send():
        sent += 1
    # 30 ms of path, one frame time, and what is no queue but jitter.
    assert sent * FRAME_US <= 30_000 + 2 * FRAME_US
    stream.acknowledges = True
    stream.now_us += 200_000
    stream.frame()
    assert stream.frame(reference=stream.number - 1) != Send(), "it is predicted from a frame that was dropped"


def test_a_frame_in_the_making_when_its_reference_was_dropped_is_not_sent() -> None:
    stream = Stream().begin()
    last_sent = stream.number
    stream.frame(backlog=1)
    assert stream.frame() == Drop(Reason.REFERENCE, invalidate=last_sent + 1)
    assert stream.frame(reference=last_sent) == Send()


def test_a_key_frame_is_asked_for_where_predicting_past_the_loss_does_not_help() -> None:
    stream = Stream().begin()
    stream.frame(backlog=1)
    decisions = [stream.frame() for _ in range(6)]
    wanting = [each for each in decisions if isinstance(each, Drop) and each.want_key]
    assert len(wanting) == 1
    assert stream.frame(key=True) == Send()


def test_without_tracked_references_every_drop_needs_a_key_frame_asked_for_when_the_line_is_clear() -> None:
    stream = Stream(tracks=False).begin()
    stream.acknowledges = False
    while (decision := stream.frame()) == Send():
        pass
    assert decision == Drop(Reason.LATE)
    stuck = [stream.frame() for _ in range(3)]
    assert stuck == [Drop(Reason.KEY_FRAME)] * 3, "a key frame now would be late as well"
    stream.acknowledges = True
    stream.now_us += 100_000
    assert stream.frame() == Drop(Reason.KEY_FRAME, want_key=True)
    assert stream.frame(key=True) == Send()
    assert stream.frame() == Send()


def test_one_frame_in_four_is_let_through_behind_a_big_one_so_that_no_key_frame_is_needed() -> None:
    stream = Stream().begin()
    last_sent = stream.number
    decisions = [stream.frame(reference=last_sent, backlog=1) for _ in range(4)]
    assert [type(each) for each in decisions] == [Drop, Drop, Drop, Send]


def test_a_browser_that_asks_for_a_key_frame_gets_nothing_else_until_it_comes() -> None:
    stream = Stream().begin()
    stream.delivery.key_frame_asked()
    assert stream.frame() == Drop(Reason.KEY_FRAME, want_key=True)
    assert stream.frame() == Drop(Reason.KEY_FRAME)
    assert stream.frame(key=True) == Send()


def test_frames_are_dropped_while_the_decoder_is_behind_and_not_for_long_on_old_news() -> None:
    stream = Stream().begin()
    last_sent = stream.number
    stream.delivery.acked(last_sent, queue=6, now_us=stream.now_us)
    stream.unacknowledged.clear()
    decisions = [stream.frame(reference=last_sent) for _ in range(8)]
    reasons = [each.reason for each in decisions if isinstance(each, Drop)]
    assert 2 <= len(reasons) <= 4
    assert set(reasons) == {Reason.DECODER}
    assert decisions[-1] == Send()


def test_a_browser_that_acknowledges_nothing_for_ten_seconds_is_dead() -> None:
    stream = Stream().begin()
    stream.acknowledges = False
    stream.frame()
    assert not stream.delivery.dead(stream.now_us)
    stream.now_us += DEAD_US - SECOND
    stream.frame()
    assert not stream.delivery.dead(stream.now_us)
    assert stream.delivery.dead(stream.now_us + 2 * SECOND)


def test_a_quiet_game_without_frames_is_not_dead() -> None:
    stream = Stream().begin()
    stream.delivery.acked(stream.number, queue=0, now_us=stream.now_us)
    assert not stream.delivery.dead(stream.now_us + 100 * DEAD_US)


@pytest.mark.parametrize("number", [0, 3, 2**32 - 1])
def test_an_acknowledgement_that_cannot_be_is_ignored(number: int) -> None:
    stream = Stream().begin()
    stream.delivery.acked(number, queue=255, now_us=stream.now_us)
    assert stream.frame() == Send()


def test_a_browser_that_says_its_decoder_is_endlessly_behind_is_not_believed_endlessly() -> None:
    stream = Stream().begin()
    last_sent = stream.number
    stream.delivery.acked(last_sent, queue=255, now_us=stream.now_us)
    stream.unacknowledged.clear()
    assert Send() in [stream.frame(reference=last_sent) for _ in range(13)]


def test_a_viewer_who_keeps_failing_asks_ever_more_seldom() -> None:
    stream = Stream(delivery=Delivery(VIEWER))
    asked = []
    for _ in range(60 * 40):
        decision = stream.frame()
        if isinstance(decision, Drop) and decision.want_key:
            asked.append(stream.now_us)
    gaps = [after - before for before, after in itertools.pairwise(asked)]
    assert gaps == sorted(gaps)
    assert gaps[0] >= SECOND
    assert gaps[-1] >= 8 * SECOND


@given(asks=st.lists(st.integers(min_value=0, max_value=400_000), max_size=200), seed=st.integers(0, 99))
def test_the_session_asks_for_at_most_about_two_key_frames_a_second(asks: list[int], seed: int) -> None:
    gate, random, now_us, granted = KeyFrames(), Random(seed), 0, []
    for pause_us in asks:
        now_us += pause_us
        if gate.ask(now_us):
            granted.append(now_us)
            if random.random() < 0.7:
                gate.came(now_us)
    assert all(after - before >= KEY_FRAMES_EVERY_US for before, after in itertools.pairwise(granted))


def test_the_gate_opens_again_where_the_encoder_never_answered() -> None:
    gate = KeyFrames()
    assert gate.ask(0)
    assert not gate.ask(600_000)
    assert gate.ask(1_100_000)


@given(
    seed=st.integers(min_value=0, max_value=10_000),
    limits=st.sampled_from([PLAYER, VIEWER]),
    tracks=st.booleans(),
)
def test_whatever_happens_only_decodable_frames_are_sent(seed: int, limits: Limits, tracks: bool) -> None:
    random = Random(seed)
    stream = Stream(delivery=Delivery(limits), tracks=tracks)
    decodable: set[int] = set()
    for _ in range(300):
        key = random.random() < 0.05
        reference = max(0, stream.number - random.choice((0, 0, 0, 1, 2, 5)))
        stream.acknowledges = random.random() < 0.8
        if random.random() < 0.02:
            stream.delivery.key_frame_asked()
        if stream.frame(key=key, reference=reference, backlog=random.random() < 0.1) != Send():
            continue
        needed = reference if tracks else stream.number - 1
        if key:
            decodable = {stream.number}
        else:
            assert needed in decodable
            decodable.add(stream.number)


@pytest.mark.parametrize("seed", range(3))
def test_a_viewer_on_a_bad_line_does_not_make_the_players_picture_pulse(seed: int) -> None:
    player = Seat(LineModel(), seed=seed)
    viewer = Seat(LineModel(kbps=((0, 1_500),)), seed=seed, limits=VIEWER)
    encoder = run([player, viewer], seconds=30, seed=seed)
    assert player.decisions[-1].quality.bitrate_kbps == 8_000
    assert encoder.keys <= 30 / 4
    shown = [record for record in player.records if record.sent]
    assert len(shown) > 0.98 * len(player.records)
    assert len([record for record in viewer.records if record.sent]) > 30, "the viewer sees something now and then"


def test_a_second_player_who_joins_begins_with_a_key_frame_at_once() -> None:
    first, second = Seat(LineModel(), seed=1), Seat(LineModel(delay_ms=((0, 60),)), seed=2)
    run([first, second], seconds=6, seed=1, joins_s={1: 3.0})
    shown = [record for record in second.records if record.sent]
    assert shown[0].key
    assert shown[0].encoded_us < 3.1 * SECOND
    assert len([record for record in first.records if not record.sent]) <= 5


@pytest.mark.parametrize("shows_backlog", [False, True])
def test_behind_a_proxy_or_not_no_queue_of_more_than_a_frame_stays(shows_backlog: bool) -> None:
    line = LineModel(kbps=((0, 4_000),), shows_backlog=shows_backlog)
    seat = Seat(line, seed=3)
    run([seat], seconds=12, seed=3, content=Content(scene_changes_per_s=1))
    queues = sorted(record.queue_us for record in seat.records if record.sent and record.encoded_us > 2 * SECOND)
    assert queues[int(0.95 * len(queues))] < 1.5 * FRAME_US
