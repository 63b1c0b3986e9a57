"""What is believed: no way back behind what was seen, nothing expired, and only keys that the root names."""

import dataclasses
import fcntl
import multiprocessing
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content_minisign import key, public
from tenku.base.errors import CorruptError, FolderError, TrustError, UsageError
from tenku.content.delegation import Delegation, decode_delegation, encode_delegation, next_delegation
from tenku.content.head import MAX_SEQ, MAX_TIME, encode_head, seal, to_json
from tenku.content.memory import MemoryFolder, default_folder
from tenku.content.minisign import PublicKey, SecretKey
from tenku.content.model import ChannelName, Hash, Head, Published
from tenku.content.trust import DAY, Memory, Seen, believe, decode_memory, encode_memory, keys_of

NAME = ChannelName("supergame", "beta")
NOW = 1_800_000_000
ROOT, STUDIO, NEXT, THIEF = 1, 2, 3, 9


def sealed_head(seq: int, *, by: int = STUDIO, name: ChannelName = NAME, made: int = NOW, version: str = "1") -> bytes:
    line = Published(Hash(bytes(32)), Hash(bytes(32)), version, made)
    head = Head(channel=name, seq=seq, published=made, expires=made + 30 * DAY, history=(line,))
    return seal(encode_head(head), key(by), f"{name} {seq}")


def sealed_trust(version: int, *signers: int, by: int = ROOT, game: str = "supergame", made: int = NOW) -> bytes:
    keys = tuple(public(signer) for signer in signers)
    what = Delegation(game=game, version=version, published=made, expires=made + 730 * DAY, keys=keys)
    return seal(encode_delegation(what), key(by), "trust")


@dataclasses.dataclass
class Puller:
    """Somebody who pinned a key, and remembers."""

    pinned: int = STUDIO
    memory: Memory = dataclasses.field(default_factory=Memory)
    now: int = NOW

    def pull(self, head: bytes, trust: bytes | None = None, *, name: ChannelName = NAME) -> Head:
        pinned = public(self.pinned)
        keys, self.memory = keys_of(name.game, pinned=pinned, sealed=trust, memory=self.memory, now=self.now)
        believed, self.memory = believe(head, name=name, keys=keys, memory=self.memory, now=self.now)
        # What is remembered goes through a file between two runs.
        self.memory = decode_memory(encode_memory(self.memory))
        return believed


def test_a_pinned_key_signs_heads_itself() -> None:
    puller = Puller()
    assert puller.pull(sealed_head(1)).seq == 1
    assert puller.pull(sealed_head(7)).seq == 7
    assert puller.pull(sealed_head(7)).seq == 7  # again is fine
    with pytest.raises(TrustError, match="not trusted here"):
        puller.pull(sealed_head(8, by=THIEF))


def test_an_older_head_is_refused() -> None:
    puller = Puller()
    puller.pull(sealed_head(7))
    with pytest.raises(TrustError, match="older than what was seen before: number 6 after 7"):
        puller.pull(sealed_head(6))
    assert puller.pull(sealed_head(8)).seq == 8


def test_the_same_number_cannot_say_two_things() -> None:
    puller = Puller()
    puller.pull(sealed_head(7))
    with pytest.raises(TrustError, match="says something else"):
        puller.pull(sealed_head(7, version="other"))


def test_channels_and_pins_are_remembered_apart() -> None:
    puller, stable = Puller(), ChannelName("supergame", "stable")
    puller.pull(sealed_head(7))
    assert puller.pull(sealed_head(1, name=stable), name=stable).seq == 1
    with pytest.raises(TrustError, match="with the head of supergame:stable"):
        puller.pull(sealed_head(9, name=stable))


@pytest.mark.parametrize(("later", "good"), [(0, True), (30 * DAY - 1, True), (30 * DAY, False), (400 * DAY, False)])
def test_a_head_expires(later: int, good: bool) -> None:
    puller = Puller(now=NOW + later)
    if good:
        assert puller.pull(sealed_head(1)).seq == 1
        return
    with pytest.raises(TrustError, match=r"expired on 2027-02-14 08:00 UTC") as refused:
        puller.pull(sealed_head(1))
    assert "publish again" in refused.value.hint
    assert puller.memory == Memory()


