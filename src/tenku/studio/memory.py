"""How this machine's memory is divided: what models may take of each device, and what each of them takes where."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from tenku.accel.devices import Device, again, devices, processor
from tenku.accel.lease import device_name
from tenku.base.errors import ModelError
from tenku.studio.catalog import WORKING, installed_bytes
from tenku.studio.diffusion.folder import is_model_folder, read_folder
from tenku.studio.model import InstalledModel
from tenku.studio.registry import ENGINES, TORCH
from tenku.studio.warm import MAIN, Bytes

MAIN_SHARE = 0.5
"""Of main memory: games and the system need the rest."""
DEVICE_SHARE = 0.9
"""Of an accelerator's memory: drivers and the screen take some."""

FILE = "_file"
"""The end of parameters that name a GGUF file with the weights of a part."""
WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes of a number."""
Devices = Callable[[], Sequence[Device]]


def _counted(device: Device) -> int:
    return device.free


class Memory:
    """The budgets of one machine.

    Args:
        limit: bytes of main memory that models may take; 0: half of it.
        devices: which there are; asked when a model for an accelerator is first wanted, as the answer takes seconds.
        room: bytes of a device that can be had now; what others were promised is not among them.
    """

    def __init__(self, limit: int, *, devices: Devices = devices, room: Callable[[Device], int] = _counted) -> None:
        self._limit = limit
        self._devices = devices
        self._room = room
        self._seen: dict[str, int] = {}
        self._placed: dict[str, str] = {}

    def budget(self, device: str) -> int:
        """Bytes that models may take of a device."""
        if device == MAIN:
            return self._limit or int(processor().memory * MAIN_SHARE)
        return int(self._accelerators[device].memory * DEVICE_SHARE)

    def together(self, device: str) -> int:
        """Bytes of a device that models of all workers may take."""
        # What is left of an accelerator for drivers and the screen shows in what it counts as free.
        return self.budget(device) if device == MAIN else self._accelerators[device].memory

    def now(self, device: str) -> Device:
        """A device as it is now."""
        return processor() if device == MAIN else again(self._accelerators[device])

    def placed(self, model: InstalledModel) -> str:
        """Where a model was placed when its need was last asked for; empty: it never was."""
        return self._placed.get(model.name, "")

    def need(self, model: InstalledModel) -> Bytes:
        """Bytes that a model takes while it works, by device; it is placed where most room is."""
        size = self.weights(model)
        if not size:
            return {}
        name = self._placed[model.name] = self._roomiest(model)
        if name == MAIN:
            return {MAIN: size}
        most = self.budget(name)
        # Too large for the device: its parts wait in main memory, and the one that works has all of the device.
        return {name: size} if size <= most else {MAIN: size, name: most}

    def weights(self, model: InstalledModel) -> int:
        """Bytes that a model takes, without what a job takes besides; 0: it runs elsewhere."""
        key = repr(model)  # its parameters count as well
        if key not in self._seen:
            self._seen[key] = self._weights(model)
        return self._seen[key]

    def _weights(self, model: InstalledModel) -> int:
        if not self._is_torch(model) or not is_model_folder(Path(model.path)):
            return installed_bytes(model)
        # Numbers in files have another width than in memory: the processor computes with 32 bits.
        width = WIDTHS.get(str(model.parameters.get("dtype")), 4 if self.place(model) == MAIN else 2)
        files = {key.removesuffix(FILE): str(value) for key, value in model.parameters.items() if key.endswith(FILE)}
        try:
            folder = read_folder(Path(model.path), elsewhere=files)
            size = sum((folder.path / file).stat().st_size for file in files.values())
        except (ModelError, OSError):
            return installed_bytes(model)  # what is wrong with it is said when it is loaded
        for part in folder.files:
            small = model.parameters.get("storage") == "fp8" and part.startswith("transformer")
            size += folder.numbers(part) * (1 if small else width)
        return size + WORKING

    def _is_torch(self, model: InstalledModel) -> bool:
        row = ENGINES.get(model.engine)
        return row is not None and row.library == TORCH

    def place(self, model: InstalledModel) -> str:
        """The device that a model computes on."""
        if not self._is_torch(model) or not self._accelerators:
            return MAIN
        return max(self._accelerators, key=lambda name: self._accelerators[name].memory)

    def _roomiest(self, model: InstalledModel) -> str:
        place = self.place(model)
        if place == MAIN or len(self._accelerators) < 2:
            return place
        return max(self._accelerators, key=lambda name: self._room(self.now(name)))

    @property
    def cores(self) -> int:
        """Cores of the processor that we may use."""
        return processor().cores

    @cached_property
    def _accelerators(self) -> dict[str, Device]:
        return {device_name(each.kind, each.index): each for each in self._devices() if each.kind != MAIN}
