"""The boxes of an MP4 file (ISO/IEC 14496-12) that is whole at every moment.

While it grows it is fragmented: a head, then half a second after half a second, each complete in itself. At the end
an index of everything is appended and the head is turned into the beginning of one long `mdat`, so that the
finished file is a plain MP4: its length is known, and a player can seek in it without reading all of it.

    growing    ftyp  free  moov(head)  moof mdat  moof mdat  …
    finished   ftyp  mdat(………………………………………………………………………………………………)  moov(index)

All times and offsets have 64 bits.
"""

import struct
from array import array
from dataclasses import dataclass, field
from itertools import groupby

from tenku.play import h264
from tenku.play.h264 import ParameterSets
from tenku.play.model import Size
from tenku.play.reel import AUDIO_RATE, SLOT, VIDEO_RATE, Run

VIDEO = 1
AUDIO = 2
MOVIE_RATE = 1_000
MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
KEY_SAMPLE = 0x0200_0000  # depends on no other
OTHER_SAMPLE = 0x0101_0000  # depends on others, and is no place to start
SECONDS_1904_TO_1970 = 2_082_844_800


@dataclass(slots=True)
class Table:
    """What the index says about one track: 12 bytes a picture, 4 a packet of sound."""

    sizes: "array[int]" = field(default_factory=lambda: array("I"))
    durations: "array[int]" = field(default_factory=lambda: array("I"))
    keys: "array[int]" = field(default_factory=lambda: array("I"))
    """Numbers of the samples to start from, counted from 1."""
    chunk_offsets: "array[int]" = field(default_factory=lambda: array("Q"))
    chunk_counts: "array[int]" = field(default_factory=lambda: array("I"))

    def add(self, run: Run, offset: int, *, plain: bool) -> None:
        """Note a run whose bytes begin at `offset` of the file; in a plain track all samples are alike."""
        for sample in run.samples:
            self.sizes.append(len(sample.data))
            if not plain:
                self.durations.append(sample.duration)
                if sample.key:
                    self.keys.append(len(self.sizes))
        self.chunk_offsets.append(offset)
        self.chunk_counts.append(len(run.samples))


@dataclass(frozen=True, slots=True)
class Film:
    """What does not change from the first picture on."""

    sets: ParameterSets
    size: Size
    sound: bool
    made_at: float
    """Seconds since 1970."""


def box(kind: str, *parts: bytes) -> bytes:
    """A box: length, type, content."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body


def full_box(kind: str, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with a version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


FILE_TYPE = box("ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso6avc1mp41")
ROOM = box("free")
"""Stands before the head: with the head's own first 8 bytes it is the room that `closing` needs."""


def head(film: Film) -> bytes:
    """What a file begins with: the tracks, still empty."""
    tracks = [_track(film, VIDEO, Table())]
    extends = [full_box("trex", 0, 0, struct.pack(">5I", VIDEO, 1, 0, 0, 0))]
    if film.sound:
        tracks.append(_track(film, AUDIO, Table()))
        extends.append(full_box("trex", 0, 0, struct.pack(">5I", AUDIO, 1, SLOT, 0, KEY_SAMPLE)))
    return FILE_TYPE + ROOM + box("moov", _movie_header(film, 0), *tracks, box("mvex", *extends))


def fragment(sequence: int, pictures: Run, packets: Run) -> tuple[bytes, int]:
    """The bytes of one fragment, and where in it the pictures' bytes begin; the packets' follow them."""
    runs = [(VIDEO, pictures), (AUDIO, packets)]
    present = [(track, run) for track, run in runs if run.samples]
    length = len(_moof(sequence, present, 0))
    moof = _moof(sequence, present, length + 8)
    data = box("mdat", *(sample.data for _, run in present for sample in run.samples))
    return moof + data, length + 8


