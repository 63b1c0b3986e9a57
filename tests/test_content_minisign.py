"""Keys and signatures: Debian's minisign takes ours, we take its, and nothing that was changed passes."""

import base64
import dataclasses
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from content_minisign import QUICK, key, minisign, public
from tenku.base.convert import Secret
from tenku.base.errors import CorruptError, TenkuError, TrustError, UsageError
from tenku.content.minisign import (
    PublicKey,
    SecretKey,
    Signature,
    new_key,
    parse_public,
    parse_signature,
    sign,
    verify,
)
from tenku.content.secretfile import HEADER, MINISIGN, Cost, _parameters, is_locked, is_secret_file, lock, unlock

DATA = b"the build of today\n"


def made_by_minisign(folder: Path, *, password: str = "") -> tuple[str, PublicKey]:
    """A secret key's file and its public key, as the program writes them."""
    arguments = ["-G", "-p", "its.pub", "-s", "its.key"] + ([] if password else ["-W"])
    done = minisign(*arguments, cwd=folder, typed=f"{password}\n{password}\n")
    assert done.returncode == 0, done.stderr
    return (folder / "its.key").read_text(), parse_public((folder / "its.pub").read_text(), where="its.pub")


def verified_by_minisign(
    folder: Path, data: bytes, signature: Signature, key: PublicKey
) -> subprocess.CompletedProcess[str]:
    (folder / "data").write_bytes(data)
    (folder / "data.minisig").write_text(signature.file())
    (folder / "ours.pub").write_text(key.file())
    return minisign("-V", "-m", "data", "-p", "ours.pub", cwd=folder)


@pytest.mark.parametrize("data", [b"", DATA, bytes(3_000_000)])
def test_minisign_accepts_our_signatures(tmp_path: Path, data: bytes) -> None:
    secret = new_key()
    done = verified_by_minisign(tmp_path, data, sign(data, secret, comment="für supergame:beta 12"), secret.public)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Trusted comment: für supergame:beta 12" in done.stdout
    word = minisign("-V", "-m", "data", "-P", secret.public.line, cwd=tmp_path)
    assert word.returncode == 0


def test_minisign_refuses_what_we_would_refuse(tmp_path: Path) -> None:
    """The check itself can fail: another text, another key."""
    signature = sign(DATA, key(1), comment="x")
    assert verified_by_minisign(tmp_path, DATA + b"!", signature, public(1)).returncode != 0
    assert verified_by_minisign(tmp_path, DATA, signature, public(2)).returncode != 0


def test_we_take_an_open_key_of_minisign_and_its_signatures(tmp_path: Path) -> None:
    text, its = made_by_minisign(tmp_path)
    assert not is_locked(text, where="its.key")
    secret = unlock(text, None, where="its.key")
    assert secret.public == its
    (tmp_path / "data").write_bytes(DATA)
    assert minisign("-S", "-m", "data", "-s", "its.key", "-t", "of today", cwd=tmp_path).returncode == 0
    signature = parse_signature((tmp_path / "data.minisig").read_text(), where="data")
    verify(DATA, signature, its, where="data")
    assert signature.comment == "of today"
    assert f"key {its}\n" in (tmp_path / "its.pub").read_text()


def test_we_take_a_locked_key_of_minisign(tmp_path: Path) -> None:
    """At minisign's own cost, which takes a gigabyte of memory for a moment."""
    text, its = made_by_minisign(tmp_path, password="pässword")
    assert is_locked(text, where="its.key")
    assert unlock(text, Secret("pässword"), where="its.key").public == its


def test_minisign_signs_with_our_keys(tmp_path: Path) -> None:
    secret = new_key()
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "open.key").write_text(lock(secret, None))
    (tmp_path / "locked.key").write_text(lock(secret, Secret("pässword")))
    for name, typed in (("open.key", ""), ("locked.key", "pässword\n")):
        done = minisign("-S", "-m", "data", "-s", name, "-x", f"{name}.minisig", cwd=tmp_path, typed=typed)
        assert done.returncode == 0, done.stderr
        signature = parse_signature((tmp_path / f"{name}.minisig").read_text(), where=name)
        verify(DATA, signature, secret.public, where=name)
    assert minisign("-S", "-m", "data", "-s", "locked.key", cwd=tmp_path, typed="wrong\n").returncode != 0


