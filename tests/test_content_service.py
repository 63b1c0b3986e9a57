"""The Python interface of content: the same verbs as the command, on real stores in folders."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content_minisign import key
from tenku.base.errors import NotFoundError, StoreError, TrustError, UsageError
from tenku.content.delegation import encode_delegation, next_delegation
from tenku.content.head import seal
from tenku.content.history import distinct, find, previous
from tenku.content.minisign import SecretKey
from tenku.content.model import ChannelName, Hash, Head, Published, key_object, parse_channel
from tenku.content.publish import PublishOptions
from tenku.content.service import ContentService

T = TypeVar("T")

BETA = parse_channel("supergame:beta")
STABLE = parse_channel("supergame:stable")
STUDIO, ROOT, OTHER = key(1), key(2), key(3)
DAY = 86400
NOW = 1_800_000_000


@dataclass
class Place:
    """A store, and what somebody who publishes and pulls has."""

    folder: Path
    now: float = NOW
    notes: list[str] = field(default_factory=list)

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def build(self) -> Path:
        return self.folder / "build"

    @property
    def game(self) -> Path:
        return self.folder / "game"

    def service(
        self, *stores: str, signer: SecretKey | None = STUDIO, trust: SecretKey | None = STUDIO
    ) -> ContentService:
        return ContentService(
            stores or (str(self.store),),
            trust=trust.public if trust else None,
            key=signer,
            memory=self.folder / "memory",
            progress=self,
            now=lambda: self.now,
        )

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.build / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def publish(self, version: str, *, to: ChannelName = BETA) -> None:
        self.write(data=f"the data of {version}")
        self.now += 60
        done = run(self.service().publish(self.build, to, PublishOptions(version=version, delta_seconds=0)))
        assert done.changed

    def phase(self, text: str, *, total: int, unit: str = "B") -> None:
        pass

    def advance(self, amount: int) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.write(readme="read me")
    return place


def test_a_build_goes_out_and_comes_in(place: Place) -> None:
    place.publish("1.0")
    assert place.notes == [f"Made the store {place.store}."]
    plan = run(place.service().plan(BETA, place.game))
    assert not place.game.exists()
    assert (plan.files, plan.unchanged, plan.version) == (2, 0, "1.0")
    done = run(place.service(signer=None).pull(BETA, place.game))
    assert done.changed
    assert (place.game / "data").read_text() == "the data of 1.0"
    assert not run(place.service().pull(BETA, place.game)).changed


def test_what_a_build_declares_mutable_counts_beside_what_is_given(place: Place) -> None:
    (place.build / "tenku.toml").write_text('mutable = ["saves/**", "*.ini"]\n')
    options = PublishOptions(mutable=("logs/**", "*.ini"), delta_seconds=0)
    done = run(place.service().publish(place.build, BETA, options))
    assert done.release.mutable == ("logs/**", "*.ini", "saves/**")


@pytest.mark.parametrize("text", ["mutable = 1\n", 'mutable = ["a", 2]\n', "mutable = [", "\x00"])
def test_a_declaration_that_cannot_be_read_stops_the_publish(place: Place, text: str) -> None:
    (place.build / "tenku.toml").write_text(text)
    with pytest.raises(UsageError, match=r"tenku\.toml"):
        run(place.service().publish(place.build, BETA))


def test_a_store_is_made_only_where_the_folder_around_it_is_there(place: Place) -> None:
    with pytest.raises(UsageError, match=r"There is no folder .*nowhere to make the store games in"):
        run(place.service(str(place.folder / "nowhere" / "games")).publish(place.build, BETA))
    with pytest.raises(UsageError, match="lies in the folder"):
        run(place.service(str(place.build / "store")).publish(place.build, BETA))
    for work in (place.service().rollback(BETA), place.service().promote(BETA, STABLE), place.service().renew(BETA)):
        with pytest.raises(StoreError, match="There is no folder"):
            run(work)
    assert sorted(path.name for path in place.folder.iterdir()) == ["build"], "nothing was made on the way"


def test_half_set_services_say_what_is_missing(place: Place) -> None:
    nowhere = ContentService([], key=STUDIO, trust=STUDIO.public, memory=place.folder)
    with pytest.raises(UsageError, match="where builds come from"):
        run(nowhere.publish(place.build, BETA))
    with pytest.raises(UsageError, match="where builds come from"):
        run(nowhere.pull(BETA, place.game))
    with pytest.raises(UsageError, match="no key to sign with"):
        run(place.service(signer=None).publish(place.build, BETA))
    with pytest.raises(UsageError, match="whose signature counts"):
        run(place.service(trust=None).pull(BETA, place.game))
    with pytest.raises(UsageError, match="several are set"):
        run(place.service(str(place.store), str(place.folder / "two")).publish(place.build, BETA))
    with pytest.raises(UsageError, match="can only be read from"):
        run(place.service("https://cdn.example/games").publish(place.build, BETA))


def test_verify_says_what_is_bad_and_whose_it_is(place: Place) -> None:
    (place.build / "tenku.toml").write_text('mutable = ["saves/**"]\n')
    place.write(saves__one="save", readme="read me", gone="gone")
    place.publish("1.0")
    run(place.service().pull(BETA, place.game))
    report = run(place.service().verify(place.game))
    assert report.whole
    assert (report.files, report.bad, report.missing, report.mine, report.added) == (5, (), (), (), ())
    (place.game / "saves" / "one").write_text("further on")
    (place.game / "readme").write_text("red me")
    (place.game / "gone").unlink()
    (place.game / "mod").write_text("a mod")
    report = run(place.service().verify(place.game))
    assert not report.whole
    assert (report.bad, report.missing, report.mine, report.added) == (("readme",), ("gone",), ("saves/one",), ("mod",))
    assert report.bad_bytes == len("read me") + len("gone")


def test_repair_asks_the_stores_that_the_folder_came_from(place: Place) -> None:
    place.publish("1.0")
    run(place.service().pull(BETA, place.game))
    (place.game / "data").write_text("the DATA of 1.0")
    nowhere = ContentService([], memory=place.folder / "memory", now=lambda: place.now)
    run(nowhere.repair(place.game))
    assert run(nowhere.verify(place.game, thorough=True)).whole
    assert (place.game / "data").read_text() == "the data of 1.0"


def test_releases_lists_every_channel_with_what_it_held(place: Place) -> None:
    for version in ("1.0", "1.1", "1.2"):
        place.publish(version)
    run(place.service().promote(BETA, STABLE))
    beta, stable = run(place.service().releases("supergame"))
    assert (str(beta.channel), str(stable.channel)) == ("supergame:beta", "supergame:stable")
    assert [(each.published.version, each.current) for each in beta.releases] == [
        ("1.2", True),
        ("1.1", False),
        ("1.0", False),
    ]
    assert beta.head is not None
    assert beta.head.seq == 3
    assert beta.releases[0].release is not None
    assert beta.releases[0].release.files == 2
    assert [each.published.version for each in stable.releases] == ["1.2"]
    (one,) = run(place.service().releases("supergame", "stable"))
    assert one == stable
    gone = key_object("supergame", "release", beta.releases[1].published.release)
    (place.store / gone).unlink()
    assert run(place.service().releases("supergame", "beta"))[0].releases[1].release is None


def test_a_channel_that_cannot_be_believed_is_a_row_that_says_so(place: Place) -> None:
    place.publish("1.0")
    run(place.service(signer=OTHER).publish(place.build, STABLE))
    beta, stable = run(place.service().releases("supergame"))
    assert beta.head is not None
    assert stable.head is None
    assert "is not trusted here" in stable.trouble
    with pytest.raises(TrustError):
        run(place.service().releases("supergame", "stable"))
    with pytest.raises(NotFoundError, match="no channel of othergame"):
        run(place.service().releases("othergame"))
    with pytest.raises(UsageError, match="cannot be asked which channels"):
        run(place.service("https://cdn.example/games").releases("supergame"))


def test_rollback_goes_back_with_a_higher_number(place: Place) -> None:
    for version in ("1.0", "1.1", "1.2"):
        place.publish(version)
    run(place.service().pull(BETA, place.game))
    place.now += 60
    moved = run(place.service().rollback(BETA))
    assert (moved.head.seq, moved.head.current.version, moved.head.current.published) == (4, "1.1", place.now)
    assert moved.before is not None
    assert moved.before.version == "1.2"
    run(place.service().pull(BETA, place.game))
    assert (place.game / "data").read_text() == "the data of 1.1"
    assert run(place.service().rollback(BETA)).head.current.version == "1.0", "a second one goes further back"
    with pytest.raises(UsageError, match=r"held no other build before '1\.0'"):
        run(place.service().rollback(BETA))
    assert run(place.service().rollback(BETA, to="1.2")).head.current.version == "1.2"
    assert not run(place.service().rollback(BETA, to="1.2")).changed


def test_rollback_to_a_release_that_is_gone_changes_nothing(place: Place) -> None:
    place.publish("1.0")
    place.publish("1.1")
    (row,) = run(place.service().releases("supergame", "beta"))
    (place.store / key_object("supergame", "release", row.releases[1].published.release)).unlink()
    with pytest.raises(NotFoundError, match=r"'1\.0' of supergame:beta was pruned"):
        run(place.service().rollback(BETA))
    assert run(place.service().releases("supergame", "beta"))[0].releases[0].published.version == "1.1"
    with pytest.raises(NotFoundError, match="no channel othergame:beta"):
        run(place.service().rollback(parse_channel("othergame:beta")))
    assert not (place.store / "othergame").exists()
    with pytest.raises(UsageError, match="never held"):
        run(place.service().rollback(BETA, to="9"))


def test_promote_moves_a_release_to_another_channel_of_the_game(place: Place) -> None:
    place.publish("1.0", to=STABLE)
    place.publish("1.1")
    moved = run(place.service().promote(BETA, STABLE))
    assert (moved.head.channel, moved.head.seq, moved.head.current.version) == (STABLE, 2, "1.1")
    assert not run(place.service().promote(BETA, STABLE)).changed
    assert not run(place.service().promote(BETA, BETA)).changed
    with pytest.raises(UsageError, match="of two games"):
        run(place.service().promote(BETA, parse_channel("othergame:stable")))
    with pytest.raises(TrustError, match="published with another key"):
        run(place.service(signer=OTHER).promote(BETA, STABLE))


def test_renew_signs_the_same_for_longer(place: Place) -> None:
    place.publish("1.0")
    place.publish("1.1")
    before = run(place.service().releases("supergame", "beta"))[0].head
    assert before is not None
    place.now += 366 * DAY
    with pytest.raises(TrustError, match="expired"):
        run(place.service().pull(BETA, place.game))
    moved = run(place.service().renew(BETA, expires_days=30))
    assert (moved.head.seq, moved.head.history) == (3, before.history)
    assert moved.head.expires == place.now + 30 * DAY
    run(place.service().pull(BETA, place.game))


def trust_file(version: int, *, root: SecretKey = ROOT, now: int = NOW) -> bytes:
    delegation = next_delegation("supergame", [STUDIO.public], before=None, version=version, now=now, lasts=700 * DAY)
    return seal(encode_delegation(delegation), root, "trust")


def test_a_trust_file_is_stored_if_the_root_signed_it_and_its_version_rises(place: Place) -> None:
    place.publish("1.0")
    service = place.service(signer=None)
    with pytest.raises(TrustError, match="not trusted here"):
        run(service.publish_trust("supergame", trust_file(1, root=OTHER), root=ROOT.public))
    said, is_new = run(service.publish_trust("supergame", trust_file(2), root=ROOT.public))
    assert (said.version, is_new) == (2, True)
    assert run(service.publish_trust("supergame", trust_file(2), root=ROOT.public))[1] is False
    with pytest.raises(TrustError, match=r"has version 1, and .* has 2"):
        run(service.publish_trust("supergame", trust_file(1), root=ROOT.public))
    place.now += 701 * DAY
    with pytest.raises(TrustError, match="has expired"):
        run(service.publish_trust("supergame", trust_file(3), root=ROOT.public))
    place.now = NOW + 100
    run(place.service(trust=ROOT).pull(BETA, place.game))
    assert (place.game / "data").exists()


def test_a_mirror_serves_what_the_store_serves(place: Place) -> None:
    place.publish("1.0")
    run(place.service().promote(BETA, STABLE))
    copy = place.folder / "copy"
    done = run(place.service().mirror(str(copy), games=["supergame"]))
    assert [str(each.channel) for each in done] == ["supergame:beta", "supergame:stable"]
    run(place.service(str(copy)).pull(STABLE, place.game))
    assert (place.game / "data").read_text() == "the data of 1.0"
    assert [each.moved for each in run(place.service().mirror(str(copy), [BETA]))] == [False]


def test_a_prune_leaves_what_is_held(place: Place) -> None:
    place.publish("1.0")
    (pruned,) = run(place.service(signer=None).prune())
    assert (pruned.game, pruned.error, pruned.deleted.objects) == ("supergame", None, 0)
    run(place.service().pull(BETA, place.game))
    assert run(place.service().repack("supergame")).freed == 0


def published(number: int, tree: int) -> Published:
    hash = Hash(number.to_bytes(32, "big"))
    return Published(release=hash, tree=Hash(bytes([tree]) * 32), version=f"v{number}", published=number)


def head(*history: Published) -> Head:
    return Head(channel=BETA, seq=1, published=1, expires=2, history=history)


@given(st.lists(st.tuples(st.integers(1, 6), st.just(0)), min_size=1, max_size=12), st.integers(1, 12))
def test_rolling_back_again_and_again_ends(numbers: list[tuple[int, int]], most: int) -> None:
    """Never forward: each step finds a release whose first time in the channel was earlier."""
    now = head(*(published(number, number) for number, _ in numbers))
    seen = [now.current.release]
    for _ in range(most):
        try:
            target = previous(now)
        except UsageError:
            return
        assert target.release not in seen
        seen.append(target.release)
        now = head(target, *now.history)


def test_a_build_that_was_published_again_is_no_earlier_build() -> None:
    """Two releases of one tree: who rolls back wants other bytes."""
    assert previous(head(published(3, 1), published(2, 1), published(1, 9))).version == "v1"


def test_releases_are_named_by_version_or_by_how_their_name_begins() -> None:
    many = head(*(Published(Hash(bytes([n]) * 32), Hash(bytes([n]) * 32), f"1.{n}", n) for n in (12, 11, 2, 1)))
    assert find(many, "1.1").published == 1, "a whole version means itself, not all that begin so"
    assert find(many, "1.2").published == 2
    assert find(many, "0b0b0b").published == 11
    for text in ("1.", "0b0b0"):
        with pytest.raises(UsageError):
            find(many, text)
    assert [each.published for each in distinct((many.history[1], *many.history))] == [11, 12, 2, 1]
