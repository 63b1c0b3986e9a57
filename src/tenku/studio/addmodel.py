"""Adds a model from wherever it can be had: a file, a hub, a channel of builds, or a server that runs it."""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tenku.base.errors import ModelError
from tenku.content.hub import bring_model
from tenku.content.hubname import HubFile, is_hub_name, parse_hub_name
from tenku.content.hubs import hub_web, list_snapshot
from tenku.content.model import parse_channel
from tenku.content.ports import NoProgress, Progress
from tenku.studio.addfolder import install_folder, wanted_files
from tenku.studio.addspeech import add_remote_speech, install_speech, is_package, licence_of, weights_of
from tenku.studio.addvideo import add_remote_video
from tenku.studio.catalog import KnownModel, known_model
from tenku.studio.diffusion.folder import INDEX, is_model_folder, read_parts
from tenku.studio.gguf import PICKLES, Header, read_header, refuse_pickle
from tenku.studio.model import InstalledModel, Json, Kind
from tenku.studio.models import Models, check_name
from tenku.studio.speechmodels import is_speech

if TYPE_CHECKING:
    from tenku.content.service import ContentService

UNKNOWN_LICENCE = "unknown"
BRINGING = ".bringing"
"""Below the folder of models: what has come so far, to go on with after a broken line."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A model that somebody wants on this machine."""

    name: str
    source: str = ""
    """A GGUF file, a folder, `hf:ORG/MODEL`, `modelscope:ORG/MODEL`, `GAME:CHANNEL`; empty: as the catalogue says."""
    file: str = ""
    """Which file of a hub's model; empty: the catalogue's, or its pipeline's, or its only GGUF."""
    accept: bool = False
    """Somebody read the licence and accepts it."""
    parameters: Mapping[str, Json] = field(default_factory=dict)
    """Of the engine: `context`, `slots`, `dtype`, `offload`, …"""


async def add_model(
    wish: Wish,
    models: Models,
    *,
    environment: Mapping[str, str],
    content: "ContentService | None" = None,
    progress: Progress | None = None,
) -> InstalledModel:
    """Bring, check and install a model's weights.

    Args:
        environment: where the hubs' addresses and tokens stand.
        content: brings a channel; without one, channels are refused.

    Raises:
        ModelError: no such source, pickles, broken, a licence that was not accepted, installed already, or no room.
        ContentError: the hub or the store does not give it.
    """
    progress = progress or NoProgress()
    known = known_model(check_name(wish.name))
    _check_wish(wish, known, models)
    source = wish.source or (known.source if known else "")
    if not source:
        raise ModelError(
            f"Where {wish.name} can be had is not known.",
            hint=f"Write: tenku models add {wish.name} --from FILE.gguf, or hf:ORG/MODEL",
        )
    if is_package(source):
        weights = await asyncio.to_thread(weights_of, source)
    elif is_hub_name(source):
        weights = await _from_hub(source, wish, known, models, environment, progress)
    elif await asyncio.to_thread(_is_channel, source):
        weights = await _from_channel(source, wish, models, content)
    else:
        weights = Path(source)
    installed = await asyncio.to_thread(_install, weights, wish, known, models, progress)
    await asyncio.to_thread(shutil.rmtree, models.folder / BRINGING / wish.name, ignore_errors=True)
    return installed


def add_remote(
    name: str, url: str, models: Models, *, parameters: Mapping[str, Json], kind: Kind = Kind.TEXT
) -> InstalledModel:
    """Install a model that a server elsewhere runs, and ask that once. Raises ModelError: it does not answer.

    Parameters: see `load` of `tenku.studio.engines.remote`, `remotespeech` and `dashscope`.
    """
    if kind is Kind.SPEECH:
        return add_remote_speech(check_name(name), url, models, parameters=parameters)
    if kind is Kind.VIDEO:
        return add_remote_video(check_name(name), url, models, parameters=parameters)
    from tenku.studio.engines.remote import load

    model = InstalledModel(
        name=check_name(name),
        kind=Kind.TEXT,
        engine="remote",
        path=url,
        hash="remote",
        size=0,
        licence=UNKNOWN_LICENCE,
        parameters={"remote_model": name, **parameters},
    )
    load(model).close()
    return models.put(model, None)


def _is_channel(source: str) -> bool:
    return ":" in source and not Path(source).exists()


def _check_wish(wish: Wish, known: KnownModel | None, models: Models) -> None:
    """What can be said before anything is brought. Raises ModelError."""
    if models.has(wish.name):
        raise ModelError(f"The model {wish.name} is installed already.", hint=f"tenku models remove {wish.name}")
    if known is not None and known.remote and not wish.source:
        raise ModelError(
            f"{wish.name} runs on a server of its own.",
            hint=f"Start one, and write: tenku models add {wish.name} --remote URL --makes {known.kind.value}",
        )
    if known is not None and known.must_accept and not wish.accept:
        raise ModelError(
            f"The licence of {wish.name}, {known.licence}, has to be accepted first.",
            hint=f"Read it{known.read_at}, then add the model with --accept-licence.",
        )


