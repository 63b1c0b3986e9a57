"""A recording holds what was streamed, plays everywhere, and is whole whatever happens."""

import os
import re
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import media
from tenku.base.errors import SettingError
from tenku.play import mp4
from tenku.play.model import Frame, Size, Sound
from tenku.play.recording import Recording
from tenku.play.reel import SLOT, Reel, Run, Sample

BEGAN_US = 5_000_000_000_000
FRAME_US = 1_000_000 // 60
HD = Size(1280, 720)
HALF = Size(640, 360)


def flashes(size: Size, seconds: int) -> list[bytes]:
    """A black picture that is white from 0.5 to 0.6 s of every second."""
    return media.encode_h264(
        f"color=black:size={size}:rate=60:duration={seconds},"
        "drawbox=color=white:t=fill:enable='between(mod(t,1),0.499,0.599)'"
    )


@dataclass
class Stream:
    """What a display and a sound source would hand over, in the order in which it would arrive."""

    frames: list[Frame] = field(default_factory=list)
    sounds: list[Sound] = field(default_factory=list)

    def show(self, units: list[bytes], size: Size, *, gap_us: int = 0) -> "Stream":
        """Pictures that follow the last one; the first of them is a key frame."""
        start = self.frames[-1].capture_us + FRAME_US + gap_us if self.frames else BEGAN_US
        for n, unit in enumerate(units):
            at = start + n * FRAME_US
            number = len(self.frames)
            reference = -1 if n == 0 else number - 1
            self.frames.append(Frame(number, reference, n == 0, size, at, at, at, memoryview(unit)))
        return self

    def beep(self, second: float, *, seconds: float = 0.1) -> "Stream":
        """A tone, and silence before and after it: silence is not sent."""
        encoder = media.OpusEncoder()
        pcm = media.tone((1000, 1000), seconds)
        at = BEGAN_US + round(second * 1_000_000)
        for n in range(round(seconds * 100)):
            packet = encoder.encode(pcm[n * SLOT * 4 : (n + 1) * SLOT * 4])
            self.sounds.append(Sound(at + n * 10_000, memoryview(packet)))
        return self

    def arriving(self) -> Iterator[Frame | Sound]:
        """Sound arrives 25 ms after it was played, later than the picture of its moment."""
        items: list[tuple[int, int, Frame | Sound]]
        items = [(frame.capture_us + 8_000, 0, frame) for frame in self.frames]
        items += [(sound.capture_us + 25_000, 1, sound) for sound in self.sounds]
        return (item for _, _, item in sorted(items, key=lambda row: row[:2]))


def record(file: Path, stream: Stream, *, sound: bool = True) -> Recording:
    """A recording that has been given the stream and is not finished."""
    recording = Recording(file, request_key_frame=lambda: None, sound=sound)
    recording.start()
    for item in stream.arriving():
        if isinstance(item, Frame):
            recording.frame(item)
        else:
            recording.sound(item)
    return recording


def flash_times(file: Path) -> list[float]:
    seen = [(0.0, 0.0), *media.brightness(file)]
    return [time for (_, before), (time, luma) in pairwise(seen) if before < 100 < luma]


def beep_times(file: Path) -> list[float]:
    return [sample / media.RATE for sample in media.onsets(media.heard(file)[:, 0])]


@pytest.fixture(scope="module")
def hd_flashes() -> list[bytes]:
    return flashes(HD, 3)


@pytest.fixture(scope="module")
def half_flashes() -> list[bytes]:
    return flashes(HALF, 2)


def test_a_finished_recording_is_clean_and_complete(tmp_path: Path, hd_flashes: list[bytes]) -> None:
    file = tmp_path / "game.mp4"
    recording = record(file, Stream().show(hd_flashes, HD).beep(0.5))
    assert "Recorded 0 min 3 s" in recording.finish()
    assert recording.trouble() == ""
    found = media.probe(file)
    video, audio = found["streams"]
    assert (video["codec_name"], video["width"], video["height"], video["nb_frames"]) == ("h264", 1280, 720, "180")
    assert (audio["codec_name"], audio["channels"], audio["sample_rate"]) == ("opus", 2, "48000")
    assert float(found["format"]["duration"]) == pytest.approx(3, abs=0.02)
    assert media.complaints(file) == ""


def test_pictures_are_muxed_and_not_encoded_again(tmp_path: Path, hd_flashes: list[bytes]) -> None:
    file = tmp_path / "game.mp4"
    record(file, Stream().show(hd_flashes, HD)).finish()
    copied = media.run(
        *("ffmpeg", "-v", "error", "-i", file, "-map", "0:v", "-c", "copy", "-bsf:v", "h264_mp4toannexb"),
        *("-f", "framemd5", "-"),
    )
    original = tmp_path / "stream.h264"
    original.write_bytes(b"".join(hd_flashes))
    decoded = [
        media.run("ffmpeg", "-v", "error", "-i", one, "-map", "0:v", "-f", "md5", "-") for one in (file, original)
    ]
    assert copied.count(b"\n0,") == 180
    assert decoded[0] == decoded[1]


