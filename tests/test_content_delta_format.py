"""The header of a delta: what it holds, and what bad ones get."""

import random
import struct
from dataclasses import replace

import pytest
import zstandard
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from content_delta import digest
from tenku.base.errors import CorruptError
from tenku.content.delta import limits
from tenku.content.delta.apply import Method
from tenku.content.delta.format import Part, encode_header, parse_header
from tenku.content.delta.make import make
from tenku.content.delta.regions import Region

PARTS = (
    Part(
        region=Region("data/level1.pak", 65_536, 200_000),
        region_hash=bytes(range(16)),
        method=Method.HDIFF,
        payload_length=1234,
        payload_hash=bytes(range(16, 32)),
        prefixes=bytes(range(32, 48)),
        lengths=(81_920, 70_000),
    ),
    Part(
        region=Region("bin/game", 0, 1),
        region_hash=bytes(range(48, 64)),
        method=Method.ZSTD,
        payload_length=1,
        payload_hash=bytes(range(64, 80)),
        prefixes=bytes(range(80, 88)),
        lengths=(1,),
    ),
)

GOLDEN_BODY = bytes.fromhex(
    "020000000200000003000000"  # two paths, two parts, three chunks
    "08000f00"  # lengths of the paths
    "0100000000000000"  # which path each part's region is of
    "00000100000000000000000000000000"  # where it begins
    "400d030001000000"  # how long it is
    "0201"  # methods
    "d204000001000000"  # lengths of the patches
    "0200000001000000"  # how many chunks
    "004001007011010001000000"  # their lengths
    "62696e2f67616d65646174612f6c6576656c312e70616b"  # bin/game data/level1.pak
    "000102030405060708090a0b0c0d0e0f303132333435363738393a3b3c3d3e3f"  # regions' hashes
    "101112131415161718191a1b1c1d1e1f404142434445464748494a4b4c4d4e4f"  # patches' hashes
    "202122232425262728292a2b2c2d2e2f5051525354555657"  # chunks' hashes
)


def packed(body: bytes) -> bytes:
    """A header with this body."""
    return b"TKDELTA\x01" + zstandard.compress(body)


class TestHeader:
    def test_its_bytes_are_golden(self) -> None:
        header = encode_header(PARTS)
        assert header[:8] == b"TKDELTA\x01"
        assert zstandard.decompress(header[8:]) == GOLDEN_BODY
        assert len(header) <= len(GOLDEN_BODY) + 24

    def test_it_comes_back_with_the_places_of_the_patches(self) -> None:
        header = encode_header(PARTS)
        parsed = parse_header(header)
        assert parsed.size == len(header) + 1235
        assert parsed.parts == (
            replace(PARTS[0], payload_offset=len(header)),
            replace(PARTS[1], payload_offset=len(header) + 1234),
        )
        assert list(parsed.parts[0].chunks()) == [
            (bytes(range(32, 40)), 0, 81_920),
            (bytes(range(40, 48)), 81_920, 70_000),
        ]
        assert parsed.parts[0].new_length == 151_920

    def test_a_small_update_has_a_small_header(self) -> None:
        assert len(encode_header(PARTS[:1])) < 160

    def test_many_small_parts_cost_little_more_than_their_hashes(self) -> None:
        rng = random.Random(1)
        parts = [
            Part(
                region=Region(f"data/units/unit{i % 50}.cfg", rng.randrange(10_000), rng.randrange(1, 30_000)),
                region_hash=rng.randbytes(16),
                method=Method.ZSTD,
                payload_length=rng.randrange(20, 300),
                payload_hash=rng.randbytes(16),
                prefixes=rng.randbytes(8),
                lengths=(rng.randrange(1, 30_000),),
            )
            for i in range(1000)
        ]
        header = encode_header(parts)
        assert len(parse_header(header).parts) == 1000
        assert len(header) < 1000 * (16 + 16 + 8 + 11)


