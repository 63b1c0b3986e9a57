"""Which engines there are, by name. Knowing them loads none of their libraries."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from typing import cast

from tenku import __version__
from tenku.accel.torchload import load_torch
from tenku.base.errors import MachineError, ModelError
from tenku.studio.model import InstalledModel, Kind
from tenku.studio.ports import Engine, Load


@dataclass(frozen=True)
class Row:
    """One engine."""

    module: str
    """Has `load`."""
    library: str
    """The distribution that does the work, whose version counts for results; empty: our own code."""
    kinds: tuple[Kind, ...]


TORCH = "diffusers"
"""Engines of this library compute by torch, on an accelerator where there is one; others on the processor."""
ENGINES: Mapping[str, Row] = {
    "llama": Row("tenku.studio.engines.llama", "xllamacpp", (Kind.TEXT,)),
    "remote": Row("tenku.studio.engines.remote", "", (Kind.TEXT,)),
    "qwenimage": Row("tenku.studio.engines.qwenimage", "diffusers", (Kind.IMAGE,)),
    "wan": Row("tenku.studio.engines.wan", "diffusers", (Kind.VIDEO,)),
    "ltx2": Row("tenku.studio.engines.ltx2", "diffusers", (Kind.VIDEO,)),
    "dashscope": Row("tenku.studio.engines.dashscope", "", (Kind.VIDEO,)),
    "audio": Row("tenku.studio.engines.audio", "diffusers", (Kind.SOUND,)),
    "kokoro": Row("tenku.studio.engines.kokoro", "hibari-tts", (Kind.SPEECH,)),
    "remote-speech": Row("tenku.studio.engines.remotespeech", "", (Kind.SPEECH,)),
}


def load(model: InstalledModel) -> Engine:
    """The model's engine with its weights. Raises ModelError, and MachineError where its library is not installed."""
    return loader(model.engine)(model)


def loader(name: str) -> Load:
    """What loads weights for an engine; its library is imported now. Raises ModelError, MachineError."""
    row = _row(name)
    if row.library == TORCH:
        load_torch()  # by itself it would fail where a vendor's package that it brings along is broken
    try:
        module = importlib.import_module(row.module)
    except ImportError as error:
        raise MachineError(
            f"The engine {name} needs {error.name or row.library}, which is not installed.",
            hint="Run: pip install 'tenku[studio]'",
        ) from error
    return cast(Load, module.load)


def engine_version(name: str) -> str:
    """The version of what does an engine's work, as it belongs into the key of a result. Raises ModelError."""
    row = _row(name)
    if not row.library:
        return __version__
    try:
        return version_of(row.library)
    except PackageNotFoundError:
        return ""


def _row(name: str) -> Row:
    try:
        return ENGINES[name]
    except KeyError:
        raise ModelError(f"There is no engine {name[:80]!r}.", hint=f"There are {', '.join(ENGINES)}.") from None