async def _from_hub(
    source: str,
    wish: Wish,
    known: KnownModel | None,
    models: Models,
    environment: Mapping[str, str],
    progress: Progress,
) -> Path:
    model = parse_hub_name(source)
    listed = await asyncio.to_thread(list_snapshot, model, hub_web(model, environment))
    folder = models.folder / BRINGING / wish.name
    catalogued = known.file if known is not None and source == known.source else ""
    bring = partial(bring_model, model, folder, progress=progress, environment=environment)
    if not (wish.file or catalogued) and any(file.path == INDEX for file in listed.files):
        await bring(include=[INDEX])
        paths = wanted_files(listed.files, read_parts(folder))
        _check_room(models.folder, sum(file.size for file in listed.files if file.path in paths), wish.name)
        await bring(include=paths)
        return folder
    file = choose_file(listed.files, wish.file or catalogued, source)
    _check_room(models.folder, file.size, wish.name)
    await bring(include=[file.path])
    return folder / file.path


def choose_file(files: tuple[HubFile, ...], wanted: str, source: str) -> HubFile:
    """The one file that is meant. Raises ModelError: there is none, or there are several."""
    weights = [file for file in files if file.path.endswith(".gguf")]
    if not weights:
        pickles = [file.path for file in files if file.path.endswith(PICKLES)]
        hint = "It has pickles, which are refused." if pickles else "Look for one whose name ends in GGUF."
        raise ModelError(f"{source} has no GGUF file.", hint=hint)
    chosen = [file for file in weights if wanted in ("", file.path, file.path.rpartition("/")[2])]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(sorted(file.path for file in weights))[:600]
    what = f"has no file {wanted!r}" if wanted else f"has {len(weights)} GGUF files"
    raise ModelError(f"{source} {what}.", hint=f"Name one with --file: {names}")


async def _from_channel(source: str, wish: Wish, models: Models, content: "ContentService | None") -> Path:
    if content is None:
        raise ModelError(f"{source} is no file that is here.", hint="For a channel, say where its store is.")
    folder = models.folder / BRINGING / wish.name
    folder.parent.mkdir(parents=True, exist_ok=True)
    await content.pull(parse_channel(source), folder)
    if is_model_folder(folder) or is_speech(folder):
        return folder
    found = sorted(folder.rglob("*.gguf"))
    if len(found) != 1:
        raise ModelError(f"{source} has {len(found)} GGUF files, and one is wanted.", hint="Publish the one alone.")
    return found[0]


def _install(weights: Path, wish: Wish, known: KnownModel | None, models: Models, progress: Progress) -> InstalledModel:
    if is_speech(weights):
        licence = known.licence if known is not None else licence_of(wish.source)
        return install_speech(
            weights, models, name=wish.name, licence=licence, parameters=wish.parameters, progress=progress
        )
    if is_model_folder(weights):
        return install_folder(
            weights,
            models,
            name=wish.name,
            known=known,
            accepted=wish.accept,
            parameters=wish.parameters,
            progress=progress,
        )
    header = check_weights(weights)
    size = weights.stat().st_size
    progress.phase("hash", total=size)
    licence = known.licence if known is not None else header.licence or UNKNOWN_LICENCE
    model = InstalledModel(
        name=wish.name,
        kind=Kind.TEXT,
        engine="llama",
        path=str(weights),
        hash="",
        size=size,
        licence=licence,
        parameters={**about(header), **wish.parameters},
    )
    return models.put(model, weights, advance=progress.advance)


def check_weights(file: Path) -> Header:
    """The header of weights that can be used. Raises ModelError: they cannot, and why."""
    if file.suffix.lower() in PICKLES:
        raise refuse_pickle(file)
    if file.is_dir() or file.suffix.lower() == ".safetensors":
        raise ModelError(
            f"{file} is not in a form that models are run from here.",
            hint="Text models are GGUF files; for pictures, video and sound bring a folder with a model_index.json.",
        )
    header = read_header(file)
    if header.values.get("split.count", 0) not in (0, 1):
        raise ModelError(f"{file} is one of several parts.", hint="Join them with llama.cpp's gguf-split --merge.")
    if not header.chat_template:
        raise ModelError(
            f"{file} has no chat template, so it is no model to chat with.", hint="Bring an Instruct model."
        )
    return header


def about(header: Header) -> dict[str, Json]:
    """What is worth knowing of a model without reading its file again."""
    return {
        "architecture": header.architecture,
        "quantisation": header.quantisation,
        "weights": header.parameters,
        "trained_context": header.context_length,
        "kv_bytes_per_token": header.kv_bytes_per_token,
    }


def _check_room(folder: Path, size: int, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size:
        raise ModelError(
            f"{name} has {size / 1e9:.1f} GB, and {folder} has room for {free / 1e9:.1f} GB.",
            hint="Make room, or choose another folder for models.",
        )
