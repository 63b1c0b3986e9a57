"""What models there are for this machine: installed ones, and those of the catalogue that could be."""

from collections.abc import Sequence
from dataclasses import dataclass

from tenku.accel.devices import Device
from tenku.studio.catalog import CATALOG, KnownModel, fits, known_model, memory_bytes
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
    ready: bool
    """Tenku can run models of its kind."""
    device: str
    """What it would run on here: `cpu`, …; empty: on nothing."""
    about: str


def overview(installed: Sequence[InstalledModel], devices: Sequence[Device]) -> list[ModelRow]:
    """Installed ones first, then the rest of the catalogue in its order."""
    here = {model.name for model in installed}
    known = [_known_row(model, devices) for model in CATALOG if model.name not in here]
    return [*(_installed_row(model, devices) for model in installed), *known]


def _installed_row(model: InstalledModel, devices: Sequence[Device]) -> ModelRow:
    known = known_model(model.name)
    remote = model.engine == "remote"
    memory = 0 if remote else memory_bytes(model.size, known.shape if known else None)
    device = fits(memory, devices)
    return ModelRow(
        name=model.name,
        kind=model.kind,
        licence=model.licence,
        size=model.size,
        memory=memory,
        installed=True,
        accepted=model.accepted,
        ready=True,
        device="remote" if remote else device.kind if device else "",
        about=f"at {model.path}" if remote else known.about if known else "",
    )


def _known_row(model: KnownModel, devices: Sequence[Device]) -> ModelRow:
    # What models that cannot run yet need says the catalogue in words: it depends on off-loading.
    memory = memory_bytes(model.size, model.shape) if model.ready else 0
    device = fits(memory, devices) if model.ready else None
    return ModelRow(
        name=model.name,
        kind=model.kind,
        licence=model.licence,
        size=model.size,
        memory=memory,
        installed=False,
        accepted=not model.must_accept,
        ready=model.ready,
        device=device.kind if device else "",
        about=model.about if model.ready else f"{model.about}; needs {model.needs}",
    )
