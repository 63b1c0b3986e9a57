"""Model weights become builds: from a hub's HTTP layout on this machine through a store to a folder, bit by bit."""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from content_faults import FaultServer
from content_hub import COMMIT, Hub
from content_minisign import key
from content_safetensors import safetensors, tensors
from tenku.base.errors import CorruptError, FolderError, NotFoundError, StoreError, TrustError, UsageError
from tenku.content.hubname import HubFile, HubModel, Snapshot
from tenku.content.importing import Imported, ImportOptions, import_model
from tenku.content.minisign import SecretKey
from tenku.content.model import parse_channel
from tenku.content.modelsource import default_version, kept_in, left_over, parse_source
from tenku.content.ports import NoProgress
from tenku.content.publish import PublishOptions
from tenku.content.pull import Pulled
from tenku.content.secretfile import lock
from tenku.content.service import ContentService

CHANNEL = parse_channel("qwen:stable")
PART_1, PART_2 = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
LAYERS = tensors(700_001, 1_234_567, 3, 1000, 65_537, 2_000_003)
"""Odd sizes, two small ones among them."""
CHANGED = "layer.1"


@dataclass
class House:
    """A store, and the folders of whoever publishes and pulls."""

    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def service(self, store: str | Path = "", *, signer: SecretKey | None = None) -> ContentService:
        return ContentService(
            [str(store or self.store)],
            trust=key(1).public,
            key=signer or key(1),
            memory=self.folder / "memory",
        )

    def bring(
        self, hub: Hub | None, source: str = "hf:org/model", *, include: Sequence[str] = (), **given: object
    ) -> Imported:
        signer = given.pop("signer", None)
        environment = given.pop("environment", hub.environment if hub else {})
        options = ImportOptions(cache=self.cache, include=tuple(include), **given)  # type: ignore[arg-type]
        work = import_model(
            source,
            CHANNEL,
            self.service(signer=signer),  # type: ignore[arg-type]
            options=options,
            progress=NoProgress(),
            environment=environment,  # type: ignore[arg-type]
            pause_s=0.01,
        )
        return asyncio.run(work)

    def pull(self, folder: str = "model", *, store: str | Path = "") -> Pulled:
        return asyncio.run(self.service(store).pull(CHANNEL, self.folder / folder))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def base_files() -> dict[str, bytes]:
    return {
        ".gitattributes": b"*.safetensors filter=lfs",
        "config.json": b'{"layers": 6}',
        PART_1: safetensors(LAYERS),
        PART_2: safetensors(tensors(400_000, 90_001, seed=2)),
    }


def tuned_files() -> dict[str, bytes]:
    """One tensor is another, and the header is longer, so that all tensors lie elsewhere in the file."""
    layers = LAYERS | {CHANGED: random.Random("tuned").randbytes(len(LAYERS[CHANGED]))}
    return base_files() | {PART_1: safetensors(layers, note="tuned " * 77)}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub(base_files(), lfs={PART_1, PART_2}) as hub:
        yield hub


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if ".tenku" not in path.parts}


def wanted(hub: Hub) -> dict[str, bytes]:
    return {path: data for path, data in hub.files.items() if not path.startswith(".git")}


@pytest.mark.parametrize(("source", "version"), [("hf:org/model", COMMIT), ("modelscope:org/model@v2", "v2")])
def test_a_model_comes_from_a_hub_to_whoever_pulls(hub: Hub, house: House, source: str, version: str) -> None:
    imported = house.bring(hub, source)
    release = imported.published.release
    assert (release.version, release.profile, release.deltas) == (version, "weights", ())
    assert imported.commit == (COMMIT if source.startswith("hf") else "")
    house.pull()
    assert content(house.folder / "model") == wanted(hub)
    assert imported.kept is not None
    assert content(imported.kept) == wanted(hub)


def test_a_fine_tune_moves_only_the_changed_tensor(hub: Hub, house: House) -> None:
    house.bring(hub)
    with FaultServer(house.store) as web:
        house.pull(store=web.url)
        hub.files = tuned_files()
        house.bring(hub)
        web.clear()
        house.pull(store=web.url)
        moved = web.sent("*/pack/*")
    assert content(house.folder / "model") == wanted(hub)
    header = len(hub.files[PART_1]) - sum(map(len, LAYERS.values()))
    assert header > 500
    assert len(LAYERS[CHANGED]) < moved < len(LAYERS[CHANGED]) + header + 5_000


