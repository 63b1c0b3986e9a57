"""Videos and sounds that are written, read back, checked, and handed in by others."""

import contextlib
import io
import struct

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tenku.base.errors import JobError
from tenku.studio.media.checkvideo import check_video
from tenku.studio.media.poster import poster
from tenku.studio.media.readback import read_back
from tenku.studio.media.readframes import read_frames
from tenku.studio.media.readsound import read_sound
from tenku.studio.media.resample import as_channels, resampled
from tenku.studio.media.samples import Samples
from tenku.studio.media.webp import read_webp, write_webp
from tenku.studio.media.writesound import write_sound
from tenku.studio.media.writevideo import write_video

CODECS = ("h264", "av1", "vp9")
RATE = 48000


def frames(*, count: int = 17, height: int = 64, width: int = 96) -> npt.NDArray[np.uint8]:
    """A white bar that moves over a smooth ground."""
    ground = np.linspace(40, 200, width)[None, :, None] * np.array([1.0, 0.6, 0.3])
    made = np.broadcast_to(ground, (count, height, width, 3)).astype(np.uint8).copy()
    for number in range(count):
        made[number, :, 4 * number % width : 4 * number % width + 8] = 255
    return made


def tone(*, seconds: float, rate: int = RATE, channels: int = 2) -> Samples:
    """A tone that swells, so that a shift in time can be found."""
    at = np.arange(round(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * 440 * at) * np.sin(2 * np.pi * 1.7 * at) ** 2
    return Samples(np.repeat(wave[:, None], channels, axis=1).astype(np.float32), rate)


def shift(heard: Samples, meant: Samples) -> int:
    """By how many samples one comes later than the other."""
    length = min(len(heard.data), len(meant.data)) - 4000
    middle = meant.data[2000 : 2000 + length, 0]
    return min(
        range(-1400, 1400, 1),
        key=lambda by: float(np.abs(heard.data[2000 + by : 2000 + by + length : 7, 0] - middle[::7]).sum()),
    )


@pytest.mark.parametrize("codec", CODECS)
def test_a_video_with_sound_is_what_was_asked_for(codec: str) -> None:
    pictures, sound = frames(), tone(seconds=17 / 16)
    data = write_video(pictures, fps=16, codec=codec, sound=sound)

    facts = check_video(data, frames=17, width=96, height=64, fps=16, codec=codec, sound_s=sound.seconds)

    assert abs(facts.start_offset_s) < 0.001
    assert abs(facts.end_offset_s) < 0.001
    assert facts.pictures is not None
    assert facts.pictures.bt709
    assert facts.sound is not None
    assert facts.sound.codec == ("aac" if codec == "h264" else "opus")
    seen = read_frames(data)
    assert seen.fps == 16
    assert np.abs(seen.frames.astype(int) - pictures).mean() < 3.0
    assert shift(read_sound(data), sound) == 0


@pytest.mark.parametrize("codec", CODECS)
def test_the_same_frames_make_the_same_bytes_with_the_index_in_front(codec: str) -> None:
    pictures, sound = frames(count=5), tone(seconds=5 / 16)
    data = write_video(pictures, fps=16, codec=codec, sound=sound)
    assert data == write_video(pictures.copy(), fps=16, codec=codec, sound=tone(seconds=5 / 16))
    assert data.index(b"moov") < data.index(b"mdat")


def test_what_else_lies_in_memory_changes_no_byte() -> None:
    """x264's look-ahead once read past its rows: of such frames every second file was another one."""
    numbers = np.random.default_rng(0)
    scene = numbers.normal(128, 20, (8, 8, 3)).repeat(8, 0).repeat(8, 1)
    drift = [np.roll(scene, at, 1) + numbers.normal(0, 4, scene.shape) for at in range(9)]
    pictures = np.clip(np.stack(drift), 0, 255).astype(np.uint8)
    between: list[bytearray] = []
    made = set()
    for _ in range(40):
        between = [*between[-20:], bytearray(int(numbers.integers(1, 300_000)))]
        made.add(write_video(pictures.copy(), fps=24))
    assert len(made) == 1


@pytest.mark.parametrize(
    ("colour", "luma", "blue", "red"),
    [((255, 0, 0), 63, 102, 240), ((0, 255, 0), 173, 42, 26), ((255,) * 3, 235, 128, 128)],
)
def test_colours_are_bt709_with_the_limited_range(colour: tuple[int, ...], luma: int, blue: int, red: int) -> None:
    """The numbers are those of Rec. ITU-R BT.709; players go by the tag."""
    flat = np.broadcast_to(np.array(colour, np.uint8), (3, 64, 64, 3))
    with av.open(io.BytesIO(write_video(np.ascontiguousarray(flat), fps=16)), "r") as file:
        planes = next(file.decode(video=0)).to_ndarray()
    found = planes[32, 32], planes[64, 5], planes[80, 5]
    assert [abs(int(a) - b) <= 1 for a, b in zip(found, (luma, blue, red), strict=True)] == [True] * 3
    assert np.abs(read_frames(write_video(np.ascontiguousarray(flat), fps=16)).frames.astype(int) - flat).max() <= 3


@pytest.mark.parametrize("codec", CODECS)
def test_odd_sides_show_the_last_row_twice(codec: str) -> None:
    pictures = frames(count=3, height=65, width=97)
    data = write_video(pictures, fps=16, codec=codec)
    facts = check_video(data, frames=3, width=97, height=65, fps=16, codec=codec)
    assert facts.pictures is not None
    assert (facts.pictures.width, facts.pictures.height) == (98, 66)
    seen = read_frames(data).frames
    assert np.abs(seen[:, :65, :97].astype(int) - pictures).mean() < 3.0


def test_sound_that_lasts_longer_than_the_pictures_is_cut_and_shorter_stays_so() -> None:
    long = read_back(write_video(frames(count=9), fps=16, sound=tone(seconds=3)))
    short = read_back(write_video(frames(count=17), fps=16, sound=tone(seconds=0.5, channels=1)))
    assert long.sound is not None
    assert long.seconds == pytest.approx(9 / 16, abs=0.001)
    assert short.sound is not None
    assert short.sound.channels == 1
    assert short.end_offset_s == pytest.approx(0.5 - 17 / 16, abs=0.001)


def test_a_rate_that_aac_does_not_have_is_changed() -> None:
    facts = read_back(write_video(frames(count=17), fps=16, sound=tone(seconds=17 / 16, rate=47999)))
    assert facts.sound is not None
    assert facts.sound.rate == 48000


def test_a_picture_rate_that_is_a_fraction_is_kept() -> None:
    from fractions import Fraction

    facts = read_back(write_video(frames(count=10), fps=Fraction(24000, 1001)))
    assert facts.pictures is not None
    assert facts.pictures.fps == pytest.approx(23.976, abs=0.001)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"frames": 8}, "frames: 9 instead of 8"),
        ({"width": 64}, "96x64 instead of 64x64"),
        ({"fps": 24.0}, "seconds: 0.56 instead of 0.38"),
        ({"codec": "av1"}, "the codec h264 instead of av1"),
        ({"sound_s": None}, "sound: True instead of False"),
        ({"sound_s": 0.2}, "seconds of sound"),
    ],
)
def test_a_video_that_is_not_what_was_asked_for_is_refused(wrong: dict[str, object], word: str) -> None:
    data = write_video(frames(count=9), fps=16, sound=tone(seconds=9 / 16))
    asked: dict[str, object] = {"frames": 9, "width": 96, "height": 64, "fps": 16.0, "sound_s": 9 / 16}
    check_video(data, **asked)  # type: ignore[arg-type]
    with pytest.raises(JobError, match=word):
        check_video(data, **{**asked, **wrong})  # type: ignore[arg-type]


