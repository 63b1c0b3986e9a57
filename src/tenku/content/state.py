"""What is installed in a folder: `.tenku/` in its root, with the manifest, so that checking needs no network.

state.json   channel, release, stores, key
release      the release as it was stored
pages/HASH   its pages as they were stored
stamps       for every file in order: size, time of change in ns, inode (u64 each)
kept/        files of the user that an update moved out of the way
"""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tenku.base.errors import CorruptError, FolderError
from tenku.content.compare import Stamp
from tenku.content.fields import Fields
from tenku.content.hashes import check_object, hash_from_hex
from tenku.content.model import ChannelName, Entry, Hash, Head, Kind, Release
from tenku.content.page import decode_page
from tenku.content.paths import OWN_FOLDER
from tenku.content.release import decode_release, encode_release
from tenku.content.wholefile import write_whole

FORMAT = 1
STAMP = struct.Struct("<QQQ")
NO_STAMP = Stamp(2**64 - 1, 0, 0)
"""What no file has."""
MAX_STATE = 2**20


@dataclass(frozen=True, kw_only=True)
class Installed:
    """What a folder was brought to, and from where."""

    channel: ChannelName
    release: Hash
    tree: Hash
    version: str
    seq: int
    stores: tuple[str, ...]
    """As they were written; `repair` asks them again."""
    key: str
    """The pinned public key, as one word."""
    unfinished: bool = False
    """Files are being replaced one by one: some may be of the version before."""


def installed_from(head: Head, release: Release, *, stores: Sequence[str], key: str) -> Installed:
    """What to write down for what a channel holds."""
    return Installed(
        channel=head.channel,
        release=head.current.release,
        tree=release.tree,
        version=release.version,
        seq=head.seq,
        stores=tuple(stores),
        key=key,
    )


class InstalledFolder:
    """Reads and writes `.tenku/` below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own = folder / OWN_FOLDER

    def exists(self) -> bool:
        """Whether something was installed there."""
        return (self.own / "state.json").is_file()

    def read(self) -> Installed:
        """What is installed. Raises FolderError: nothing, or it cannot be read."""
        path = self.own / "state.json"
        try:
            return _decode(path.read_bytes())
        except FileNotFoundError:
            raise FolderError(
                f"{self.folder} was not brought by Tenku.", hint="Bring a build there with `tenku pull`."
            ) from None
        except OSError as error:
            raise FolderError(f"{path} cannot be read: {error.strerror}.") from error
        except CorruptError as error:
            raise FolderError(f"{path} is damaged: {error}", hint="Pull the channel again with --adopt.") from error

    def write(self, installed: Installed) -> None:
        """Write down what is installed; for the owner alone, as a store's address may hold a password.

        Raises FolderError.
        """
        write_whole(self.own / "state.json", _encode(installed))

    def write_release(self, release: Release) -> None:
        """Write down the installed release. Raises FolderError."""
        write_whole(self.own / "release", encode_release(release), mode=0o644)

    def release(self, installed: Installed) -> Release:
        """The installed release. Raises FolderError: it was changed."""
        try:
            data = (self.own / "release").read_bytes()
            return decode_release(check_object(data, installed.release, key="the installed release"))
        except (OSError, CorruptError) as error:
            raise self._damaged(error) from error

    def entries(self, release: Release) -> Iterator[Entry]:
        """The installed build's entries in order, also the parts of large files. Raises FolderError."""
        for ref in release.pages:
            try:
                data = (self.own / "pages" / ref.hash.hex()).read_bytes()
                yield from decode_page(check_object(data, ref.hash, key=f"page {ref.hash.hex()}"))
            except (OSError, CorruptError) as error:
                raise self._damaged(error) from error

    def page(self, hash: Hash) -> bytes | None:
        """A stored page, if it is here; not yet checked."""
        try:
            return (self.own / "pages" / hash.hex()).read_bytes()
        except OSError:
            return None

    def stamped(self, release: Release) -> Iterator[tuple[Entry, Stamp | None]]:
        """Every entry in order; a file, or each part of it, with its stamp; None where there is none."""
        with StampReader(self.own / "stamps") as stamps:
            stamp = None
            for entry in self.entries(release):
                if entry.start == 0:
                    stamp = stamps.next() if entry.kind is Kind.FILE else None
                yield entry, stamp

    def _damaged(self, error: Exception) -> FolderError:
        return FolderError(
            f"{self.own} is damaged: {error}", hint="Pull the channel again with --adopt: what is whole is not fetched."
        )


class StampReader:
    """Stamps from their file, one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> "StampReader":
        self._file = self._path.open("rb") if self._path.exists() else None
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def next(self) -> Stamp | None:
        """The next file's stamp; None where the file has no more: then nothing is believed unread."""
        data = self._file.read(STAMP.size) if self._file else b""
        return Stamp(*STAMP.unpack(data)) if len(data) == STAMP.size else None


class StampWriter:
    """Writes the stamps of files in order."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> "StampWriter":
        self._file = self._path.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, stamp: Stamp | None) -> None:
        """The next file's status; None: nothing is known of it, and it is read when it is checked."""
        self._file.write(STAMP.pack(*(stamp or NO_STAMP)))


def _encode(installed: Installed) -> bytes:
    value = {
        "format": FORMAT,
        "game": installed.channel.game,
        "channel": installed.channel.channel,
        "release": installed.release.hex(),
        "tree": installed.tree.hex(),
        "version": installed.version,
        "seq": installed.seq,
        "stores": list(installed.stores),
        "key": installed.key,
        "unfinished": int(installed.unfinished),
    }
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


def _decode(data: bytes) -> Installed:
    fields = Fields.parse(data, what="The state", limit=MAX_STATE, format=FORMAT)
    installed = Installed(
        channel=ChannelName(fields.text("game", most=64), fields.text("channel", most=64)),
        release=hash_from_hex(fields.text("release", most=64)),
        tree=hash_from_hex(fields.text("tree", most=64)),
        version=fields.text("version", most=200),
        seq=fields.number("seq", most=2**53),
        stores=tuple(fields.texts("stores", most=100)),
        key=fields.text("key", most=100),
        unfinished=bool(fields.number("unfinished", most=1)),
    )
    fields.nothing_else()
    return installed
