"""Tokens open the API; their file holds hashes, and changes whole."""

import stat
import threading
from pathlib import Path

import pytest

from tenku.base.errors import AccessError, UsageError
from tenku.control.tokens import PREFIX, Tokens


def test_a_token_opens_until_it_is_revoked(tmp_path: Path) -> None:
    tokens, server = Tokens(tmp_path / "tokens.json"), Tokens(tmp_path / "tokens.json")
    text = tokens.new("anna", now=10.0).reveal()
    assert text.startswith(PREFIX)
    assert server.owner(text) == "anna"
    assert [(each.name, each.made) for each in server.list()] == [("anna", 10.0)]
    for wrong in ("", text[:-1], text + "x", text.upper(), "\udcff"):
        assert server.owner(wrong) is None
    tokens.revoke("anna")
    assert server.owner(text) is None


def test_the_file_is_private_and_holds_no_token(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "tokens.json"
    text = Tokens(path).new("anna", now=0).reveal()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert text.removeprefix(PREFIX) not in path.read_text()
    assert text not in repr(Tokens(path).list())


def test_names_are_taken_once(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.json")
    tokens.new("anna", now=0)
    with pytest.raises(UsageError, match="There is a token anna already"):
        tokens.new("anna", now=0)
    with pytest.raises(UsageError, match="There is no token ben"):
        tokens.revoke("ben")
    for name in ("", "a\nb", "x" * 101):
        with pytest.raises(UsageError, match="cannot be the name"):
            tokens.new(name, now=0)


def test_two_commands_at_once_lose_no_token(tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(20)]
    threads = [threading.Thread(target=lambda name=name: Tokens(tmp_path / "t").new(name, now=0)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.name for each in Tokens(tmp_path / "t").list()) == sorted(names)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"tokens": [1]}', '{"tokens": [{"name": "x"}]}'])
def test_a_damaged_file_opens_to_nobody_and_is_not_overwritten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(content)
    with pytest.raises(AccessError, match="it is no file of tokens"):
        Tokens(path).owner("x")
    with pytest.raises(AccessError):
        Tokens(path).new("anna", now=0)
    assert path.read_text() == content