def test_sound_is_in_step_after_silence_and_a_late_start(tmp_path: Path, hd_flashes: list[bytes]) -> None:
    file = tmp_path / "game.mp4"
    record(file, Stream().show(hd_flashes, HD).beep(1.5).beep(2.5)).finish()
    seen = flash_times(file)[1:]
    heard = beep_times(file)
    assert len(heard) == len(seen) == 2
    assert all(abs(sound - picture) < 0.02 for sound, picture in zip(heard, seen, strict=True))


def test_sound_is_in_step_after_the_pictures_paused(tmp_path: Path, half_flashes: list[bytes]) -> None:
    """A game that hangs for four seconds and goes on."""
    file = tmp_path / "game.mp4"
    stream = Stream().show(half_flashes, HALF).show(half_flashes, HALF, gap_us=4_000_000)
    record(file, stream.beep(1.5).beep(4.2).beep(6.5)).finish()
    assert [round(time, 1) for time in flash_times(file)] == [0.5, 1.5, 6.5, 7.5]
    assert beep_times(file) == pytest.approx([1.5, 4.2, 6.5], abs=0.02)
    assert media.complaints(file) == ""


def test_sound_whose_clock_jitters_and_drifts_stays_in_step(tmp_path: Path, hd_flashes: list[bytes]) -> None:
    stream = Stream().show(hd_flashes, HD).beep(0, seconds=2.9)
    # 1 % too slow for all of the time, and up to 3 ms to and fro.
    stream.sounds = [replace(s, capture_us=s.capture_us + n * 100 + n % 7 * 500) for n, s in enumerate(stream.sounds)]
    file = tmp_path / "game.mp4"
    record(file, stream).finish()
    loud = media.heard(file)[:, 0]
    end = float(max(n for n, value in enumerate(loud) if abs(value) > 0.1)) / media.RATE
    assert end == pytest.approx(2.9 + 0.029, abs=0.02)


def test_the_picture_may_change_its_size_on_the_way(
    tmp_path: Path, hd_flashes: list[bytes], half_flashes: list[bytes]
) -> None:
    file = tmp_path / "game.mp4"
    record(file, Stream().show(hd_flashes, HD).show(half_flashes, HALF).show(hd_flashes, HD).beep(6.5)).finish()
    listed = media.run(
        *("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=width", "-of", "csv=p=0", file)
    )
    widths = [int(line.split(b",")[0]) for line in listed.split()]
    assert widths == [1280] * 180 + [640] * 120 + [1280] * 180
    assert [round(time, 1) for time in flash_times(file)] == [n + 0.5 for n in range(8)]
    assert beep_times(file) == pytest.approx([6.5], abs=0.02)
    assert media.complaints(file) == ""


def test_a_session_without_sound_makes_a_file_without_sound(tmp_path: Path, half_flashes: list[bytes]) -> None:
    file = tmp_path / "game.mp4"
    record(file, Stream().show(half_flashes, HALF), sound=False).finish()
    assert [stream["codec_name"] for stream in media.probe(file)["streams"]] == ["h264"]
    assert media.complaints(file) == ""


def test_what_comes_before_the_first_key_frame_is_left_out(tmp_path: Path, half_flashes: list[bytes]) -> None:
    stream = Stream().show(half_flashes, HALF).show(half_flashes, HALF)
    stream.frames = stream.frames[60:]
    file = tmp_path / "game.mp4"
    record(file, stream).finish()
    assert media.probe(file)["streams"][0]["nb_frames"] == "120"
    assert media.complaints(file) == ""


def test_a_recording_without_a_picture_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "game.mp4"
    assert "no picture came" in record(file, Stream()).finish()
    assert not file.exists()


def growing(file: Path) -> bytes:
    """A finished file as it was just before it was finished."""
    data = bytearray(file.read_bytes())
    at = len(mp4.FILE_TYPE)
    end = at + struct.unpack(">Q", data[at + 8 : at + 16])[0]
    moov_size = data.index(b"moof") - 4 - at - len(mp4.ROOM)
    data[at : at + 16] = mp4.ROOM + struct.pack(">I", moov_size) + b"moov"
    return bytes(data[:end])


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory, half_flashes: list[bytes]) -> Path:
    folder = tmp_path_factory.mktemp("interrupted")
    record(folder / "whole.mp4", Stream().show(half_flashes, HALF).show(half_flashes, HALF).beep(0.5)).finish()
    (folder / "growing.mp4").write_bytes(growing(folder / "whole.mp4"))
    return folder / "growing.mp4"


