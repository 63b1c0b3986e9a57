"""protocol.js is protocol.py: up to date, and the same values in both directions in a real browser."""

import base64
import dataclasses
import json
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

from browser import chromium
from page_server import PageServer
from tenku.play import protocol, protocol_js
from tenku.play.protocol import FROM_BROWSER, FROM_SERVER, Close, Message

BITS = {"B": 8, "H": 16, "I": 32, "Q": 53}
"""JavaScript's numbers are exact to 53 bits; no clock of microseconds gets there."""
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(
    -(2.0**53), 2.0**53
)  # JavaScript writes larger ones as whole numbers, rounded.
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **{code: st.integers(0, 2**bits - 1) for code, bits in BITS.items()},
    "h": st.integers(-(2**15), 2**15 - 1),
    "text": st.text(),
    "json": st.dictionaries(st.text(), JSON, max_size=4),
    "bytes": st.binary(max_size=200),
}


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Any message of the protocol, in either direction."""
    kind = draw(st.sampled_from(FROM_SERVER + FROM_BROWSER))
    hints = get_type_hints(kind, include_extras=True)
    return kind(*[draw(FIELDS[get_args(hints[field.name])[1].kind]) for field in dataclasses.fields(kind)])


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page that can import protocol.js, and hands bytes over as base64."""
    with PageServer() as server, chromium() as browser:
        page = browser.new_page()
        page.goto(f"{server.url.rsplit('/p/', 1)[0]}/p/nobody")
        page.evaluate("import('/static/protocol.js').then((protocol) => { globalThis.protocol = protocol; })")
        yield page


def test_the_generated_file_is_up_to_date() -> None:
    path = protocol_js.WEB / "protocol.js"
    assert path.read_text(encoding="utf-8") == protocol_js.source(), "run: python -m tenku.play.protocol_js"


def test_the_page_knows_every_close_code(page: Page) -> None:
    assert page.evaluate("protocol.Close") == {close.name: close.value for close in Close}


@settings(max_examples=40)
@given(st.lists(messages(), min_size=1, max_size=6))
def test_a_message_means_the_same_on_both_sides(page: Page, sent: list[Message]) -> None:
    """Python's bytes are read by the page, and the page's bytes of the same values by Python."""
    answers = page.evaluate(
        """(all) => all.map((text) => {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            const { message, fields } = protocol.decode(bytes.buffer);
            const again = message.encode(fields);
            const readable = { ...fields };
            if (message.payload === "bytes") readable.data = Array.from(fields.data);
            return [message.name, JSON.stringify(readable), btoa(String.fromCharCode(...again))];
        })""",
        [base64.b64encode(protocol.encode(message)).decode() for message in sent],
    )
    for message, (name, fields, again) in zip(sent, answers, strict=True):
        assert name == type(message).__name__
        assert json.loads(fields) == _readable(message)
        assert protocol.decode(base64.b64decode(again)) == message


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"", "RangeError"), (b"\x02\x08", "Version 2"), (b"\x01\x70", "No message"), (b"\x01\x08\x00", "Pong has 18")],
)
def test_what_is_no_message_is_refused(page: Page, data: bytes, says: str) -> None:
    answer = page.evaluate(
        """(bytes) => {
            try { return protocol.decode(new Uint8Array(bytes).buffer); } catch (error) { return String(error); }
        }""",
        list(data),
    )
    assert says in answer


def _readable(message: Message) -> dict[str, Any]:
    fields = {field.name: getattr(message, field.name) for field in dataclasses.fields(message)}
    return {name: list(value) if isinstance(value, bytes) else value for name, value in fields.items()}