def test_a_signature_of_minisigns_old_kind_is_refused(tmp_path: Path) -> None:
    made_by_minisign(tmp_path)
    (tmp_path / "data").write_bytes(DATA)
    assert minisign("-S", "-l", "-m", "data", "-s", "its.key", cwd=tmp_path).returncode == 0
    with pytest.raises(CorruptError, match="old kind"):
        parse_signature((tmp_path / "data.minisig").read_text(), where="data")


def test_files_are_told_apart() -> None:
    assert is_secret_file(lock(key(1), None))
    assert not is_secret_file(key(1).public.file())
    assert not is_secret_file("")


def test_a_key_comes_back_from_its_file() -> None:
    secret = new_key()
    locked = lock(secret, Secret("geheim"), cost=QUICK)
    assert unlock(locked, Secret("geheim"), where="x") == secret
    assert unlock(lock(secret, None), None, where="x") == secret
    assert lock(secret, Secret("geheim"), cost=QUICK) != locked  # a new salt each time
    assert parse_public(secret.public.file(), where="x") == secret.public
    assert parse_public(secret.public.line + "\n", where="x") == secret.public
    assert parse_public(secret.public.file().replace("\n", "\r\n"), where="x") == secret.public


def test_a_secret_shows_nowhere() -> None:
    secret = key(7)
    for text in (repr(secret), str(secret), repr(secret.public), secret.public.file()):
        assert secret.seed.hex() not in text
        assert repr(secret.seed) not in text
        assert base64.b64encode(secret.seed).decode().rstrip("=") not in text
    assert secret.seed not in base64.b64decode(lock(secret, Secret("geheim"), cost=QUICK).split("\n")[1])
    assert secret.seed in base64.b64decode(lock(secret, None).split("\n")[1])


@pytest.mark.parametrize("password", [Secret("geheim "), Secret("x"), Secret(""), None])
def test_a_wrong_password_opens_nothing(password: Secret | None) -> None:
    with pytest.raises(TrustError, match="password") as refused:
        unlock(lock(key(1), Secret("geheim"), cost=QUICK), password, where="studio.key")
    assert "studio.key" in str(refused.value)
    assert "geheim" not in refused.value.sentence()


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("password", [None, Secret("geheim")])
def test_a_damaged_secret_key_is_never_another_key(password: Secret | None) -> None:
    comment, word = lock(key(3), password, cost=QUICK).splitlines()
    whole = base64.b64decode(word)
    harmless = set()
    for place in range(len(whole)):
        try:
            assert unlock(f"{comment}\n{_word(flipped(whole, place))}\n", password, where="x") == key(3)
            harmless.add(place)
        except TrustError:
            continue
    # An open key uses neither salt nor cost, and scrypt knows costs by powers of two only.
    assert harmless <= set(range(6 if password is None else 38, HEADER.size))


def _word(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_key_that_asks_for_endless_work_is_refused() -> None:
    """Nobody's file makes this machine compute for hours or take all its memory."""
    comment, word = lock(key(3), Secret("x"), cost=QUICK).splitlines()
    whole = base64.b64decode(word)
    for cost in (
        Cost(MINISIGN.operations + 1, 1 << 20),
        Cost(1 << 20, MINISIGN.memory + 1),
        Cost(2**64 - 1, 2**64 - 1),
    ):
        header = HEADER.pack(*HEADER.unpack(whole[: HEADER.size])[:4], cost.operations, cost.memory)
        bad = base64.b64encode(header + whole[HEADER.size :]).decode()
        with pytest.raises(TrustError, match="more work"):
            unlock(f"{comment}\n{bad}\n", Secret("x"), where="x")


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        (MINISIGN, (2**20, 1)),  # libsodium's "sensitive", as minisign takes it
        (Cost(1 << 24, 1 << 29), (2**19, 1)),  # halved, as it does where memory is short
        (Cost(524288, 16 << 20), (2**14, 1)),  # libsodium's "interactive"
        (Cost(32768, 1 << 30), (2**10, 1)),
        (Cost(0, 0), (2, 512)),
    ],
)
def test_costs_are_read_as_libsodium_does(cost: Cost, expected: tuple[int, int]) -> None:
    assert _parameters(cost) == expected


