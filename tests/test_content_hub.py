"""Models from a hub to a folder, over the hubs' real HTTP layout on this machine."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from content_hub import COMMIT, Hub
from content_safetensors import safetensors, tensors
from tenku.base.errors import CorruptError, FolderError, NotFoundError, StoreError, UsageError
from tenku.content.hub import bring_model, is_wanted
from tenku.content.hubname import HubModel, Snapshot, is_hub_name, parse_hub_name
from tenku.content.ports import NoProgress
from tenku.content.safetensors import tensor_borders

SIZE = 3_000_000
MODEL = "model-00001-of-00001.safetensors"
HF = HubModel("hf", "org/model")
MODELSCOPE = HubModel("modelscope", "org/model")


@pytest.fixture
def hub() -> Iterator[Hub]:
    files = {
        ".gitattributes": b"*.safetensors filter=lfs",
        "README.md": b"# A model",
        "config.json": b"{}",
        "empty.txt": b"",
        "folder/a b#c%20.txt": b"a name that needs care in a URL",
        MODEL: safetensors(tensors(SIZE // 2, SIZE // 2)),
    }
    with Hub(files, lfs={MODEL}) as hub:
        yield hub


@dataclass
class Counted(NoProgress):
    """How far it says it is."""

    total: int = 0
    done: int = 0

    def phase(self, text: str, *, total: int, unit: str = "B") -> None:
        assert (text, unit) == ("bring", "B")
        self.total = total

    def advance(self, amount: int) -> None:
        self.done += amount


def bring(
    hub: Hub, folder: Path, *, model: HubModel = HF, include: tuple[str, ...] = (), **environment: str
) -> tuple[Snapshot, Counted]:
    progress = Counted()
    work = bring_model(
        model,
        folder,
        include=include,
        progress=progress,
        environment={**hub.environment, **environment},
        pause_s=0.01,
    )
    return asyncio.run(work), progress


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def wanted(hub: Hub) -> dict[str, bytes]:
    return {path: data for path, data in hub.files.items() if path != ".gitattributes"}


@pytest.mark.parametrize("model", [HF, MODELSCOPE], ids=str)
def test_a_model_comes_whole_and_leaves_nothing_else(hub: Hub, tmp_path: Path, model: HubModel) -> None:
    snapshot, progress = bring(hub, tmp_path, model=model)
    assert content(tmp_path) == wanted(hub)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["README.md", "config.json", "empty.txt", "folder", MODEL]
    )
    assert snapshot.commit == (COMMIT if model is HF else "")
    assert snapshot.size == progress.total == progress.done == sum(map(len, wanted(hub).values()))


def test_what_is_there_is_not_asked_for_again(hub: Hub, tmp_path: Path) -> None:
    bring(hub, tmp_path)
    hub.requests.clear()
    _, progress = bring(hub, tmp_path)
    assert hub.count("resolve") == 0
    assert progress.done == progress.total


def test_a_file_that_was_changed_comes_again(hub: Hub, tmp_path: Path) -> None:
    bring(hub, tmp_path)
    (tmp_path / "config.json").write_bytes(b"[]")
    bring(hub, tmp_path)
    assert content(tmp_path) == wanted(hub)


def test_patterns_choose_files(hub: Hub, tmp_path: Path) -> None:
    bring(hub, tmp_path, include=("*.safetensors", "config.json"))
    assert set(content(tmp_path)) == {MODEL, "config.json"}
    with pytest.raises(UsageError, match="no file that is wanted"):
        bring(hub, tmp_path, include=("*.gguf",))


def test_a_broken_connection_goes_on_where_it_was_cut(hub: Hub, tmp_path: Path) -> None:
    hub.cut[MODEL] = 1_000_000
    _, progress = bring(hub, tmp_path)
    assert content(tmp_path) == wanted(hub)
    ranges = [request.headers.get("Range") for request in hub.requests if request.path.startswith("/blob/")]
    assert ranges == [None, "bytes=1000000-"]
    assert progress.done == progress.total


def test_a_second_run_goes_on_where_the_first_was_killed(hub: Hub, tmp_path: Path) -> None:
    bring(hub, tmp_path)
    whole = (tmp_path / MODEL).read_bytes()
    # What `kill -9` leaves: the part under the name that the first run gave it.
    hub.lie[MODEL] = whole[:2_000_000]
    (tmp_path / MODEL).unlink()
    with pytest.raises(StoreError, match="broke off"):
        bring(hub, tmp_path)
    hub.lie.clear()
    hub.requests.clear()
    _, progress = bring(hub, tmp_path)
    ranges = [request.headers.get("Range") for request in hub.requests if request.path.startswith("/blob/")]
    assert ranges == ["bytes=2000000-"]
    assert content(tmp_path) == wanted(hub)
    assert progress.done == progress.total


def test_a_server_without_ranges_sends_it_again(hub: Hub, tmp_path: Path) -> None:
    hub.cut[MODEL] = 1_000_000
    hub.ranges = False
    _, progress = bring(hub, tmp_path)
    assert content(tmp_path) == wanted(hub)
    assert progress.done == progress.total


@pytest.mark.parametrize("path", [MODEL, "config.json"])
def test_a_wrong_file_is_refused_and_leaves_no_part(hub: Hub, tmp_path: Path, path: str) -> None:
    """Large files by SHA-256, small ones by git's hash."""
    hub.lie[path] = bytes(len(hub.files[path]))
    with pytest.raises(CorruptError, match=path):
        bring(hub, tmp_path)
    assert not (tmp_path / path).exists()
    hub.lie.clear()
    bring(hub, tmp_path)
    assert content(tmp_path) == wanted(hub)


