"""Opens a media file that somebody handed in, as what it says it is and as nothing else."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
from av.container import InputContainer

from tenku.base.errors import JobError

PICTURES = ("h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "libvpx", "libvpx-vp9", "mpeg4", "mjpeg", "prores", "gif")
SOUNDS = ("aac", "opus", "libopus", "vorbis", "flac", "mp3", "mp3float", "alac")
NUMBERS = ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le")
CODECS = frozenset((*PICTURES, *SOUNDS, *NUMBERS))
"""Decoders that are let loose on foreign bytes: what game studios hand in, and not the hundreds besides."""


def format_of(data: bytes) -> str:
    """FFmpeg's name of the format that the first bytes are; empty: none that is taken.

    FFmpeg itself would guess among hundreds, some of which (playlists, concat, image2) open other files and addresses.
    """
    head = data[:12]
    if head[4:8] == b"ftyp":
        return "mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if head[:4] == b"RIFF" and head[8:12] in (b"WAVE", b"AVI "):
        return "wav" if head[8:12] == b"WAVE" else "avi"
    if head[:4] in (b"OggS", b"fLaC"):
        return "ogg" if head[:4] == b"OggS" else "flac"
    if head[:4] == b"GIF8":
        return "gif"
    if head[:3] == b"ID3" or (head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE6 == 0xE2):
        return "mp3"
    return "aac" if head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0 else ""


def boxes_missing(data: bytes) -> bool:
    """Whether an MP4 file ends before one of its outermost boxes does (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:  # its length has 64 bits
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if not size:  # to the end of the file
            return False
        if size < 8:
            return True
        at += size
    return at != len(data)


@contextmanager
def opened(data: bytes, *, what: str) -> Iterator[InputContainer]:
    """The file, to be decoded. Raises JobError, also for whatever FFmpeg finds wrong inside the block.

    Args:
        what: how the user knows it, like `The video`.
    """
    name = format_of(data)
    if not name:
        raise JobError(
            f"{what} is none of the formats that can be read.",
            hint="MP4, WebM, MKV, AVI, GIF, WAV, FLAC, Ogg, MP3 and AAC can.",
        )
    if name == "mp4" and boxes_missing(data):
        raise JobError(f"{what} is cut off.", hint="Hand in the whole file.")
    try:
        with av.open(io.BytesIO(data), "r", format=name, io_open=_refuse(what)) as container:
            yield container
    # PyAV raises its own errors, and plain ones for numbers that make no sense.
    except (av.FFmpegError, ValueError, ArithmeticError, MemoryError, UnicodeDecodeError) as error:
        raise JobError(f"{what} cannot be read: {_reason(error)}.", hint="It may be cut off; try another.") from error


def check_codec(stream: Any, *, what: str) -> None:
    """Whether the stream's decoder is one of those that are let loose on foreign bytes. Raises JobError."""
    context = stream.codec_context
    name = context.name if context is not None else "unknown"
    if name not in CODECS:
        raise JobError(f"{what} is coded as {name[:40]}, which is not read.", hint="H.264, AV1 and VP9 are.")


def _refuse(what: str) -> Any:
    def refuse(*_: object) -> None:
        raise JobError(f"{what} refers to other files, which are not opened.", hint="Hand in one whole file.")

    return refuse


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).strip().rstrip(".")[:200]
