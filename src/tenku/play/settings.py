"""What can be set about playing: every flag of `tenku play` that has a lasting form, and a few more."""

import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import ClassVar

from tenku.base.convert import bits_per_second
from tenku.base.errors import SettingError
from tenku.base.settings import Settings, setting, user_folder
from tenku.play.manifest import parse_bytes, parse_size
from tenku.play.model import Size
from tenku.unit.sandbox import PLAYER_ID


class DisplayKind(Enum):
    AUTO = "auto"  # look at the game and choose
    WAYLAND = "wayland"  # the game talks to the compositor itself
    X11 = "x11"  # the game talks to an Xwayland inside the compositor


class Codec(Enum):
    H264 = "h264"
    H265 = "h265"
    VP8 = "vp8"
    VP9 = "vp9"
    AV1 = "av1"


def default_data_folder() -> Path:
    """Where saves are kept unless told otherwise."""
    return user_folder(os.environ, "XDG_DATA_HOME", ".local/share")


@dataclass(frozen=True, kw_only=True)
class PlaySettings(Settings):
    """Playing: picture, sound, page, sandbox and limits of a session."""

    AREA: ClassVar[str] = "play"

    size: Size = setting(Size(1280, 720), parse=parse_size, metavar="WxH")
    """The game's size in pixels, like 1280x720; both even."""
    fps: int = setting(60, low=1, high=240, metavar="N")
    """Frames per second at most."""
    bitrate: int = setting(8_000_000, parse=bits_per_second, low=100_000, high=200_000_000, shown="8M", metavar="RATE")
    """Bits per second at most, like 8M or 800k; the connection may carry less, then less is sent."""
    codec: Codec = setting(Codec.H264, shown="h264", metavar="NAME")
    """Video codec: h264, h265, vp8, vp9 or av1. Every browser with WebCodecs plays h264."""
    display: DisplayKind = setting(DisplayKind.AUTO, shown="auto", metavar="KIND")
    """What the game draws on: wayland, x11, or auto, which looks at the game and says what it chose."""
    host: str = setting("127.0.0.1", metavar="ADDRESS")
    """Address to listen on; 0.0.0.0 lets others on the network in, who then need --tls."""
    port: int = setting(0, low=0, high=65535, metavar="N")
    """TCP port of the page; 0 takes a free one."""
    tls: bool = setting(False)
    """Serve the page over HTTPS, with a certificate made for this machine where none is given."""
    cert: Path | None = setting(None, metavar="FILE")
    """Certificate chain in PEM for HTTPS; goes together with --key."""
    key: Path | None = setting(None, metavar="FILE")
    """Private key in PEM of the certificate."""
    record: Path | None = setting(None, metavar="FILE")
    """Write what is streamed to this file, with sound."""
    sandbox: bool = setting(True)
    """Run the game in a sandbox: its own home, its folder read-only, no other files, no network unless asked for."""
    sandbox_uid: int = setting(PLAYER_ID, low=1, high=2**31, metavar="UID")
    """User id that the sandboxed game runs as when Tenku itself runs as root."""
    cpu: float = setting(0.0, low=0, shown="0", metavar="CORES")
    """CPU cores that the game may use at most; 0 sets no limit."""
    memory: int = setting(0, parse=parse_bytes, low=0, metavar="BYTES")
    """Memory that the game may use at most, like 2G; 0 sets no limit."""
    processes: int = setting(1024, low=0, metavar="N")
    """Processes and threads that the game may have at most; 0 sets no limit."""
    data: Path = setting(factory=default_data_folder, shown="$XDG_DATA_HOME/tenku", metavar="FOLDER")
    """Folder that saves are kept in, per game and player."""
    player: str = setting("player", metavar="NAME")
    """Whose saves the game finds; each name has its own."""
    reconnect_s: int = setting(60, low=0, high=86_400, metavar="S")
    """Seconds that a game waits, as it was, for a player who left."""
    idle_s: int = setting(1800, low=0, metavar="S")
    """Seconds without any input after which a session ends; 0 means never."""
    idle_warning_s: int = setting(60, low=0, metavar="S")
    """For how many of these seconds the page warns of the end."""
    max_viewers: int = setting(8, low=0, high=1000, metavar="N")
    """Viewers that are let in at the same time."""

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            given, missing = ("cert", "key") if self.cert else ("key", "cert")
            raise SettingError(f"--{given} is given without --{missing}.", hint="Give both, or neither and --tls.")