def test_sound_that_begins_late_is_refused() -> None:
    """A file of another hand, whose sound has a delay of 100 ms."""
    buffer = io.BytesIO()
    whole = io.BytesIO(write_video(frames(count=9), fps=16, sound=tone(seconds=9 / 16)))
    with av.open(whole, "r") as old, av.open(buffer, "w", format="mp4") as new:
        streams = {each.index: new.add_stream_from_template(each) for each in old.streams}
        for packet in old.demux():
            if packet.dts is None or packet.pts is None:
                continue
            if packet.stream.type == "audio":
                packet.pts += 4800
                packet.dts += 4800
            packet.stream = streams[packet.stream.index]
            new.mux(packet)
    assert read_back(buffer.getvalue()).start_offset_s == pytest.approx(0.1, abs=0.025)
    with pytest.raises(JobError, match="first sample"):
        check_video(buffer.getvalue(), frames=9, width=96, height=64, fps=16, sound_s=9 / 16)


@pytest.mark.parametrize(
    ("shape", "codec", "fps", "word"),
    [
        ((0, 64, 64, 3), "h264", 16, "no video"),
        ((3, 64, 64, 4), "h264", 16, "no video"),
        ((3, 32, 32, 3), "av1", 16, "too small for av1"),
        ((3, 64, 64, 3), "h265", 16, "no video codec"),
        ((3, 64, 64, 3), "h264", 0, "pictures a second"),
    ],
)
def test_frames_that_are_no_video_are_refused(shape: tuple[int, ...], codec: str, fps: int, word: str) -> None:
    with pytest.raises(JobError, match=word):
        write_video(np.zeros(shape, np.uint8), fps=fps, codec=codec)


