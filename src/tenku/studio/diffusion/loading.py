"""Loads a pipeline of diffusers from a folder, and from nothing else: no network, no pickles, no foreign code."""

import importlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import GGUFQuantizationConfig

from tenku.accel.devices import Device, devices, processor
from tenku.accel.lease import device_name
from tenku.accel.torchdevice import CPU, best_device, best_dtype
from tenku.base.errors import ModelError
from tenku.studio.diffusion.folder import OWN_FILE, ModelFolder, Part, read_folder
from tenku.studio.diffusion.loaded import Loaded
from tenku.studio.diffusion.pictureprocessor import picture_processor
from tenku.studio.diffusion.quiet import quiet
from tenku.studio.diffusion.room import Offload, Room, choose_offload
from tenku.studio.diffusion.tokens import check_tokenizers
from tenku.studio.gguf import read_header
from tenku.studio.model import InstalledModel

DTYPES: Mapping[str, torch.dtype] = {
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float32": torch.float32,
}
DEVICE = "device"
"""A parameter that a worker adds: where it holds the memory for this model."""
PICTURE_PROCESSORS = ("Qwen2VLProcessor", "Qwen2_5_VLProcessor")
"""Parts that want torchvision for videos, which nobody hands to them here."""


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a model wants to be loaded: what its parameters say."""

    dtype: torch.dtype
    fp8: bool
    """Weights of the transformers are stored in 8 bits, and computed with in `dtype`."""
    offload: Offload | None
    """None: as memory allows."""
    files: Mapping[str, str]
    """GGUF files of parts, by the part's name."""


def load_pipeline(
    model: InstalledModel, *, classes: Collection[str], exact: Collection[str] = (), room: Room | None = None
) -> Loaded:
    """A pipeline with its weights, on the best device that is here.

    Parameters of the model: `dtype` (bfloat16, float16, float32), `storage` (`fp8`), `offload` (none, model,
    sequential; without it as memory allows), `transformer_file` and `transformer_2_file` (GGUF, within the folder).

    Args:
        classes: names of the pipelines that the caller can work with.
        exact: parts that are loaded in fp32 on every device, like a VAE that bf16 would blur.
        room: the device and its memory; without one, the best that is here, as it is now.

    Raises:
        ModelError: the folder is broken, wants what is not trusted or not known, or is too large for this machine.
    """
    room = room or room_here(str(model.parameters.get(DEVICE, "")))
    manner = manner_of(model, room.device)
    folder = read_folder(Path(model.path), elsewhere=manner.files)
    kind = _pipeline_class(folder, classes)
    sizes = part_sizes(folder, manner, exact)
    offload = manner.offload or choose_offload(sizes, room)
    pipeline = _loaded(kind, folder, manner, exact, model)
    check_tokenizers(folder, pipeline.components)
    if manner.fp8:
        _store_small(pipeline, manner.dtype)
    pipeline.set_progress_bar_config(disable=True)
    return Loaded(
        pipeline, model=model, folder=folder, room=room, offload=offload, fixed=manner.offload is not None, sizes=sizes
    )


def room_here(name: str = "") -> Room:
    """A device by its name, else the best, and what is free now."""
    found = [each for each in devices() if device_name(each.kind, each.index) == name]
    device = found[0] if found else best_device()
    return Room(device=device, main_free=processor().free, offloads=device.kind != CPU)


def manner_of(model: InstalledModel, device: Device) -> Manner:
    """What a model's parameters say, and the usual for the rest. Raises ModelError."""
    given = model.parameters
    dtype, storage, offload = given.get("dtype", ""), given.get("storage", ""), given.get("offload", "auto")
    if dtype not in ("", *DTYPES):
        raise _wrong(model, "dtype", dtype, ", ".join(DTYPES))
    if storage not in ("", "fp8"):
        raise _wrong(model, "storage", storage, "fp8, or nothing")
    if offload not in ("auto", *(each.value for each in Offload)):
        raise _wrong(model, "offload", offload, "auto, none, model or sequential")
    files = {key.removesuffix(OWN_FILE): str(value) for key, value in given.items() if key.endswith(OWN_FILE)}
    for part, file in files.items():
        path = Path(file)
        if path.is_absolute() or ".." in path.parts or path.suffix.lower() != ".gguf":
            raise _wrong(model, part + OWN_FILE, file, "the name of a GGUF file in the model's folder")
    return Manner(
        dtype=DTYPES[str(dtype)] if dtype else best_dtype(device),
        fp8=storage == "fp8",
        offload=None if offload == "auto" else Offload(offload),
        files=files,
    )


