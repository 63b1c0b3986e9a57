"""A channel's head: one signed file that comes back as it was, or is refused by a sentence."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content_minisign import key, minisign, public
from tenku.base.errors import CorruptError, TenkuError, TrustError
from tenku.content.head import (
    MAX_HISTORY,
    MAX_SEALED,
    MAX_SEQ,
    MAX_TIME,
    decode_head,
    encode_head,
    open_sealed,
    seal,
)
from tenku.content.keyfiles import read_public
from tenku.content.model import ChannelName, Hash, Head, Published

NAME = ChannelName("supergame", "beta")
HEX = "ab" * 32

hashes = st.binary(min_size=32, max_size=32).map(Hash)
times = st.integers(0, MAX_TIME - 1)
versions = st.text(max_size=200).filter(str.isprintable)
published = st.builds(Published, release=hashes, tree=hashes, version=versions, published=times)


@st.composite
def heads(draw: st.DrawFn) -> Head:
    made = draw(times)
    return Head(
        channel=NAME,
        seq=draw(st.integers(1, MAX_SEQ)),
        published=made,
        expires=draw(st.integers(made + 1, MAX_TIME)),
        history=tuple(draw(st.lists(published, min_size=1, max_size=4))),
    )


def head(**changes: Any) -> Head:
    one = Published(Hash(b"\xab" * 32), Hash(b"\xcd" * 32), "1.2", 1000)
    return dataclasses.replace(Head(channel=NAME, seq=3, published=2000, expires=3000, history=(one,)), **changes)


@given(heads())
def test_a_head_comes_back_as_it_was(head: Head) -> None:
    sealed = seal(encode_head(head), key(1), f"{head.channel} {head.seq}")
    payload, signer = open_sealed(sealed, [public(2), public(1)])
    assert decode_head(payload, NAME) == head
    assert signer == public(1)
    assert encode_head(decode_head(payload, NAME)) == payload


def test_the_longest_history_fits() -> None:
    one = Published(Hash(bytes(32)), Hash(bytes(32)), "𝔳" * 200, MAX_TIME)
    full = head(history=(one,) * MAX_HISTORY)
    assert len(seal(encode_head(full), key(1), "x")) < MAX_SEALED // 2
    with pytest.raises(CorruptError, match="at most 50"):
        encode_head(head(history=(one,) * (MAX_HISTORY + 1)))


def test_minisign_verifies_a_sealed_head_by_hand(tmp_path: Path) -> None:
    """As docs/trust.md says: `head -4`, `tail -n +5`, `minisign -V`."""
    lines = seal(encode_head(head()), key(1), "supergame:beta 3").split(b"\n")
    (tmp_path / "beta.minisig").write_bytes(b"\n".join(lines[:4]) + b"\n")
    (tmp_path / "beta.json").write_bytes(b"\n".join(lines[4:]))
    (tmp_path / "studio.pub").write_text(public(1).file())
    arguments = ("-V", "-m", "beta.json", "-x", "beta.minisig", "-p", "studio.pub")
    done = minisign(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Trusted comment: supergame:beta 3" in done.stdout
    assert json.loads((tmp_path / "beta.json").read_text())["seq"] == 3
    (tmp_path / "beta.json").write_bytes(b"\n".join(lines[4:]).replace(b'"seq":3', b'"seq":4'))
    assert minisign(*arguments, cwd=tmp_path).returncode != 0


def test_what_minisign_signed_is_a_head(tmp_path: Path) -> None:
    """A studio may sign with the program alone."""
    assert minisign("-G", "-W", "-p", "its.pub", "-s", "its.key", cwd=tmp_path).returncode == 0
    (tmp_path / "beta.json").write_bytes(encode_head(head()))
    assert minisign("-S", "-m", "beta.json", "-s", "its.key", "-t", "by hand", cwd=tmp_path).returncode == 0
    sealed = (tmp_path / "beta.json.minisig").read_bytes() + (tmp_path / "beta.json").read_bytes()
    payload, _ = open_sealed(sealed, [read_public(tmp_path / "its.pub")])
    assert decode_head(payload, NAME) == head()


def test_every_changed_byte_but_the_untrusted_comment_is_noticed() -> None:
    sealed = seal(encode_head(head()), key(1), "supergame:beta 3")
    comment = sealed.index(b"\n")
    for place in range(comment + 1, len(sealed)):
        bad = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises((TrustError, CorruptError)):
            open_sealed(bad, [public(1)])


@pytest.mark.parametrize("cut", [0, 1, 40, 150, 230, 330])
def test_a_truncated_head_is_refused(cut: int) -> None:
    sealed = seal(encode_head(head()), key(1), "x")
    assert cut < len(sealed)
    with pytest.raises((CorruptError, TrustError), match="head of supergame:beta"):
        open_sealed(sealed[:cut], [public(1)], where="The head of supergame:beta")


def test_nothing_after_a_head_passes() -> None:
    with pytest.raises(TrustError):
        open_sealed(seal(encode_head(head()), key(1), "x") + b"\n", [public(1)])


def test_another_key_is_named() -> None:
    sealed = seal(encode_head(head()), key(2), "x")
    with pytest.raises(TrustError, match=f"signed with key {public(2)}, which is not trusted"):
        open_sealed(sealed, [public(1)])
    with pytest.raises(TrustError, match="not trusted"):
        open_sealed(sealed, [])


def test_an_endless_head_is_refused_before_anything_is_computed() -> None:
    with pytest.raises(CorruptError, match="256 KiB"):
        open_sealed(seal(bytes(MAX_SEALED), key(1), "x"), [public(1)])
    with pytest.raises(CorruptError, match="four lines"):
        open_sealed(b"x" * 200_000 + b"\n\n\n\n{}", [public(1)])
    with pytest.raises(CorruptError, match="no text"):
        open_sealed(b"\xff\n\n\n\n{}", [public(1)])


GOOD: dict[str, Any] = json.loads(encode_head(head()))
LINE: dict[str, Any] = GOOD["history"][0]


def malformed() -> dict[str, Any]:
    wrong: dict[str, list[Any]] = {
        "format": [0, 2, "1", None, True, 1.0],
        "kind": ["trust", "", 1, None],
        "game": ["othergame", "", 1, None, "Supergame", "../supergame"],
        "channel": ["stable", "", 1, None],
        "seq": [0, -1, 1.5, "3", None, True, MAX_SEQ + 1, [1]],
        "published": [-1, 2.5, "x", None, MAX_TIME + 1, 3000, 3001],
        "expires": [-1, 2000, 1999, "x", None, False, MAX_TIME + 1, 1e300],
        "history": [[], None, {}, "x", [1], [[LINE]], [LINE] * 51, [LINE, None]],
    }
    wrong_lines: dict[str, list[Any]] = {
        "release": ["", HEX[:-2], HEX + "ab", HEX.upper(), 1, None, "zz" * 32],
        "tree": ["", HEX[:-2], HEX + "ab", HEX.upper(), 1, None],
        "version": ["x" * 201, "a\nb", "\x1b[31m", "\ud800", "\u202e", 1, None],
        "published": [-1, 2.5, "x", None, MAX_TIME + 1],
    }
    cases = {f"{name}={value!r:.30}": {**GOOD, name: value} for name, values in wrong.items() for value in values}
    cases |= {
        f"history.{name}={value!r:.30}": {**GOOD, "history": [LINE, {**LINE, name: value}]}
        for name, values in wrong_lines.items()
        for value in values
    }
    cases |= {f"no {name}": {k: v for k, v in GOOD.items() if k != name} for name in GOOD}
    cases |= {
        f"no history.{name}": {**GOOD, "history": [{k: v for k, v in LINE.items() if k != name}]} for name in LINE
    }
    return cases | {"more": {**GOOD, "more": 1}, "history.more": {**GOOD, "history": [{**LINE, "more": 1}]}}


MALFORMED = malformed()


@pytest.mark.parametrize("case", MALFORMED)
def test_every_malformed_field_is_refused(case: str) -> None:
    with pytest.raises((CorruptError, TrustError)) as refused:
        decode_head(json.dumps(MALFORMED[case]).encode(), NAME)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"1", b"null", b"\xff", b'{"format":NaN}', b"[" * 100_000, b'{"format":' + b"9" * 5000 + b"}"],
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptError):
        decode_head(data, NAME)


def test_a_newer_format_says_so() -> None:
    with pytest.raises(CorruptError, match="format 2") as refused:
        decode_head(json.dumps({**GOOD, "format": 2, "new": 1}).encode(), NAME)
    assert "newer Tenku" in refused.value.hint


def test_the_head_of_another_channel_is_refused() -> None:
    """A mirror cannot hand out the old head of one channel as the new one of another."""
    for other in (ChannelName("supergame", "stable"), ChannelName("othergame", "beta")):
        with pytest.raises(TrustError, match="with the head of supergame:beta"):
            decode_head(encode_head(head()), other)


@pytest.mark.parametrize(
    "changes", [{"seq": 0}, {"seq": MAX_SEQ + 1}, {"history": ()}, {"expires": 2000}, {"published": -1}]
)
def test_nobody_can_publish_what_nobody_could_read(changes: dict[str, Any]) -> None:
    with pytest.raises(CorruptError):
        encode_head(head(**changes))


@pytest.mark.parametrize("version", ["x" * 201, "two\nlines", "\ud800"])
def test_a_version_that_nobody_could_show_is_refused(version: str) -> None:
    with pytest.raises(CorruptError, match="version"):
        encode_head(head(history=(Published(Hash(bytes(32)), Hash(bytes(32)), version, 1),)))


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    with pytest.raises(TenkuError):
        open_sealed(data, [public(1)])
    with pytest.raises(TenkuError):
        decode_head(data, NAME)
