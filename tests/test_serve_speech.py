"""`tenku serve` speaks: OpenAI's own client, errors in its shape, and another Tenku that lets this one speak."""

import io
import wave
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from studio_serve import Home, Server
from studio_voices import DRAGON, hibari
from tenku.base.errors import JobError
from tenku.content.ports import NoProgress
from tenku.studio.addspeech import add_remote_speech, install_speech
from tenku.studio.desk import EmptyDesk
from tenku.studio.engines.remotespeech import RemoteSpeech
from tenku.studio.media.readsound import read_sound
from tenku.studio.model import JobSpec, Kind
from tenku.studio.models import Models

__all__ = ["hibari"]

NARRATOR = "narrator"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, hibari: Path) -> Iterator[Server]:
    home = Home(tmp_path_factory.mktemp("home"))
    install_speech(
        hibari,
        Models(home.root / "data" / "tenku" / "studio"),
        name=NARRATOR,
        licence="Apache-2.0",
        parameters={},
        progress=NoProgress(),
    )
    with home.serve() as server:
        yield server


def test_openais_client_has_a_text_said(server: Server) -> None:
    spoken = server.openai.audio.speech.create(model=NARRATOR, voice="heart", input=DRAGON, response_format="wav")
    assert spoken.response.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(spoken.content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        assert 1.5 < file.getnframes() / file.getframerate() < 4


def test_mp3_is_what_openais_client_gets_unless_it_says_otherwise(server: Server) -> None:
    spoken = server.openai.audio.speech.create(model=NARRATOR, voice="heart", input="Halt!")
    assert spoken.response.headers["content-type"] == "audio/mpeg"
    assert 0.2 < read_sound(spoken.content).seconds < 2


def test_a_client_that_reads_as_it_comes_gets_the_same(server: Server) -> None:
    whole = server.openai.audio.speech.create(model=NARRATOR, voice="heart", input="Halt!", response_format="pcm")
    with server.openai.audio.speech.with_streaming_response.create(
        model=NARRATOR, voice="heart", input="Halt!", response_format="pcm", stream_format="audio"
    ) as stream:
        assert b"".join(stream.iter_bytes(1000)) == whole.content


def test_the_same_text_again_is_there_already(server: Server) -> None:
    for _ in range(2):
        server.openai.audio.speech.create(model=NARRATOR, voice="heart", input="Who goes there?", speed=1.1)
    jobs = server.http.get("/api/jobs").json()["jobs"]
    same = [job for job in jobs if job["spec"]["prompt"] == "Who goes there?"]
    assert len({output["sha256"] for job in same for output in job["outputs"]}) == 1
    assert {(job["spec"]["kind"], job["spec"]["priority"] > 0) for job in same} == {("speech", True)}


def test_speed_language_and_seed_reach_the_job(server: Server) -> None:
    server.openai.audio.speech.create(
        model=NARRATOR, voice="default", input="The bath.", speed=0.9, extra_body={"language": "en-gb", "seed": 5}
    )
    [job] = [job for job in server.http.get("/api/jobs").json()["jobs"] if job["spec"]["prompt"] == "The bath."]
    assert job["spec"]["parameters"] == {"format": "mp3", "voice": "default", "speed": 0.9, "language": "en-gb"}
    assert job["spec"]["seed"] == 5


def test_what_is_wrong_is_said_in_openais_shape(server: Server) -> None:
    speech = server.openai.audio.speech
    with pytest.raises(openai.NotFoundError, match="no model 'nobody'") as missing:
        speech.create(model="nobody", voice="heart", input="Hi.")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.UnprocessableEntityError, match="'alloy' is no voice"):
        speech.create(model=NARRATOR, voice="alloy", input="Hi.")
    with pytest.raises(openai.UnprocessableEntityError, match="cannot be told how"):
        speech.create(model=NARRATOR, voice="heart", input="Hi.", instructions="whisper")
    with pytest.raises(openai.BadRequestError, match="speed"):
        speech.create(model=NARRATOR, voice="heart", input="Hi.", speed=9)
    with pytest.raises(openai.BadRequestError, match="input"):
        speech.create(model=NARRATOR, voice="heart", input="")
    with pytest.raises(openai.BadRequestError, match="events are not sent"):
        speech.create(model=NARRATOR, voice="heart", input="Hi.", stream_format="sse")
    with pytest.raises(openai.UnprocessableEntityError, match="can be said"):
        speech.create(model=NARRATOR, voice="heart", input="😀")


def test_the_model_is_listed_for_openais_clients(server: Server) -> None:
    assert [model.id for model in server.openai.models.list()] == [NARRATOR]


def test_the_voices_of_a_model_are_listed(server: Server) -> None:
    assert server.http.get(f"/api/models/{NARRATOR}/voices").json() == {
        "voices": [{"name": "heart", "language": "en-us"}]
    }
    assert server.http.get("/api/models/nobody/voices").status_code == 404


def test_the_description_has_speech(server: Server) -> None:
    described = server.http.get("/openapi.json").json()["paths"]["/v1/audio/speech"]["post"]
    assert {"audio/mpeg", "audio/wav"} <= described["responses"]["200"]["content"].keys()
    assert "200" in described["responses"]
    assert "422" in described["responses"]


def test_one_tenku_speaks_through_another(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own server is one of those that the remote engine talks to."""
    monkeypatch.setenv("FAR_KEY", server.token)
    parameters = {"remote_model": NARRATOR, "key_variable": "FAR_KEY"}
    far = add_remote_speech("far", f"{server.url}/v1", Models(tmp_path), parameters=parameters)
    engine = RemoteSpeech(far, environment={"FAR_KEY": server.token})
    spec = JobSpec(kind=Kind.SPEECH, model="far", prompt=DRAGON, parameters={"voice": "heart"})
    made = engine.run(spec, desk=EmptyDesk(), report=lambda _: None, stop=lambda: False)
    direct = server.openai.audio.speech.create(model=NARRATOR, voice="heart", input=DRAGON, response_format="wav")
    assert made.outputs[0].data == direct.content
    with pytest.raises(JobError, match="'grim' is no voice"):
        engine.run(
            JobSpec(kind=Kind.SPEECH, model="far", prompt="Hi.", parameters={"voice": "grim"}),
            desk=EmptyDesk(),
            report=lambda _: None,
            stop=lambda: False,
        )
