"""`tenku serve` answers OpenAI's own client, and keeps the jobs that it accepted, whatever is killed."""

import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from studio_models import smollm2
from studio_serve import MODEL, Home, Server, until

__all__ = ["smollm2"]

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello in five words."}]
DIGITS = {"type": "array", "items": {"enum": [1, 2, 3]}}
SOME = {"schema": {**DIGITS, "minItems": 20, "maxItems": 20}}
MANY = {"schema": {**DIGITS, "minItems": 900, "maxItems": 900}, "max_tokens": 3000}
"""Answers of a length that does not depend on what a small model feels like."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    home.install(smollm2)
    return home


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    with home.serve() as server:
        yield server


def users(server: Server) -> int:
    """Who works with the model right now."""
    [model] = server.http.get("/api/models").json()["models"]
    return int(model["users"])


def test_a_chat_is_answered(server: Server) -> None:
    answer = server.openai.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=12, temperature=0)
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 12


def test_a_stream_gives_the_same_as_the_whole(server: Server) -> None:
    whole = server.openai.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=12, temperature=0, seed=1)
    chunks = list(
        server.openai.chat.completions.create(
            model=MODEL,
            messages=HELLO,
            max_tokens=12,
            temperature=0,
            seed=1,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert len(chunks) > 5
    assert chunks[-1].usage is not None


def test_json_keeps_to_its_schema(server: Server) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 30}, "damage": {"type": "integer"}},
        "required": ["name", "damage"],
        "additionalProperties": False,
    }
    answer = server.openai.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "A fire sword, as JSON."}],
        max_tokens=200,
        temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "item", "schema": schema}},
    )
    item = json.loads(answer.choices[0].message.content or "")
    assert set(item) == {"name", "damage"}
    assert isinstance(item["damage"], int)


def test_a_schema_that_nothing_can_meet_is_refused_with_its_place(server: Server) -> None:
    number = {"type": "integer", "minimum": 5, "maximum": 1}
    schema: dict[str, object] = {"type": "object", "properties": {"n": number}, "required": ["n"]}
    with pytest.raises(openai.BadRequestError, match=r"at properties\.n, minimum 5 is above maximum 1"):
        server.openai.chat.completions.create(
            model=MODEL,
            messages=HELLO,
            response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
        )


def test_a_job_without_a_word_is_refused(server: Server) -> None:
    answer = server.http.post("/api/jobs", json={"jobs": [{"kind": "text", "model": MODEL, "prompt": " "}]})
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "A text needs a prompt. Say what is wanted, like 'a fire sword'.",
    )


def test_a_tool_is_called(server: Server) -> None:
    tool: ChatCompletionToolParam = {
        "type": "function",
        "function": {
            "name": "spawn",
            "description": "Put a monster into the level",
            "parameters": {
                "type": "object",
                "properties": {"monster": {"enum": ["orc", "rat"]}, "count": {"type": "integer"}},
                "required": ["monster", "count"],
            },
        },
    }
    answer = server.openai.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Spawn 3 orcs."}],
        tools=[tool],
        tool_choice={"type": "function", "function": {"name": "spawn"}},
        max_tokens=100,
        temperature=0,
    )
    [call] = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "spawn"
    assert json.loads(call.function.arguments)["monster"] in ("orc", "rat")


def test_texts_become_vectors(server: Server) -> None:
    """The official client asks for base64 and decodes it."""
    answer = server.openai.embeddings.create(model=MODEL, input=["a sword", "a blade", "tax law"])
    one, two, three = (each.embedding for each in answer.data)
    assert len(one) == len(two) == len(three) > 100
    assert sum(a * a for a in one) == pytest.approx(1, abs=0.01)


def test_models_are_listed(server: Server) -> None:
    assert [model.id for model in server.openai.models.list()] == [MODEL]
    assert server.openai.models.retrieve(MODEL).id == MODEL
    [model] = server.http.get("/api/models").json()["models"]
    assert (model["name"], model["licence"], model["kind"]) == (MODEL, "Apache-2.0", "text")
    assert "path" not in model


def test_an_unknown_model_is_said(server: Server) -> None:
    with pytest.raises(openai.NotFoundError, match=r"no model 'gpt-9' here.*Installed: smollm2"):
        server.openai.chat.completions.create(model="gpt-9", messages=HELLO)
    with pytest.raises(openai.NotFoundError):
        server.openai.models.retrieve("gpt-9")


def test_a_prompt_over_the_context_is_said(server: Server) -> None:
    long: list[ChatCompletionMessageParam] = [{"role": "user", "content": "word " * 20_000}]
    with pytest.raises(openai.BadRequestError, match="tokens, and a chat with this model may have"):
        server.openai.chat.completions.create(model=MODEL, messages=long, stream=True)
    assert server.openai.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=2).choices


@pytest.mark.parametrize("token", ["wrong", "", "tenku_" + "x" * 43])
def test_without_a_good_token_nothing_opens(server: Server, token: str) -> None:
    """Loopback is no exception."""
    for path in ("/v1/models", "/api/jobs", "/metrics", "/nowhere"):
        answer = httpx.get(server.url + path, headers={"Authorization": f"Bearer {token}"} if token else {})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key=token or "x", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError, match="token is missing or wrong"),
    ):
        client.models.list()
    assert httpx.get(f"{server.url}/healthz").json() == {"status": "ok"}


def test_a_token_that_is_revoked_is_out_at_once(home: Home, server: Server) -> None:
    token = home.tenku("tokens", "new", "ci").strip()
    headers = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{server.url}/v1/models", headers=headers).status_code == 200
    assert "ci" in home.tenku("tokens", "list")
    home.tenku("tokens", "revoke", "ci")
    assert httpx.get(f"{server.url}/v1/models", headers=headers).status_code == 401
    file = home.root / "config" / "tenku" / "tokens.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in file.read_text()
    assert server.token not in file.read_text()


def test_tokens_that_cannot_be_read_let_nobody_in(home: Home, server: Server) -> None:
    file = home.root / "config" / "tenku" / "tokens.json"
    good = file.read_bytes()
    file.write_text("{")
    try:
        assert server.http.get("/v1/models").status_code == 503
        assert server.http.get("/api/models").json()["detail"].startswith("The server cannot read its tokens")
    finally:
        file.write_bytes(good)
    assert server.http.get("/v1/models").status_code == 200


def test_the_log_has_no_token(home: Home, server: Server) -> None:
    assert server.token not in (home.root / "serve.log").read_text()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/chat/completions", {"model": MODEL, "messages": []}, 400),
        ("/v1/chat/completions", {"model": MODEL, "messages": [{"role": "nobody"}]}, 400),
        ("/v1/chat/completions", "no JSON", 400),
        ("/v1/embeddings", {"model": MODEL}, 400),
        ("/v1/images/generations", {"prompt": "x"}, 404),
        ("/v1/images/generations", {"prompt": "x", "colour": "red"}, 400),
        ("/v1/images/generations", {"prompt": "x", "model": MODEL}, 404),
        ("/v1/images/edits", {"prompt": "x"}, 400),
        ("/v1/audio/speech", {"input": "x"}, 404),
        ("/v1/audio/speech", {"input": ""}, 400),
        ("/v1/videos", {"prompt": "x"}, 404),
        ("/v1/videos", {"prompt": "x", "seconds": 60}, 400),
        ("/v1/videos", "no JSON", 400),
        ("/v1/nothing", {}, 404),
        ("/v1/models", {}, 405),
    ],
)
def test_errors_below_v1_have_openais_shape(server: Server, path: str, body: object, status: int) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    answer = server.http.post(path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["error"]["message"].endswith(".")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/jobs/nothing", None, 404),
        ("DELETE", "/api/jobs/nothing", None, 404),
        ("GET", "/api/jobs/nothing/outputs/x", None, 404),
        ("GET", "/api/jobs?limit=0", None, 422),
        ("GET", "/api/nothing", None, 404),
        ("POST", "/api/jobs", {"jobs": []}, 422),
        ("POST", "/api/jobs", {"jobs": [{"model": "gpt-9", "prompt": "x"}]}, 422),
        ("POST", "/api/jobs", {"jobs": [{"model": MODEL, "prompt": "x", "colour": "red"}]}, 422),
        ("POST", "/api/jobs", {"jobs": [{"model": MODEL, "prompt": "x", "kind": "video"}]}, 422),
        ("POST", "/api/jobs", {"jobs": [{"model": MODEL, "prompt": "x", "parameters": {"colour": "red"}}]}, 422),
    ],
)
def test_errors_below_api_are_problems(server: Server, method: str, path: str, body: Any, status: int) -> None:
    answer = server.http.request(method, path, json=body)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert set(problem) == {"type", "title", "status", "detail"}
    assert problem["detail"].count(" ") > 2, "a sentence"


def test_a_request_that_is_too_long_is_refused_unread(server: Server) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b"x" * 1024 * 1024

    for content in (b"x" * 33 * 1024 * 1024, endless()):
        try:
            status = server.http.post("/v1/chat/completions", content=content).status_code
        except httpx.TransportError:
            status = 413  # The server closed the connection while we were still sending.
        assert status == 413
    assert server.http.get("/v1/models").status_code == 200


def test_who_leaves_a_stream_ends_its_generation(server: Server) -> None:
    stream = server.openai.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, max_tokens=3000, **long_answer()
    )
    next(iter(stream))
    assert users(server) == 1
    stream.close()
    until(lambda: users(server) == 0, "the generation ends", patience_s=5)


def test_who_leaves_while_a_whole_answer_is_made_ends_it(server: Server) -> None:
    with pytest.raises(openai.APITimeoutError):
        server.openai.with_options(timeout=1.0).chat.completions.create(
            model=MODEL, messages=HELLO, max_tokens=3000, **long_answer()
        )
    until(lambda: users(server) == 0, "the generation ends", patience_s=5)


def long_answer() -> dict[str, Any]:
    form = {"type": "json_schema", "json_schema": {"name": "digits", "schema": MANY["schema"]}}
    return {"response_format": form}


def test_a_job_makes_a_file_with_its_provenance(server: Server) -> None:
    [id] = server.submit({"prompt": "Three digits.", "parameters": SOME, "seed": 3})
    job = server.wait(id, "done", "failed")
    assert job["error"] == ""
    [output] = job["outputs"]
    answer = server.http.get(output["url"])
    assert len(answer.json()) == 20
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    told = server.http.get(output["url"] + ".provenance.json").json()
    assert told["output"]["sha256"] == output["sha256"]
    assert (told["model"]["licence"], told["engine"]["name"], told["seed"]) == ("Apache-2.0", "llama", 3)
    assert server.http.get(f"/api/jobs/{id}/outputs/model.json").status_code == 404

    [again] = server.submit({"prompt": "Three digits.", "parameters": SOME, "seed": 3})
    cached = server.job(again)
    assert cached["state"] == "done", "a known result is there when its job is accepted"
    assert cached["outputs"][0]["sha256"] == output["sha256"]
    assert cached["usage"]["seconds"] == 0
    assert server.http.get(cached["outputs"][0]["url"]).json() == answer.json()
    assert [each["id"] for each in server.http.get("/api/jobs?limit=2").json()["jobs"]] == [again, id]


def test_a_job_can_be_followed_and_cancelled(server: Server) -> None:
    [id] = server.submit({"prompt": "Digits.", "parameters": MANY, "seed": 4})
    states: list[str] = []
    with server.http.stream("GET", f"/api/jobs/{id}/events") as events:
        for line in events.iter_lines():
            if not line.startswith("data: "):
                continue
            job = json.loads(line.removeprefix("data: "))
            states.append(job["state"])
            if job["progress"]["done"] and not job["cancel"]:
                server.http.delete(f"/api/jobs/{id}")
    assert states[-1] == "cancelled"
    assert "running" in states
    assert server.job(id)["outputs"] == []


def test_jobs_are_accepted_together_or_not_at_all(server: Server) -> None:
    before = server.http.get("/api/jobs").json()["jobs"]
    good, bad = {"model": MODEL, "prompt": "x"}, {"model": "gpt-9", "prompt": "x"}
    assert server.http.post("/api/jobs", json={"jobs": [good, bad]}).status_code == 422
    assert server.http.get("/api/jobs").json()["jobs"] == before


def test_a_killed_worker_costs_an_attempt_and_nothing_else(server: Server) -> None:
    [id] = server.submit({"prompt": "Digits.", "parameters": MANY, "seed": 5})
    until(lambda: server.job(id)["progress"]["done"], "the job has begun")
    stream = server.openai.chat.completions.create(
        model=MODEL, messages=HELLO, stream=True, max_tokens=3000, **long_answer()
    )
    next(iter(stream))
    os.kill(server.worker(), signal.SIGKILL)
    with pytest.raises(openai.APIError, match="worker ended in the middle"):
        list(stream)
    # The server goes on, and so does a new worker.
    assert server.openai.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=2).choices
    assert server.wait(id, "running")["attempts"] >= 1
    until(lambda: server.job(id)["attempts"] == 2, "it is done again")
    server.http.delete(f"/api/jobs/{id}")
    server.wait(id, "cancelled")


def test_metrics_count(server: Server) -> None:
    text = server.http.get("/metrics").text
    assert "tenku_chats_total" in text
    assert "tenku_jobs_accepted_total" in text


def test_every_route_is_described(server: Server) -> None:
    described = httpx.get(f"{server.url}/openapi.json").json()
    operations = [
        (f"{method} {path}", operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) > 12
    for name, operation in operations:
        assert operation.get("summary"), name
        answers = operation["responses"]
        good = [status for status in answers if status.startswith("2")]
        assert good, name
        assert all(answers[status].get("content") for status in good if status != "204"), name
        bad = {status: answer for status, answer in answers.items() if status[0] in "45"}
        assert ("401" in bad) == ("/healthz" not in name), name
        for status, answer in bad.items():
            [media] = answer["content"]
            assert media == ("application/json" if "/v1/" in name else "application/problem+json"), (name, status)
            assert "HTTPValidationError" not in json.dumps(answer)
        if "/healthz" not in name and "/metrics" not in name:
            assert operation["security"], name


def test_every_route_stands_in_the_docs(server: Server) -> None:
    page = (Path(__file__).parents[1] / "docs" / "serve.md").read_text(encoding="utf-8")
    described = httpx.get(f"{server.url}/openapi.json").json()["paths"]
    routes = [f"`{method.upper()} {path}`" for path, methods in described.items() for method in methods]
    assert [route for route in routes if route not in page] == []


def test_accepted_jobs_outlive_everything(tmp_path: Path, smollm2: Path) -> None:
    """kill -9 of the server in mid-job; its worker hears of it and ends; the next server does every job."""
    home = Home(tmp_path)
    home.install(smollm2)
    with home.serve() as server:
        token = server.token
        ids = server.submit(*({"prompt": "Digits.", "parameters": SOME, "seed": seed} for seed in range(2)))
        worker = server.worker()
        until(lambda: server.job(ids[0])["progress"]["done"], "a job has begun")
        os.kill(server.process.pid, signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        server.process.wait()
    with home.serve(token=token) as server:
        for id in ids:
            assert server.wait(id, "done", "failed")["error"] == ""


def test_a_server_that_is_killed_takes_its_worker_along(tmp_path: Path, smollm2: Path) -> None:
    home = Home(tmp_path)
    home.install(smollm2)
    with home.serve() as server:
        [id] = server.submit({"prompt": "Digits.", "parameters": MANY})
        token, worker = server.token, server.worker()
        until(lambda: server.job(id)["progress"]["done"], "the job has begun")
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    until(lambda: not Path(f"/proc/{worker}").exists(), "the worker ends")
    with home.serve(token=token) as server:
        # It gave its job back at the next step: nothing was lost, not even an attempt.
        assert server.wait(id, "running", "queued")["attempts"] <= 1
        server.http.delete(f"/api/jobs/{id}")
        server.wait(id, "cancelled")


def test_a_teams_token_sees_its_own_sets_alone(home: Home, server: Server) -> None:
    """Nor can it have another team's set varied, which that team would pay for."""
    art, code = (
        {"Authorization": f"Bearer {home.tenku('tokens', 'new', f'of-{team}', '--team', team).strip()}"}
        for team in ("art", "code")
    )
    job = {"model": MODEL, "prompt": "a sword", "parameters": {"max_tokens": 2}}
    made = server.http.post("/api/sets", json={"name": "swords", "jobs": [job]}, headers=art)
    assert (made.status_code, made.json()["team"]) == (201, "art")
    assert [each["name"] for each in server.http.get("/api/sets", headers=art).json()["sets"]] == ["swords"]
    assert server.http.get("/api/sets", headers=code).json()["sets"] == []
    assert server.http.get("/api/sets/swords", headers=code).status_code == 404
    for verb, body in (("vary", {"row": 0}), ("remake", {}), ("approve", {"rows": [0]}), ("reject", {"rows": [0]})):
        assert server.http.post(f"/api/sets/swords/{verb}", json=body, headers=code).status_code == 404
    assert server.http.delete("/api/sets/swords", headers=code).status_code == 404
    assert len(server.http.get("/api/sets/swords", headers=art).json()["places"][0]["takes"]) == 1


@pytest.mark.parametrize("style", ["nothing", "../../etc/passwd", "/etc/passwd.toml"])
def test_a_style_is_named_and_never_a_path(server: Server, style: str) -> None:
    job = {"model": MODEL, "prompt": "x"}
    answer = server.http.post("/api/sets", json={"name": "x", "style": style, "jobs": [job]})
    assert answer.status_code == 422
    assert "There is no style" in answer.json()["detail"]
