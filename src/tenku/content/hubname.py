"""Names of models on a hub: `hf:ORG/MODEL@REVISION` (pure)."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from tenku.base.errors import UsageError

HUBS = ("hf", "modelscope")
_MODEL = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]{0,199}", re.ASCII)


@dataclass(frozen=True)
class HubModel:
    """A model on a hub, at a branch, tag or commit; an empty revision is the hub's default branch."""

    hub: str
    id: str
    revision: str = ""

    def __str__(self) -> str:
        return f"{self.hub}:{self.id}" + (f"@{self.revision}" if self.revision else "")


@dataclass(frozen=True)
class HubFile:
    """One file of a snapshot, as the hub lists it."""

    path: str
    size: int
    url: str
    sha256: str = ""
    """Empty where the hub gives none."""
    git_blob: str = ""
    """SHA-1 as git names the content: for small files, where the hub has no SHA-256."""


@dataclass(frozen=True)
class Snapshot:
    """What a hub holds of a model at one commit."""

    model: HubModel
    commit: str
    """Empty where the hub does not tell."""
    files: tuple[HubFile, ...]

    @property
    def size(self) -> int:
        """Of all files together, in bytes."""
        return sum(file.size for file in self.files)


def is_hub_name(text: str) -> bool:
    """Whether a text names a model on a hub, rather than a folder."""
    return text.partition(":")[0] in HUBS and ":" in text


def parse_hub_name(text: str) -> HubModel:
    """`hf:Qwen/Qwen3-8B@main` as a model. Raises UsageError."""
    hub, _, rest = text.partition(":")
    model, at, revision = rest.partition("@")
    sound = hub in HUBS and _MODEL.fullmatch(model) and (not at or _REVISION.fullmatch(revision))
    if not sound or ".." in rest:
        raise UsageError(
            f"{text[:200]!r} is no model on a hub.", hint="Write hf:ORG/MODEL or modelscope:ORG/MODEL, and @REVISION."
        )
    return HubModel(hub, model, revision)


def in_url(text: str) -> str:
    """A part of a URL, slashes kept."""
    return quote(text, safe="/")
