"""OpenAI's own client makes pictures and videos: `tenku serve` with tiny models of the real classes."""

import base64
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import openai
import pytest
from PIL import Image

from studio_serve import Home, Server, until
from studio_tiny import Tiny, tiny_image
from studio_tiny_wan import TinyWan, tiny_wan
from tenku.studio.media.readback import read_back
from tenku.studio.provenance.signer import read_claim

__all__ = ["tiny_image", "tiny_wan"]

FEW = {"steps": 2, "seed": 5}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, tiny_image: Tiny, tiny_wan: TinyWan) -> Iterator[Server]:
    home = Home(tmp_path_factory.mktemp("home"))
    wan = tiny_wan("t2v")
    for name, folder in (("tiny", tiny_image("qwenimage")), ("tiny-edit", tiny_image("edit")), ("tiny-wan", wan)):
        home.tenku("models", "add", name, "--from", str(folder))
    with home.serve() as server:
        yield server


@contextmanager
def going_away() -> Iterator[None]:
    """The vendor ends its own video API, and its client says so at every call; what speaks it lives on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def picture(size: tuple[int, int] = (64, 64), *, hole: bool = False) -> bytes:
    drawn = Image.linear_gradient("L").resize(size).convert("RGBA")
    if hole:
        drawn.paste((0, 0, 0, 0), (16, 16, 48, 48))
    file = io.BytesIO()
    drawn.save(file, "PNG")
    return file.getvalue()


def test_pictures_are_made(server: Server) -> None:
    made = server.openai.images.generate(
        model="tiny", prompt="a potion", n=2, size="64x64", response_format="b64_json", extra_body=FEW
    )
    assert made.data is not None
    files = [base64.b64decode(each.b64_json or "") for each in made.data]
    assert [Image.open(io.BytesIO(file)).size for file in files] == [(64, 64)] * 2
    assert files[0] != files[1]
    claim = read_claim(files[0], "image/png")
    assert claim is not None
    assert claim["valid"]


def test_the_same_request_is_answered_with_the_same_file(server: Server) -> None:
    first, second = (
        server.openai.images.generate(model="tiny", prompt="a shield", size="64x64", extra_body=FEW) for _ in range(2)
    )
    assert first.data is not None
    assert first.data == second.data


def test_a_picture_can_be_fetched_by_its_address(server: Server) -> None:
    made = server.openai.images.generate(
        model="tiny", prompt="a potion", size="64x64", response_format="url", extra_body=FEW
    )
    assert made.data is not None
    url = made.data[0].url or ""
    assert httpx.get(url).status_code == 401
    answer = httpx.get(url, headers={"Authorization": f"Bearer {server.token}"})
    assert answer.headers["content-type"] == "image/png"


def test_a_picture_is_changed(server: Server) -> None:
    made = server.openai.images.edit(
        model="tiny-edit", image=[("a.png", picture())], prompt="make it red", size="64x64", extra_body=FEW
    )
    assert made.data is not None
    assert Image.open(io.BytesIO(base64.b64decode(made.data[0].b64_json or ""))).size[0] >= 64


def test_only_the_hole_of_a_mask_is_changed(server: Server) -> None:
    made = server.openai.images.edit(
        model="tiny",
        image=("a.png", picture()),
        mask=("mask.png", picture(hole=True)),
        prompt="a gem",
        size="64x64",
        extra_body=FEW,
    )
    assert made.data is not None
    assert Image.open(io.BytesIO(base64.b64decode(made.data[0].b64_json or ""))).size == (64, 64)


@pytest.mark.parametrize(
    ("image", "mask", "why"),
    [
        (b"no picture", None, "cannot be read"),
        (picture()[:100], None, "cannot be read"),
        (picture(), picture()[:100], "The mask cannot be read"),
        (picture(), b"", "no transparent part"),
    ],
)
def test_what_is_no_picture_is_refused(server: Server, image: bytes, mask: bytes | None, why: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    files = {"image": ("a.png", image)}
    if mask is not None:
        files["mask"] = ("mask.png", mask or file.getvalue())
    answer = server.http.post("/v1/images/edits", data={"model": "tiny-edit", "prompt": "x"}, files=files)
    assert answer.status_code == 422
    assert why in answer.json()["error"]["message"]


def test_a_size_that_cannot_be_is_refused(server: Server) -> None:
    with pytest.raises(openai.BadRequestError, match="like 1024x1024"):
        server.openai.images.generate(model="tiny", prompt="x", size="huge")
    with pytest.raises(openai.UnprocessableEntityError, match="a multiple of 16"):
        server.openai.images.generate(model="tiny", prompt="x", size="65x64")


def test_a_video_is_begun_polled_and_downloaded(server: Server) -> None:
    wanted = {"steps": 2, "seed": 1, "seconds": 0.3, "size": "64x64"}
    with going_away():
        begun = server.openai.videos.create(model="tiny-wan", prompt="a dragon", extra_body=wanted)
        assert begun.status in ("queued", "in_progress")
        until(lambda: server.openai.videos.retrieve(begun.id).status == "completed", "the video is made")
        done = server.openai.videos.retrieve(begun.id)
        assert (done.progress, done.size) == (100, "64x64")
        facts = read_back(server.openai.videos.download_content(begun.id).read())
        assert facts.pictures is not None
        assert (facts.pictures.width, facts.pictures.height, facts.pictures.frames) == (64, 64, 5)
        still = server.openai.videos.download_content(begun.id, variant="thumbnail").read()
        assert Image.open(io.BytesIO(still)).size == (64, 64)
        assert begun.id in [each.id for each in server.openai.videos.list()]


def test_a_video_that_is_not_wanted_any_more(server: Server) -> None:
    wanted = {"steps": 200, "seed": 2, "seconds": 2, "size": "64x64"}
    with going_away():
        begun = server.openai.videos.create(model="tiny-wan", prompt="a long dragon", extra_body=wanted)
        with pytest.raises(openai.ConflictError, match=r"is (queued|in_progress)"):
            server.openai.videos.download_content(begun.id)
        assert server.openai.videos.delete(begun.id).deleted
        until(lambda: server.openai.videos.retrieve(begun.id).status == "failed", "the video is cancelled")
        with pytest.raises(openai.NotFoundError):
            server.openai.videos.retrieve("video_nothing")


def test_leaving_before_the_picture_is_there_ends_its_job(server: Server) -> None:
    body = {"model": "tiny", "prompt": "slow", "size": "64x64", "steps": 200, "seed": 9}
    with pytest.raises(httpx.ReadTimeout):
        server.http.post("/v1/images/generations", json=body, timeout=3)
    [job] = [each for each in server.http.get("/api/jobs").json()["jobs"] if each["spec"]["prompt"] == "slow"]
    server.wait(job["id"], "cancelled")