@pytest.mark.parametrize(
    ("format", "late", "error"),
    [("wav", 0, 2e-5), ("flac", 0, 2e-5), ("opus", 0, 0.02), ("mp3", 0, 0.03), ("aac", 1024, 0.02)],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_comes_back_as_it_was_written(format: str, late: int, error: float, channels: int) -> None:
    """ADTS alone cannot say what its encoder put before the sound: it comes 1024 samples late."""
    sound = tone(seconds=0.8, channels=channels)
    data = write_sound(sound.data, sound.rate, format)
    assert data == write_sound(sound.data, sound.rate, format)

    heard = read_sound(data)

    assert (heard.rate, heard.channels) == (RATE, channels)
    assert shift(heard, sound) == late
    if not late:
        assert abs(len(heard.data) - len(sound.data)) <= 1
        length = min(len(heard.data), len(sound.data))
        assert np.abs(heard.data[:length] - sound.data[:length]).max() < error


def test_pcm_is_the_numbers_alone() -> None:
    data = write_sound(np.array([[0.0], [0.5], [-1.0], [2.0]], np.float32), 24000, "pcm")
    assert struct.unpack("<4h", data) == (0, 16384, -32768, 32767)


def test_a_file_of_16_bits_that_is_read_and_written_again_stays_as_it_was() -> None:
    first = write_sound(tone(seconds=0.3).data, RATE, "wav")
    heard = read_sound(first)
    assert write_sound(heard.data, heard.rate, "wav") == first


@pytest.mark.parametrize("format", ["opus", "mp3", "aac"])
def test_a_rate_that_a_format_does_not_have_becomes_48000(format: str) -> None:
    heard = read_sound(write_sound(tone(seconds=0.5, rate=17000).data, 17000, format))
    assert heard.rate == 48000
    assert heard.seconds == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (np.full((10, 1), np.nan, np.float32), "NaN"),
        (np.zeros((0, 1), np.float32), "no samples"),
        (np.zeros((9, 3), np.float32), r"\(9, 3\)"),
        (np.zeros(9, np.float32), "shape"),
    ],
)
def test_what_is_no_sound_is_refused(data: npt.NDArray[np.float32], word: str) -> None:
    with pytest.raises(JobError, match=word):
        write_sound(data, RATE)
    with pytest.raises(JobError, match="no sound format"):
        write_sound(tone(seconds=0.1).data, RATE, "midi")


def test_another_rate_keeps_length_and_place() -> None:
    slow = tone(seconds=1.0, rate=24000)
    fast = resampled(slow, 48000)
    assert len(fast.data) == 48000
    assert np.abs(fast.data - tone(seconds=1.0, rate=48000).data)[200:-200].max() < 0.01
    assert as_channels(fast, 1).data.shape == (48000, 1)
    assert as_channels(as_channels(fast, 1), 2).data.shape == (48000, 2)


