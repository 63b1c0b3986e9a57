"""Speech from a server elsewhere: what is asked, what comes back, and what happens when the server fails."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from studio_faultserver import Handler, Script, fault_server, refuse
from tenku.base.errors import CancelledJob, JobError, ModelError
from tenku.studio.addmodel import add_remote
from tenku.studio.desk import EmptyDesk
from tenku.studio.engines.remotespeech import RemoteSpeech, load
from tenku.studio.media.readsound import read_sound
from tenku.studio.media.writesound import write_sound
from tenku.studio.model import InstalledModel, JobSpec, Json, Kind, Progress
from tenku.studio.models import Models
from tenku.studio.ports import Made, Step

RATE = 24_000
TONE = (0.3 * np.sin(np.arange(RATE) / 9)).astype(np.float32).reshape(-1, 1)
"""One second; its numbers end in the middle of nothing."""
QUICK: dict[str, Json] = {"remote_model": "far-model", "connect_s": 2.0, "first_s": 5.0, "next_s": 5.0}


def sound(format: str, *, headers: dict[str, str] | None = None, pieces: int = 4) -> Script:
    """An answer whose length was said before."""
    data = write_sound(TONE, RATE, format)

    def script(handler: Handler) -> None:
        begin(handler, {"Content-Length": str(len(data)), **(headers or {})})
        for number in range(pieces):
            handler.wfile.write(data[number * len(data) // pieces : (number + 1) * len(data) // pieces])
            handler.wfile.flush()

    return script


def chunked(format: str, *, whole: bool) -> Script:
    """An answer in chunks, with or without its end."""
    data = write_sound(TONE, RATE, format)

    def script(handler: Handler) -> None:
        handler.protocol_version = "HTTP/1.1"
        begin(handler, {"Transfer-Encoding": "chunked", "Connection": "close"})
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) + (b"0\r\n\r\n" if whole else b""))
        handler.close_connection = True

    return script


def cut(format: str) -> Script:
    """Half of what was promised."""
    data = write_sound(TONE, RATE, format)

    def script(handler: Handler) -> None:
        begin(handler, {"Content-Length": str(len(data))})
        handler.wfile.write(data[: len(data) // 2])

    return script


def raw(data: bytes) -> Script:
    """Anything."""

    def script(handler: Handler) -> None:
        begin(handler, {"Content-Length": str(len(data))})
        handler.wfile.write(data)

    return script


def hang(handler: Handler) -> None:
    """Begins, and then says nothing until the test lets it, or the client leaves."""
    begin(handler, {"Content-Length": "1000000"})
    handler.faults.go_on.wait(30)
    for _ in range(100_000):
        handler.wfile.write(bytes(1000))


def begin(handler: Handler, headers: dict[str, str]) -> None:
    handler.send_response(200)
    for name, value in {"Content-Type": "audio/wav", **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.flush()


def model(url: str, **parameters: Json) -> InstalledModel:
    return InstalledModel(
        name="far",
        kind=Kind.SPEECH,
        engine="remote-speech",
        path=url,
        hash="remote",
        size=0,
        licence="unknown",
        parameters={**QUICK, **parameters},
    )


def say(
    url: str,
    text: str = "Halt!",
    *,
    seed: int = 0,
    remote: dict[str, Json] | None = None,
    stop: Callable[[], bool] = lambda: False,
    report: Callable[[Step], None] = lambda _: None,
    **parameters: Json,
) -> Made:
    engine = RemoteSpeech(model(url, **(remote or {})), environment={"FAR_KEY": "secret-1"})
    spec = JobSpec(kind=Kind.SPEECH, model="far", prompt=text, parameters=parameters, seed=seed)
    return engine.run(spec, desk=EmptyDesk(), report=report, stop=stop)


def test_what_is_asked_is_openais_request_and_no_more() -> None:
    with fault_server([sound("wav")]) as server:
        say(server.url)
        say(
            server.url,
            seed=7,
            remote={"extra": {"task_type": "CustomVoice"}, "key_variable": "FAR_KEY"},
            voice="vivian",
            speed=1.5,
            language="English",
            instructions="angrily",
        )
        assert server.asked == [
            {"model": "far-model", "input": "Halt!", "response_format": "wav"},
            {
                "model": "far-model",
                "input": "Halt!",
                "response_format": "wav",
                "task_type": "CustomVoice",
                "voice": "vivian",
                "speed": 1.5,
                "language": "English",
                "instructions": "angrily",
                "seed": 7,
            },
        ]
        assert server.keys == [None, "Bearer secret-1"]


@pytest.mark.parametrize("format", ["wav", "flac", "opus", "mp3", "aac", "pcm"])
def test_the_sound_comes_as_it_was_sent(format: str) -> None:
    steps: list[Progress] = []
    with fault_server([sound(format)]) as server:
        made = say(server.url, format=format, report=lambda step: steps.append(step.progress))
    [output] = made.outputs
    assert output.data == write_sound(TONE, RATE, format)
    assert output.name == f"speech.{format}"
    assert made.facts["speech_seconds"] == pytest.approx(1.0, abs=0.1)
    assert [step.done for step in steps] == [0, 1]


def test_a_format_that_the_server_cannot_write_is_made_here() -> None:
    with fault_server([sound("wav")]) as server:
        made = say(server.url, format="flac", remote={"formats": ["wav"]})
        assert server.asked[0]["response_format"] == "wav"
    assert np.allclose(read_sound(made.outputs[0].data).data, TONE, atol=1e-4)


def test_a_stream_of_chunks_is_taken_and_tokens_are_counted() -> None:
    counted = {"x-vllm-omni-input-tokens": "5", "x-vllm-omni-output-tokens": "12"}
    with fault_server([chunked("wav", whole=True), sound("wav", headers=counted)]) as server:
        assert say(server.url).outputs[0].data == write_sound(TONE, RATE, "wav")
        usage = say(server.url).usage
        assert (usage.prompt_tokens, usage.completion_tokens) == (5, 12)


@pytest.mark.parametrize("script", [cut("wav"), cut("mp3"), chunked("wav", whole=False)])
def test_a_server_that_dies_in_mid_stream_is_worth_another_try_later(script: Script) -> None:
    with fault_server([script]) as server:
        with pytest.raises(JobError, match="in the middle") as caught:
            say(server.url)
        assert caught.value.again
        assert len(server.asked) == 1


def test_before_the_first_byte_the_request_is_sent_again() -> None:
    with fault_server([refuse(503, "loading"), sound("wav")]) as server:
        assert say(server.url).outputs
        assert len(server.asked) == 2


def test_a_server_that_stays_away_is_worth_another_try_later() -> None:
    with fault_server([refuse(503, "loading")]) as server:
        with pytest.raises(JobError, match="loading") as caught:
            say(server.url)
        assert caught.value.again
        assert len(server.asked) == 3


def test_what_the_server_refuses_is_not_tried_again() -> None:
    with fault_server([refuse(400, "unknown voice grim")]) as server:
        with pytest.raises(JobError, match="unknown voice grim") as caught:
            say(server.url, voice="grim")
        assert not caught.value.again
        assert len(server.asked) == 1


@pytest.mark.parametrize("data", [b"<html>Sign in</html>", b'{"error": "x"}', b"", b"RIFF1234"])
@pytest.mark.parametrize("format", ["wav", "pcm"])
def test_an_answer_that_is_no_sound_is_refused(data: bytes, format: str) -> None:
    if format == "pcm" and data.startswith(b"RIFF"):
        data += b"5"  # half a number at the end: all else could be a hiss
    with fault_server([raw(data)]) as server, pytest.raises(JobError, match="What the server sent"):
        say(server.url, format=format)


def test_a_job_is_left_while_nothing_comes() -> None:
    stop = threading.Event()
    with fault_server([hang]) as server:
        said: list[Exception] = []

        def work() -> None:
            try:
                say(server.url, stop=stop.is_set)
            except CancelledJob as error:
                said.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        while not server.asked:
            thread.join(0.01)
        stop.set()
        thread.join(10)
        assert len(said) == 1
        server.go_on.set()
        assert server.gone.wait(10)


def test_a_server_that_says_nothing_for_too_long_is_given_up() -> None:
    with fault_server([hang]) as server:
        with pytest.raises(JobError, match=r"Nothing came for 0\.2 s") as caught:
            say(server.url, remote={"next_s": 0.2})
        assert caught.value.again


def test_a_text_that_is_too_long_for_the_server_is_not_sent() -> None:
    with fault_server([sound("wav")]) as server:
        with pytest.raises(JobError, match="takes 10"):
            say(server.url, "x" * 11, remote={"characters": 10})
        assert server.asked == []


def test_no_more_requests_run_than_were_allowed() -> None:
    with fault_server([sound("wav")]) as server:
        engine = RemoteSpeech(model(server.url, at_once=1), environment={})
        spec = JobSpec(kind=Kind.SPEECH, model="far", prompt="Halt!")
        threads = [
            threading.Thread(
                target=lambda: engine.run(spec, desk=EmptyDesk(), report=lambda _: None, stop=lambda: False)
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert (len(server.asked), server.busiest) == (4, 1)


def test_a_server_is_asked_once_when_it_is_added(tmp_path: Path) -> None:
    models = Models(tmp_path)
    with fault_server([sound("wav")]) as server:
        added = add_remote("far", server.url, models, parameters={"remote_model": "far-model"}, kind=Kind.SPEECH)
        assert added.parameters["voices"] == ["vivian", "ryan"]
        assert models.find("far") == added
        load(added).close()
        with pytest.raises(ModelError, match="no model other"):
            add_remote("b", server.url, models, parameters={"remote_model": "other"}, kind=Kind.SPEECH)
        url = server.url
    with pytest.raises(ModelError, match="does not answer"):
        load(model(url))


@pytest.mark.parametrize(
    ("parameters", "part"),
    [({"formats": ["ogg"]}, "formats"), ({"extra": "x"}, "extra"), ({"key_variable": "NO_KEY"}, "NO_KEY")],
)
def test_settings_that_make_no_sense_are_refused(parameters: dict[str, Json], part: str) -> None:
    with pytest.raises(ModelError, match=part):
        RemoteSpeech(model("http://127.0.0.1:9/v1", **parameters), environment={})