def test_without_the_borders_more_would_move(hub: Hub, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the borders are good for: the test above would fail without them."""
    monkeypatch.setattr("tenku.content.reading.weights_borders", lambda *_: ())
    for number, files in enumerate((base_files(), tuned_files())):
        hub.files = files
        service, options = house.service(), PublishOptions(profile="weights", delta_seconds=0)
        folder = house.folder / f"plain{number}"
        folder.mkdir()
        for path, data in wanted(hub).items():
            (folder / path).write_bytes(data)
        asyncio.run(service.publish(folder, CHANNEL, options))
        moved = house.pull().fetched
    assert moved > len(LAYERS[CHANGED]) + 300_000


def test_tensors_of_another_model_are_stored_once(hub: Hub, house: House) -> None:
    """A merge of two models has the tensors of both, in another order and other files."""
    house.bring(hub)
    other = dict(reversed(LAYERS.items()))
    hub.files = {"merged.safetensors": safetensors(other | {"new": b"\0" * 10})}
    built = house.bring(hub).published.built
    assert built is not None
    # The header, and the small ones, which share a chunk, in another order now.
    assert built.new_bytes < 5_000 < built.size


def test_a_new_revision_brings_only_files_that_changed(hub: Hub, house: House) -> None:
    house.bring(hub)
    del hub.files["config.json"]
    hub.files["folder/tokenizer.json"] = b"{}"
    hub.files[PART_1] = tuned_files()[PART_1]
    hub.requests.clear()
    imported = house.bring(hub)
    assert hub.count(f"/blob/{PART_1}") == 1
    assert hub.count(f"/blob/{PART_2}") == 0
    assert imported.kept is not None
    assert content(imported.kept) == wanted(hub), "what the revision has no more is gone"
    house.pull()
    assert content(house.folder / "model") == wanted(hub)


def test_another_choice_of_files_takes_the_others_away(hub: Hub, house: House) -> None:
    hub.files["deep/er/notes.txt"] = b"notes"
    house.bring(hub)
    house.bring(hub, include=("*.json", PART_2))
    house.pull()
    assert sorted(content(house.folder / "model")) == ["config.json", PART_2]
    assert not (house.folder / "model" / "deep").exists()


def test_the_same_model_again_changes_nothing(hub: Hub, house: House) -> None:
    house.bring(hub)
    hub.requests.clear()
    assert not house.bring(hub).published.changed
    assert hub.count("/blob/") == 0


def test_without_keep_nothing_stays_but_the_store(hub: Hub, house: House) -> None:
    imported = house.bring(hub, keep=False, version="Qwen, tuned")
    assert imported.kept is None
    assert content(house.cache) == {}
    assert imported.published.release.version == "Qwen, tuned"
    house.pull()
    assert content(house.folder / "model") == wanted(hub)


def test_a_folder_is_published_as_it_is(house: House) -> None:
    folder = house.folder / "weights"
    folder.mkdir()
    for path, data in base_files().items():
        (folder / path).write_bytes(data)
    imported = house.bring(None, str(folder))
    assert (imported.commit, imported.kept, imported.published.release.profile) == ("", None, "weights")
    house.pull()
    assert content(house.folder / "model") == base_files()
    (folder / PART_1).write_bytes(tuned_files()[PART_1])
    house.bring(None, str(folder))
    assert house.pull().fetched < len(LAYERS[CHANGED]) + 10_000
    assert not house.cache.exists()


def test_a_folder_has_no_patterns(house: House) -> None:
    with pytest.raises(UsageError, match="a folder is published whole"):
        house.bring(None, str(house.folder), include=("*.json",))
    with pytest.raises(FolderError, match="There is no folder"):
        house.bring(None, str(house.folder / "missing"))


# -- what goes wrong


def test_a_gated_model_says_what_to_do(hub: Hub, house: House) -> None:
    hub.token = "hf_geheim"
    with pytest.raises(StoreError) as caught:
        house.bring(hub)
    sentence = caught.value.sentence()
    assert "Hugging Face does not let everybody have" in sentence
    assert "HF_TOKEN" in sentence
    house.bring(hub, environment=hub.environment | {"HF_TOKEN": "hf_geheim"})
    house.pull()


def test_a_wrong_checksum_is_published_nowhere(hub: Hub, house: House) -> None:
    hub.lie[PART_2] = bytes(len(hub.files[PART_2]))
    with pytest.raises(CorruptError, match=f"{PART_2} has the wrong SHA-256"):
        house.bring(hub)
    with pytest.raises(NotFoundError):
        house.pull()


@pytest.mark.parametrize("source", ["git:org/model", "https://huggingface.co/org/model", "ollama:qwen", "s3://b/model"])
def test_an_unknown_hub_is_named(house: House, source: str) -> None:
    with pytest.raises(UsageError, match=f"{source.partition(':')[0]}: is not known") as caught:
        house.bring(None, source)
    assert "hf:ORG/MODEL or modelscope:ORG/MODEL" in caught.value.hint


def test_a_wrong_key_is_found_before_the_model_comes(hub: Hub, house: House) -> None:
    house.bring(hub)
    hub.requests.clear()
    with pytest.raises(TrustError, match="published with another key"):
        house.bring(hub, signer=key(2))
    assert hub.requests == []


def test_the_cache_cannot_be_written(hub: Hub, house: House) -> None:
    house.cache.write_bytes(b"a file")
    with pytest.raises(FolderError, match="cannot be written"):
        house.bring(hub)


# -- the command


class Command:
    """`tenku import` as a person runs it."""

    def __init__(self, house: House, hub: Hub) -> None:
        (house.folder / "studio.key").write_text(lock(key(1), None))
        self._arguments = [sys.executable, "-m", "tenku.cli.main", "import", "hf:org/model", str(CHANNEL), "--json"]
        self._arguments += ["--store", str(house.store), "--key", "studio.key", "--cache", str(house.cache)]
        self._how = {"cwd": house.folder, "env": {**os.environ, **hub.environment}, "text": True}

    def start(self) -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        return subprocess.Popen(self._arguments, stdout=pipe, stderr=pipe, **self._how)  # type: ignore[call-overload, no-any-return]

    def run(self, *more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([*self._arguments, *more], capture_output=True, check=False, timeout=60, **self._how)  # type: ignore[call-overload, no-any-return]


def wait_for_bytes(folder: Path, size: int, process: "subprocess.Popen[str]") -> None:
    """Until an unfinished file below has so many bytes; the process ending before that fails."""
    deadline = time.monotonic() + 30
    while max((part.stat().st_size for part in folder.rglob("*.part")), default=0) < size:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_import_that_was_killed_goes_on_where_it_was(hub: Hub, house: House) -> None:
    command, held = Command(house, hub), 3 * 2**20
    hub.hold[PART_1] = held
    process = command.start()
    try:
        wait_for_bytes(house.cache, held - 2**20, process)
    finally:
        process.kill()
        process.communicate()
        hub.free.set()
    came = max(part.stat().st_size for part in house.cache.rglob("*.part"))
    hub.requests.clear()
    done = command.run()
    assert done.returncode == 0, done.stderr
    ranges = [each.headers.get("Range") for each in hub.requests if each.path == f"/blob/{PART_1}"]
    assert ranges == [f"bytes={came}-"]
    house.pull()
    assert content(house.folder / "model") == wanted(hub)


def test_two_imports_of_one_model_do_not_mix(hub: Hub, house: House) -> None:
    command = Command(house, hub)
    hub.hold[PART_1] = 2**20
    process = command.start()
    try:
        wait_for_bytes(house.cache, 2**18, process)
        done = command.run()
        assert (done.returncode, done.stdout) == (1, "")
        assert "hf:org/model is being imported already" in done.stderr
    finally:
        process.kill()
        process.communicate()


def test_the_command_says_what_it_did(hub: Hub, house: House) -> None:
    done = Command(house, hub).run()
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["channel"], said["version"], said["commit"]) == ("qwen:stable", COMMIT, COMMIT)
    assert said["files"] == len(wanted(hub))
    assert Path(said["kept"]) == house.cache / "hf" / "org" / "model"


def test_the_command_refuses_what_makes_no_sense(hub: Hub, house: House) -> None:
    command = Command(house, hub)
    for more, part in ((["--delta-seconds", "soon"], "--delta-seconds"), (["--delta-seconds", "-1"], "at least 0")):
        done = command.run(*more)
        assert (done.returncode, done.stdout) == (2, "")
        assert part in done.stderr
    assert hub.requests == []


# -- decisions


def test_sources() -> None:
    assert parse_source("hf:Qwen/Qwen3-8B@main") == HubModel("hf", "Qwen/Qwen3-8B", "main")
    assert parse_source("weights/v1") == Path("weights/v1")
    assert parse_source("./hf:odd") == Path("hf:odd")
    with pytest.raises(UsageError, match="no name"):
        parse_source("")


def test_models_have_folders_of_their_own() -> None:
    names = ["hf:a/b", "hf:b", "modelscope:a/b", "hf:a"]
    folders = {kept_in(Path("c"), HubModel(*name.split(":"))) for name in names}
    assert len(folders) == len(names)
    assert kept_in(Path("c"), HubModel("hf", "Qwen/Qwen3", "v1")) == Path("c/hf/Qwen/Qwen3")
    assert kept_in(Path("c"), HubModel("hf", "gpt2")) == Path("c/hf/_/gpt2")


def test_versions_and_left_overs() -> None:
    model = HubModel("modelscope", "a/b", "v1")
    snapshot = Snapshot(model, "", (HubFile("x", 1, "http://x"),))
    assert default_version(snapshot) == "v1"
    assert default_version(Snapshot(model, "abc", ())) == "abc"
    assert default_version(Snapshot(HubModel("modelscope", "a/b"), "", ())) == "newest"
    assert left_over({"x", "z", "y"}, snapshot) == ["y", "z"]
