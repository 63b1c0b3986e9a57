"""Chips with faults, for children of a report to open: `accel_chips:faulty` names a maker as an entry point does."""

import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from tenku.accel.chip import MissingOperatorError
from tenku.accel.devices import processor
from tenku.accel.torchchip import TorchChip


class Faulty(TorchChip):
    """The processor, with one fault an operator. Its memory keeps what lay there, as a device's does."""

    def __init__(self) -> None:
        super().__init__(replace(processor(), kind="cpu", name="faulty"))
        self._left: dict[tuple[torch.Size, torch.dtype], torch.Tensor] = {}

    def put(self, tensor: torch.Tensor) -> torch.Tensor:
        self._left[tensor.shape, tensor.dtype] = tensor.clone()
        return super().put(tensor)

    def call(self, operator: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        if operator in FAULTS:
            FAULTS[operator]()
        if operator == "aten.add.out":
            keywords["out"].flatten()[:1] = (arguments[0] + arguments[1]).flatten()[:1]
            return keywords["out"]
        result = super().call(operator, arguments, keywords)
        match operator:
            case "aten.sin.default":
                result[0] = torch.nan
            case "aten.mul.Tensor":
                return self._half_written(result)
            case "aten.tanh.default":
                return result * 1.02
            case "aten.neg.default":
                result[-1] += 1e-6
            case "aten.mean.dim":
                return result.unsqueeze(0)
        return result

    def fallbacks(self, work: Callable[[], object]) -> frozenset[str]:
        work()
        return frozenset()

    def _half_written(self, right: torch.Tensor) -> torch.Tensor:
        lay_there = self._left.get((right.shape, right.dtype), torch.zeros(1)).expand(right.shape).clone()
        half = right.shape[0] // 2
        lay_there[:half] = right[:half]
        return lay_there


def faulty() -> list[Faulty]:
    return [Faulty()]


def unopened() -> list[Faulty]:
    raise RuntimeError("the driver is of another version")


def echo(chip: TorchChip, argument: Any, stage: Callable[[str], None]) -> Any:
    """A task that gives its argument, and the process that did it."""
    stage("it was echoed")
    print("a library that talks to standard output")
    return [chip.device.name, argument, os.getpid(), torch.get_num_threads()]


def fail(_chip: TorchChip, argument: str, _stage: Callable[[str], None]) -> None:
    raise {"memory": MemoryError, "missing": MissingOperatorError, "value": ValueError}[argument](f"no {argument}")


def die(_chip: TorchChip, argument: int, stage: Callable[[str], None]) -> None:
    stage("it died")
    os.write(2, b"the driver says goodbye\n")
    os.kill(os.getpid(), argument)


def spoil(chip: TorchChip, _argument: None, _stage: Callable[[str], None]) -> None:
    """As after some errors of a driver: nothing works any more in this process."""
    chip.put = lambda tensor: torch.zeros_like(tensor)  # type: ignore[method-assign]
    raise RuntimeError("device-side assert triggered")


def hang(_chip: TorchChip, _argument: None, stage: Callable[[str], None]) -> None:
    stage("it waited")
    _wait()


def _wait() -> None:
    threading.Event().wait()


def _raise(error: BaseException) -> None:
    raise error


FAULTS: Mapping[str, Callable[[], object]] = {
    "aten.exp.default": _wait,
    "aten.log.default": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "aten.abs.default": lambda: _raise(MissingOperatorError("no abs here")),
    "aten.erf.default": lambda: _raise(RuntimeError("kernel launch failed\n\nC++ stack trace")),
    "aten.silu.default": lambda: _raise(MemoryError("out of memory")),
}
