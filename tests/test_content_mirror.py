"""Mirroring a store: everything that live releases need, checked, the head last."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from content_prune import KEY, NAME, Clock, DictStore, GatedStore, check_heads, publish, publisher, write_build
from content_raw import RawServer
from tenku.base.errors import CorruptError, NotFoundError, TrustError, UsageError
from tenku.content.channelhead import Trust
from tenku.content.delegation import Delegation, encode_delegation
from tenku.content.head import encode_head, seal
from tenku.content.memory import MemoryFolder
from tenku.content.minisign import SecretKey
from tenku.content.mirror import Mirrored, channels_of, mirror
from tenku.content.model import ChannelName, Head, key_head, key_trust
from tenku.content.ports import NoProgress, PruneStore, ReadStore
from tenku.content.stores.backoff import Backoff
from tenku.content.stores.mirrors import Mirrors
from tenku.content.stores.web import WebStore

STRANGER = SecretKey(b"\x05" * 8, b"\x06" * 32)


def sources(*stores: ReadStore) -> Mirrors:
    async def at_once(_: float) -> None:
        """Nobody waits in a test."""

    return Mirrors(stores, backoff=Backoff(rounds=1), sleep=at_once)


def trust(tmp: Path, key: SecretKey = KEY) -> Trust:
    return Trust(key.public, MemoryFolder(tmp / "memory"))


async def copy(
    source: ReadStore, target: PruneStore, clock: Clock, *, pinned: Trust | None = None, keep: int = 10
) -> Mirrored:
    (result,) = await mirror(sources(source), target, [NAME], keep=keep, trust=pinned, progress=NoProgress(), now=clock)
    return result


async def filled(clock: Clock, tmp: Path, count: int = 3, name: ChannelName = NAME) -> tuple[DictStore, Head]:
    store = DictStore(clock)
    for seed in range(count):
        head = (await publish(store, clock, write_build(tmp / f"build{seed}", seed), name, delta_seconds=20)).head
        clock.pass_time(60)
    return store, head


def test_a_mirror_holds_what_its_source_holds_and_copies_it_once(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        source, head = await filled(clock, tmp_path)
        target = DictStore(clock)
        first = await copy(source, target, clock, pinned=trust(tmp_path))
        assert {key: data for key, (data, _) in target.objects.items()} == {
            key: data for key, (data, _) in source.objects.items()
        }
        assert first.moved
        assert first.copied == len(source.objects) - 1
        assert first.bytes == sum(len(data) for key, (data, _) in source.objects.items() if key != key_head(NAME))
        again = await copy(source, target, clock, pinned=trust(tmp_path))
        assert (again.copied, again.moved, again.there) == (0, False, first.copied)
        await publish(source, clock, write_build(tmp_path / "more", 9))
        update = await copy(source, target, clock)
        assert update.moved
        assert 0 < update.copied < first.copied
        assert head.seq + 1 == update.seq

    asyncio.run(main())


def test_only_what_live_releases_need_is_copied(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        source, head = await filled(clock, tmp_path, 4)
        target = DictStore(clock)
        await copy(source, target, clock, keep=1)
        await check_heads(target, head, keep=1)
        assert len([key for key in target.objects if "/release/" in key]) == 1
        assert len([key for key in target.objects if "/pack/" in key]) == 2

    asyncio.run(main())


def test_all_channels_of_a_store_that_can_be_listed(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        source, _ = await filled(clock, tmp_path, 1)
        for name in ("game:stable", "another:beta"):
            await publish(source, clock, tmp_path / "build0", ChannelName(*name.split(":")))
        target = DictStore(clock)
        names = await channels_of(source)
        assert [str(name) for name in names] == ["another:beta", "game:beta", "game:stable"]
        assert [str(name) for name in await channels_of(source, ["game"])] == ["game:beta", "game:stable"]
        await mirror(sources(source), target, names, progress=NoProgress(), now=clock)
        assert target.objects.keys() == source.objects.keys()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["page", "pack", "delta", "release"])
def test_a_tampered_object_is_refused_and_the_head_does_not_move(tmp_path: Path, kind: str) -> None:
    async def main() -> None:
        clock = Clock()
        source, _ = await filled(clock, tmp_path)
        keys = [key for key in source.objects if f"/{kind}/" in key]
        assert keys
        for key in keys:
            data = source.objects[key][0]
            source.objects[key] = (data[:-1] + bytes([data[-1] ^ 1]), clock())
        target = DictStore(clock)
        with pytest.raises(CorruptError, match=rf"game/{kind}/[0-9a-f]+ is not what its name says"):
            await copy(source, target, clock)
        assert key_head(NAME) not in target.objects
        assert not set(keys) & target.objects.keys()
        assert not [key for key in target.objects if "/mark/" in key]

    asyncio.run(main())


def test_a_good_source_makes_up_for_a_bad_one(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        good, head = await filled(clock, tmp_path)
        bad = DictStore(clock)
        bad.objects = {key: (data[:-1] + b"!", date) for key, (data, date) in good.objects.items()}
        target = DictStore(clock)
        await mirror(sources(bad, good), target, [NAME], trust=trust(tmp_path), progress=NoProgress(), now=clock)
        await check_heads(target, head)

    asyncio.run(main())


def test_an_older_head_does_not_replace_a_newer_one(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        source, _ = await filled(clock, tmp_path)
        target = DictStore(clock)
        old = DictStore(clock)
        old.objects = dict(source.objects)
        await publish(source, clock, write_build(tmp_path / "more", 9))
        await copy(source, target, clock)
        before = dict(target.objects)
        result = await copy(old, target, clock)
        assert (result.moved, result.copied) == (False, 0)
        assert target.objects == before
        # With a key the memory knows, too: also an empty target does not go back.
        await copy(source, DictStore(clock), clock, pinned=trust(tmp_path))
        with pytest.raises(TrustError):
            await copy(old, DictStore(clock), clock, pinned=trust(tmp_path))

    asyncio.run(main())


def test_a_head_by_another_key_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        source, head = await filled(clock, tmp_path)
        source.objects[key_head(NAME)] = (seal(encode_head(head), STRANGER, "x"), clock())
        target = DictStore(clock)
        with pytest.raises(TrustError, match="not trusted here"):
            await copy(source, target, clock, pinned=trust(tmp_path))
        assert target.objects == {}

    asyncio.run(main())


def _trust_file(key: SecretKey, version: int, clock: Clock) -> bytes:
    now = int(clock())
    delegation = Delegation(
        game="game", version=version, published=now, expires=now + 10**6, keys=(KEY.public, key.public)
    )
    return seal(encode_delegation(delegation), key, "trust")


def test_the_trust_file_comes_along_and_never_goes_back(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        source, _ = await filled(clock, tmp_path)
        root, place = SecretKey(b"\x07" * 8, b"\x08" * 32), key_trust("game")
        target = DictStore(clock)
        for version, kept in ((2, 2), (1, 2), (3, 3)):
            source.objects[place] = (_trust_file(root, version, clock), clock())
            await copy(source, target, clock)
            assert target.objects[place][0] == _trust_file(root, kept, clock)
        # By a key that was not pinned it says nothing, and is not passed on.
        source.objects[place] = (_trust_file(STRANGER, 9, clock), clock())
        other = DictStore(clock)
        await copy(source, other, clock, pinned=trust(tmp_path))
        assert place not in other.objects

    asyncio.run(main())


@pytest.mark.parametrize("steps", range(0, 40, 3))
def test_a_mirror_may_be_killed_anywhere_and_goes_on(tmp_path: Path, steps: int) -> None:
    class KilledError(Exception):
        pass

    async def main() -> None:
        clock = Clock()
        source, head = await filled(clock, tmp_path, 2)
        inner = DictStore(clock)
        left = steps

        async def kill(_: str, __: tuple[str, ...]) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise KilledError

        with contextlib.suppress(KilledError):
            await copy(source, GatedStore(inner, clock, kill), clock)
        if key_head(NAME) in inner.objects:
            await check_heads(inner, head)
        there = len([key for key in inner.objects if key.split("/")[1] in ("release", "page", "pack", "delta")])
        result = await copy(source, inner, clock)
        assert result.there == there
        await check_heads(inner, head)
        assert (await publisher(inner, clock).head(NAME))[0] == head

    asyncio.run(main())


def test_a_web_server_is_a_source(tmp_path: Path) -> None:
    async def main() -> None:
        clock = Clock()
        source, head = await filled(clock, tmp_path)

        def reply(target: str) -> list[bytes]:
            found = source.objects.get(target.lstrip("/"))
            body = found[0] if found else b""
            status = b"200 OK" if found else b"404 Not Found"
            return [b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(body)), body]

        with RawServer(reply) as server:
            target = DictStore(clock)
            web = WebStore(server.url)
            await copy(web, target, clock, pinned=trust(tmp_path))
            await check_heads(target, head)
            with pytest.raises(NotFoundError, match="There is no channel game:none"):
                await mirror(sources(web), target, [ChannelName("game", "none")], progress=NoProgress(), now=clock)
            web.close()

    asyncio.run(main())


def test_no_channel_is_no_mirror() -> None:
    with pytest.raises(UsageError, match="no channel to mirror"):
        asyncio.run(mirror(sources(DictStore(Clock())), DictStore(Clock()), [], progress=NoProgress()))
