"""What the hubs' own interfaces look like: which files a model has, and where."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tenku.base.errors import PathError, StoreError
from tenku.content.hubname import HubFile, HubModel, Snapshot, in_url
from tenku.content.hubweb import HubWeb
from tenku.content.paths import check_path

MOST_PAGES = 1000


def hub_web(model: HubModel, environment: Mapping[str, str], *, stall_s: float = 30.0) -> HubWeb:
    """The server of a model's hub, and the user's token for it.

    `HF_ENDPOINT`, `HF_TOKEN`, `MODELSCOPE_ENDPOINT` (or `MODELSCOPE_DOMAIN`) and `MODELSCOPE_API_TOKEN` are the names
    that the hubs' own tools use.
    """
    if model.hub == "hf":
        token = environment.get("HF_TOKEN", "").strip()
        return HubWeb(
            name="Hugging Face",
            endpoint=environment.get("HF_ENDPOINT") or "https://huggingface.co",
            secrets={"Authorization": f"Bearer {token}"} if token else {},
            token_hint="Accept the model's terms on its page, and set HF_TOKEN to a token of that account.",
            stall_s=stall_s,
        )
    token = environment.get("MODELSCOPE_API_TOKEN", "").strip()
    domain = environment.get("MODELSCOPE_DOMAIN") or "www.modelscope.cn"
    return HubWeb(
        name="ModelScope",
        endpoint=environment.get("MODELSCOPE_ENDPOINT") or f"https://{domain}",
        # Older servers know a user by the cookie, newer ones by the header.
        secrets={"Authorization": f"Bearer {token}", "Cookie": f"m_session_id={token}"} if token else {},
        token_hint="Set MODELSCOPE_API_TOKEN to a token of an account that may have it.",
        stall_s=stall_s,
    )


def list_snapshot(model: HubModel, web: HubWeb) -> Snapshot:
    """All files of a model, at one commit where the hub tells it. Blocks.

    Raises:
        NotFoundError: no such model or revision.
        StoreError: the hub does not answer, wants a token, or its answer cannot be used.
    """
    commit, files = _hugging_face(model, web) if model.hub == "hf" else _modelscope(model, web)
    for file in files:
        try:
            check_path(file.path)
        except PathError as error:
            raise StoreError(f"{model} lists a file that cannot be had: {error}") from error
    return Snapshot(model, commit, tuple(sorted(files, key=lambda file: file.path)))


def _hugging_face(model: HubModel, web: HubWeb) -> tuple[str, list[HubFile]]:
    api = f"{web.endpoint}/api/models/{in_url(model.id)}"
    about, _ = web.json(f"{api}/revision/{quote(model.revision or 'main', safe='')}")
    # From here on the commit, not the branch: it may move while 100 GB come in.
    commit = _text(about, "sha", model)
    page = f"{api}/tree/{in_url(commit)}?recursive=true"
    files: list[HubFile] = []
    for _ in range(MOST_PAGES):
        entries, page = web.json(page)
        files += [_hugging_face_file(each, model, commit, web) for each in _dicts(entries, model) if _is(each, "file")]
        if not page:
            return commit, files
    raise StoreError(f"{web.name} sent a list without end for {model}.")


def _hugging_face_file(entry: dict[str, Any], model: HubModel, commit: str, web: HubWeb) -> HubFile:
    path = _text(entry, "path", model)
    large = entry.get("lfs")
    url = f"{web.endpoint}/{in_url(model.id)}/resolve/{in_url(commit)}/{in_url(path)}"
    if isinstance(large, dict):
        return HubFile(path, _size(large, "size", model), url, sha256=_text(large, "oid", model).lower())
    return HubFile(path, _size(entry, "size", model), url, git_blob=_text(entry, "oid", model).lower())


def _modelscope(model: HubModel, web: HubWeb) -> tuple[str, list[HubFile]]:
    api = f"{web.endpoint}/api/v1/models/{in_url(model.id)}/repo"
    revision = quote(model.revision or "master", safe="")
    reply, _ = web.json(f"{api}/files?Revision={revision}&Recursive=true")
    data = reply.get("Data") if isinstance(reply, dict) else None
    if not isinstance(data, dict):
        said = reply.get("Message", "") if isinstance(reply, dict) else ""
        raise StoreError(f"{web.name} sent no list of {model}: {str(said)[:200]}.")
    files = []
    for entry in _dicts(data.get("Files"), model):
        if not _is(entry, "tree"):
            path = _text(entry, "Path", model)
            url = f"{api}?Revision={revision}&FilePath={quote(path, safe='')}"
            sha256 = entry.get("Sha256")
            known = sha256.lower() if isinstance(sha256, str) else ""
            files.append(HubFile(path, _size(entry, "Size", model), url, sha256=known))
    return "", files


def _is(entry: dict[str, Any], kind: str) -> bool:
    return kind in (entry.get("type"), entry.get("Type"))


def _dicts(value: object, model: HubModel) -> list[dict[str, Any]]:
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        return value
    raise StoreError(f"The hub's list of {model} has an unknown form.")


def _text(entry: object, key: str, model: HubModel) -> str:
    value = entry.get(key) if isinstance(entry, dict) else None
    if isinstance(value, str) and 0 < len(value) < 2000:
        return value
    raise StoreError(f"The hub's list of {model} has an unknown form: {key} is missing.")


def _size(entry: dict[str, Any], key: str, model: HubModel) -> int:
    value = entry.get(key)
    if type(value) is int and value >= 0:
        return value
    raise StoreError(f"The hub's list of {model} has an unknown form: {key} is missing.")
