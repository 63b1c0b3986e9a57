"""Deltas: patches, and which old bytes a run is written against."""

import random

import hdiffpatch
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from content_delta import MemoryTree, as_new, chunks_of
from tenku.base.errors import CorruptError
from tenku.content.delta import limits
from tenku.content.delta.apply import Method, apply
from tenku.content.delta.encode import KEEP, encode
from tenku.content.delta.regions import NewFile, name_key
from tenku.content.delta.runs import RunFinder

BASE = random.Random(1).randbytes(60_000)
TEXT = b"".join(b"entity %d at %d\n" % (i, i * 7919 % 1000) for i in range(4000))


def zdict(old: bytes, new: bytes) -> bytes:
    """A patch as the ZSTD method has it."""
    dictionary = zstandard.ZstdCompressionDict(old, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(dict_data=dictionary).compress(new)


def hdiff(old: bytes, new: bytes) -> bytes:
    """A patch as the HDIFF method has it."""
    return zstandard.compress(hdiffpatch.diff(old, new, "none"))


class TestPatches:
    @pytest.mark.parametrize("method", list(Method))
    def test_a_patch_makes_the_new_bytes(self, method: Method) -> None:
        new = BASE[30_000:] + b"between" + BASE[:30_000]
        patch = zdict(BASE, new) if method is Method.ZSTD else hdiff(BASE, new)
        assert apply(patch, BASE, method, new_length=len(new)) == new

    @given(st.binary(max_size=2000), st.binary(max_size=2000))
    @settings(max_examples=60, deadline=None)
    def test_whatever_is_encoded_comes_back(self, old: bytes, new: bytes) -> None:
        patch = encode(old, new, cost=10_000)
        if patch is None:
            assert not old or not new
        else:
            assert apply(patch.payload, old, patch.method, new_length=len(new)) == new

    def test_numbers_that_moved_everywhere_are_hdiffpatchs_case(self) -> None:
        """As in a library whose code moved by some bytes: no long match, but all differences are alike."""
        old = b"".join(random.Random(i).randbytes(6) + (1000 * i).to_bytes(4, "little") for i in range(5000))
        new = b"".join(random.Random(i).randbytes(6) + (1000 * i + 64).to_bytes(4, "little") for i in range(5000))
        patch = encode(old, new, cost=len(new) // 2)
        assert patch is not None
        assert patch.method is Method.HDIFF
        assert len(patch.payload) < len(zdict(old, new)) / 2

    def test_a_small_text_is_zstds_case(self) -> None:
        patch = encode(TEXT[:4000], TEXT[:2000] + b"one more\n" + TEXT[2000:4000], cost=2000)
        assert patch is not None
        assert patch.method is Method.ZSTD
        assert len(patch.payload) < 50

    def test_a_patch_that_saves_too_little_is_not_kept(self) -> None:
        new = BASE[:30_000] + random.Random(2).randbytes(30_000)
        assert encode(BASE, new, cost=len(new)) is not None
        assert encode(BASE, new, cost=int(30_000 / KEEP) - 100) is None

    def test_packed_bytes_without_a_match_are_given_up(self) -> None:
        assert encode(BASE, random.Random(3).randbytes(50_000), cost=50_000) is None

    @pytest.mark.parametrize("method", list(Method))
    def test_a_patch_of_other_old_bytes_makes_no_other_length(self, method: Method) -> None:
        patch = zdict(BASE, TEXT) if method is Method.ZSTD else hdiff(BASE, TEXT)
        for length in (len(TEXT) - 1, len(TEXT) + 1, 0, -1, limits.NEW + 1):
            with pytest.raises(CorruptError):
                apply(patch, BASE, method, new_length=length)

    def test_hdiffpatch_sees_old_bytes_of_the_right_length_only(self) -> None:
        with pytest.raises(CorruptError, match="59999"):
            apply(hdiff(BASE, TEXT), BASE[1:], Method.HDIFF, new_length=len(TEXT))

    @pytest.mark.parametrize("method", list(Method))
    @given(data=st.data())
    @settings(max_examples=60, deadline=None)
    def test_a_damaged_patch_is_a_named_error_or_other_bytes(self, method: Method, data: st.DataObject) -> None:
        patch = bytearray(zdict(BASE, TEXT) if method is Method.ZSTD else hdiff(BASE, TEXT))
        at = data.draw(st.integers(0, len(patch) - 1))
        patch[at] ^= data.draw(st.integers(1, 255))
        cut = data.draw(st.one_of(st.none(), st.integers(0, len(patch))))
        try:
            assert len(apply(bytes(patch[:cut]), BASE, method, new_length=len(TEXT))) == len(TEXT)
        except CorruptError as error:
            assert "patch" in str(error)  # noqa: PT017

    def test_a_bomb_is_refused_before_it_goes_off(self) -> None:
        bomb = zstandard.compress(bytes(200 << 20))
        assert len(bomb) < 30_000
        for method in Method:
            with pytest.raises(CorruptError, match="wrong size"):
                apply(bomb, BASE, method, new_length=len(TEXT))

    def test_a_bomb_that_hides_its_size_is_refused(self) -> None:
        hidden = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(20 << 20))
        for method in Method:
            with pytest.raises(CorruptError, match="wrong size"):
                apply(hidden, BASE, method, new_length=len(TEXT))

    def test_a_bomb_inside_hdiffpatch_is_refused(self) -> None:
        bomb = hdiff(BASE, BASE * 200)
        assert len(bomb) < 10_000
        with pytest.raises(CorruptError, match="12000000"):
            apply(bomb, BASE, Method.HDIFF, new_length=10)

    def test_hdiffpatchs_own_compression_is_refused(self) -> None:
        """It would decompress inside native code, where no size is known before."""
        patch = zstandard.compress(hdiffpatch.diff(BASE, TEXT, "zlib"))
        with pytest.raises(CorruptError, match="unknown kind"):
            apply(patch, BASE, Method.HDIFF, new_length=len(TEXT))


class TestRuns:
    def test_a_build_that_did_not_change_has_no_run(self) -> None:
        assert list(RunFinder(MemoryTree({"a": BASE})).find(as_new({"b": BASE})[0])) == []

    def test_a_change_is_one_run_against_the_place_that_it_took(self) -> None:
        new = BASE[:30_000] + b"new" + BASE[30_010:]
        (run,) = RunFinder(MemoryTree({"a": BASE})).find(as_new({"a": new})[0])
        assert run.offset <= 30_000 < run.offset + run.length
        assert run.length == sum(length for _, length in run.chunks)
        assert run.region.path == "a"
        assert run.region.offset <= run.offset
        assert run.region.offset + run.region.length >= run.offset + run.length

    def test_a_change_is_found_in_the_file_that_its_neighbours_came_from(self) -> None:
        new = BASE[20_000:40_000] + b"new" + BASE[40_010:]
        runs = list(RunFinder(MemoryTree({"a": BASE, "b": TEXT})).find(as_new({"b": new})[0]))
        assert {run.region.path for run in runs} == {"a"}
        middle = next(run for run in runs if run.offset <= 20_000 < run.offset + run.length)
        assert middle.region.offset <= 40_000 < middle.region.offset + middle.region.length

    def test_a_file_without_known_neighbours_is_compared_with_its_path_then_its_name(self) -> None:
        new = bytes(byte ^ 1 for byte in BASE)
        tree = MemoryTree({"game-1.2/data/level7.pak": BASE, "other/level7.pak": BASE[::-1], "readme": TEXT})
        (run,) = RunFinder(tree).find(as_new({"readme": new})[0])
        assert run.region.path == "readme"
        (run,) = RunFinder(tree).find(as_new({"game-1.3/data/level7.pak": new})[0])
        assert run.region.path == "game-1.2/data/level7.pak"
        assert list(RunFinder(tree).find(as_new({"nothing.like": new})[0])) == []

    def test_a_number_in_the_name_may_change(self) -> None:
        tree = MemoryTree({"lib/libgame.so.1.9": BASE})
        (run,) = RunFinder(tree).find(as_new({"lib/libgame.so.2.0": bytes(byte ^ 1 for byte in BASE)})[0])
        assert run.region.path == "lib/libgame.so.1.9"
        assert name_key("x/Level07.PAK") == "level#.pak"

    def test_a_chunk_is_in_one_run_only(self) -> None:
        new = bytes(byte ^ 1 for byte in BASE)
        finder = RunFinder(MemoryTree({"a": BASE}))
        first, second = as_new({"a": new, "b/a": new + b"more"})
        seen = [hash for file in (first, second) for run in finder.find(file) for hash, _ in run.chunks]
        assert len(seen) == len(set(seen))
        assert len(seen) > len(chunks_of(new))

    def test_long_stretches_are_split_and_lie_side_by_side(self) -> None:
        new = bytes(byte ^ 1 for byte in BASE)
        runs = list(RunFinder(MemoryTree({"a": BASE}), max_run=20_000).find(as_new({"a": new})[0]))
        assert len(runs) >= 3
        assert all(run.length <= 20_000 for run in runs)
        assert [run.offset for run in runs[1:]] == [run.offset + run.length for run in runs[:-1]]
        assert runs[-1].offset + runs[-1].length == len(new)

    def test_the_second_part_of_a_long_file_knows_where_it_is(self) -> None:
        new = bytes(byte ^ 1 for byte in BASE)
        (file,) = as_new({"a": new})
        begin = sum(length for _, length in file.chunks[:8])
        part = NewFile("a", len(new), file.chunks[8:], start=begin)
        (run,) = RunFinder(MemoryTree({"a": BASE})).find(part)
        assert run.offset == begin
        assert run.region.offset + run.region.length == len(BASE)

    def test_a_chunk_longer_than_a_patch_may_make_is_no_run(self) -> None:
        (file,) = as_new({"a": b"x"})
        giant = NewFile("a", limits.NEW + 1, [(file.chunks[0][0], limits.NEW + 1)])
        assert list(RunFinder(MemoryTree({"a": BASE})).find(giant)) == []

    @given(st.integers(0, 1 << 32))
    @settings(max_examples=60, deadline=None)
    def test_runs_hold_exactly_the_new_chunks_and_regions_stay_in_their_files(self, seed: int) -> None:
        rng = random.Random(seed)
        old = {"a": BASE[:40_000], "b": TEXT[:30_000]}
        pieces = [BASE, TEXT, rng.randbytes(9000)]
        new = {
            path: b"".join(
                piece[(at := rng.randrange(len(piece))) : at + rng.randrange(12_000)]
                for piece in rng.choices(pieces, k=5)
            )
            for path in ("a", "c", "sub/b")
        }
        tree = MemoryTree(old)
        finder = RunFinder(tree, max_run=16_384)
        for file in as_new(new):
            end = 0
            for run in finder.find(file):
                assert end <= run.offset
                end = run.offset + run.length
                assert run.region.offset >= 0
                assert 0 < run.region.length <= limits.REGION
                assert run.region.offset + run.region.length <= len(old[run.region.path])
                assert all(tree.find(hash) is None for hash, _ in run.chunks)
