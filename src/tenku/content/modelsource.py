"""What is imported: a model on a hub, or a folder; where it is kept meanwhile and what it is called then (pure)."""

import re
from pathlib import Path

from tenku.base.errors import UsageError
from tenku.content.hubname import HUBS, HubModel, Snapshot, is_hub_name, parse_hub_name

KNOWN = f"Write {' or '.join(f'{hub}:ORG/MODEL' for hub in HUBS)}, or a folder; one with a colon in its name as ./NAME."
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+-]*:", re.ASCII)


def parse_source(text: str) -> HubModel | Path:
    """`hf:Qwen/Qwen3-8B` as a model, `./weights` as a folder.

    Raises:
        UsageError: it is neither; such as a model on a hub that is not known, or a web page.
    """
    if is_hub_name(text):
        return parse_hub_name(text)
    if not text:
        raise UsageError("The model has no name.", hint=KNOWN)
    if scheme := _SCHEME.match(text):
        raise UsageError(f"{text[:200]!r} is no model: {scheme[0]} is not known.", hint=KNOWN)
    return Path(text)


def kept_in(cache: Path, model: HubModel) -> Path:
    """The folder below the cache for a model: one for all its revisions, which have most of their files in common."""
    organisation, _, name = model.id.rpartition("/")
    # No organisation begins with `_`, so a model without one cannot fall into the folder of one that is called so.
    return cache / model.hub / (organisation or "_") / name


def default_version(snapshot: Snapshot) -> str:
    """What people call a snapshot that has no other name: its commit, or at least what was asked for."""
    return snapshot.commit or snapshot.model.revision or "newest"


def left_over(present: set[str], snapshot: Snapshot) -> list[str]:
    """Paths in a model's folder that do not belong to the snapshot: an earlier revision or choice brought them."""
    return sorted(present - {file.path for file in snapshot.files})
