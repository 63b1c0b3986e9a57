"""A model on a server elsewhere: answers, limits in time, and what happens when the server fails."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
import xllamacpp

from studio_faultserver import answer, die_after, fault_server, hang_after, refuse, say
from studio_models import smollm2 as smollm2
from tenku.base.errors import CancelledJob, JobError, ModelError
from tenku.studio.desk import EmptyDesk
from tenku.studio.engines.remote import RemoteEngine, load
from tenku.studio.engines.web import check_url
from tenku.studio.model import InstalledModel, JobSpec, Json, Kind

HELLO = {"messages": [{"role": "user", "content": "Say hello."}]}
QUICK: dict[str, Json] = {"remote_model": "far-model", "connect_s": 2.0, "first_s": 5.0, "next_s": 5.0}


def model(url: str, **parameters: Json) -> InstalledModel:
    return InstalledModel(
        name="far",
        kind=Kind.TEXT,
        engine="remote",
        path=url,
        hash="remote",
        size=0,
        licence="unknown",
        parameters={**QUICK, **parameters},
    )


def engine(url: str, **parameters: Json) -> RemoteEngine:
    return RemoteEngine(model(url, **parameters), environment={"FAR_KEY": "secret-1"})


def said(answer: Any) -> str:
    return cast(str, answer["choices"][0]["message"]["content"])


@pytest.fixture(scope="module")
def real(smollm2: Path) -> Iterator[str]:
    """llama.cpp's own HTTP server."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(smollm2)
    parameters.model_alias = {"far-model"}
    parameters.n_ctx = 1024
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.cpuparams.poll = 0
    parameters.verbosity = 1
    parameters.warmup = False
    parameters.api_keys = ["secret-1"]
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server


def test_a_real_server_answers_a_chat_whole_and_in_a_stream(real: str) -> None:
    far = engine(real, key_variable="FAR_KEY")
    far.check()
    asked = {**HELLO, "max_tokens": 8, "temperature": 0}
    whole = list(far.chat(asked))
    chunks = list(far.chat({**asked, "stream": True, "stream_options": {"include_usage": True}}))
    text = "".join(each["choices"][0]["delta"].get("content") or "" for each in chunks if each["choices"])
    assert len(whole) == 1
    assert said(whole[0]) == text != ""
    assert chunks[-1]["usage"] == {**chunks[-1]["usage"], "completion_tokens": 8}
    assert {each["model"] for each in chunks} == {"far"}


def test_a_real_server_does_a_job_with_a_schema(real: str) -> None:
    schema: dict[str, Json] = {
        "type": "object",
        "properties": {"damage": {"type": "integer", "minimum": 1, "maximum": 9}},
        "required": ["damage"],
        "additionalProperties": False,
    }
    spec = JobSpec(
        kind=Kind.TEXT,
        model="far",
        prompt="A sword.",
        parameters={"schema": schema, "max_tokens": 40, "thinking": False},
    )
    made = engine(real, key_variable="FAR_KEY").run(spec, desk=EmptyDesk(), report=lambda _: None, stop=lambda: False)
    assert made.outputs[0].name == "item.json"
    assert made.usage.completion_tokens > 0


def test_a_wrong_key_is_said(real: str) -> None:
    with pytest.raises(ModelError, match="401"):
        engine(real).check()


def test_the_key_comes_from_the_environment_alone() -> None:
    with fault_server([answer("hello there")]) as server:
        list(engine(server.url, key_variable="FAR_KEY").chat(HELLO))
        list(engine(server.url).chat(HELLO))
        assert server.keys == ["Bearer secret-1", None]
        with pytest.raises(ModelError, match=r"\$MISSING_KEY"):
            engine(server.url, key_variable="MISSING_KEY")


def test_a_server_without_the_model_is_refused_at_once() -> None:
    with fault_server([answer("x")]) as server, pytest.raises(ModelError, match="no model other"):
        load(model(server.url, remote_model="other"))


def test_a_server_that_is_not_there_is_refused_at_once() -> None:
    with fault_server([answer("x")]) as server:
        url = server.url
    with pytest.raises(ModelError, match="does not answer"):
        load(model(url))


def test_before_the_first_token_the_request_is_sent_again() -> None:
    with fault_server([refuse(503), die_after(0), answer("hello there")]) as server:
        (whole,) = engine(server.url).chat(HELLO)
        assert said(whole) == "hello there "
        assert len(server.asked) == 3


def test_a_server_that_stays_away_is_worth_another_try_later() -> None:
    with fault_server([refuse(503, "loading")]) as server:
        with pytest.raises(JobError, match="loading") as caught:
            list(engine(server.url).chat(HELLO))
        assert caught.value.again
        assert len(server.asked) == 3


def test_a_server_that_dies_in_mid_stream_is_not_asked_twice() -> None:
    with fault_server([die_after(3)]) as server:
        chunks = engine(server.url).chat({**HELLO, "stream": True})
        assert [next(chunks) for _ in range(3)]
        with pytest.raises(JobError, match="in the middle") as caught:
            next(chunks)
        assert caught.value.again
        assert len(server.asked) == 1


def test_a_request_that_the_server_refuses_is_not_tried_again() -> None:
    with fault_server([refuse(400, "too long")]) as server:
        with pytest.raises(JobError, match="too long") as caught:
            list(engine(server.url).chat(HELLO))
        assert not caught.value.again
        assert len(server.asked) == 1


@pytest.mark.parametrize("words", [0, 2])
def test_a_server_that_falls_silent_is_left(words: int) -> None:
    with fault_server([hang_after(words)]) as server:
        slow = engine(server.url, connect_s=0.1, first_s=0.2, next_s=0.2)
        with pytest.raises(JobError, match="Nothing came") as caught:
            list(slow.chat(HELLO))
        assert caught.value.again


@pytest.mark.parametrize("data", ["no json", "[1]", '"text"'])
def test_a_server_that_speaks_something_else_is_said(data: str) -> None:
    with fault_server([say(data)]) as server, pytest.raises(JobError, match="does not speak"):
        list(engine(server.url).chat(HELLO))


def test_an_error_inside_a_stream_is_one() -> None:
    script = say('{"error": {"message": "out of memory"}}')
    with fault_server([script]) as server, pytest.raises(JobError, match="out of memory"):
        list(engine(server.url).chat(HELLO))


def test_a_cancelled_job_leaves_a_silent_server() -> None:
    with fault_server([hang_after(1)]) as server:
        seen: list[int] = []
        spec = JobSpec(kind=Kind.TEXT, model="far", prompt="Say hello.")
        with pytest.raises(CancelledJob):
            engine(server.url, next_s=60.0).run(
                spec, desk=EmptyDesk(), report=lambda step: seen.append(step.progress.done), stop=lambda: bool(seen)
            )
        server.go_on.set()
        assert server.gone.wait(10), "the server was not told"


def test_leaving_a_stream_closes_its_connection() -> None:
    with fault_server([hang_after(1)]) as server:
        chunks = engine(server.url).chat({**HELLO, "stream": True})
        with closing(cast(Any, chunks)):
            next(chunks)
        server.go_on.set()
        assert server.gone.wait(10)


def test_no_more_requests_at_once_than_allowed() -> None:
    with fault_server([answer("hello there")]) as server:
        far = engine(server.url, at_once=2)
        threads = [threading.Thread(target=lambda: list(far.chat(HELLO))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.asked) == 8
        assert server.busiest <= 2


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "http://", "http://user:pass@host/v1", "http://host:99999/v1", "host:80", "http://h/v1?a=b"]
)
def test_what_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(ModelError):
        check_url(url)
