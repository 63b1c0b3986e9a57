"""What is in sound and video: decoded by the real libraries, measured in numbers that a test can name."""

import ctypes
import ctypes.util
import json
import math
import subprocess
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

RATE = 48_000
Samples = npt.NDArray[np.float32]
"""Shape (samples, 2), -1 to 1."""


def _opus() -> ctypes.CDLL:
    name = ctypes.util.find_library("opus")
    assert name is not None, "libopus is missing: apt install libopus0 (ffmpeg brings it)"
    return ctypes.CDLL(name)


class OpusDecoder:
    """libopus itself, which ffmpeg brings along; it remembers from packet to packet as a browser's decoder does."""

    def __init__(self) -> None:
        self._opus = _opus()
        self._opus.opus_decoder_create.restype = ctypes.c_void_p
        self._decoder = ctypes.c_void_p(self._opus.opus_decoder_create(RATE, 2, None))
        self._room = (ctypes.c_float * (5760 * 2))()

    def decode(self, packet: bytes) -> Samples:
        """The samples of one packet."""
        count = self._opus.opus_decode_float(self._decoder, packet, len(packet), self._room, 5760, 0)
        assert count > 0, f"not Opus: {packet[:8].hex()}"
        return np.ctypeslib.as_array(self._room)[: count * 2].reshape(count, 2).copy()


def tone(hertz: tuple[float, float], seconds: float, *, level: float = 0.5) -> bytes:
    """Two sines, left and right, as 16-bit samples; 0 Hz is silence."""
    samples = array("h")
    for n in range(round(seconds * RATE)):
        samples.extend(round(32_767 * level * math.sin(2 * math.pi * h * n / RATE)) for h in hertz)
    return samples.tobytes()


def frequency(channel: npt.NDArray[np.float32]) -> float:
    """The strongest frequency, in hertz."""
    spectrum = np.abs(np.fft.rfft(channel * np.hanning(len(channel))))
    return float(np.argmax(spectrum)) * RATE / len(channel)


def level(channel: npt.NDArray[np.float32]) -> float:
    """The amplitude of a sine with this power."""
    return float(np.sqrt(2 * np.mean(np.square(channel))))


def onsets(channel: npt.NDArray[np.float32], *, loud: float = 0.1, pause: int = RATE // 10) -> list[int]:
    """Samples at which sound begins after at least `pause` samples of quiet."""
    at = np.flatnonzero(np.abs(channel) > loud)
    return [int(n) for n, before in zip(at, np.concatenate(([-pause - 1], at)), strict=False) if n - before > pause]


def run(*command: str | Path, data: bytes = b"") -> bytes:
    """Run a program that has to succeed; what it printed."""
    done = subprocess.run([str(word) for word in command], input=data, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')}"
    return done.stdout


def probe(file: Path) -> dict[str, Any]:
    """ffprobe's view of a file: `format` and `streams`."""
    found: dict[str, Any] = json.loads(
        run("ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", file)
    )
    return found


def packets(file: Path, stream: str) -> list[dict[str, Any]]:
    """Packets of one stream (`v` or `a`): `pts_time`, `duration_time`, `flags`, `size`."""
    listed = run("ffprobe", "-v", "error", "-select_streams", stream, "-show_packets", "-of", "json", file)
    found: list[dict[str, Any]] = json.loads(listed)["packets"]
    return found


def complaints(file: Path) -> str:
    """What ffmpeg has to say against a file while it decodes all of it; empty for a clean one."""
    done = subprocess.run(
        [
            "ffmpeg",
            "-v",
            "warning",
            "-i",
            str(file),
            "-fps_mode",
            "passthrough",
            "-enc_time_base",
            "-1",
            "-f",
            "null",
            "-",
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return done.stderr.decode(errors="replace") + ("" if done.returncode == 0 else f"exit code {done.returncode}")


def heard(file: Path) -> Samples:
    """The decoded sound of a file."""
    raw = run("ffmpeg", "-v", "error", "-i", file, "-map", "0:a", "-f", "f32le", "-ac", "2", "-ar", str(RATE), "-")
    return np.frombuffer(raw, np.float32).reshape(-1, 2)


def brightness(file: Path) -> list[tuple[float, float]]:
    """Time in seconds and mean luma (0 to 255) of every picture of a file."""
    printed = run(
        *("ffmpeg", "-v", "error", "-i", file, "-map", "0:v", "-fps_mode", "passthrough"),
        *("-vf", "signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-", "-f", "null", "-"),
    ).decode()
    times = [float(line.split("pts_time:")[1]) for line in printed.splitlines() if "pts_time:" in line]
    means = [float(line.split("=")[1]) for line in printed.splitlines() if "YAVG=" in line]
    return list(zip(times, means, strict=True))


def encode_h264(picture: str, *, fps: int = 60, bitrate: str = "2M") -> list[bytes]:
    """Access units of a stream that is made as the display makes it: one key frame, no reordering.

    Args:
        picture: what to draw, as an ffmpeg source filter, such as `testsrc=size=640x360:rate=60:duration=1`.
    """
    stream = run(
        *("ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture, "-pix_fmt", "yuv420p", "-r", str(fps)),
        *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-b:v", bitrate),
        *("-x264-params", "keyint=infinite:repeat-headers=1:aud=1", "-f", "h264", "-"),
    )
    delimiter = b"\0\0\0\1\x09"
    return [delimiter + rest for rest in stream.split(delimiter)[1:]]


def joined(parts: Iterable[Samples]) -> Samples:
    """One after the other."""
    return np.concatenate(list(parts))


class OpusEncoder:
    """libopus as the encoder that the sound source uses: 10 ms packets, low delay."""

    def __init__(self) -> None:
        self._opus = _opus()
        self._opus.opus_encoder_create.restype = ctypes.c_void_p
        low_delay = 2051
        self._encoder = ctypes.c_void_p(self._opus.opus_encoder_create(RATE, 2, low_delay, None))
        self._room = ctypes.create_string_buffer(4000)

    def encode(self, pcm: bytes) -> bytes:
        """One packet of 480 16-bit stereo samples."""
        count = self._opus.opus_encode(self._encoder, pcm, len(pcm) // 4, self._room, len(self._room))
        assert count > 0, f"libopus error {count}"
        return self._room.raw[:count]