@pytest.mark.parametrize("codec", CODECS)
def test_a_video_that_is_cut_off_is_a_clear_error(codec: str) -> None:
    data = write_video(frames(), fps=16, codec=codec, sound=tone(seconds=1))
    for part in (0.05, 0.4, 0.7, 0.95):
        with pytest.raises(JobError, match=r"cut off|cannot be read|no picture|none of the formats"):
            read_frames(data[: int(len(data) * part)])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no video at all, but text",
        b"#EXTM3U\n#EXTINF:1,\nhttp://localhost/secret\n",
        b"ffconcat version 1.0\nfile secret\n",
        b"\x00\x00\x00\x18ftypisom" + bytes(200),
        b"\x1a\x45\xdf\xa3" + b"\xff" * 300,
        b"RIFF\xff\xff\xff\xffWAVEfmt " + b"\xff" * 40,
        b"\x89PNG\r\n\x1a\n" + bytes(100),
    ],
)
def test_what_is_no_media_file_is_a_clear_error(data: bytes) -> None:
    """A playlist is none either: it would open other files."""
    for read in (read_frames, read_sound, read_back, poster):
        with pytest.raises(JobError, match="The "):
            read(data)


def test_broken_bytes_anywhere_are_an_error_or_pictures_and_nothing_else() -> None:
    whole = write_video(frames(count=5), fps=16, sound=tone(seconds=0.3))
    rng = np.random.default_rng(4)
    for _ in range(60):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), 12):
            data[at] = rng.integers(0, 256)
        for read in (read_frames, read_sound):
            with contextlib.suppress(JobError):
                read(bytes(data))


def test_a_video_that_is_too_long_or_too_large_is_refused_before_it_fills_the_memory() -> None:
    data = write_video(frames(count=40), fps=16)
    with pytest.raises(JobError, match="longer than 2 s"):
        read_frames(data, most_s=2)
    assert len(read_frames(data, most_s=2, most_frames=10).frames) == 10
    with pytest.raises(JobError, match="longer than 1 s"):
        read_sound(write_sound(tone(seconds=2).data, RATE), most_s=1)
    wide = write_video(np.zeros((2, 16, 5000, 3), np.uint8), fps=16)
    with pytest.raises(JobError, match="5000x16"):
        read_frames(wide)


def test_a_file_without_what_is_looked_for_says_so() -> None:
    with pytest.raises(JobError, match="no pictures"):
        read_frames(write_sound(tone(seconds=0.2).data, RATE))
    with pytest.raises(JobError, match="nothing to be heard"):
        read_sound(write_video(frames(count=3), fps=16))


@pytest.mark.parametrize("channels", [3, 4])
def test_animated_webp_keeps_every_picture_and_its_alpha(channels: int) -> None:
    pictures = np.random.default_rng(2).integers(0, 256, (5, 24, 31, channels), np.uint8)
    pictures[3] = pictures[2]  # two equal ones may become one that is shown longer
    if channels == 4:
        pictures[pictures[..., 3] == 0] = 0  # what is not seen loses its colour
    data = write_webp(pictures, fps=12)
    seen, lasting = read_webp(data)
    assert sum(lasting) == round(5 * 1000 / 12)
    moments = np.repeat(np.arange(len(seen)), [round(each * 12 / 1000) for each in lasting])
    assert np.array_equal(seen[moments][..., :channels], pictures)
    assert data == write_webp(pictures, fps=12)


def test_broken_webp_is_a_clear_error() -> None:
    data = write_webp(np.random.default_rng(2).integers(0, 256, (3, 24, 24, 4), np.uint8), fps=12)
    for broken in (data[: len(data) // 2], b"", b"RIFF\x00\x00\x00\x00WEBP"):
        with pytest.raises(JobError, match="WebP"):
            read_webp(broken)
    with pytest.raises(JobError, match="no animation"):
        write_webp(np.zeros((0, 4, 4, 4), np.uint8), fps=12)


def test_a_poster_is_the_first_picture() -> None:
    pictures = frames(count=3, height=64, width=128)
    image = Image.open(io.BytesIO(poster(write_video(pictures, fps=16))))
    assert image.format == "PNG"
    assert np.abs(np.asarray(image).astype(int) - pictures[0]).mean() < 3.0
    small = Image.open(io.BytesIO(poster(write_video(pictures, fps=16), longest=32)))
    assert small.size == (32, 16)
