"""What hostile and broken mirrors can do: deny service, and nothing else."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from content_faults import (
    Cut,
    Endless,
    Fault,
    FaultServer,
    Flip,
    OtherRange,
    Redirect,
    SlowStart,
    Stall,
    Status,
    WholeFile,
    WrongLength,
)
from content_minisign import key
from content_trees import (
    KEY,
    NAME,
    File,
    Tree,
    check,
    noise,
    publish_to,
    publisher,
    pull_to,
    read_tree,
    stored,
    words,
    write_tree,
)
from tenku.base.errors import ContentError, CorruptError, NotFoundError, StoreError, TrustError
from tenku.content.head import encode_head, open_sealed, seal
from tenku.content.model import ChannelName, Head, key_head, parse_channel

V1: Tree = {"big.bin": File(noise(1, 1_000_000)), "text.txt": File(words(2, 300_000)), "same": File(noise(3, 50_000))}
V2: Tree = {
    "big.bin": File(noise(1, 1_000_000)[:500_000] + b"new" + noise(1, 1_000_000)[500_000:]),
    "text.txt": File(words(2, 300_000) + words(4, 100_000)),
    "same": File(noise(3, 50_000)),
    "new.bin": File(noise(5, 300_000)),
}
NOW = 1_800_000_000
DAY = 86_400


@dataclass(frozen=True)
class Shop:
    """A store with two builds in its channel, and a folder that has the first one."""

    store: Path
    game: Path

    def is_old(self) -> None:
        """The installed version is whole, and nothing else is under its name. Raises AssertionError."""
        assert read_tree(self.game) == V1
        assert check(self.game) == []


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The store with the first build, and the same one later."""
    tmp = tmp_path_factory.mktemp("shelves")
    publish_to(tmp / "first", write_tree(tmp / "build", V1))
    shutil.copytree(tmp / "first", tmp / "second")
    publish_to(tmp / "second", write_tree(tmp / "build", V2), delta_seconds=30)
    assert stored(tmp / "second", "delta")
    return tmp / "first", tmp / "second"


@pytest.fixture
def shop(shelves: tuple[Path, Path], tmp_path: Path) -> Shop:
    first, second = shelves
    store, game = tmp_path / "store", tmp_path / "game"
    pull_to(first, game)
    shutil.copytree(second, store)
    return Shop(store, game)


@contextmanager
def faulty(shop: Shop, pattern: str, fault: Fault) -> Iterator[FaultServer]:
    with FaultServer(shop.store) as server:
        server.add(pattern, fault)
        yield server


FAULTS: list[tuple[str, Fault]] = [
    ("*/head/*", Cut(50)),
    ("*/head/*", Stall(-1)),
    ("*/head/*", Stall(50)),
    ("*/head/*", Endless()),
    ("*/head/*", WrongLength(10)),
    ("*/head/*", WrongLength(-10)),
    ("*/head/*", Flip(100)),
    ("*/head/*", Flip(-20)),
    ("*/head/*", Status(404)),
    ("*/head/*", Status(500)),
    ("*/head/*", Redirect()),
    ("*/release/*", Cut(50)),
    ("*/release/*", Stall(50)),
    ("*/release/*", Endless()),
    ("*/release/*", WrongLength(10)),
    ("*/release/*", Flip(30)),
    ("*/release/*", Status(404)),
    ("*/page/*", Cut(50)),
    ("*/page/*", Stall(50)),
    ("*/page/*", Endless()),
    ("*/page/*", WrongLength(-10)),
    ("*/page/*", Flip(30)),
    ("*/page/*", Status(503)),
    ("*/pack/*", Cut(1000)),
    ("*/pack/*", Stall(-1)),
    ("*/pack/*", Stall(1000)),
    ("*/pack/*", OtherRange(1)),
    ("*/pack/*", OtherRange(1, honest=False)),
    ("*/pack/*", Endless()),
    ("*/pack/*", WrongLength(10)),
    ("*/pack/*", WrongLength(-10)),
    ("*/pack/*", Flip(300)),
    ("*/pack/*", Status(404)),
    ("*/pack/*", Status(503)),
    ("*/pack/*", Redirect()),
]


