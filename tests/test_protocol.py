"""The protocol: what is encoded comes back, and nothing that a browser sends can do harm."""

import contextlib
import dataclasses
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenku.base.errors import ProtocolError
from tenku.play.conversation import PER_SECOND, Conversation
from tenku.play.protocol import (
    FROM_BROWSER,
    FROM_SERVER,
    MAX_FROM_BROWSER,
    MAX_JSON,
    VERSION,
    Ack,
    Close,
    Hello,
    Key,
    Message,
    ReleaseAll,
    Shown,
    decode,
    decode_from_browser,
    encode,
)

RANGES = {"B": (0, 2**8 - 1), "H": (0, 2**16 - 1), "h": (-(2**15), 2**15 - 1), "I": (0, 2**32 - 1), "Q": (0, 2**64 - 1)}
JSON = st.dictionaries(
    st.text(max_size=8), st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=8)
)


def value(kind: str) -> st.SearchStrategy[Any]:
    """Any value that a field of this kind holds."""
    if kind == "text":
        return st.text(max_size=100)
    if kind == "json":
        return JSON
    if kind == "bytes":
        return st.binary(max_size=100)
    return st.integers(*RANGES[kind])


def messages(kinds: tuple[type[Message], ...]) -> st.SearchStrategy[Message]:
    """Any message of these classes."""

    def of(kind: type[Message]) -> st.SearchStrategy[Message]:
        hints = get_type_hints(kind, include_extras=True)
        return st.builds(kind, *(value(get_args(hints[field.name])[1].kind) for field in dataclasses.fields(kind)))

    return st.one_of([of(kind) for kind in kinds])


@given(messages(FROM_BROWSER + FROM_SERVER))
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    assert decode(encode(message)) == message


def test_every_message_has_its_own_type_on_its_own_side() -> None:
    types = [message.TYPE for message in FROM_SERVER + FROM_BROWSER]
    assert len(set(types)) == len(types)
    assert all(message.TYPE < 0x80 for message in FROM_SERVER)
    assert all(message.TYPE >= 0x80 for message in FROM_BROWSER)


@settings(max_examples=1000)
@given(
    st.binary(max_size=64)
    | st.builds(lambda kind, rest: bytes([VERSION, kind]) + rest, st.integers(0, 255), st.binary(max_size=64))
)
def test_garbage_is_a_protocol_error_and_nothing_else(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):  # Any other error fails the test.
        assert isinstance(decode_from_browser(data), FROM_BROWSER)


def test_what_is_too_long_is_refused() -> None:
    with pytest.raises(ProtocolError):
        decode_from_browser(bytes([VERSION, 0x8D]) + bytes(MAX_FROM_BROWSER))
    with pytest.raises(ProtocolError):
        decode_from_browser(encode(Hello({"name": "x" * MAX_JSON})))


def test_another_version_is_told_apart() -> None:
    with pytest.raises(ProtocolError) as error:
        decode_from_browser(bytes([VERSION + 1, 0x81]))
    assert error.value.code == Close.BAD_VERSION


def test_a_browser_cannot_speak_for_the_server() -> None:
    with pytest.raises(ProtocolError):
        decode_from_browser(bytes([VERSION, 0x06, 0, 0, 0, 0, 0, 0, 0]))


def greeted() -> Conversation:
    conversation = Conversation()
    conversation.accept(Hello({}), newest_frame=0, now_us=0)
    return conversation


def test_hello_comes_first_and_once() -> None:
    with pytest.raises(ProtocolError):
        Conversation().accept(ReleaseAll(1, 0), newest_frame=0, now_us=0)
    with pytest.raises(ProtocolError):
        greeted().accept(Hello({}), newest_frame=0, now_us=0)


def test_inputs_come_in_order() -> None:
    conversation = greeted()
    conversation.accept(Key(5, 0, 30, 1), newest_frame=0, now_us=0)
    with pytest.raises(ProtocolError):
        conversation.accept(Key(5, 0, 30, 0), newest_frame=0, now_us=0)


@pytest.mark.parametrize("code", [0, 248, 65535])
def test_keys_that_are_none_are_refused(code: int) -> None:
    with pytest.raises(ProtocolError):
        greeted().accept(Key(1, 0, code, 1), newest_frame=0, now_us=0)


def test_frames_that_were_never_sent_cannot_be_acknowledged() -> None:
    with pytest.raises(ProtocolError):
        greeted().accept(Ack(8, 0), newest_frame=7, now_us=0)
    with pytest.raises(ProtocolError):
        greeted().accept(Shown(8, 0, 0, 0, 0), newest_frame=7, now_us=0)


def test_a_flood_ends_the_connection_and_a_busy_player_does_not() -> None:
    conversation = greeted()
    for number in range(1, PER_SECOND):
        conversation.accept(Key(number, 0, 30, number % 2), newest_frame=0, now_us=0)
    with pytest.raises(ProtocolError):
        conversation.accept(Key(PER_SECOND, 0, 30, 0), newest_frame=0, now_us=0)
    conversation = greeted()
    for second in range(5):
        for number in range(1000):
            conversation.accept(Key(second * 1000 + number + 1, 0, 30, 1), newest_frame=0, now_us=second * 1_000_000)


@settings(max_examples=300)
@given(st.lists(messages(FROM_BROWSER), max_size=20))
def test_any_conversation_is_accepted_or_ended(said: list[Message]) -> None:
    conversation = greeted()
    with contextlib.suppress(ProtocolError):  # Any other error fails the test.
        for message in said:
            conversation.accept(message, newest_frame=10, now_us=0)