def test_a_clock_in_the_past_is_named() -> None:
    """A clock that is an hour slow is usual; one that is off by days makes dates worthless."""
    assert Puller(now=NOW - DAY).pull(sealed_head(1)).seq == 1
    for now in (NOW - DAY - 1, 0):
        with pytest.raises(TrustError, match="This machine's clock is wrong: it says"):
            Puller(now=now).pull(sealed_head(1))
    with pytest.raises(TrustError, match=r"clock is wrong.* trust file of supergame was made on 2027"):
        Puller(pinned=ROOT, now=0).pull(sealed_head(1), sealed_trust(1, STUDIO))


def test_a_root_names_the_keys_that_sign() -> None:
    puller = Puller(pinned=ROOT)
    assert puller.pull(sealed_head(1), sealed_trust(1, STUDIO, NEXT)).seq == 1
    assert puller.pull(sealed_head(2, by=NEXT), sealed_trust(1, STUDIO, NEXT)).seq == 2
    for other in (THIEF, ROOT):
        with pytest.raises(TrustError, match="not trusted here"):
            puller.pull(sealed_head(3, by=other), sealed_trust(1, STUDIO, NEXT))


def test_after_a_rotation_the_old_key_is_refused_for_ever() -> None:
    puller = Puller(pinned=ROOT)
    puller.pull(sealed_head(5), sealed_trust(1, STUDIO))
    assert puller.pull(sealed_head(6, by=NEXT), sealed_trust(2, NEXT)).seq == 6
    with pytest.raises(TrustError, match="not trusted here"):
        puller.pull(sealed_head(7, by=STUDIO), sealed_trust(2, NEXT))
    with pytest.raises(TrustError, match="trust file of supergame is older"):
        puller.pull(sealed_head(7, by=STUDIO), sealed_trust(1, STUDIO))
    with pytest.raises(TrustError, match="says something else"):
        puller.pull(sealed_head(7, by=STUDIO), sealed_trust(2, STUDIO))


def test_a_new_trust_file_counts_even_where_the_head_beside_it_is_refused() -> None:
    """One honest mirror is enough to learn that a key was revoked."""
    puller = Puller(pinned=ROOT)
    with pytest.raises(TrustError, match="not trusted here"):
        puller.pull(sealed_head(1), sealed_trust(2, NEXT))
    with pytest.raises(TrustError, match="older"):
        puller.pull(sealed_head(1), sealed_trust(1, STUDIO))


def test_a_thief_cannot_block_a_channel_for_ever() -> None:
    """With a stolen key the highest number was signed; once the root revokes the key, low numbers count again."""
    puller = Puller(pinned=ROOT)
    puller.pull(sealed_head(5), sealed_trust(1, STUDIO))
    puller.pull(sealed_head(MAX_SEQ), sealed_trust(1, STUDIO))
    with pytest.raises(TrustError, match="older"):
        puller.pull(sealed_head(6), sealed_trust(1, STUDIO))
    assert puller.pull(sealed_head(6, by=NEXT), sealed_trust(2, NEXT)).seq == 6


def test_a_key_that_stays_keeps_its_numbers_through_a_rotation() -> None:
    puller, other = Puller(pinned=ROOT), ChannelName("othergame", "beta")
    puller.pull(sealed_head(5), sealed_trust(1, STUDIO))
    puller.pull(sealed_head(5, name=other), sealed_trust(1, STUDIO, game="othergame"), name=other)
    with pytest.raises(TrustError, match="older"):
        puller.pull(sealed_head(4), sealed_trust(2, STUDIO, NEXT))
    assert (
        puller.pull(
            sealed_head(1, by=NEXT, name=ChannelName("supergame", "x")),
            sealed_trust(3, NEXT),
            name=ChannelName("supergame", "x"),
        ).seq
        == 1
    )
    with pytest.raises(TrustError, match="older"):
        puller.pull(sealed_head(4, name=other), sealed_trust(1, STUDIO, game="othergame"), name=other)


def test_a_trust_file_cannot_be_hidden_once_it_was_seen() -> None:
    puller = Puller(pinned=ROOT)
    puller.pull(sealed_head(5), sealed_trust(1, STUDIO))
    for hidden in (None, sealed_trust(9, THIEF, by=THIEF)):
        with pytest.raises(TrustError, match="was there before"):
            puller.pull(sealed_head(6, by=ROOT), hidden)
    with pytest.raises(TrustError, match="not trusted here"):
        Puller(pinned=ROOT).pull(sealed_head(6))  # and to who sees it for the first time nothing is gained by hiding