@pytest.mark.parametrize(("pattern", "fault"), FAULTS, ids=str)
def test_a_broken_mirror_alone_is_a_named_error_and_beside_a_good_one_no_hindrance(
    shop: Shop, pattern: str, fault: Fault
) -> None:
    with faulty(shop, pattern, fault) as server:
        with pytest.raises((StoreError, TrustError)) as refused:
            pull_to(server.url, shop.game, deltas=False)
        assert str(refused.value).endswith(".")
        assert server.count(pattern) >= 1
        assert server.sent() < 64_000_000
        shop.is_old()
        pull_to([server.url, shop.store], shop.game, deltas=False)
    assert read_tree(shop.game) == V2
    assert check(shop.game) == []


@pytest.mark.parametrize("fault", [SlowStart(0.1), WholeFile(), Redirect("/mirror{path}")], ids=str)
def test_what_is_odd_but_right_is_taken(shop: Shop, fault: Fault) -> None:
    if isinstance(fault, Redirect):
        (shop.store / "mirror").symlink_to(".")
        pack = max(stored(shop.store, "pack"), key=lambda name: (shop.store / "game/pack" / name).stat().st_mtime_ns)
        fault = Redirect(f"/mirror/game/pack/{pack}")
    with FaultServer(shop.store) as server:
        server.add("game/pack/*", fault)
        pull_to(server.url, shop.game, deltas=False)
        assert server.count("*/pack/*")
    assert read_tree(shop.game) == V2


@pytest.mark.parametrize("pattern", ["*/head/*", "*/release/*", "*/page/*", "*/pack/*"])
@pytest.mark.parametrize("fault", [Status(503), Cut(10), Stall(10)], ids=str)
def test_a_fault_that_passes_is_not_noticed(shop: Shop, pattern: str, fault: Fault) -> None:
    with FaultServer(shop.store) as server:
        server.add(pattern, fault, first=1, last=1)
        pull_to(server.url, shop.game, deltas=False)
    assert read_tree(shop.game) == V2


@pytest.mark.parametrize(
    "fault",
    [Flip(20), Flip(-20), Cut(10), Stall(10), Status(404), Endless(), OtherRange(3, honest=False), WrongLength(5)],
    ids=str,
)
def test_a_delta_that_cannot_be_used_is_replaced_by_chunks(shop: Shop, fault: Fault) -> None:
    with faulty(shop, "*/delta/*", fault) as server:
        pull_to(server.url, shop.game)
        assert server.count("*/delta/*")
    assert read_tree(shop.game) == V2
    assert check(shop.game) == []


def test_a_good_delta_is_used(shop: Shop) -> None:
    with FaultServer(shop.store) as server:
        pull_to(server.url, shop.game)
        assert server.sent("*/delta/*") > 0
        with_deltas = server.sent()
    assert read_tree(shop.game) == V2
    assert with_deltas < 600_000


def test_what_was_fetched_before_a_failure_is_not_fetched_again(tmp_path: Path) -> None:
    store = tmp_path / "store"
    build: Tree = {f"{number}": File(noise(number, 3_000_000)) for number in range(8)}
    publish_to(store, write_tree(tmp_path / "build", build))
    with FaultServer(store) as server:
        server.add("*/pack/*", Status(404), first=3)
        with pytest.raises(StoreError):
            pull_to(server.url, tmp_path / "game", in_flight=1)
        assert not (tmp_path / "game").exists()
        first = server.sent("*/pack/*")
        assert first > 15_000_000
        server.clear()
        pulled = pull_to(server.url, tmp_path / "game")
        assert pulled.fetched < 24_000_000 - first + 300_000
    assert read_tree(tmp_path / "game") == build


def test_a_pack_whose_flipped_bytes_are_in_no_wanted_chunk_does_no_harm(shop: Shop) -> None:
    with faulty(shop, "*/pack/*", Flip(-3)) as server:
        pull_to(server.url, shop.game)
    assert read_tree(shop.game) == V2


# Heads


def head_of(store: Path, name: str = NAME) -> Head:
    """What the channel of a store holds."""
    head, _ = asyncio.run(publisher(store).head(parse_channel(name)))
    assert head is not None
    return head


def put_head(store: Path, data: bytes, name: str = NAME) -> None:
    """Make the store answer with this."""
    (store / key_head(parse_channel(name))).write_bytes(data)


def test_an_old_head_cannot_be_passed_off_as_new(shop: Shop, tmp_path: Path) -> None:
    new = (shop.store / key_head(parse_channel(NAME))).read_bytes()
    publish_to(shop.store, write_tree(tmp_path / "build", V1 | {"third": File(b"3")}))
    pull_to(shop.store, shop.game)
    put_head(shop.store, new)
    with pytest.raises(TrustError, match="older than what was seen before"):
        pull_to(shop.store, shop.game)
    assert read_tree(shop.game) == V1 | {"third": File(b"3")}


