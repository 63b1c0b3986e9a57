"""A module that stands ready on a device: as a whole where torch knows the device, else operator by operator."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import nn
from torch.utils._pytree import tree_map

from tenku.accel.chip import Chip, MissingOperatorError
from tenku.accel.devices import KINDS
from tenku.accel.report.carried import Carrier, carry_module
from tenku.accel.report.parts import OneByOne, Parts
from tenku.accel.report.wide import results_of
from tenku.accel.torchdevice import torch_device


class Runner(Protocol):
    """A module on a device, with its inputs."""

    def run(self) -> list[torch.Tensor]:
        """Run it once; what comes out is on the device, and may not be there yet. Raises what the device says."""

    def fetched(self, results: list[torch.Tensor]) -> list[torch.Tensor]:
        """What came out, on the processor."""

    def one_by_one(self) -> Parts:
        """Run it with every operator by itself."""


class Direct:
    """On a device that torch knows."""

    def __init__(self, chip: Chip, module: nn.Module, given: Mapping[str, Any]) -> None:
        self._chip = chip
        self._device = torch_device(chip.device)
        self._module = module._apply(chip.put)  # type: ignore[no-untyped-call]
        self._given = tree_map(lambda each: chip.put(each) if isinstance(each, torch.Tensor) else each, dict(given))

    def run(self) -> list[torch.Tensor]:
        with torch.no_grad(), _missing_told():
            return results_of(self._module(**self._given))

    def fetched(self, results: list[torch.Tensor]) -> list[torch.Tensor]:
        return [self._chip.get(each) for each in results]

    def one_by_one(self) -> Parts:
        parts = Parts()
        with OneByOne(self._chip, self._device, parts).running(), _missing_told():
            self._module(**self._given)
        return parts


class Stepwise:
    """On a device that has operators, and no more."""

    def __init__(self, chip: Chip, module: nn.Module, given: Mapping[str, Any]) -> None:
        self._carrier = Carrier(chip)
        self._module = carry_module(self._carrier, module)
        self._given = tree_map(
            lambda each: self._carrier.carried(each) if isinstance(each, torch.Tensor) else each, dict(given)
        )

    def run(self) -> list[torch.Tensor]:
        with self._carrier.whole_operators():
            return results_of(self._module(**self._given))

    def fetched(self, results: list[torch.Tensor]) -> list[torch.Tensor]:
        return [self._carrier.fetched(each) for each in results]

    def one_by_one(self) -> Parts:
        parts = Parts()
        with self._carrier.whole_operators(parts):
            self._module(**self._given)
        return parts


def runner_of(chip: Chip, module: nn.Module, given: Mapping[str, Any]) -> Runner:
    """Bring a module and its inputs to a device; the module itself is changed. Raises MemoryError."""
    return Direct(chip, module, given) if chip.device.kind in KINDS else Stepwise(chip, module, given)


@contextmanager
def _missing_told() -> Iterator[None]:
    try:
        yield
    except NotImplementedError as error:
        raise MissingOperatorError(str(error)) from error
