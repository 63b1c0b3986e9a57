"""Installs a model that is a folder in the layout of diffusers: what it is, what it can do, and under which licence."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tenku.base.errors import ModelError
from tenku.content.hubname import HubFile
from tenku.content.ports import Progress
from tenku.studio.catalog import KnownModel
from tenku.studio.diffusion.folder import INDEX, OWN_FILE, ModelFolder, Part, read_folder, read_json
from tenku.studio.gguf import PICKLES
from tenku.studio.image.powers import WAYS, tasks_of
from tenku.studio.model import InstalledModel, Json, Kind
from tenku.studio.models import Models, folder_files
from tenku.studio.video.powers import PIPELINES, powers_of

UNKNOWN_LICENCE = "unknown"
FREE = ("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "isc", "unlicense")
"""Licences without terms beyond naming and notices."""
ENDINGS = (".json", ".safetensors", ".txt", ".model", ".jinja")
"""Of files that a pipeline is loaded from."""
EXTRA = ("latent_upsampler",)
"""Folders besides the parts that an engine knows what to do with."""


@dataclass(frozen=True)
class Maker:
    """Which engine runs a kind of pipeline."""

    begins: str
    """How the names of its pipelines begin."""
    engine: str
    kind: Kind


MAKERS: Sequence[Maker] = (
    Maker("QwenImage", "qwenimage", Kind.IMAGE),
    Maker("Wan", "wan", Kind.VIDEO),
    Maker("LTX2", "ltx2", Kind.VIDEO),
    Maker("StableAudio", "audio", Kind.SOUND),
    Maker("AudioLDM2", "audio", Kind.SOUND),
)


def install_folder(
    weights: Path,
    models: Models,
    *,
    name: str,
    known: KnownModel | None,
    accepted: bool,
    parameters: Mapping[str, Json],
    progress: Progress,
) -> InstalledModel:
    """Check a folder and install it, linked where the file system can.

    Args:
        known: the model as the catalogue has it; without one, the folder's README says the licence.
        accepted: somebody read the licence and accepts it.

    Raises:
        ModelError: it is broken, of a kind that no engine runs, its licence was not accepted, it is installed already,
            or there is no room.
    """
    elsewhere = [key.removesuffix(OWN_FILE) for key in parameters if key.endswith(OWN_FILE)]
    folder = read_folder(weights, elsewhere=elsewhere)
    maker = maker_of(folder)
    if known is not None and known.kind is not maker.kind:
        raise ModelError(
            f"{name} makes {known.kind.value}, and {weights} makes {maker.kind.value}.", hint="Give it another name."
        )
    about = about_folder(folder, name)
    licence = known.licence if known is not None else licence_of(weights)
    if known is None and licence.lower() not in (*FREE, UNKNOWN_LICENCE) and not accepted:
        raise ModelError(
            f"The licence of {name}, {licence}, has to be accepted first.",
            hint=f"Read it in {weights}, then add the model with --accept-licence.",
        )
    size = sum(file.stat().st_size for file in folder_files(weights))
    progress.phase("hash", total=size)
    model = InstalledModel(
        name=name,
        kind=maker.kind,
        engine=maker.engine,
        path=str(weights),
        hash="",
        size=size,
        licence=licence,
        parameters={**about, **parameters},
    )
    return models.put(model, weights, advance=progress.advance)


def maker_of(folder: ModelFolder) -> Maker:
    """The engine for a folder's pipeline. Raises ModelError: there is none."""
    maker = next((each for each in MAKERS if folder.pipeline.startswith(each.begins)), None)
    if maker is None:
        kinds = ", ".join(dict.fromkeys(each.begins for each in MAKERS))
        raise ModelError(
            f"{folder.path} is for {folder.pipeline[:80]}, which no engine here runs.", hint=f"They run {kinds}."
        )
    return maker


def about_folder(folder: ModelFolder, name: str) -> dict[str, Json]:
    """What is worth knowing of a model without reading its folder again. Raises ModelError: it can do nothing."""
    numbers = {part: folder.numbers(part) for part in folder.files}
    about: dict[str, Json] = {
        "pipeline": folder.pipeline,
        "weights": sum(numbers.values()),
        "largest_part": max(numbers.values(), default=0),
    }
    match maker_of(folder).engine:
        case "qwenimage":
            _check_known(folder, tuple(WAYS))
            about["tasks"] = list(tasks_of(folder.pipeline))
        case "wan":
            _check_known(folder, PIPELINES)
            transformer = "transformer" if "transformer" in folder.parts else "transformer_2"
            powers = powers_of(
                name,
                folder.pipeline,
                settings=read_json(folder.path / INDEX),
                transformer=folder.config(transformer),
                vae=folder.config("vae"),
            )
            about |= {"tasks": [way.name.lower() for way in powers.ways], "sound": False}
        case "ltx2":
            about["sound"] = True
    return about


def licence_of(folder: Path) -> str:
    """What the head of a README says, as hubs have it: `license: apache-2.0`."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8", errors="replace")[:4096]
    except OSError:
        return UNKNOWN_LICENCE
    head = text.split("---", 2)[1] if text.startswith("---") and text.count("---") > 1 else ""
    said = {key: value.strip("\"' ") for key, value in re.findall(r"(?m)^(license(?:_name)?):\s*(\S.*)$", head)}
    return said.get("license_name") or said.get("license") or UNKNOWN_LICENCE


def wanted_files(files: Sequence[HubFile], parts: Mapping[str, Part]) -> list[str]:
    """Which files of a hub's model make up its pipeline: no pickles, no second copies, no other formats.

    Raises:
        ModelError: a part has no safetensors.
    """
    wanted = [file.path for file in files if "/" not in file.path and file.path in (INDEX, "README.md")]
    wanted += [file.path for file in files if "/" not in file.path and file.path.upper().startswith("LICEN")]
    for part in (*parts, *EXTRA):
        own = [file.path for file in files if file.path.startswith(f"{part}/") and file.path.endswith(ENDINGS)]
        weights = [path for path in own if path.endswith(".safetensors")]
        if part in parts and parts[part].weighty and not weights:
            pickled = any(file.path.startswith(f"{part}/") and file.path.endswith(PICKLES) for file in files)
            why = "only as pickles, which are refused" if pickled else "not as safetensors"
            raise ModelError(f"The model has its part {part} {why}.", hint="Look for another copy of the model.")
        plain = [path for path in weights if not _variant(path)]
        wanted += [path for path in own if not (plain and _variant(path))]
    return wanted


def _variant(path: str) -> bool:
    """A second copy in other numbers, like `model.fp16.safetensors` and its index."""
    return bool(re.search(r"\.(fp16|bf16|fp8|int8|non_ema)[.-]", path.rpartition("/")[2]))


def _check_known(folder: ModelFolder, pipelines: Sequence[str]) -> None:
    if folder.pipeline not in pipelines:
        raise ModelError(
            f"{folder.path} is for {folder.pipeline[:80]}, which is not run here.", hint=f"{', '.join(pipelines)} are."
        )