def part_sizes(folder: ModelFolder, manner: Manner, exact: Collection[str]) -> dict[str, int]:
    """Bytes that each part will take in memory."""
    sizes = {name: (folder.path / file).stat().st_size for name, file in manner.files.items()}
    for name in folder.files:
        width = torch.float32.itemsize if name in exact else manner.dtype.itemsize
        if manner.fp8 and name.startswith("transformer"):
            width = 1
        sizes[name] = folder.numbers(name) * width
    return sizes


def _pipeline_class(folder: ModelFolder, classes: Collection[str]) -> Any:
    if folder.pipeline not in classes or not hasattr(diffusers, folder.pipeline):
        raise ModelError(
            f"{folder.path} is for the pipeline {folder.pipeline[:80]!r}, which is not known here.",
            hint=f"Known are {', '.join(classes)}.",
        )
    for name, part in folder.parts.items():
        if not _known(part):
            raise ModelError(
                f"{folder.path} wants the class {part.kind[:80]!r} of {part.library} for its part {name}, "
                "which that library does not have.",
                hint="Was it made for a newer version? Try: pip install -U 'tenku[studio]'",
            )
    return getattr(diffusers, folder.pipeline)


def _known(part: Part) -> bool:
    if part.library == "transformers":
        return hasattr(transformers, part.kind)
    if part.library == "diffusers":
        return hasattr(diffusers, part.kind)
    return hasattr(importlib.import_module(f"diffusers.pipelines.{part.library}"), part.kind)


def _loaded(kind: Any, folder: ModelFolder, manner: Manner, exact: Collection[str], model: InstalledModel) -> Any:
    """The pipeline, in main memory."""
    given = {name: _from_gguf(folder, name, file, manner.dtype) for name, file in manner.files.items()}
    for name, part in folder.parts.items():
        if part.kind in PICTURE_PROCESSORS and not transformers.utils.is_torchvision_available():
            given[name] = picture_processor(folder.path / name)
    dtypes = {"default": manner.dtype, **dict.fromkeys(exact, torch.float32)}
    try:
        with quiet():
            return kind.from_pretrained(
                str(folder.path), torch_dtype=dtypes, local_files_only=True, use_safetensors=True, **given
            )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError, ImportError) as error:
        # What a folder can have wrong is without end; the libraries' own words are the best there are.
        words = " ".join(str(error).split())[:400]
        raise ModelError(f"{model.name} cannot be loaded from {folder.path}: {words}", hint="Add it again.") from error


def _from_gguf(folder: ModelFolder, name: str, file: str, dtype: torch.dtype) -> Any:
    path = folder.path / file
    read_header(path)
    part = folder.parts.get(name)
    kind: Any = getattr(diffusers, part.kind, None) if part is not None else None
    if not hasattr(kind, "from_single_file"):
        raise ModelError(f"{folder.path} has no part {name} that can come from a GGUF file.", hint="Leave it out.")
    try:
        with quiet():
            return kind.from_single_file(
                str(path),
                config=str(folder.path),
                subfolder=name,
                quantization_config=GGUFQuantizationConfig(compute_dtype=dtype),
                torch_dtype=dtype,
                local_files_only=True,
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        words = " ".join(str(error).split())[:400]
        raise ModelError(f"{path} does not fit {folder.path / name}: {words}", hint="Bring another file.") from error


def _store_small(pipeline: Any, dtype: torch.dtype) -> None:
    for name, part in pipeline.components.items():
        if name.startswith("transformer") and hasattr(part, "enable_layerwise_casting"):
            part.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=dtype)


def _wrong(model: InstalledModel, name: str, value: object, right: str) -> ModelError:
    return ModelError(f"{model.name} has the {name} {str(value)[:80]!r}; it has to be {right}.", hint="Add it again.")
