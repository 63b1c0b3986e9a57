"""A model's folder in the layout of diffusers: `model_index.json`, and a folder for each part. Loads no library."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenku.base.errors import ModelError
from tenku.studio.diffusion.tensorfile import TensorFile, read_tensor_file
from tenku.studio.gguf import PICKLES

INDEX = "model_index.json"
OWN_FILE = "_file"
"""`transformer_file` in a model's parameters: a GGUF file in its folder with the weights of the part `transformer`."""
LIBRARIES = ("diffusers", "transformers", "audioldm2", "stable_audio", "ltx2")
"""Where the class of a part may come from; the last ones are corners of diffusers. Anything else would be own code."""
WEIGHTLESS = re.compile(r".*(Scheduler|Tokenizer|TokenizerFast|Processor|FeatureExtractor|Extractor)")
"""Classes of parts that have no weights."""
MOST_JSON = 64 * 1024 * 1024
HINT = "Bring the folder again, or bring another one."


@dataclass(frozen=True)
class Part:
    """One part of a pipeline."""

    library: str
    kind: str
    """The name of its class."""

    @property
    def weighty(self) -> bool:
        """Whether it has weights."""
        return not WEIGHTLESS.fullmatch(self.kind)


@dataclass(frozen=True, kw_only=True)
class ModelFolder:
    """A folder that was looked at."""

    path: Path
    pipeline: str
    """The name of its pipeline's class, like `QwenImagePipeline`."""
    parts: Mapping[str, Part]
    """Those that are there; an index may name others as null."""
    files: Mapping[str, tuple[TensorFile, ...]]
    """The weights of each part that has some."""

    def numbers(self, part: str) -> int:
        """How many numbers a part has; 0: it has no weights, or they come from elsewhere."""
        return sum(file.numbers for file in self.files.get(part, ()))

    def config(self, part: str) -> Mapping[str, Any]:
        """What a part's config.json says; empty: it has none. Raises ModelError."""
        file = self.path / part / "config.json"
        return read_json(file) if file.is_file() else {}


def is_model_folder(path: Path) -> bool:
    """Whether a path looks like such a folder."""
    return (path / INDEX).is_file()


def read_folder(path: Path, *, elsewhere: Collection[str] = ()) -> ModelFolder:
    """Look at a folder without loading it.

    Args:
        elsewhere: parts whose weights come from a file of their own, so none are looked for.

    Raises:
        ModelError: no such folder, a pickle, a part that is missing, weights that are cut off or mislabelled, or
            a class of a library that is not known.
    """
    if not is_model_folder(path):
        raise ModelError(f"{path} is no model folder: it has no {INDEX}.", hint="Bring one in the layout of diffusers.")
    refuse_pickles(path)
    pipeline = read_json(path / INDEX).get("_class_name")
    if not isinstance(pipeline, str):
        raise ModelError(f"{path / INDEX} does not name its pipeline, or wants code of its own.", hint=HINT)
    parts = read_parts(path)
    files = {name: _weights(path, name) for name, part in parts.items() if part.weighty and name not in elsewhere}
    for name in parts:
        if not (path / name).is_dir() and name not in elsewhere:
            raise ModelError(f"{path} lacks its part {name}.", hint=HINT)
    return ModelFolder(path=path, pipeline=pipeline, parts=parts, files=files)


def read_parts(path: Path) -> dict[str, Part]:
    """The parts that a folder's index names. Raises ModelError: it cannot be read, or wants what is not trusted."""
    return dict(_parts(path, read_json(path / INDEX)))


def refuse_pickles(path: Path) -> None:
    """Raises ModelError: a file in the folder could run any code when it is loaded."""
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() in PICKLES:
            raise ModelError(
                f"{file} is a pickle, which can run any code when it is loaded.",
                hint="Only safetensors and GGUF are taken: bring those, and leave the others out.",
            )


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object of a model's folder. Raises ModelError."""
    try:
        if file.stat().st_size > MOST_JSON:
            raise ModelError(f"{file} is far too large.", hint=HINT)
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{file} is missing.", hint=HINT) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file} cannot be read: {error}", hint=HINT) from error
    if not isinstance(value, dict):
        raise ModelError(f"{file} is no JSON object.", hint=HINT)
    return value


def _parts(path: Path, index: Mapping[str, Any]) -> list[tuple[str, Part]]:
    found = []
    for name, value in index.items():
        match value:
            case _ if name.startswith("_"):
                continue
            case [None, None] | None:
                continue
            case [str(library), str(kind)] if library in LIBRARIES and re.fullmatch(r"[A-Za-z0-9_]+", name):
                found.append((name, Part(library, kind)))
            case [str(library), str(_)]:
                raise ModelError(
                    f"{path / INDEX} wants the library {library[:80]!r} for its part {name[:80]!r}, "
                    f"which is not one of those that are trusted.",
                    hint=f"They are {', '.join(LIBRARIES)}.",
                )
            case _:
                continue  # a setting of the pipeline, like `boundary_ratio`
    return found


def _weights(path: Path, part: str) -> tuple[TensorFile, ...]:
    files = sorted((path / part).glob("*.safetensors"))
    index = next(iter(sorted((path / part).glob("*.safetensors.index.json"))), None)
    if index is not None:
        wanted = read_json(index).get("weight_map")
        names = sorted(set(wanted.values())) if isinstance(wanted, dict) else []
        here = {file.name for file in files}
        if missing := [str(name) for name in names if name not in here]:
            raise ModelError(f"{path / part} lacks {missing[0][:120]}, a part of its weights.", hint=HINT)
    if not files:
        raise ModelError(f"{path / part} has no safetensors file, so {part} has no weights.", hint=HINT)
    return tuple(read_tensor_file(file) for file in files)
