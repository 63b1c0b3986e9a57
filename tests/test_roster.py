"""Places, people and links: who may play, who leads, who may come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenku.play.attempts import ALLOWED, WINDOW_S, Attempts
from tenku.play.commands import HandOver, Mute, NewLink, Refused, Remove, Rename, Stay, read_command
from tenku.play.idle import Active, End, IdleWatch, Warn
from tenku.play.links import Links
from tenku.play.model import PLAYER_SLOTS, VIEWER, ConnectionId, Role, Slot
from tenku.play.roster import NAME_LENGTH, FullError, Roster, clean_name

ONE, TWO, THREE = ConnectionId(1), ConnectionId(2), ConnectionId(3)


def roster() -> Roster:
    return Roster(reconnect_s=60, max_viewers=2)


def test_a_player_who_comes_back_in_time_keeps_the_place() -> None:
    people = roster()
    people.join(Slot(2), ONE, "Ada")
    people.mute(Slot(2), True)
    people.leave(ONE, now=100)
    assert not people.expire(now=159)
    assert people.join(Slot(2), TWO, "") is None
    person = people.find(TWO)
    assert person is not None
    assert (person.name, person.muted) == ("Ada", True)


def test_a_place_is_forgotten_after_the_time() -> None:
    people = roster()
    people.join(Slot(1), ONE, "Ada")
    people.leave(ONE, now=100)
    assert people.expire(now=160)
    assert list(people.people()) == []


def test_a_second_device_replaces_the_first() -> None:
    people = roster()
    people.join(Slot(1), ONE, "Ada")
    assert people.join(Slot(1), TWO, "Ada") == ONE
    people.leave(ONE, now=5)
    assert people.may_play(TWO)
    assert not people.may_play(ONE)


def test_viewers_watch_only_and_are_limited() -> None:
    people = roster()
    people.join(VIEWER, ONE, "")
    people.join(VIEWER, TWO, "")
    assert not people.may_play(ONE)
    with pytest.raises(FullError):
        people.join(VIEWER, THREE, "")
    people.leave(ONE, now=0)
    people.join(VIEWER, THREE, "")
    assert [person.role for person in people.people()] == [Role.VIEWER, Role.VIEWER]


def test_the_lead_passes_on_when_the_first_player_is_gone_for_good() -> None:
    people = roster()
    people.join(Slot(1), ONE, "")
    people.join(Slot(3), TWO, "")
    people.leave(ONE, now=0)
    people.expire(now=59)
    assert not people.leads(TWO)
    people.expire(now=60)
    assert people.leads(TWO)


def test_only_the_first_player_leads_the_others() -> None:
    people = roster()
    people.join(Slot(1), ONE, "")
    people.join(Slot(2), TWO, "")
    for do in ("mute", "unmute", "remove", "hand_over", "new_link"):
        assert isinstance(read_command({"do": do, "slot": 1}, asker=TWO, roster=people), Refused)
    assert read_command({"do": "mute", "slot": 2}, asker=ONE, roster=people) == Mute(Slot(2), muted=True)
    assert read_command({"do": "unmute", "slot": 2}, asker=ONE, roster=people) == Mute(Slot(2), muted=False)
    assert read_command({"do": "remove", "slot": 2}, asker=ONE, roster=people) == Remove(Slot(2))
    assert read_command({"do": "hand_over", "slot": 2}, asker=ONE, roster=people) == HandOver(Slot(2))
    assert read_command({"do": "new_link", "slot": 0}, asker=ONE, roster=people) == NewLink(VIEWER)
    assert read_command({"do": "stay"}, asker=TWO, roster=people) == Stay()
    assert read_command({"do": "rename", "name": "Bo"}, asker=TWO, roster=people) == Rename("Bo")


@given(st.dictionaries(st.sampled_from(["do", "slot", "name"]), st.none() | st.integers() | st.text() | st.booleans()))
def test_no_command_can_break_the_session(about: dict[str, object]) -> None:
    people = roster()
    people.join(Slot(1), ONE, "")
    read_command(about, asker=ONE, roster=people)


@given(st.text())
def test_names_can_be_shown(name: str) -> None:
    clean = clean_name(name)
    assert len(clean) <= NAME_LENGTH
    assert clean == "" or clean.isprintable()
    assert clean == clean.strip()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 6), st.booleans())))
def test_one_connection_never_has_two_places(steps: list[tuple[int, int, bool]]) -> None:
    people = Roster(reconnect_s=60, max_viewers=100)
    connected: set[int] = set()
    for now, (slot, number, joins) in enumerate(steps):
        if joins and number not in connected:
            people.join(Slot(slot), ConnectionId(number), "")
            connected.add(number)
        elif not joins and number in connected:
            people.leave(ConnectionId(number), float(now))
            connected.discard(number)
        held = [person.connection for person in people.people() if person.here]
        assert len(held) == len(set(held))
        assert set(held) <= connected


def test_every_place_has_its_own_link_and_renewing_revokes() -> None:
    links = Links()
    tokens = {links.token(slot) for slot in (*PLAYER_SLOTS, VIEWER)}
    assert len(tokens) == 5
    old = links.token(Slot(2))
    place = links.place(old)
    assert place is not None
    assert (place.slot, place.watches) == (2, False)
    links.renew(Slot(2))
    assert links.place(old) is None
    assert links.place("") is None
    assert links.place("ü\udc80") is None
    assert old not in repr(links)


def test_an_address_that_guesses_has_to_wait_and_others_do_not() -> None:
    attempts = Attempts()
    for second in range(ALLOWED):
        assert not attempts.blocked("192.0.2.1", second)
        attempts.failed("192.0.2.1", second)
    assert attempts.blocked("192.0.2.1", ALLOWED)
    assert not attempts.blocked("192.0.2.2", ALLOWED)
    assert not attempts.blocked("192.0.2.1", WINDOW_S + ALLOWED)


def test_an_idle_session_warns_and_ends_and_a_sign_of_life_saves_it() -> None:
    watch = IdleWatch(idle_s=100, warning_s=10, now=0)
    assert watch.look(89) == Active()
    assert watch.look(91) == Warn(ends_in_s=9)
    watch.sign_of_life(95)
    assert watch.look(150) == Active()
    assert watch.look(195) == End()
    assert IdleWatch(idle_s=0, warning_s=10, now=0).look(10**9) == Active()