def test_no_more_is_read_than_the_hub_lists(hub: Hub, tmp_path: Path) -> None:
    hub.lie[MODEL] = hub.files[MODEL] + b"more"
    bring(hub, tmp_path)
    assert content(tmp_path) == wanted(hub)


def test_a_gated_model_wants_a_token(hub: Hub, tmp_path: Path) -> None:
    hub.token = "hf_geheim"
    with pytest.raises(StoreError, match="does not let everybody") as caught:
        bring(hub, tmp_path)
    assert "HF_TOKEN" in caught.value.hint
    with pytest.raises(StoreError, match="does not let everybody") as caught:
        bring(hub, tmp_path, HF_TOKEN="hf_wrong")
    assert "hf_wrong" not in caught.value.sentence()
    bring(hub, tmp_path, HF_TOKEN="hf_geheim")
    assert content(tmp_path) == wanted(hub)


def test_a_token_is_shown_to_the_hub_alone(hub: Hub, tmp_path: Path) -> None:
    hub.token = "hf_geheim"
    bring(hub, tmp_path, HF_TOKEN="hf_geheim")
    to_cdn = [request for request in hub.requests if request.path.startswith("/blob/")]
    assert len(to_cdn) == 1
    assert "hf_geheim" not in str(to_cdn[0].headers)


def test_a_modelscope_token_is_sent(hub: Hub, tmp_path: Path) -> None:
    hub.token = "ms_geheim"
    with pytest.raises(StoreError) as caught:
        bring(hub, tmp_path, model=MODELSCOPE)
    assert "MODELSCOPE_API_TOKEN" in caught.value.hint
    bring(hub, tmp_path, model=MODELSCOPE, MODELSCOPE_API_TOKEN="ms_geheim")
    assert content(tmp_path) == wanted(hub)


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (HubModel("hf", "org/other"), "has no /api/models/org/other"),
        (HubModel("hf", "org/model", "v9"), "no such revision"),
        (HubModel("modelscope", "org/other"), "has no /api/v1/models/org/other"),
    ],
)
def test_a_model_that_is_not_there_is_named(hub: Hub, tmp_path: Path, model: HubModel, match: str) -> None:
    with pytest.raises(NotFoundError, match=match):
        bring(hub, tmp_path, model=model)


def test_a_hub_that_cannot_be_reached_is_named(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"Hugging Face at http://127\.0\.0\.1:9 cannot be reached: "):
        bring(hub, tmp_path, HF_ENDPOINT="http://127.0.0.1:9")