def test_a_trust_file_of_somebody_else_means_nothing_to_a_pinned_signer() -> None:
    """A studio introduces a root; who pinned the signing key itself notices nothing."""
    puller = Puller(pinned=STUDIO)
    assert puller.pull(sealed_head(1), sealed_trust(1, NEXT, by=ROOT)).seq == 1
    assert puller.pull(sealed_head(2), sealed_trust(1, THIEF, by=THIEF)).seq == 2


def test_a_trust_file_expires() -> None:
    trust = sealed_trust(1, STUDIO)
    late = NOW + 730 * DAY
    with pytest.raises(TrustError, match="trust file of supergame expired") as refused:
        Puller(pinned=ROOT, now=late).pull(sealed_head(1, made=late), trust)
    assert "root key" in refused.value.hint
    assert Puller(pinned=ROOT, now=late - 1).pull(sealed_head(1, made=late - 1), trust).seq == 1


def forged(value: dict[str, object]) -> bytes:
    good: dict[str, object] = {
        "format": 1, "kind": "trust", "game": "supergame", "version": 1, "published": NOW, "expires": NOW + DAY,
        "keys": [public(STUDIO).line],
    }  # fmt: skip
    return to_json({name: each for name, each in {**good, **value}.items() if each is not Ellipsis})


SAME_ID = PublicKey(public(STUDIO).id, public(NEXT).raw).line


@pytest.mark.parametrize(
    "value",
    [
        {"format": 2},
        {"kind": "head"},
        {"game": "othergame"},
        {"game": 1},
        {"version": 0},
        {"version": -1},
        {"version": True},
        {"version": MAX_SEQ + 1},
        {"published": "x"},
        {"published": NOW + DAY},
        {"expires": MAX_TIME + 1},
        {"expires": 0},
        {"keys": []},
        {"keys": None},
        {"keys": [1]},
        {"keys": ["x"]},
        {"keys": [public(STUDIO).file()]},
        {"keys": [public(STUDIO).line] * 2},
        {"keys": [public(STUDIO).line, SAME_ID]},
        {"keys": [public(number).line for number in range(21)]},
        {"more": 1},
        *({name: ...} for name in ("format", "kind", "game", "version", "published", "expires", "keys")),
    ],
    ids=repr,
)
def test_a_hostile_delegation_is_refused(value: dict[str, object]) -> None:
    """Even with the root's signature on it."""
    assert decode_delegation(forged({}), "supergame").keys == (public(STUDIO),)
    with pytest.raises((CorruptError, TrustError)):
        decode_delegation(forged(value), "supergame")
    puller = Puller(pinned=ROOT)
    with pytest.raises((CorruptError, TrustError)):
        puller.pull(sealed_head(1), seal(forged(value), key(ROOT), "x"))
    assert puller.memory == Memory()


def test_a_delegated_key_cannot_delegate() -> None:
    same_id = SecretKey(key(ROOT).id, key(STUDIO).seed)
    what = Delegation(game="supergame", version=9, published=NOW, expires=NOW + DAY, keys=(public(THIEF),))
    with pytest.raises(TrustError, match="changed after it was signed"):
        Puller(pinned=ROOT).pull(sealed_head(1, by=THIEF), seal(encode_delegation(what), same_id, "x"))


def test_a_head_is_no_trust_file_and_the_other_way_round() -> None:
    with pytest.raises(CorruptError, match="of the kind 'head'"):
        Puller(pinned=ROOT).pull(sealed_head(1), sealed_head(1, by=ROOT))
    with pytest.raises(CorruptError, match="of the kind 'trust'"):
        Puller(pinned=STUDIO).pull(sealed_trust(1, STUDIO, by=STUDIO))


def test_the_next_trust_file_counts_up() -> None:
    def after(before: Delegation | None, version: int | None, now: int = NOW) -> Delegation:
        return next_delegation("g", [public(2)], before=before, version=version, now=now, lasts=DAY)

    first = after(None, None)
    assert (first.version, first.published, first.expires) == (1, NOW, NOW + DAY)
    assert after(first, None, now=NOW - 9 * DAY) == dataclasses.replace(first, version=2)
    assert after(first, 5).version == 5
    for before, version in ((first, 1), (first, 0), (None, 0), (None, -1)):
        with pytest.raises(UsageError, match="has to be over"):
            after(before, version)