def test_two_heads_of_one_number_that_differ_are_refused(shop: Shop) -> None:
    head = head_of(shop.store)
    pull_to(shop.store, shop.game)
    other = Head(
        channel=head.channel, seq=head.seq, published=head.published, expires=head.expires, history=head.history[1:]
    )
    put_head(shop.store, seal(encode_head(other), KEY, "other"))
    with pytest.raises(TrustError, match="says something else"):
        pull_to(shop.store, shop.game)
    assert read_tree(shop.game) == V2


def test_a_head_that_expired_is_refused(shop: Shop) -> None:
    with pytest.raises(TrustError, match="expired on"):
        pull_to(shop.store, shop.game, now=head_of(shop.store).expires)
    shop.is_old()


def test_a_clock_in_the_past_is_named(shop: Shop) -> None:
    with pytest.raises(TrustError, match="clock is wrong"):
        pull_to(shop.store, shop.game, now=1_000_000)
    shop.is_old()


def test_the_head_of_another_channel_is_refused(shop: Shop) -> None:
    head = head_of(shop.store)
    moved = Head(
        channel=ChannelName("game", "stable"),
        seq=9,
        published=head.published,
        expires=head.expires,
        history=head.history,
    )
    put_head(shop.store, seal(encode_head(moved), KEY, "moved"))
    with pytest.raises(TrustError, match="game:stable"):
        pull_to(shop.store, shop.game)
    shop.is_old()


def test_a_head_by_another_key_is_refused(shop: Shop) -> None:
    data = (shop.store / key_head(parse_channel(NAME))).read_bytes()
    payload, _ = open_sealed(data, [KEY.public])
    put_head(shop.store, seal(payload, key(66), "mine"))
    with pytest.raises(TrustError, match="not trusted here"):
        pull_to(shop.store, shop.game)
    shop.is_old()


def test_a_hostile_head_beside_a_good_one_is_passed_over(shop: Shop, tmp_path: Path) -> None:
    data = (shop.store / key_head(parse_channel(NAME))).read_bytes()
    evil = tmp_path / "evil" / key_head(parse_channel(NAME))
    evil.parent.mkdir(parents=True)
    payload, _ = open_sealed(data, [KEY.public])
    evil.write_bytes(seal(payload, key(66), "mine"))
    pull_to([tmp_path / "evil", shop.store], shop.game)
    assert read_tree(shop.game) == V2


def test_a_mirror_that_is_behind_does_not_bring_the_old_version_back(shop: Shop, tmp_path: Path) -> None:
    behind = tmp_path / "behind"
    publish_to(behind, write_tree(tmp_path / "build", V1), now=NOW - 10 * DAY)
    pull_to([behind, shop.store], shop.game)
    assert read_tree(shop.game) == V2


@pytest.mark.parametrize("beside", [False, True])
def test_a_trust_file_that_is_none_is_of_no_account(shop: Shop, tmp_path: Path, beside: bool) -> None:
    shutil.copytree(shop.store, tmp_path / "evil")
    (tmp_path / "evil/game/trust").write_bytes(b"nonsense")
    pull_to([tmp_path / "evil", shop.store] if beside else tmp_path / "evil", shop.game)
    assert read_tree(shop.game) == V2


def test_a_release_of_another_game_is_refused(shop: Shop, tmp_path: Path) -> None:
    publish_to(shop.store, write_tree(tmp_path / "build", V2), "other:beta")
    other = head_of(shop.store, "other:beta")
    release = other.current.release.hex()
    (shop.store / "game/release" / release).write_bytes((shop.store / "other/release" / release).read_bytes())
    mixed = Head(
        channel=ChannelName("game", "beta"),
        seq=99,
        published=other.published,
        expires=other.expires,
        history=other.history,
    )
    put_head(shop.store, seal(encode_head(mixed), KEY, "mixed"))
    with pytest.raises(CorruptError, match="is one of other"):
        pull_to(shop.store, shop.game)
    shop.is_old()


def test_a_channel_that_is_not_there_is_named(shop: Shop) -> None:
    with pytest.raises(NotFoundError, match="no channel game:gamma"):
        pull_to(shop.store, shop.game.parent / "new", "game:gamma")
    assert not (shop.game.parent / "new").exists()


def test_no_mirror_at_all_is_a_named_error(shop: Shop) -> None:
    with FaultServer(shop.store) as server:
        gone = server.url
    with pytest.raises(ContentError):
        pull_to(gone, shop.game)
    shop.is_old()