@pytest.mark.parametrize("path", ["../evil", "/etc/passwd", "a/../../b", ".tenku/state", "con.txt", "a\\b"])
def test_a_path_that_leaves_the_folder_is_refused_before_anything_is_written(
    hub: Hub, tmp_path: Path, path: str
) -> None:
    hub.files[path] = b"evil"
    with pytest.raises(StoreError, match="cannot be had"):
        bring(hub, tmp_path / "target")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FolderError, match="cannot be written"):
        bring(hub, tmp_path / "file")


def test_names_of_models() -> None:
    assert parse_hub_name("hf:Qwen/Qwen3-8B@main") == HubModel("hf", "Qwen/Qwen3-8B", "main")
    assert parse_hub_name("hf:gpt2") == HubModel("hf", "gpt2")
    assert str(parse_hub_name("modelscope:Wan-AI/Wan2.1@v1/x")) == "modelscope:Wan-AI/Wan2.1@v1/x"
    assert is_hub_name("hf:a/b")
    assert not is_hub_name("./hf")
    for wrong in ("hf:", "hf:../b", "hf:a/b/c", "hf:a/b@", "hf:a/b@../c", "hf:a/..", "git:a/b", "hf:a b", "hf:a/b@-x"):
        with pytest.raises(UsageError):
            parse_hub_name(wrong)


def test_which_files_are_wanted() -> None:
    assert is_wanted("a/b.txt", ())
    assert not is_wanted(".gitattributes", ())
    assert not is_wanted("a/.git/config", ("*",))
    assert is_wanted("transformer/model.safetensors", ("*.safetensors",))
    assert not is_wanted("model.bin", ("*.safetensors", "tokenizer*"))


# -- safetensors


def borders(data: bytes, *, apart: int = 1) -> list[int]:
    return tensor_borders(lambda offset, length: data[offset : offset + length], len(data), apart=apart)


def test_the_borders_of_tensors_are_found() -> None:
    data = safetensors(tensors(100, 5, 0, 300))
    first = 8 + int.from_bytes(data[:8], "little")
    assert borders(data) == [first, first + 100, first + 105]


def test_a_model_from_the_hub_is_cut_at_its_tensors(hub: Hub, tmp_path: Path) -> None:
    bring(hub, tmp_path)
    data = (tmp_path / MODEL).read_bytes()
    assert borders(data, apart=64 * 1024) == [len(data) - SIZE, len(data) - SIZE // 2]


def test_small_tensors_share_a_stretch() -> None:
    data = safetensors(tensors(*[10] * 100))
    first = 8 + int.from_bytes(data[:8], "little")
    assert borders(data, apart=100) == list(range(first, first + 1000, 100))


def test_the_length_of_the_header_changes_no_stretch() -> None:
    layers = tensors(30, 30, 70, 20, 200, 5, 5)
    short, long = safetensors(layers), safetensors(layers, note="x" * 33)
    assert [at - borders(short)[0] for at in borders(short, apart=100)] == [
        at - borders(long)[0] for at in borders(long, apart=100)
    ]


def _file(header: object, *, body: int = 100, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + bytes(body)


def _tensor(begin: object, end: object) -> dict[str, object]:
    return {"dtype": "U8", "shape": [1], "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"short",
        _file({"a": _tensor(0, 101)}),
        _file({"a": _tensor(0, 60), "b": _tensor(50, 100)}),
        _file({"a": _tensor(-1, 60)}),
        _file({"a": _tensor(60, 50)}),
        _file({"a": _tensor(0, 50.5)}),
        _file({"a": _tensor(False, True)}),
        _file({"a": {"data_offsets": [0]}}),
        _file({"a": {}}),
        _file({"a": 5}),
        _file({"__metadata__": {}}),
        _file([1, 2]),
        _file(b"{nonsense"),
        _file(b"\xff\xfe{}"),
        _file(b"[" * 100_000),
        _file(b'{"a":' + b"9" * 5000 + b"}"),
        _file({"a": _tensor(0, 50)}, length=2**63),
        _file({"a": _tensor(0, 50)}, length=5000),
        _file({"a": _tensor(0, 50)}, length=0),
    ],
    ids=repr,
)
def test_a_file_that_is_not_sound_is_cut_like_any_other(data: bytes) -> None:
    assert borders(data) == []