seen = st.builds(
    Seen,
    number=st.integers(1, MAX_SEQ),
    hash=st.binary(min_size=32, max_size=32).map(Hash),
    signer=st.sampled_from([public(1).line, public(2).line]),
)
memories = st.builds(
    Memory,
    heads=st.dictionaries(st.sampled_from(["a:b", "a:c", "d:b"]), seen),
    trusts=st.dictionaries(st.sampled_from(["a", "d"]), seen),
)


@given(memories)
def test_what_is_remembered_comes_back(memory: Memory) -> None:
    assert decode_memory(encode_memory(memory)) == memory


@given(st.lists(st.tuples(st.integers(1, 6), st.sampled_from("xy")), max_size=12))
def test_believed_numbers_never_fall(offers: list[tuple[int, str]]) -> None:
    """Whatever heads a mirror has in its hands, in whatever order it shows them."""
    puller, believed = Puller(), [(0, "")]
    for seq, version in offers:
        try:
            head = puller.pull(sealed_head(seq, version=version))
        except TrustError:
            assert seq < believed[-1][0] or (seq == believed[-1][0] and version != believed[-1][1])
            continue
        believed.append((head.seq, head.current.version))
    assert believed == sorted(believed, key=lambda each: each[0])
    assert len({seq for seq, _ in believed}) == len(set(believed))


def remember(folder: MemoryFolder, seq: int) -> None:
    def decide(memory: Memory) -> tuple[Head, Memory]:
        return believe(sealed_head(seq), name=NAME, keys=(public(STUDIO),), memory=memory, now=NOW)

    folder.update(public(STUDIO), decide)


def test_memory_is_private_and_kept(tmp_path: Path) -> None:
    folder = MemoryFolder(tmp_path / "state" / "trust")
    remember(folder, 7)
    again = MemoryFolder(tmp_path / "state" / "trust")
    assert again.read(public(STUDIO)).heads[str(NAME)].number == 7
    assert again.read(public(NEXT)) == Memory()
    with pytest.raises(TrustError, match="older"):
        remember(again, 6)
    assert again.read(public(STUDIO)).heads[str(NAME)].number == 7
    assert stat.S_IMODE((tmp_path / "state" / "trust").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "state" / "trust").iterdir()} == {0o600}
    assert sorted(file.suffix for file in (tmp_path / "state" / "trust").iterdir()) == [".json", ".lock"]


def _remember_many(folder: Path, worker: int) -> None:
    for number in range(20):
        _remember_first(MemoryFolder(folder), ChannelName("supergame", f"w{worker}-{number}"))


def _remember_first(folder: MemoryFolder, name: ChannelName) -> None:
    def decide(memory: Memory) -> tuple[Head, Memory]:
        return believe(sealed_head(1, name=name), name=name, keys=(public(STUDIO),), memory=memory, now=NOW)

    folder.update(public(STUDIO), decide)


def test_processes_that_remember_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_remember_many, args=(tmp_path, worker)) for worker in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(MemoryFolder(tmp_path).read(public(STUDIO)).heads) == 60
    assert [file for file in tmp_path.iterdir() if file.suffix not in (".json", ".lock")] == []


def test_nobody_else_decides_meanwhile(tmp_path: Path) -> None:
    folder = MemoryFolder(tmp_path)

    def decide(memory: Memory) -> tuple[bool, Memory]:
        with folder.file(public(STUDIO)).with_suffix(".lock").open("wb") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True, memory

    assert folder.update(public(STUDIO), decide)
    assert folder.update(public(STUDIO), decide)  # and it is free again afterwards


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format":1}', '{"format":1,"heads":[["a",1,"x","y"]],"trusts":[]}'])
def test_a_damaged_memory_is_no_empty_one(tmp_path: Path, text: str) -> None:
    """Else whoever can break the file could bring old versions back unseen."""
    folder = MemoryFolder(tmp_path)
    folder.file(public(STUDIO)).write_text(text)
    with pytest.raises(FolderError, match="is damaged") as refused:
        remember(folder, 1)
    assert "remove it" in refused.value.hint


def test_a_memory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="cannot be written"):
        remember(MemoryFolder(tmp_path / "file" / "trust"), 1)
    folder = MemoryFolder(tmp_path)
    folder.file(public(STUDIO)).mkdir()
    with pytest.raises(FolderError, match="cannot be read"):
        remember(folder, 1)


def test_where_it_is_remembered() -> None:
    assert default_folder({"XDG_STATE_HOME": "/srv/state"}) == Path("/srv/state/tenku/trust")
    assert default_folder({}) == Path.home() / ".local/state/tenku/trust"
