"""A token of a team hands in jobs of that team, and of no other."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from starlette.types import Message, Receive, Scope, Send

from tenku.api.gate import Gate
from tenku.api.problem import Refused
from tenku.api.teams import TEAM, of_team
from tenku.base.errors import UsageError
from tenku.control.tokens import Tokens
from tenku.studio.model import JobSpec, Kind


def spec(team: str) -> JobSpec:
    return JobSpec(kind=Kind.TEXT, model="m", prompt="p", team=team)


def request(team: str) -> Request:
    return Request({"type": "http", TEAM: team})


def test_jobs_are_of_the_tokens_team() -> None:
    assert [each.team for each in of_team(request("art"), [spec("studio"), spec("art")])] == ["art", "art"]
    assert [each.team for each in of_team(request(""), [spec("studio"), spec("any")])] == ["studio", "any"]
    with pytest.raises(Refused, match="jobs of the team art, not of story") as caught:
        of_team(request("art"), [spec("studio"), spec("story")])
    assert caught.value.status == 403


def told(tokens: Tokens, text: str) -> tuple[int | None, str | None]:
    """The status that the door answers, and the team that the application is told; None: not so far."""
    seen: list[str] = []
    statuses: list[int] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        seen.append(scope[TEAM])

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    headers: list[Any] = [(b"authorization", f"Bearer {text}".encode())]
    scope = {"type": "http", "path": "/api/jobs", "headers": headers, "method": "GET"}
    asyncio.run(Gate(application, tokens.team)(scope, receive, send))
    return statuses[0] if statuses else None, seen[0] if seen else None


def test_the_door_knows_the_team_of_a_token(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.json")
    art = tokens.new("anna", now=0, team="art").reveal()
    free = tokens.new("ci", now=0).reveal()
    assert told(tokens, art) == (None, "art")
    assert told(tokens, free) == (None, "")
    assert told(tokens, "tenku_wrong") == (401, None)
    assert [token.team for token in tokens.list()] == ["art", ""]


def test_tokens_from_before_there_were_teams_are_good(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    text = Tokens(path).new("anna", now=0).reveal()
    path.write_text(path.read_text().replace(',\n   "team": ""', ""))
    assert "team" not in path.read_text()
    assert Tokens(path).team(text) == ""


@pytest.mark.parametrize("team", ["a\nb", "x" * 101])
def test_a_name_that_is_none_is_refused(tmp_path: Path, team: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a team"):
        Tokens(tmp_path / "tokens.json").new("anna", now=0, team=team)
