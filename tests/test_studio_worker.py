"""The worker's socket, its supervisor, and how both end."""

import asyncio
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from studio_scripted import MODEL, SPEC, Scene, Scripted, desk
from studio_serve import until
from tenku.api.workerline import WorkerLine
from tenku.base.errors import CancelledJob, JobError, StudioError
from tenku.studio.chats import Chats
from tenku.studio.chatwire import DONE, HERE, Answer, Ask, body, line, read_answer, read_ask
from tenku.studio.model import JobSpec, State
from tenku.studio.restarts import HEALTHY_S, MOST_S, Deaths
from tenku.studio.runner import Runner
from tenku.studio.supervisor import Supervisor, explain
from tenku.studio.worker import Worker


@dataclass
class Chatty(Scripted):
    """A scripted engine that chats: `words`, then `fault` if there is one; `silent` until it is stopped."""

    words: tuple[str, ...] = ("one", "two")
    fault: Exception | None = None
    silent: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def chat(self, request: Mapping[str, Any], *, stop: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:
        """Say the words."""
        try:
            self.begun.set()
            while self.silent:
                if stop():
                    raise CancelledJob("It was ended.")
                self.ended.wait(0.01)
            if not request.get("stream"):
                yield {"words": self.words}
                return
            for word in self.words:
                yield {"word": word}
            if self.fault:
                raise self.fault
        finally:
            self.ended.set()

    def embed(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Turn around what was asked."""
        return {"embedded": request["input"]}


@dataclass
class Socket:
    """Chats on a socket, and what was woken."""

    path: Path
    engine: Scripted
    woken: threading.Event

    def send(self, ask: Ask, content: bytes = b"") -> socket.socket:
        """A connection with a request on its way."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(str(self.path))
        assert connection.recv(len(HERE)) == HERE
        connection.sendall(line(ask) + content)
        return connection

    def ask(
        self, do: str, request: Mapping[str, Any] | None = None, *, model: str = MODEL.name
    ) -> tuple[Answer, bytes]:
        """A whole answer."""
        content = body(request) if request is not None else b""
        with self.send(Ask(do, model, len(content)), content) as connection, connection.makefile("rb") as reader:
            return read_answer(reader.readline()), reader.read()


def chats(tmp_path: Path, engine: Scripted) -> Iterator[Socket]:
    it, woken = desk(tmp_path, engine), threading.Event()
    served = Chats(it.parts.pool, find=it.parts.find, wake=woken.set, path=tmp_path / "s")
    served.start()
    yield Socket(tmp_path / "s", engine, woken)
    served.close()


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Socket]:
    yield from chats(tmp_path, Chatty())


def test_a_chat_is_answered_whole_or_as_a_stream(talk: Socket) -> None:
    assert talk.ask("chat", {}) == (Answer(200), b'{"words":["one","two"]}')
    head, stream = talk.ask("chat", {"stream": True})
    assert head == Answer(200, stream=True)
    assert stream == b'data: {"word":"one"}\n\ndata: {"word":"two"}\n\n' + DONE


def test_texts_are_embedded(talk: Socket) -> None:
    assert talk.ask("embed", {"input": "a"}) == (Answer(200), b'{"embedded":"a"}')


def test_jobs_are_told_the_keys_of_their_results(tmp_path: Path) -> None:
    it = desk(tmp_path, Scripted())
    asked: list[JobSpec] = []

    def keys(specs: Sequence[JobSpec]) -> Sequence[str]:
        asked.extend(specs)
        return [spec.prompt for spec in specs]

    served = Chats(it.parts.pool, find=it.parts.find, wake=lambda: None, path=tmp_path / "s", keys=keys)
    served.start()
    specs = [replace(SPEC, prompt="one", parameters={"a": [1]}, deadline_s=2.0), replace(SPEC, prompt="two")]
    try:
        assert asyncio.run(WorkerLine(tmp_path / "s", clock=time.monotonic).keys(specs)) == ["one", "two"]
    finally:
        served.close()
    assert asked == specs
    assert asyncio.run(WorkerLine(tmp_path / "s", clock=time.monotonic).keys(specs)) == [], (
        "nobody is there, so that nothing is known"
    )


def test_the_worker_is_woken_and_says_what_is_warm(talk: Socket) -> None:
    assert talk.ask("wake")[0] == Answer(200)
    assert talk.woken.is_set()
    talk.ask("chat", {})
    _, answer = talk.ask("warm")
    assert [(each["name"], each["users"]) for each in json.loads(answer)["models"]] == [("writer", 0)]


def test_an_error_in_mid_stream_stands_in_the_stream(tmp_path: Path) -> None:
    for talk in chats(tmp_path, Chatty(fault=JobError("The server went away.", again=True))):
        head, stream = talk.ask("chat", {"stream": True})
        assert head.status == 200
        assert b'"message":"The server went away."' in stream
        assert stream.endswith(DONE)


def test_a_fault_in_an_engine_is_told_to_the_one_who_asked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for talk in chats(tmp_path, Chatty(fault=ZeroDivisionError("by zero"))):
        _, stream = talk.ask("chat", {"stream": True})
        assert b"The engine failed with ZeroDivisionError: by zero" in stream
        assert talk.ask("embed", {"output": "no input"})[0].status == 500
        assert talk.ask("chat", {})[0].status == 200
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("ask", "content", "status"),
    [
        (b'{"do":"chat","model":"unknown","length":2}\n', b"{}", 503),
        (b'{"do":"sing","model":"writer"}\n', b"", 400),
        (b'{"do":"chat","model":"writer","length":3}\n', b"{{{", 400),
        (b'{"do":"chat","who":"me"}\n', b"", 400),
        (b"GET / HTTP/1.1\r\n", b"", 400),
        (b"\n", b"", 400),
        (b"[1]\n", b"", 400),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(talk: Socket, ask: bytes, content: bytes, status: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(talk.path))
        assert connection.recv(len(HERE)) == HERE
        connection.sendall(ask + content)
        with connection.makefile("rb") as reader:
            assert read_answer(reader.readline()).status == status
            assert json.loads(reader.read())["error"]["message"]
    assert talk.ask("chat", {})[0].status == 200


def test_an_engine_that_does_not_chat_says_so(tmp_path: Path) -> None:
    for talk in chats(tmp_path, Scripted()):
        answer, content = talk.ask("chat", {})
        assert answer.status == 400
        assert b"writer does not chat" in content


@pytest.mark.parametrize("stream", [True, False])
def test_who_goes_away_before_the_first_word_ends_the_generation(tmp_path: Path, stream: bool) -> None:
    engine = Chatty(silent=True)
    for talk in chats(tmp_path, engine):
        content = body({"stream": stream})
        connection = talk.send(Ask("chat", MODEL.name, len(content)), content)
        assert engine.begun.wait(5)
        assert not engine.ended.is_set()
        connection.close()
        assert engine.ended.wait(5)


def test_a_slow_reader_holds_its_own_generation_back(tmp_path: Path) -> None:
    """What is not read is not made: the socket's buffers fill, and no memory grows."""
    told = 0

    @dataclass
    class Endless(Chatty):
        def chat(self, request: Mapping[str, Any], *, stop: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:  # noqa: ARG002
            nonlocal told
            while True:
                told += 1
                yield {"word": "x" * 10_000}

    for talk in chats(tmp_path, Endless()):
        content = body({"stream": True})
        with talk.send(Ask("chat", MODEL.name, len(content)), content) as connection:
            assert select.select([connection], [], [], 5)[0]
            seen = -1
            while seen != told:
                seen = told
                threading.Event().wait(0.2)
            assert told < 1000
            other, _ = talk.ask("embed", {"input": "a"})
            assert other.status == 200


@pytest.mark.parametrize("message", [Ask("chat", "m", 5), Ask("wake")])
def test_an_ask_is_what_it_was(message: Ask) -> None:
    assert read_ask(line(message)) == message


def test_a_request_to_a_worker_that_is_going_reaches_the_next_one(tmp_path: Path) -> None:
    """The kernel still takes connections for a process that was killed; none of them is lost."""
    path, taken = tmp_path / "s", 0

    async def die(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        taken += 1
        writer.close()

    async def live(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HERE)
        await reader.readline()
        writer.write(line(Answer(200)) + b"{}")
        writer.close()

    async def run() -> None:
        dying = await asyncio.start_unix_server(die, path)
        asking = asyncio.create_task(WorkerLine(path, clock=time.monotonic).ask(Ask("chat", "m", 2), b"{}"))
        while not taken:  # noqa: ASYNC110 - it is the other side that counts
            await asyncio.sleep(0.01)
        dying.close()
        path.unlink(missing_ok=True)
        living = await asyncio.start_unix_server(live, path)
        reply = await asking
        assert (reply.status, await reply.read()) == (200, b"{}")
        living.close()

    asyncio.run(run())


def worker_of(it: Scene, path: Path, stopping: threading.Event) -> Worker:
    wake = threading.Event()
    runner = Runner(it.parts, worker="w", lease_s=10, stopping=stopping)
    served = Chats(it.parts.pool, find=it.parts.find, wake=wake.set, path=path)
    return Worker(runner, served, it.parts.pool, stopping=stopping, wake=wake)


def test_a_worker_does_what_is_queued_and_gives_back_what_it_cannot_end(tmp_path: Path) -> None:
    engine = Chatty(endless=True)
    it = desk(tmp_path, engine)
    [job] = it.jobs.submit([SPEC])
    worker = worker_of(it, tmp_path / "s", threading.Event())
    worker.start()
    assert engine.begun.wait(5)
    # Chats go on beside the job.
    assert Socket(tmp_path / "s", engine, threading.Event()).ask("chat", {})[0].status == 200
    assert worker.close(grace_s=5)
    left = it.jobs.get(job.id)
    assert (left.state, left.attempts) == (State.QUEUED, 0)
    assert engine.closed
    assert not (tmp_path / "s").exists()


def test_an_idle_worker_tidies_up_and_an_error_of_that_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    it, tidied = desk(tmp_path, Chatty()), threading.Event()

    def tidy() -> None:
        tidied.set()
        raise StudioError("The database is away.")

    stopping, wake = threading.Event(), threading.Event()
    runner = Runner(it.parts, worker="w", lease_s=10, stopping=stopping)
    served = Chats(it.parts.pool, find=it.parts.find, wake=wake.set, path=tmp_path / "s")
    worker = Worker(runner, served, it.parts.pool, stopping=stopping, wake=wake, tidy=tidy)
    worker.start()
    assert tidied.wait(10)
    assert worker.close(grace_s=10)
    assert "worker: The database is away." in capsys.readouterr().err


def test_deaths_in_a_row_make_the_pause_longer_until_one_life_was_long() -> None:
    deaths, pauses = Deaths(), []
    for _ in range(12):
        deaths = deaths.after(1.0)
        pauses.append(deaths.pause_s)
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.2, MOST_S)
    assert deaths.after(HEALTHY_S).pause_s == 0.2
    assert Deaths().pause_s == 0


@pytest.mark.parametrize(
    ("code", "lines", "sentence"),
    [
        (-11, [], "The worker was ended by SIGSEGV; the job that it had is done again."),
        (1, ["worker: The database is away."], "The worker ended with exit code 1: worker: The database is away."),
        (0, [], "The worker ended with exit code 0."),
    ],
)
def test_why_it_died_is_said(code: int, lines: list[str], sentence: str) -> None:
    assert explain(code, lines) == sentence


def kept(program: str, said: list[str]) -> Supervisor:
    return Supervisor(
        [sys.executable, "-c", program],
        environment=os.environ,
        notify=said.append,
        on_line=lambda _: None,
        clock=time.monotonic,
    )


def test_a_worker_that_crashes_is_started_again() -> None:
    """A real crash in native code."""
    said: list[str] = []

    async def run() -> None:
        supervisor = kept("import ctypes; ctypes.string_at(0)", said)
        await supervisor.start()
        await asyncio.to_thread(until, lambda: supervisor.starts >= 3, "the third start")
        await supervisor.close()
        assert supervisor.pid is None

    asyncio.run(run())
    assert said[0] == "The worker was ended by SIGSEGV; the job that it had is done again. It starts again in 0.2 s."
    assert said[1].endswith("It starts again in 0.4 s.")


def test_a_worker_is_ended_and_not_started_again() -> None:
    said: list[str] = []

    async def run() -> None:
        supervisor = kept("import sys; sys.stdin.read()", said)
        await supervisor.start()
        await asyncio.to_thread(until, lambda: supervisor.pid, "the worker")
        pid = supervisor.pid
        await supervisor.close()
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    asyncio.run(run())
    assert said == []


@pytest.mark.parametrize("how", ["SIGTERM", "parent"])
def test_the_real_process_ends_when_it_is_asked_or_left_alone(tmp_path: Path, how: str) -> None:
    async def run() -> int:
        path = tmp_path / "s"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tenku.control.worker", "--name", "w", "--socket", str(path)),
            *("--folder", str(tmp_path)),
            env={**os.environ, "TENKU_CONTROL_DATABASE": f"sqlite:///{tmp_path / 'jobs.db'}"},
            stdin=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        await asyncio.to_thread(until, path.exists, "the socket")
        if how == "SIGTERM":
            process.send_signal(signal.SIGTERM)
        else:
            process.stdin.close()
        async with asyncio.timeout(30):
            return await process.wait()

    assert asyncio.run(run()) == 0