def test_every_changed_byte_is_noticed() -> None:
    signature = sign(DATA, key(1), comment="today")
    verify(DATA, signature, public(1), where="it")
    for place in range(len(DATA)):
        with pytest.raises(TrustError, match="changed after"):
            verify(flipped(DATA, place), signature, public(1), where="it")
    for place in range(64):
        for bad in (
            dataclasses.replace(signature, data=flipped(signature.data, place)),
            dataclasses.replace(signature, overall=flipped(signature.overall, place)),
        ):
            with pytest.raises(TrustError, match="changed after"):
                verify(DATA, bad, public(1), where="it")
    with pytest.raises(TrustError, match="changed after"):
        verify(DATA, dataclasses.replace(signature, comment="todaY"), public(1), where="it")


def test_another_key_with_the_same_id_is_another_key() -> None:
    """Ids can be chosen; only the key itself counts."""
    thief = SecretKey(key(1).id, bytes(32))
    with pytest.raises(TrustError, match="changed after"):
        verify(DATA, sign(DATA, thief, comment=""), public(1), where="it")
    with pytest.raises(TrustError, match="not with key"):
        verify(DATA, sign(DATA, key(2), comment=""), public(1), where="it")


def test_halves_of_two_signatures_do_not_make_one() -> None:
    one, two = sign(DATA, key(1), comment="one"), sign(DATA + b"2", key(1), comment="two")
    mixed = dataclasses.replace(one, comment=two.comment, overall=two.overall)
    with pytest.raises(TrustError):
        verify(DATA, mixed, public(1), where="it")


LINES = sign(DATA, key(1), comment="today").file().splitlines()


@pytest.mark.parametrize(
    "lines",
    [
        [],
        LINES[:3],
        [*LINES, "more"],
        ["comment", *LINES[1:]],
        [LINES[0], "!" + LINES[1][1:], *LINES[2:]],
        [LINES[0], LINES[1][:-4], *LINES[2:]],
        [LINES[0], LINES[3], *LINES[2:]],
        [LINES[0], LINES[1], LINES[2].removeprefix("trusted "), LINES[3]],
        [*LINES[:3], LINES[1]],
        [*LINES[:3], ""],
        [LINES[0], "é" + LINES[1][1:], *LINES[2:]],
    ],
)
def test_what_is_no_signature_is_refused(lines: list[str]) -> None:
    with pytest.raises(CorruptError, match="its place"):
        parse_signature("\n".join(lines) + "\n", where="its place")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "untrusted comment: x\n",
        f"no comment\n{public(1).line}\n",
        f"untrusted comment: x\n{public(1).line[:-4]}\n",
        f"untrusted comment: x\n{public(1).line}\nmore\n",
        "untrusted comment: x\n" + base64.b64encode(b"Xd" + bytes(40)).decode(),
        lock(key(1), None),
        sign(DATA, key(1), comment="x").file(),
    ],
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(TrustError, match=r"studio\.pub"):
        parse_public(text, where="studio.pub")


@pytest.mark.parametrize(
    "text", ["", public(1).file(), "untrusted comment: x\n" + base64.b64encode(bytes(158)).decode()]
)
def test_what_is_no_secret_key_is_refused(text: str) -> None:
    with pytest.raises(TrustError, match=r"studio\.key"):
        unlock(text, None, where="studio.key")


@pytest.mark.parametrize("comment", ["two\nlines", "\x1b[31m", "x" * 1001, "\r"])
def test_a_comment_is_one_line(comment: str) -> None:
    with pytest.raises(UsageError, match="comment"):
        sign(DATA, key(1), comment=comment)


@settings(max_examples=200)
@given(st.text(max_size=300))
def test_no_text_breaks_the_parsers(text: str) -> None:
    """Whatever a file holds, the answer is a named error or a value."""
    for parse in (parse_public, parse_signature, is_locked):
        with pytest.raises(TenkuError):
            parse(text, where="x")
