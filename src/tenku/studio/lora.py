"""LoRAs: files beside a model's weights that change what it draws, like a distilled one of few steps."""

from pathlib import Path

from tenku.base.errors import JobError
from tenku.studio.model import InstalledModel

FOLDER = "loras"


def lora_path(model: InstalledModel, name: str) -> Path:
    """Where a LoRA of an installed model lies. Raises JobError: it is not there, or is none."""
    folder = Path(model.path).parent / FOLDER
    if name != Path(name).name or not name.endswith(".safetensors"):
        raise JobError(
            f"lora is {name[:80]!r}; it has to be the name of a safetensors file.", hint=f"It lies in {folder}."
        )
    path = folder / name
    if not path.is_file():
        there = ", ".join(sorted(each.name for each in folder.glob("*.safetensors"))) or "none"
        raise JobError(f"{model.name} has no LoRA {name}.", hint=f"Put it into {folder}; there: {there}.")
    return path


def lora_paths(model: InstalledModel, names: str) -> tuple[Path, ...]:
    """Where the LoRAs of a job lie: none, one, or two with a comma between, one for each transformer of Wan 2.2's A14B.

    Raises:
        JobError: one is not there, or there are more than two.
    """
    found = tuple(lora_path(model, name.strip()) for name in names.split(",")) if names.strip() else ()
    if len(found) > 2:
        raise JobError(f"lora names {len(found)} files; two are the most.", hint="Give one, or two for Wan 2.2's A14B.")
    return found