@given(part=st.floats(0, 1), begun=st.booleans())
@settings(max_examples=10, deadline=None)
def test_a_file_that_ends_anywhere_plays_up_to_there(interrupted: Path, part: float, begun: bool) -> None:
    """All pictures of the whole fragments are there, whatever part of the next one had been written."""
    data = interrupted.read_bytes()
    starts = [found.start() - 4 for found in re.finditer(b"moof", data)]
    cut = starts[1] + int(part * (len(data) - starts[1]))
    last = max(start for start in starts if start <= cut)
    file = interrupted.with_name("cut.mp4")
    file.write_bytes(data[:last] + (bytes(8) + data[last + 8 : cut] if begun else b""))
    shown = media.brightness(file)
    assert len(shown) >= starts.index(last) * 30
    assert shown[-1][0] == pytest.approx((len(shown) - 1) / 60, abs=0.01)


CHILD = """
import os, resource, sys
sys.path[:0] = {path!r}
from pathlib import Path
import test_recording as t
stream = t.Stream()
units = t.flashes(t.HALF, 2)
for _ in range({times}):
    stream.show(units, t.HALF)
stream.beep(0.5)
folder = Path({folder!r})
{code}
"""

KILLED_IN_WRITE = """
write = os.pwrite

def record_and_die(at, half):
    calls = 0
    def pwrite(descriptor, data, offset):
        nonlocal calls
        calls += 1
        if calls < at:
            return write(descriptor, data, offset)
        write(descriptor, data[: len(data) // 2] if half else data, offset)
        os.kill(os.getpid(), 9)
    os.pwrite = pwrite
    t.record(folder / f"{at}-{half}.mp4", stream).finish()

for at in range(1, 99):
    for half in (True, False):
        if (child := os.fork()) == 0:
            record_and_die(at, half)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            print("writes", at - 1)
            sys.exit()
        assert code == -9, code
"""


def child(folder: Path, code: str, *, times: int = 1) -> str:
    """What a process of its own says that has recorded."""
    text = CHILD.format(path=[p for p in sys.path if p], folder=str(folder), times=times, code=code)
    return media.run(sys.executable, "-c", text).decode()


def test_kill_9_in_the_middle_of_any_write_leaves_a_file_that_plays(tmp_path: Path) -> None:
    """Two seconds; killed half way through each write in turn, and right after each."""
    count = int(child(tmp_path, KILLED_IN_WRITE).split()[1])
    assert count == 2 * (1 + 4 + 1) + 1  # head, four fragments, index, the closing bytes
    # The last write is 16 bytes of one page: the kernel does not do half of that.
    deaths = [(at, half) for at in range(5, count + 1) for half in (True, False) if not (half and at == count)]
    for at, half in deaths:
        whole_fragments = min(4, (at - 2 - half) // 2)
        shown = media.brightness(tmp_path / f"{at}-{half}.mp4")
        assert len(shown) >= whole_fragments * 30 - 1, (at, half)
    assert len(shown) == 120


def test_kill_9_of_the_recording_process_costs_at_most_half_a_second(tmp_path: Path) -> None:
    file = tmp_path / "game.mp4"
    wait = """
recording = t.record(folder / "game.mp4", stream)
print("fed", flush=True)
import time
while True: time.sleep(1)
"""
    text = CHILD.format(path=[p for p in sys.path if p], folder=str(tmp_path), times=2, code=wait)
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE) as recorder:
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == b"fed\n"
        wait_until(lambda: file.stat().st_size > 0 and len(media.packets(file, "v")) >= 209)
        recorder.kill()
    assert len(media.brightness(file)) >= 209  # of 240
    assert media.complaints(file) == ""


def wait_until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "that did not happen in time"
        time.sleep(0.02)


LIMITED = """
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
recording = t.record(folder / "game.mp4", stream)
print(recording.finish(), recording.trouble())
"""


