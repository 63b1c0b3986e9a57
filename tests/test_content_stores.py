"""Stores that builds are published to: one promise, kept by a folder, by memory and by a real S3 server."""

import asyncio
import errno
import multiprocessing
import os
import stat
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from seaweed import Seaweed
from tenku.base.errors import ConflictError, FolderError, NotFoundError, StoreError, TenkuError, UsageError
from tenku.content.ports import PruneStore
from tenku.content.stores.bucket import BucketStore
from tenku.content.stores.folder import UNFINISHED, FolderStore
from tenku.content.stores.open import open_mirrors, open_store, open_write_store
from tenku.content.stores.patience import Patience
from tenku.content.stores.rate import RateLimit
from tenku.content.stores.web import WebStore
from tenku.testing.content import check_store

pytest_plugins = ["seaweed_fixtures"]

KEY = "game/pack/aa"
CHANGES = 60


def test_a_folder_is_a_store(tmp_path: Path) -> None:
    check_store(lambda: FolderStore(tmp_path / "store"))


def test_obstore_is_a_store() -> None:
    memory = MemoryStore()
    check_store(lambda: BucketStore(memory, name="memory://"))


@pytest.mark.usefixtures("s3_keys")
def test_a_real_bucket_is_a_store() -> None:
    check_store(lambda: open_write_store("s3://games/conformance"))


def test_an_endpoint_may_stand_in_the_address(s3_keys: Seaweed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    store = open_write_store(f"s3://games/address?endpoint={s3_keys.endpoint}")
    asyncio.run(store.put(KEY, b"x"))
    assert asyncio.run(open_store(f"s3://games/address?endpoint={s3_keys.endpoint}").get(KEY, limit=1)) == b"x"
    assert store.name == "s3://games/address"


@pytest.mark.usefixtures("s3_keys")
def test_wrong_keys_are_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "geheim")
    with pytest.raises(StoreError, match="s3://games/x/game/pack/aa cannot be written") as caught:
        asyncio.run(open_write_store("s3://games/x").put(KEY, b"x"))
    assert "keys in the environment" in caught.value.hint
    assert "geheim" not in caught.value.sentence()


@pytest.mark.usefixtures("s3_keys")
def test_a_bucket_that_is_not_there_is_a_clear_error() -> None:
    with pytest.raises(StoreError, match="no such bucket"):
        asyncio.run(_keys(open_write_store("s3://never-made/x")))


async def _keys(store: PruneStore) -> list[str]:
    return [each.key async for each in store.list("")]


def test_a_bucket_that_does_not_answer_is_a_clear_error() -> None:
    keys = {"access_key_id": "a", "secret_access_key": "b"}
    query = "&".join(f"{name}={value}" for name, value in keys.items())
    store = open_store(f"s3://games/x?endpoint=http://127.0.0.1:9&{query}", patience=Patience(connect_s=1, stall_s=1))
    with pytest.raises(StoreError, match="s3://games/x/game/pack/aa"):
        asyncio.run(store.get(KEY, limit=1))


def test_an_endpoint_without_tls_is_refused_unless_asked_for() -> None:
    for url in ("s3://games/x?endpoint=http://s3.example.org", "gs://games?endpoint=http://10.0.0.1"):
        with pytest.raises(UsageError, match="has no TLS"):
            open_store(url, environment={})
    with pytest.raises(UsageError, match="has no TLS"):
        open_store("s3://games/x", environment={"AWS_ENDPOINT_URL": "http://s3.example.org"})
    assert open_store("s3://games/x?endpoint=http://s3.example.org&allow_http=true", environment={})


def test_google_and_azure_addresses_open() -> None:
    """They are not run here: no server speaks their protocols on a development machine."""
    assert open_write_store("gs://games/x?skip_signature=true", environment={}).name == "gs://games/x"
    azure = open_write_store("az://games/x?account_name=me&skip_signature=true", environment={})
    assert azure.name == "az://games/x"


def test_downloads_from_a_bucket_keep_the_rate_limit() -> None:
    store = BucketStore(MemoryStore(), name="memory://", rate=RateLimit(1_000_000, burst_s=0.1))
    asyncio.run(store.put(KEY, bytes(600_000)))
    begin = time.monotonic()
    asyncio.run(store.get(KEY, limit=600_000))
    assert time.monotonic() - begin > 0.4


# -- folders


