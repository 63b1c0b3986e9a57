"""Which encoders write what, and how they are set. Plain tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class VideoCodec:
    """One way to write pictures into an MP4 file."""

    encoder: str
    """As FFmpeg calls it."""
    decoded_as: str
    """The codec's name when the file is read back."""
    sound: str
    """The encoder of the sound beside it."""
    options: Mapping[str, str]
    least: int
    """The smallest width and height that the encoder takes."""
    free: bool
    """Whether no part under the GPL makes it."""


@dataclass(frozen=True, kw_only=True)
class SoundFormat:
    """One way to write sound alone."""

    encoder: str
    """Empty: the numbers themselves, 16 bits, without a header."""
    muxer: str
    media_type: str
    ending: str
    rates: tuple[int, ...] = ()
    """The rates that the encoder takes; empty: every one. Others become the last of them."""
    sample_format: str = "s16"
    bit_rate: int = 0
    """A channel; 0: the encoder has none."""
    options: Mapping[str, str] = field(default_factory=dict)


VIDEO: Mapping[str, VideoCodec] = {
    # One thread each: with more of them an encoder's bytes may depend on how many cores the machine has.
    "h264": VideoCodec(
        encoder="libx264",
        decoded_as="h264",
        sound="aac",
        # Without it x264 reads past its rows in some look-ahead, and one file in fourteen differed from run to run.
        options={"crf": "17", "preset": "medium", "x264-params": "cpu-independent=1"},
        least=16,
        free=False,
    ),
    "av1": VideoCodec(
        encoder="libsvtav1",
        decoded_as="av1",
        sound="libopus",
        options={"crf": "25", "preset": "8", "svtav1-params": "lp=1"},
        least=64,
        free=True,
    ),
    "vp9": VideoCodec(
        encoder="libvpx-vp9",
        decoded_as="vp9",
        sound="libopus",
        options={"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "0"},
        least=16,
        free=True,
    ),
}
"""By the name that a job's parameter `codec` has."""

AAC_RATES = (96000, 88200, 64000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 48000)
OPUS_RATES = (24000, 16000, 12000, 8000, 48000)
MP3_RATES = (44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 48000)

SOUND: Mapping[str, SoundFormat] = {
    "wav": SoundFormat(encoder="pcm_s16le", muxer="wav", media_type="audio/wav", ending="wav"),
    "flac": SoundFormat(encoder="flac", muxer="flac", media_type="audio/flac", ending="flac"),
    "opus": SoundFormat(
        encoder="libopus", muxer="ogg", media_type="audio/ogg", ending="opus", rates=OPUS_RATES, bit_rate=80_000
    ),
    "mp3": SoundFormat(
        encoder="libmp3lame",
        muxer="mp3",
        media_type="audio/mpeg",
        ending="mp3",
        rates=MP3_RATES,
        sample_format="s16p",
        bit_rate=96_000,
    ),
    "aac": SoundFormat(
        encoder="aac",
        muxer="adts",
        media_type="audio/aac",
        ending="aac",
        rates=AAC_RATES,
        sample_format="fltp",
        bit_rate=96_000,
    ),
    "pcm": SoundFormat(encoder="", muxer="", media_type="audio/pcm", ending="pcm"),
}
"""By the name that a job's parameter `format` has."""