def test_a_file_size_limit_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    said = child(tmp_path, LIMITED, times=3)
    assert "The recording ended: the file may not become larger." in said
    file = tmp_path / "game.mp4"
    assert file.stat().st_size <= 20_000
    assert 30 <= len(media.brightness(file)) < 360
    assert media.complaints(file) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_full_disk_ends_the_recording_and_the_game_goes_on(tmp_path: Path, hd_flashes: list[bytes]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    media.run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk)
    try:
        file = disk / "game.mp4"
        noise = media.encode_h264("testsrc2=size=640x360:rate=60:duration=3", bitrate="4M")
        recording = record(file, Stream().show(noise[:60], HALF).show(noise[:60], HALF))
        recording.finish()
        assert "The recording ended: the disk is full." in recording.trouble()
        assert str(file) in recording.trouble()
        recording.frame(Stream().show(hd_flashes, HD).frames[0])  # the game goes on, and nobody minds
        assert file.stat().st_size <= 65_536
    finally:
        media.run("umount", disk)


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda folder: (folder / "a.mp4").write_text("precious"), "exists already"),
        (lambda folder: (folder / "a.mp4").symlink_to(folder / "elsewhere"), "exists already"),
        (lambda folder: folder.rmdir(), "There is no folder"),
    ],
)
def test_a_file_that_cannot_be_made_is_said_before_the_game_starts(
    tmp_path: Path, prepare: Callable[[Path], object], sentence: str
) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    prepare(folder)
    file = folder / "a.mp4"
    before = file.read_bytes() if file.is_file() else b""
    with pytest.raises(SettingError, match=sentence) as caught:
        Recording(file, request_key_frame=lambda: None).start()
    assert caught.value.exit_code == 2
    assert caught.value.hint
    assert before == (file.read_bytes() if file.is_file() else b"")


def test_only_what_can_be_recorded_is_begun(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no MP4 file"):
        Recording(tmp_path / "game.avi", request_key_frame=lambda: None).start()
    with pytest.raises(SettingError, match="av1"):
        Recording(tmp_path / "game.mp4", codec="av1", request_key_frame=lambda: None).start()
    assert list(tmp_path.iterdir()) == []


def test_key_frames_are_asked_for_at_the_start_and_every_ten_seconds(tmp_path: Path) -> None:
    asked: list[int] = []
    recording = Recording(tmp_path / "game.mp4", request_key_frame=lambda: asked.append(now))
    now = -1
    recording.start()
    for now in range(25 * 60):
        # The encoder answers 100 ms later.
        key = now == 0 or now - 6 in asked
        at = BEGAN_US + now * FRAME_US
        recording.frame(Frame(now, -1 if key else now - 1, key, HALF, at, at, at, memoryview(b"")))
    recording.finish()
    assert [round(second / 60) for second in asked] == [0, 10, 20]


def test_a_disk_that_cannot_keep_up_costs_pictures_up_to_the_next_key_frame(
    tmp_path: Path, half_flashes: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenku.play.recording.MOST_WAITING", 0)
    stream = Stream()
    for _ in range(4):
        stream.show(half_flashes, HALF)
    file = tmp_path / "game.mp4"
    record(file, stream).finish()
    assert media.complaints(file) == ""
    assert 0 < len(media.packets(file, "v")) <= 480


def test_times_and_offsets_have_64_bits(tmp_path: Path, half_flashes: list[bytes]) -> None:
    """20 hours are more ticks of the picture's clock than 32 bits hold."""
    hours_us = 20 * 3_600_000_000
    stream = Stream()
    for _ in range(20):
        stream.show(half_flashes[:30], HALF, gap_us=hours_us // 20)
    file = tmp_path / "game.mp4"
    record(file, stream, sound=False).finish()
    growing_file = tmp_path / "growing.mp4"
    growing_file.write_bytes(growing(file))
    for one in (file, growing_file):
        last = media.packets(one, "v")[-1]
        assert float(last["pts_time"]) == pytest.approx(19 * 3600 + 20 * 30 / 60, abs=0.1)
    late = mp4.fragment(1, Run(0, []), Run(2**40, [Sample(b"\xf4\xff\xfe", SLOT)]))[0]
    assert struct.pack(">Q", 2**40) in late


@given(
    moments=st.lists(st.tuples(st.booleans(), st.integers(0, 3_000_000)), max_size=60),
    takes=st.sets(st.integers(0, 60)),
)
def test_no_order_of_arrival_makes_a_hole_or_an_overlap(
    half_flashes: list[bytes], moments: list[tuple[bool, int]], takes: set[int]
) -> None:
    """Whatever arrives whenever: both tracks are without holes, and end together."""
    reel = Reel(sound=True)
    reel.add_frame(Stream().show(half_flashes[:1], HALF).frames[0])
    pictures, packets = [], []
    for n, (is_frame, us) in enumerate(moments):
        at = BEGAN_US + us
        if is_frame:
            reel.add_frame(Frame(n, n - 1, False, HALF, at, at, at, memoryview(half_flashes[1])))
        else:
            reel.add_sound(Sound(at, memoryview(b"\xf4\xff\xfe")))
        if n in takes:
            taken = reel.take()
            pictures.append(taken[0])
            packets.append(taken[1])
    taken = reel.take(last=True)
    ends = []
    for runs in ([*pictures, taken[0]], [*packets, taken[1]]):
        end = 0
        for run in runs:
            assert run.start == end
            assert all(sample.duration > 0 for sample in run.samples)
            end += sum(sample.duration for sample in run.samples)
        ends.append(end)
    assert ends[1] / 48_000 >= ends[0] / 90_000 - 0.006