def test_a_reader_never_sees_an_unfinished_object(tmp_path: Path) -> None:
    """Readers look all the time while one object is written again and again."""
    store = FolderStore(tmp_path)
    contents = [bytes([each]) * 200_000 for each in range(20)]

    async def race() -> set[int]:
        await store.put(KEY, contents[0])
        writing = asyncio.gather(*(store.put(KEY, content) for content in contents))
        seen = set()
        while not writing.done():
            data = await store.get(KEY, limit=200_000)
            assert data in contents
            assert [each.key async for each in store.list("")] == [KEY]
            seen.add(data[0])
        await writing
        return seen

    assert asyncio.run(race())


def test_two_processes_race_for_a_head_and_no_change_is_lost(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    results: Queue[int] = spawn.Queue()
    line = spawn.Barrier(2)
    racers = [spawn.Process(target=_write_head, args=(tmp_path, str(each), line, results)) for each in range(2)]
    for each in racers:
        each.start()
    conflicts = [results.get(timeout=60) for _ in racers]
    for each in racers:
        each.join()
    final = asyncio.run(FolderStore(tmp_path).get("game/head/x", limit=1000))
    assert sorted(final) == sorted(b"0" * CHANGES + b"1" * CHANGES), "no change was lost"
    assert sum(conflicts) > 0, "they did race"


def _write_head(folder: Path, who: str, line: Barrier, results: "Queue[int]") -> None:
    """Many changes, each read, made and written until it holds, as publishers do; all begin at once."""
    store = FolderStore(folder)

    async def change() -> None:
        try:
            data, version = await store.get_version("game/head/x", limit=10_000)
        except NotFoundError:
            data, version = b"", None
        await store.replace("game/head/x", data + who.encode(), version=version)

    done = conflicts = 0
    line.wait(60)
    while done < CHANGES:
        try:
            asyncio.run(change())
            done += 1
        except ConflictError:
            conflicts += 1
    results.put(conflicts)


def test_what_a_killed_writer_left_is_forgotten_after_a_day(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    asyncio.run(store.put(KEY, b"x"))
    old, new = tmp_path / UNFINISHED / "old", tmp_path / UNFINISHED / "new"
    for each in (old, new):
        each.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    asyncio.run(store.delete([]))
    assert [old.exists(), new.exists()] == [False, True]
    assert asyncio.run(store.get(KEY, limit=1)) == b"x"


def test_a_web_server_may_read_what_is_written(tmp_path: Path) -> None:
    asyncio.run(FolderStore(tmp_path).put(KEY, b"x"))
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / KEY).stat().st_mode) == 0o666 & ~mask


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)
    asyncio.run(store.put(KEY, b"old"))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FolderError, match="No space left") as caught:
        asyncio.run(store.put(KEY, b"new"))
    assert "Make room" in caught.value.hint
    assert asyncio.run(store.get(KEY, limit=3)) == b"old"
    assert list((tmp_path / UNFINISHED).iterdir()) == []


def test_what_cannot_be_written_or_read_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FolderError, match="cannot be written"):
        asyncio.run(FolderStore(tmp_path / "file").put(KEY, b"x"))
    with pytest.raises(FolderError, match="cannot be written"):
        asyncio.run(FolderStore(tmp_path / "file").replace(KEY, b"x", version=None))
    with pytest.raises(StoreError, match="There is no folder"):
        asyncio.run(FolderStore(tmp_path / "none").get(KEY, limit=1))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError, match="not a file"):
        asyncio.run(FolderStore(tmp_path).get("pipe", limit=1))


# -- addresses


def test_addresses_open_the_store_they_name(tmp_path: Path) -> None:
    assert isinstance(open_store(str(tmp_path)), FolderStore)
    assert open_store(f"file://{tmp_path}/a%20b").name == f"{tmp_path}/a b"
    web = open_store("https://me:geheim@cdn.example.org/games/")
    assert isinstance(web, WebStore)
    assert web.name == "https://cdn.example.org/games"
    assert open_mirrors([str(tmp_path), "https://cdn.example.org"]).name == f"{tmp_path}, https://cdn.example.org"


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("ftp://cdn.example.org/games", "ftp:// is not known"),
        ("", "empty"),
        ("https://cdn.example.org/games", "only be read"),
        ("s3:///games", "plain bucket name"),
        ("s3://key:geheim@bucket/games", "plain bucket name"),
        ("s3://bucket/games?colour=red", "cannot be opened"),
        ("az://container", "cannot be opened"),
    ],
)
def test_addresses_that_cannot_be_published_to_are_refused(url: str, match: str) -> None:
    with pytest.raises(UsageError, match=match) as caught:
        open_write_store(url, environment={})
    assert isinstance(caught.value, TenkuError)
    assert "geheim" not in caught.value.sentence()