def index(film: Film, tables: dict[int, Table]) -> bytes:
    """The index of a finished file."""
    tracks = [_track(film, track, table) for track, table in tables.items() if table.sizes]
    longest = max((_length(track, table) * MOVIE_RATE // _rate(track) for track, table in tables.items()), default=0)
    return box("moov", _movie_header(film, longest), *tracks)


def closing(end: int) -> tuple[int, bytes]:
    """Where to write which 16 bytes to make one `mdat` of everything between the file type and `end`."""
    return len(FILE_TYPE), struct.pack(">I4sQ", 1, b"mdat", end - len(FILE_TYPE))


def _moof(sequence: int, runs: list[tuple[int, Run]], offset: int) -> bytes:
    parts = [full_box("mfhd", 0, 0, struct.pack(">I", sequence))]
    for track, run in runs:
        parts.append(
            box(
                "traf",
                full_box("tfhd", 0, 0x020000, struct.pack(">I", track)),  # offsets count from this moof
                full_box("tfdt", 1, 0, struct.pack(">Q", run.start)),
                _video_run(run, offset) if track == VIDEO else _audio_run(run, offset),
            )
        )
        offset += sum(len(sample.data) for sample in run.samples)
    return box("moof", *parts)


def _video_run(run: Run, offset: int) -> bytes:
    rows = b"".join(
        struct.pack(">3I", sample.duration, len(sample.data), KEY_SAMPLE if sample.key else OTHER_SAMPLE)
        for sample in run.samples
    )
    return full_box("trun", 0, 0x000701, struct.pack(">Ii", len(run.samples), offset), rows)


def _audio_run(run: Run, offset: int) -> bytes:
    sizes = _big_endian("I", [len(sample.data) for sample in run.samples])
    return full_box("trun", 0, 0x000201, struct.pack(">Ii", len(run.samples), offset), sizes)


def _movie_header(film: Film, duration: int) -> bytes:
    made = int(film.made_at) + SECONDS_1904_TO_1970
    times = struct.pack(">QQIQ", made, made, MOVIE_RATE, duration)
    return full_box("mvhd", 1, 0, times, struct.pack(">IHHQ", 0x10000, 0x100, 0, 0), MATRIX, bytes(24), b"\0\0\0\3")


def _track(film: Film, track: int, table: Table) -> bytes:
    made = int(film.made_at) + SECONDS_1904_TO_1970
    length = _length(track, table)
    size = film.size if track == VIDEO else Size(0, 0)
    header = struct.pack(">QQIIQ", made, made, track, 0, length * MOVIE_RATE // _rate(track))
    place = struct.pack(">QhhhH", 0, 0, 0, 0 if track == VIDEO else 0x100, 0)
    frame = struct.pack(">II", size.width << 16, size.height << 16)
    return box(
        "trak",
        full_box("tkhd", 1, 3, header, place, MATRIX, frame),
        box(
            "mdia",
            full_box("mdhd", 1, 0, struct.pack(">QQIQHH", made, made, _rate(track), length, 0x55C4, 0)),
            _handler(track),
            box("minf", *_media_header(track), _sample_table(film, track, table)),
        ),
    )


def _handler(track: int) -> bytes:
    kind, name = (b"vide", b"Picture\0") if track == VIDEO else (b"soun", b"Sound\0")
    return full_box("hdlr", 0, 0, bytes(4), kind, bytes(12), name)


def _media_header(track: int) -> tuple[bytes, bytes]:
    header = full_box("vmhd", 0, 1, bytes(8)) if track == VIDEO else full_box("smhd", 0, 0, bytes(4))
    return header, box("dinf", full_box("dref", 0, 0, struct.pack(">I", 1), full_box("url ", 0, 1)))


def _sample_table(film: Film, track: int, table: Table) -> bytes:
    entry = _video_entry(film) if track == VIDEO else _audio_entry()
    times = [(duration, len(list(same))) for duration, same in groupby(table.durations)]
    if track == AUDIO and table.sizes:
        times = [(SLOT, len(table.sizes))]
    parts = [
        full_box("stsd", 0, 0, struct.pack(">I", 1), entry),
        full_box("stts", 0, 0, struct.pack(">I", len(times)), *(struct.pack(">II", n, d) for d, n in times)),
        _chunk_counts(table),
        full_box("stsz", 0, 0, struct.pack(">II", 0, len(table.sizes)), _big_endian("I", table.sizes)),
        full_box("co64", 0, 0, struct.pack(">I", len(table.chunk_offsets)), _big_endian("Q", table.chunk_offsets)),
    ]
    if track == VIDEO and table.sizes:
        parts.append(full_box("stss", 0, 0, struct.pack(">I", len(table.keys)), _big_endian("I", table.keys)))
    return box("stbl", *parts)


def _chunk_counts(table: Table) -> bytes:
    rows, chunk = [], 1
    for count, same in groupby(table.chunk_counts):
        rows.append(struct.pack(">III", chunk, count, 1))
        chunk += len(list(same))
    return full_box("stsc", 0, 0, struct.pack(">I", len(rows)), *rows)


def _video_entry(film: Film) -> bytes:
    # Parameter sets also stay in the stream, where they may change with the picture's size. By the letter that is avc3,
    # but VLC shows no picture for it; avc1 is read in this way by ffmpeg, Chrome and VLC.
    place = bytes(6) + struct.pack(">H", 1) + bytes(16)
    look = struct.pack(">HHIIIH", film.size.width, film.size.height, 0x480000, 0x480000, 0, 1)
    name_and_depth = bytes(32) + struct.pack(">Hh", 24, -1)
    return box("avc1", place, look, name_and_depth, box("avcC", h264.configuration(film.sets)))


def _audio_entry() -> bytes:
    place = bytes(6) + struct.pack(">H", 1) + bytes(8)
    shape = struct.pack(">HHHHI", 2, 16, 0, 0, AUDIO_RATE << 16)
    opus = struct.pack(">BBHIhB", 0, 2, 0, AUDIO_RATE, 0, 0)
    return box("Opus", place, shape, box("dOps", opus))


def _rate(track: int) -> int:
    return VIDEO_RATE if track == VIDEO else AUDIO_RATE


def _length(track: int, table: Table) -> int:
    return sum(table.durations) if track == VIDEO else len(table.sizes) * SLOT


def _big_endian(code: str, values: "array[int] | list[int]") -> bytes:
    return struct.pack(f">{len(values)}{code}", *values)
