"""OpenAI's own client makes pictures and videos: `tenku serve` with tiny models of the real classes."""

import base64
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

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
SLOW: Literal["512x512"] = "512x512"
"""A picture that takes seconds, on a quick machine too."""


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


def test_a_picture_is_seen_while_it_is_made(server: Server) -> None:
    slow = {"steps": 20, "seed": 11}
    events = list(
        server.openai.images.generate(
            model="tiny", prompt="a crown", size=SLOW, stream=True, partial_images=2, extra_body=slow
        )
    )
    *partial, last = [(event.type, getattr(event, "partial_image_index", None)) for event in events]
    assert partial[:1] == [("image_generation.partial_image", 0)]
    # A machine that is fast enough has no time for the second one.
    assert partial[1:] in ([], [("image_generation.partial_image", 1)])
    assert last == ("image_generation.completed", None)
    pictures = [Image.open(io.BytesIO(base64.b64decode(event.b64_json))) for event in events]
    assert pictures[-1].size == (512, 512)
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)
    assert (events[-1].size, events[-1].output_format) == (SLOW, "png")
    whole = server.openai.images.generate(model="tiny", prompt="a crown", size=SLOW, extra_body=slow)
    assert whole.data is not None
    assert whole.data[0].b64_json == events[-1].b64_json


def test_a_change_is_streamed_and_what_was_made_before_comes_at_once(server: Server) -> None:
    def events() -> list[Any]:
        return list(
            server.openai.images.edit(
                model="tiny-edit",
                image=[("a.png", picture())],
                prompt="blue",
                size="64x64",
                stream=True,
                partial_images=1,
                extra_body=FEW,
            )
        )

    assert events()[-1].type == "image_edit.completed"
    assert [event.type for event in events()] == ["image_edit.completed"]


def test_leaving_a_stream_of_pictures_ends_its_job(server: Server) -> None:
    stream = server.openai.images.generate(
        model="tiny",
        prompt="never",
        size=SLOW,
        n=2,
        stream=True,
        partial_images=3,
        extra_body={"steps": 40, "seed": 1},
    )
    next(iter(stream))
    stream.close()
    jobs = [each for each in server.http.get("/api/jobs").json()["jobs"] if each["spec"]["prompt"] == "never"]
    assert [server.wait(each["id"], "cancelled")["state"] for each in jobs] == ["cancelled"] * 2


def test_a_stream_that_cannot_be_is_refused(server: Server) -> None:
    with pytest.raises(openai.BadRequestError, match="partial_images are sent in a stream"):
        server.openai.images.generate(model="tiny", prompt="x", extra_body={"partial_images": 1})
    with pytest.raises(openai.BadRequestError, match="A stream has no addresses"):
        server.openai.images.generate(model="tiny", prompt="x", stream=True, response_format="url")


def test_a_set_that_is_made_a_second_time_is_there_at_once(server: Server) -> None:
    jobs = [
        {
            "kind": "image",
            "model": "tiny",
            "prompt": "a helmet",
            "seed": seed,
            "parameters": {"width": 64, "height": 64, "steps": 1},
        }
        for seed in range(3)
    ]

    def made(name: str, number: int = 3) -> dict[str, Any]:
        answer = server.http.post("/api/sets", json={"name": name, "jobs": jobs[:number]})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def states(found: dict[str, Any]) -> list[list[str]]:
        return [[take["state"] for take in place["takes"]] for place in found["places"]]

    made("first", 2)
    until(lambda: states(server.http.get("/api/sets/first").json()) == [["done"], ["done"]], "the set is made")
    second = made("second")
    assert states(second)[:2] == [["done"], ["done"]], "they were known when they were handed in"
    assert states(second)[2] != ["done"], "the third one is new"
    first = server.http.get("/api/sets/first").json()
    urls = [each["places"][1]["takes"][0]["outputs"][0]["url"] for each in (first, second)]
    assert server.http.get(urls[0]).content == server.http.get(urls[1]).content
    assert [len(place["takes"]) for place in made("first", 2)["places"]] == [1, 1], "and is not made anew"


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
        (b"no picture", None, "The picture cannot be read: it is no picture."),
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
    body = {"model": "tiny", "prompt": "slow", "size": SLOW, "steps": 200, "seed": 9}
    with pytest.raises(httpx.ReadTimeout):
        server.http.post("/v1/images/generations", json=body, timeout=3)
    [job] = [each for each in server.http.get("/api/jobs").json()["jobs"] if each["spec"]["prompt"] == "slow"]
    server.wait(job["id"], "cancelled")