class TestBadHeaders:
    @given(st.data())
    @settings(max_examples=200, deadline=None)
    def test_a_damaged_body_is_a_named_error_or_another_list_within_the_limits(self, data: st.DataObject) -> None:
        body = bytearray(GOLDEN_BODY)
        at = data.draw(st.integers(0, len(body) - 1))
        body[at] ^= data.draw(st.integers(1, 255))
        try:
            parsed = parse_header(packed(bytes(body)))
        except CorruptError as error:
            assert "header of a delta" in str(error)  # noqa: PT017
        else:
            assert all(part.new_length <= limits.NEW for part in parsed.parts)
            assert all(part.region.length <= limits.REGION for part in parsed.parts)

    def test_no_begin_of_a_header_is_one(self) -> None:
        header = encode_header(PARTS)
        for length in range(len(header)):
            with pytest.raises(CorruptError):
                parse_header(header[:length])
        for length in range(len(GOLDEN_BODY)):
            with pytest.raises(CorruptError):
                parse_header(packed(GOLDEN_BODY[:length]))

    def test_bytes_after_its_end_are_refused(self) -> None:
        with pytest.raises(CorruptError):
            parse_header(encode_header(PARTS) + b"x")
        with pytest.raises(CorruptError, match="after its end"):
            parse_header(packed(GOLDEN_BODY + b"x"))

    def test_another_version_is_refused(self) -> None:
        with pytest.raises(CorruptError, match="version"):
            parse_header(b"TKDELTA\x02" + encode_header(PARTS)[8:])

    def test_a_bomb_is_refused_before_it_goes_off(self) -> None:
        with pytest.raises(CorruptError, match="too large"):
            parse_header(packed(bytes(limits.HEADER_PLAIN + 1)))
        hidden = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(100 << 20))
        with pytest.raises(CorruptError, match="too large"):
            parse_header(b"TKDELTA\x01" + hidden)

    @pytest.mark.parametrize("counts", [(0, 1 << 20, 1 << 20), (2, 1, 3), (1, 3, 2), (1 << 31, 1 << 31, 1 << 31)])
    def test_counts_that_cannot_be_are_refused(self, counts: tuple[int, int, int]) -> None:
        with pytest.raises(CorruptError, match="parts"):
            parse_header(packed(struct.pack("<3I", *counts) + GOLDEN_BODY[12:]))

    @pytest.mark.parametrize(
        "part",
        [
            replace(PARTS[0], region=Region("a", 0, limits.REGION + 1)),
            replace(PARTS[0], region=Region("a", 0, 0)),
            replace(PARTS[0], region=Region("a", 1 << 63, 1)),
            replace(PARTS[0], region=Region("", 0, 1)),
            replace(PARTS[0], region=Region("a" * 5000, 0, 1)),
            replace(PARTS[0], lengths=(limits.NEW, 1)),
            replace(PARTS[0], lengths=(0, 1)),
            replace(PARTS[0], payload_length=0),
            replace(PARTS[0], payload_length=limits.NEW + 1),
        ],
    )
    def test_a_part_outside_the_limits_is_refused(self, part: Part) -> None:
        with pytest.raises(CorruptError):
            parse_header(encode_header([part]))

    def test_a_part_without_chunks_is_refused(self) -> None:
        with pytest.raises(CorruptError):
            parse_header(encode_header([replace(PARTS[0], lengths=(), prefixes=b""), PARTS[0]]))

    def test_an_unknown_method_is_refused(self) -> None:
        body = GOLDEN_BODY.replace(bytes.fromhex("0201d204"), bytes.fromhex("0301d204"))
        assert body != GOLDEN_BODY
        with pytest.raises(CorruptError, match="unknown kind 3"):
            parse_header(packed(body))

    def test_a_path_that_is_no_text_is_refused(self) -> None:
        with pytest.raises(CorruptError, match="no text"):
            parse_header(packed(GOLDEN_BODY.replace(b"bin/game", b"bin/\xff\xffme")))

    def test_a_part_of_an_unlisted_file_is_refused(self) -> None:
        body = GOLDEN_BODY[:16] + struct.pack("<2I", 1, 2) + GOLDEN_BODY[24:]
        with pytest.raises(CorruptError, match="does not list"):
            parse_header(packed(body))


class TestMake:
    OLD = b"old bytes " * 400
    NEW = OLD[:2000] + b"new" + OLD[2000:]
    PAYLOAD = zstandard.ZstdCompressor(
        dict_data=zstandard.ZstdCompressionDict(OLD, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    ).compress(NEW)
    PART = Part(
        region=Region("a", 0, len(OLD)),
        region_hash=blake3(OLD).digest(16),
        method=Method.ZSTD,
        payload_length=len(PAYLOAD),
        payload_hash=blake3(PAYLOAD).digest(16),
        prefixes=digest(NEW[:1000])[:8] + digest(NEW[1000:])[:8],
        lengths=(1000, len(NEW) - 1000),
    )

    def test_a_part_makes_its_chunks(self) -> None:
        made = list(make(self.PART, payload=self.PAYLOAD, old=self.OLD))
        assert made == [(digest(chunk)[:8], chunk) for chunk in (self.NEW[:1000], self.NEW[1000:])]

    def test_a_tampered_patch_is_refused_before_it_is_applied(self) -> None:
        for at in range(len(self.PAYLOAD)):
            bad = bytearray(self.PAYLOAD)
            bad[at] ^= 1
            with pytest.raises(CorruptError, match="not what its header says"):
                make(self.PART, payload=bytes(bad), old=self.OLD)

    def test_old_bytes_that_a_player_changed_are_refused_by_their_file(self) -> None:
        with pytest.raises(CorruptError, match="a is not as the old build had it"):
            make(self.PART, payload=self.PAYLOAD, old=self.OLD[:-1] + b"!")
