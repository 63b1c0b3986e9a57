"""What was made says so: a signed claim in the file itself, which shows whether the file was changed since."""

import datetime
import io
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops

from tenku.base.errors import StudioError
from tenku.cli.provenance import heard
from tenku.studio.media.readback import read_back
from tenku.studio.media.readsound import read_sound
from tenku.studio.media.writesound import write_sound
from tenku.studio.media.writevideo import write_video
from tenku.studio.model import Output
from tenku.studio.provenance.claim import BY_A_MODEL, MADE, PARTLY_BY_A_MODEL
from tenku.studio.provenance.identity import identity
from tenku.studio.provenance.signer import Signer, read_claim

NOW = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
PROVENANCE: dict[str, Any] = {
    "kind": "image",
    "model": {"name": "qwen-image", "hash": "ab" * 32, "licence": "Apache-2.0"},
    "engine": {"name": "qwenimage", "version": "0.42.1", "device": "cpu", "acceleration": ""},
    "prompt": "a secret boss",
    "parameters": {"width": 64},
    "seed": 7,
    "made_at": 1.5,
}


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(lambda: identity(tmp_path / "identity", name="A small studio", now=NOW))


def picture(form: str) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((48, 48)).convert("RGB").save(file, form)
    return file.getvalue()


def actions(said: Mapping[str, Any]) -> Any:
    return next(each for each in said["assertions"] if each["label"].startswith("c2pa.actions"))["data"]["actions"]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_says_what_made_it_and_looks_the_same(signer: Signer, form: str) -> None:
    plain = Output(name=f"image.{form.lower()}", media_type=f"image/{form.lower()}", data=picture(form))
    signed = signer.sign(plain, PROVENANCE)
    said = read_claim(signed.data, signed.media_type)
    assert said is not None
    assert said["valid"]
    assert said["title"] == plain.name
    [made] = [each["data"] for each in said["assertions"] if each["label"] == MADE]
    assert (made["model"], made["seed"]) == (PROVENANCE["model"], 7)
    assert actions(said)[0]["digitalSourceType"] == BY_A_MODEL
    assert said["signature_info"]["issuer"] == "A small studio"
    one, other = (Image.open(io.BytesIO(each)).convert("RGB") for each in (plain.data, signed.data))
    assert ImageChops.difference(one, other).getbbox() is None
    assert len(signed.data) - len(plain.data) < 20_000


def test_the_prompt_stays_at_home(signer: Signer) -> None:
    signed = signer.sign(Output(name="a.png", media_type="image/png", data=picture("PNG")), PROVENANCE)
    assert b"secret boss" not in signed.data


def test_what_was_begun_with_somebody_elses_picture_says_so(signer: Signer) -> None:
    edited = {**PROVENANCE, "parameters": {"image": "ab" * 32}}
    plain = Output(name="a.png", media_type="image/png", data=picture("PNG"))
    signed = signer.sign(plain, edited, then=["cut the background"])
    said = read_claim(signed.data, "image/png")
    assert said is not None
    first, second = actions(said)
    assert first["digitalSourceType"] == PARTLY_BY_A_MODEL
    assert second["description"] == "cut the background"


def test_a_file_that_was_changed_is_not_valid_any_more(signer: Signer) -> None:
    signed = signer.sign(Output(name="a.png", media_type="image/png", data=picture("PNG")), PROVENANCE).data
    at = signed.rindex(b"IEND") - 12
    changed = signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]
    said = read_claim(changed, "image/png")
    assert said is not None
    assert not said["valid"]


def test_files_without_room_for_a_claim_are_left_alone(signer: Signer) -> None:
    plain = Output(name="item.json", media_type="application/json", data=json.dumps({"a": 1}).encode())
    assert signer.sign(plain, PROVENANCE) is plain
    assert read_claim(plain.data, plain.media_type) is None


def test_a_file_that_says_nothing() -> None:
    assert read_claim(picture("PNG"), "image/png") is None


def test_what_is_no_picture_cannot_be_signed(signer: Signer) -> None:
    with pytest.raises(StudioError, match=r"a\.png cannot be signed"):
        signer.sign(Output(name="a.png", media_type="image/png", data=b"no picture"), PROVENANCE)


def test_the_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    first = identity(tmp_path / "own", name="x", now=NOW)
    assert identity(tmp_path / "own", name="y", now=NOW) == first
    assert stat.S_IMODE((tmp_path / "own" / "key.pem").stat().st_mode) == 0o600
    assert "PRIVATE" not in repr(first)


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("a file")
    with pytest.raises(StudioError, match="The key that signs assets"):
        identity(tmp_path / "own", name="x", now=NOW)


@pytest.mark.parametrize("form", ["wav", "mp3", "flac"])
def test_a_sound_can_be_heard_as_before(signer: Signer, form: str) -> None:
    tone = np.sin(np.linspace(0, 900, 24_000, dtype=np.float32))[:, None] * np.float32(0.5)
    plain = Output(
        name=f"a.{form}",
        media_type={"wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac"}[form],
        data=write_sound(tone, 24_000, form),
    )
    signed = signer.sign(plain, PROVENANCE)
    assert np.array_equal(read_sound(signed.data).data, read_sound(plain.data).data)
    assert (read_claim(signed.data, signed.media_type) is None) == (form == "flac")


def test_the_sounds_model_is_said_with_its_licence() -> None:
    others = {"sound_model": {"name": "stable-audio-open", "licence": "LicenseRef-Stability"}}
    assert heard({"sound": "made beside the picture", "others": others}) == (
        "made beside the picture by stable-audio-open, licence LicenseRef-Stability"
    )
    assert heard({"sound": "in one pass"}) == "in one pass"
    assert heard({}) == ""


def test_a_video_plays_as_before(signer: Signer) -> None:
    frames = np.zeros((8, 64, 64, 3), dtype=np.uint8)
    plain = Output(name="a.mp4", media_type="video/mp4", data=write_video(frames, fps=8))
    signed = signer.sign(plain, PROVENANCE)
    assert read_back(signed.data).pictures == read_back(plain.data).pictures
    claim = read_claim(signed.data, "video/mp4")
    assert claim is not None
    assert claim["valid"]
