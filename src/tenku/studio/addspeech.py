"""Installs models that speak: a network in ONNX's form with its voices, or one that a server elsewhere runs."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tenku.base.errors import ModelError
from tenku.content.ports import Progress
from tenku.studio.model import InstalledModel, Json, Kind
from tenku.studio.models import Models, folder_files
from tenku.studio.speechmodels import PACKAGED, RATE, packaged, read_model

UNKNOWN_LICENCE = "unknown"
PACKAGE = "package:"
"""A source: weights that came with an installed library."""
THREADS = 1
"""To look whether it loads."""


def is_package(source: str) -> bool:
    """Whether a source is a library of this machine."""
    return source.startswith(PACKAGE)


def weights_of(source: str) -> Path:
    """The weights in a library. Raises ModelError: it has none; MachineError: it is not installed."""
    if source != PACKAGED:
        raise ModelError(f"{source} brings no weights.", hint=f"There is {PACKAGED}.")
    return packaged()


def licence_of(source: str) -> str:
    """The licence of weights that came with a library; empty: not known."""
    return "Apache-2.0" if source == PACKAGED else ""


def install_speech(
    weights: Path,
    models: Models,
    *,
    name: str,
    licence: str,
    parameters: Mapping[str, Json],
    progress: Progress,
) -> InstalledModel:
    """Load a speech model once, and install it. `weights`: a network, or a folder with one and its voices.

    Raises:
        ModelError: it cannot be used, is installed already, or there is no room.
        MachineError: a library that speaks is missing.
    """
    # What loads is whole: a network that was cut off is found here, and not by the first job.
    speaker = read_model(weights, threads=THREADS)
    size = sum(each.stat().st_size for each in ([weights] if weights.is_file() else folder_files(weights)))
    progress.phase("hash", total=size)
    model = InstalledModel(
        name=name,
        kind=Kind.SPEECH,
        engine="kokoro",
        path=str(weights),
        hash="",
        size=size,
        licence=licence or UNKNOWN_LICENCE,
        parameters={"voices": list(speaker.voices), "rate": RATE, **parameters},
    )
    return models.put(model, weights, advance=progress.advance)


def add_remote_speech(name: str, url: str, models: Models, *, parameters: Mapping[str, Json]) -> InstalledModel:
    """Install a model that a server elsewhere speaks with, and ask that once for its voices.

    Parameters: see `tenku.studio.engines.remotespeech.load`. Raises ModelError: it does not answer.
    """
    from tenku.studio.engines.remotespeech import remote_voices

    model = InstalledModel(
        name=name,
        kind=Kind.SPEECH,
        engine="remote-speech",
        path=url,
        hash="remote",
        size=0,
        licence=UNKNOWN_LICENCE,
        parameters={"remote_model": name, **parameters},
    )
    voices = remote_voices(model)
    return models.put(replace(model, parameters={**model.parameters, "voices": voices}), None)
