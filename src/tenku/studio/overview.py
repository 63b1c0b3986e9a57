"""What models there are for this machine: installed ones, and those of the catalogue that could be."""

from collections.abc import Sequence
from dataclasses import dataclass

from tenku.accel.devices import Device
from tenku.studio.catalog import (
    CATALOG,
    CPU,
    KnownModel,
    fits,
    fits_in_parts,
    installed_bytes,
    known_model,
    largest_bytes,
    memory_bytes,
    with_working,
)
from tenku.studio.model import InstalledModel, Kind


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """One model as a list shows it."""

    name: str
    kind: Kind
    licence: str
    size: int
    """Bytes of the weights; 0: they are elsewhere."""
    memory: int
    """Bytes that it needs while it works, as a first guess; 0: not known, or elsewhere."""
    installed: bool
    accepted: bool
    """Whether nothing is left to accept."""
    device: str
    """What it would run on here: `cpu`, …; empty: on nothing."""
    offload: bool
    """Only with parts that wait in main memory for their turn."""
    about: str


def overview(installed: Sequence[InstalledModel], devices: Sequence[Device]) -> list[ModelRow]:
    """Installed ones first, then the rest of the catalogue in its order."""
    here = {model.name for model in installed}
    known = [_known_row(model, devices) for model in CATALOG if model.name not in here]
    return [*(_installed_row(model, devices) for model in installed), *known]


def _installed_row(model: InstalledModel, devices: Sequence[Device]) -> ModelRow:
    known = known_model(model.name)
    remote = model.hash == "remote"
    parts = "pipeline" in model.parameters
    memory = (
        0 if remote else installed_bytes(model) if parts else memory_bytes(model.size, known.shape if known else None)
    )
    device, offload = _place(memory, largest_bytes(model), devices)
    return ModelRow(
        name=model.name,
        kind=model.kind,
        licence=model.licence,
        size=model.size,
        memory=memory,
        installed=True,
        accepted=model.accepted,
        device="remote" if remote else device,
        offload=offload,
        about=f"at {model.path}" if remote else known.about if known else "",
    )


def _known_row(model: KnownModel, devices: Sequence[Device]) -> ModelRow:
    memory = with_working(model.whole) if model.whole else memory_bytes(model.size, model.shape)
    device, offload = _place(memory, with_working(model.largest) if model.largest else 0, devices)
    return ModelRow(
        name=model.name,
        kind=model.kind,
        licence=model.licence,
        size=model.size,
        memory=0 if model.remote else memory,
        installed=False,
        accepted=not model.must_accept,
        device="remote" if model.remote else device,
        offload=offload,
        about=f"{model.about}; needs {model.needs}" if model.needs else model.about,
    )


def _place(memory: int, largest: int, devices: Sequence[Device]) -> tuple[str, bool]:
    """The kind of device that a model runs on, empty for none, and whether its parts have to take turns there."""
    accelerators = [device for device in devices if device.kind != CPU]
    whole = fits(memory, accelerators if largest else devices)
    turns = None if whole else fits_in_parts(memory, largest, devices)
    # In parts, a model is far quicker on an accelerator than whole on the processor, whose numbers are twice as wide.
    found = whole or turns or (fits(2 * memory, devices) if largest else None)
    return (found.kind, found is turns) if found else ("", False)
