"""Pages, packs and releases: what is written is what is read, and everything else is refused by name."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from content_trees import noise, publish_to, small_files, words, write_tree
from tenku.base.errors import CorruptError, PathError
from tenku.content.hashes import file_hash, hash_bytes
from tenku.content.model import Chunk, DeltaEdge, Entry, Hash, Kind, Location, PageRef, Release
from tenku.content.pack import (
    FOOTER,
    LEVEL,
    MAX_CHUNK,
    PACK_BYTES,
    RECORD,
    TOGETHER,
    WORTH,
    Compressor,
    PackBuilder,
    Unpacker,
    index_size,
    parse_index,
    read_pack,
)
from tenku.content.page import HEADER, MAX_RAW, MAX_STORED, PageCut, decode_page, encode_page
from tenku.content.release import MAX_RELEASE, decode_release, encode_release
from tenku.content.source import Manifest

hashes = st.binary(min_size=32, max_size=32).map(Hash)
small = st.integers(0, 2**32 - 1)
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)
chunks = st.builds(Chunk, hashes, st.integers(1, 2**20), st.builds(Location, hashes, small, small))


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """One entry whose numbers fit together."""
    path = draw(names)
    match draw(st.sampled_from(Kind)):
        case Kind.FOLDER:
            return Entry(path, Kind.FOLDER)
        case Kind.LINK:
            return Entry(path, Kind.LINK, target=draw(names))
    refs = tuple(draw(st.lists(chunks, max_size=5)))
    here = sum(chunk.length for chunk in refs)
    start, rest = draw(st.integers(0, 2**40)), draw(st.sampled_from((0, 1, 10**6)))
    whole = start == 0 and rest == 0
    hash = file_hash(chunk.hash for chunk in refs) if whole and len(refs) == 1 else draw(hashes)
    mode = draw(st.sampled_from((0o644, 0o755)))
    return Entry(path, Kind.FILE, mode, start + here + rest, hash, "", refs, start, rest == 0)


@given(st.lists(entries(), max_size=20))
def test_a_page_is_read_as_it_was_written(some: list[Entry]) -> None:
    data = encode_page(some)
    assert decode_page(data) == some
    assert encode_page(some) == data


SAMPLE = [
    Entry(
        "a", Kind.FILE, 0o755, 30, Hash(b"h" * 32), "", (Chunk(Hash(b"c" * 32), 30, Location(Hash(b"p" * 32), 1, 20)),)
    ),
    Entry("b", Kind.FOLDER),
    Entry("c", Kind.LINK, target="a"),
]
SAMPLE[0] = SAMPLE[0]._replace(hash=Hash(b"c" * 32))
RAW = zstandard.ZstdDecompressor().decompress(encode_page(SAMPLE))


def page(raw: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(raw)


def test_the_sample_page_is_good() -> None:
    assert decode_page(page(RAW)) == SAMPLE


@settings(max_examples=300)
@given(st.data())
def test_a_broken_page_is_refused_or_says_something_that_the_manifest_can_check(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(RAW) - 1))
    raw = bytearray(RAW)
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        decode_page(page(bytes(raw)))
    except CorruptError:
        return
    assert at >= 5  # the first bytes are no page's but ours


@given(st.binary(max_size=200))
def test_any_other_bytes_are_no_page(data: bytes) -> None:
    for each in (data, page(data)):
        with pytest.raises(CorruptError):
            decode_page(each)


@pytest.mark.parametrize("length", range(0, len(RAW), 7))
def test_a_page_that_is_too_short_or_too_long_is_refused(length: int) -> None:
    for raw in (RAW[:length], RAW + RAW[: length + 1]):
        with pytest.raises(CorruptError):
            decode_page(page(raw))


@pytest.mark.parametrize("field", range(6))
@pytest.mark.parametrize("number", [0, 1, 1000, 2**31, 2**32 - 1])
def test_counts_that_a_page_does_not_have_are_refused(field: int, number: int) -> None:
    magic, version, *counts = HEADER.unpack_from(RAW)
    if counts[field] == number:
        number += 1
    counts[field] = number
    with pytest.raises(CorruptError):
        decode_page(page(HEADER.pack(magic, version, *counts) + RAW[HEADER.size :]))


def test_a_page_that_would_unpack_to_very_much_is_refused() -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(2 * MAX_RAW))
    assert len(bomb) < 100_000
    unsized = zstandard.ZstdCompressor(level=19, write_content_size=False).compress(bytes(2 * MAX_RAW))
    for each in (bomb, unsized):
        with pytest.raises(CorruptError):
            decode_page(each)


def test_a_page_that_lies_about_its_size_is_refused() -> None:
    frames = page(RAW) + page(bytes(MAX_RAW))
    with pytest.raises(CorruptError):
        decode_page(frames[: len(page(RAW)) - 3])
    with pytest.raises(CorruptError, match="larger than any page"):
        decode_page(bytes(MAX_STORED + 1))


def bad_entries() -> list[Entry]:
    chunk = SAMPLE[0].chunks[0]
    return [
        SAMPLE[0]._replace(size=31),
        SAMPLE[0]._replace(size=0),
        SAMPLE[0]._replace(start=1, size=30),
        SAMPLE[0]._replace(last=False),
        SAMPLE[0]._replace(size=60, chunks=(chunk, chunk._replace(length=0), chunk)),
        SAMPLE[1]._replace(size=5),
        SAMPLE[2]._replace(chunks=(chunk,)),
    ]


@pytest.mark.parametrize("entry", bad_entries())
def test_an_entry_whose_chunks_do_not_make_its_size_is_refused(entry: Entry) -> None:
    with pytest.raises(CorruptError):
        decode_page(encode_page([entry]))


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "C:/x", "a\\b", "CON", ".tenku/state.json", ""])
def test_a_manifest_with_an_unsafe_path_is_refused_by_name(path: str) -> None:
    with pytest.raises(PathError):
        Manifest(RELEASE).check([Entry(path, Kind.FOLDER)])


def test_a_manifest_with_other_files_than_its_release_says_is_refused() -> None:
    release = replace(RELEASE, files=1, size=30)
    manifest = Manifest(release)
    with pytest.raises(CorruptError, match="more files or bytes"):
        manifest.check([SAMPLE[0], SAMPLE[0]._replace(path="b")])
    with pytest.raises(CorruptError, match="other files"):
        Manifest(release).finish()
    part = SAMPLE[0]._replace(size=60, last=False)
    for other in (
        SAMPLE[0]._replace(path="b"),
        SAMPLE[0]._replace(start=29, size=59),
        SAMPLE[0]._replace(start=30, size=61),
    ):
        manifest = Manifest(release)
        manifest.check([part])
        with pytest.raises((CorruptError, PathError)):
            manifest.check([other])


def test_pages_end_by_what_stands_in_them_and_are_never_too_large() -> None:
    cut, sizes, count = PageCut(), [], 0
    for number in range(20_000):
        count += 1
        if cut.add(Entry(f"some/{number:05}")):
            sizes.append(count)
            count = 0
    assert all(256 <= size <= 4096 for size in sizes)
    assert 10 < len(sizes) < 60


def test_an_unchanged_part_of_a_large_tree_keeps_its_pages(tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = publish_to(store, write_tree(tmp_path / "build", small_files(9000)))
    (tmp_path / "build/f50/new.txt").write_bytes(b"new")
    second = publish_to(store, tmp_path / "build")
    before, after = ({ref.hash for ref in each.release.pages} for each in (first, second))
    assert len(after) > 5
    assert len(after - before) <= 2


# Packs


@settings(max_examples=30)
@given(
    st.lists(
        st.one_of(st.binary(min_size=1, max_size=2000), st.integers(1, 50_000).map(lambda n: words(1, n))), min_size=1
    )
)
def test_a_pack_gives_back_every_chunk(some: list[bytes]) -> None:
    compressor, builder, unpacker = Compressor(), PackBuilder(), Unpacker()
    for data, stored in zip(some, compressor.store(some), strict=True):
        builder.add(hash_bytes(data), len(data), stored)
    name, pack = builder.finish()
    assert name == hash_bytes(pack)
    found = read_pack(pack, pack=name)
    assert [chunk.hash for chunk in found] == [hash_bytes(data) for data in some]
    for chunk, data in zip(found, some, strict=True):
        frame = pack[chunk.at.offset : chunk.at.offset + chunk.at.stored]
        assert len(frame) <= len(data)
        assert unpacker.chunk(frame, hash=chunk.hash, length=chunk.length) == data


def test_chunks_that_are_compressed_together_are_stored_as_if_each_were_alone() -> None:
    some = [words(number, 1 + number * 997) for number in range(200)] + [noise(1, 70_000), words(1, 3_000_000), b"x"]
    assert sum(map(len, some)) > 3 * TOGETHER
    alone = zstandard.ZstdCompressor(level=LEVEL)
    frames = [alone.compress(data) for data in some]
    expected = [frame if len(frame) < len(data) * WORTH else data for frame, data in zip(frames, some, strict=True)]
    assert Compressor().store(some) == expected


def test_a_pack_has_room_for_one_chunk_however_large_and_for_little_more() -> None:
    builder = PackBuilder()
    assert builder.has_room(bytes(PACK_BYTES + 1))
    builder.add(Hash(bytes(32)), PACK_BYTES, bytes(PACK_BYTES))
    assert not builder.has_room(b"x")


def sample_pack() -> bytes:
    builder = PackBuilder()
    for number in range(3):
        data = noise(number, 1000)
        builder.add(hash_bytes(data), len(data), data)
    return builder.finish()[1]


NAME = Hash(bytes(32))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"TKPK",
        sample_pack()[:-1],
        sample_pack()[1:],
        sample_pack() + b"\0",
        sample_pack()[: -FOOTER.size] + FOOTER.pack(2, 1, b"TKPK"),
        sample_pack()[: -FOOTER.size] + FOOTER.pack(4, 1, b"TKPK"),
        sample_pack()[: -FOOTER.size] + FOOTER.pack(2**32 - 1, 1, b"TKPK"),
        sample_pack()[: -FOOTER.size] + FOOTER.pack(3, 2, b"TKPK"),
        sample_pack()[: -FOOTER.size] + FOOTER.pack(3, 1, b"TKPG"),
    ],
)
def test_a_broken_pack_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptError):
        read_pack(data, pack=NAME)


@pytest.mark.parametrize(("length", "at"), [(0, 0), (5, 6), (MAX_CHUNK + 1, 5), (5, 0), (2**32 - 1, 2**32 - 1)])
def test_an_index_with_impossible_lengths_is_refused(length: int, at: int) -> None:
    with pytest.raises(CorruptError, match="impossible lengths"):
        parse_index(RECORD.pack(bytes(32), length, at), pack=NAME)


def test_an_index_that_would_be_larger_than_any_pack_is_not_fetched() -> None:
    with pytest.raises(CorruptError, match="larger than any pack"):
        index_size(FOOTER.pack(10**6 * 4, 1, b"TKPK"))


@pytest.mark.parametrize("change", ["flip", "cut", "other", "bomb", "unsized bomb", "length", "garbage"])
def test_a_stored_chunk_that_is_not_what_its_name_says_is_refused(change: str) -> None:
    data = words(3, 50_000)
    [frame], length = Compressor().store([data]), len(data)
    assert len(frame) < length
    match change:
        case "flip":
            frame = frame[:100] + bytes([frame[100] ^ 1]) + frame[101:]
        case "cut":
            frame = frame[:-5]
        case "other":
            [frame] = Compressor().store([words(4, 50_000)])
        case "bomb":
            frame = zstandard.ZstdCompressor().compress(bytes(200_000_000))
        case "unsized bomb":
            frame = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(200_000_000))
        case "length":
            length = MAX_CHUNK + 1
        case _:
            frame = noise(1, 999)
    with pytest.raises(CorruptError):
        Unpacker().chunk(frame, hash=hash_bytes(data), length=length)


# Releases

RELEASE = Release(
    game="game",
    version="1.0 «β»",
    created=1_800_000_000,
    platform="linux-x86_64",
    profile="game",
    tree=Hash(b"t" * 32),
    parent=Hash(b"q" * 32),
    files=3,
    size=300,
    largest=200,
    pages=(PageRef(Hash(b"1" * 32), 100), PageRef(Hash(b"2" * 32), 200)),
    deltas=(DeltaEdge(Hash(b"b" * 32), Hash(b"o" * 32), 1000, 100, Hash(b"x" * 32)),),
    mutable=("saves/**", "*.ini"),
)


@given(
    st.builds(
        Release,
        game=st.sampled_from(("game", "a", "a-b.c_9")),
        version=st.text(st.characters(categories=("L", "N", "P", "S")), max_size=200),
        created=st.integers(0, 2**40),
        platform=st.sampled_from(("", "windows")),
        profile=st.sampled_from(("game", "weights")),
        tree=hashes,
        parent=st.none() | hashes,
        files=st.integers(0, 2**40),
        size=st.integers(0, 2**50),
        largest=st.integers(0, 2**50),
        pages=st.lists(st.builds(PageRef, hashes, st.integers(0, MAX_STORED)), max_size=4).map(tuple),
        deltas=st.lists(
            st.builds(DeltaEdge, hashes, hashes, st.integers(0, 2**50), st.integers(0, 2**26), hashes), max_size=3
        ).map(tuple),
        mutable=st.sampled_from(((), ("saves/**",))),
    )
)
def test_a_release_is_read_as_it_was_written(release: Release) -> None:
    data = encode_release(release)
    assert decode_release(data) == release
    assert encode_release(release) == data


def changed(**values: Any) -> bytes:
    """The release's JSON with other values; `...` takes one out."""
    table = {**json.loads(encode_release(RELEASE)), **values}
    table = {key: value for key, value in table.items() if value is not ...}
    return json.dumps(table, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


ZERO = "0" * 64
BAD: list[dict[str, Any]] = [
    *({field.name: ...} for field in fields(Release) if field.name != "parent"),
    {"format": 2},
    {"format": "1"},
    {"surprise": 1},
    {"game": "../evil"},
    {"game": "Game"},
    {"version": "x" * 201},
    {"version": "a\u0007b"},
    {"version": 1},
    {"created": -1},
    {"created": 1.5},
    {"created": True},
    {"created": 2**41},
    {"profile": "movies"},
    {"tree": "0" * 63},
    {"tree": "Z" * 64},
    {"tree": "A" * 64},
    {"parent": 5},
    {"files": -1},
    {"size": 2**51},
    {"size": "300"},
    {"largest": None},
    {"pages": {}},
    {"pages": [[ZERO]]},
    {"pages": [[ZERO, 1, 2]]},
    {"pages": [[ZERO, MAX_STORED + 1]]},
    {"pages": [[ZERO, -1]]},
    {"deltas": [{}]},
    {"deltas": [1]},
    {"deltas": [{"base": ZERO, "object": ZERO, "size": 1, "header_size": 2**27, "header_hash": ZERO}]},
    {"deltas": [{"base": ZERO, "object": ZERO, "size": 1, "header_size": 1, "header_hash": ZERO, "more": 1}]},
    {"mutable": "saves/**"},
    {"mutable": ["../saves"]},
    {"mutable": ["/etc/*"]},
    {"mutable": ["x"] * 1001},
]


def test_the_sample_release_is_good() -> None:
    assert decode_release(changed()) == RELEASE


@pytest.mark.parametrize("values", BAD, ids=lambda values: str(values)[:60])
def test_a_release_that_says_what_cannot_be_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(CorruptError):
        decode_release(changed(**values))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        encode_release(RELEASE)[:-1],
        encode_release(RELEASE) + b"\n",
        encode_release(RELEASE).replace(b":", b": ", 1),
        b" " * (MAX_RELEASE + 1),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_release_in_the_one_way_that_they_are_written_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptError):
        decode_release(data)
