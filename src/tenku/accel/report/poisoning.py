"""Memory that an operator is to write is filled with poison before: what it leaves unwritten shows then."""

from collections.abc import Sequence

import torch

from tenku.accel.chip import Chip, MissingOperatorError
from tenku.accel.report.case import Case, poison
from tenku.accel.report.reference import mapped
from tenku.accel.torchchip import overload_of

BLOCKS = 2
"""Of each result's size: an allocator may hand out the other one."""


def leave_poison(chip: Chip, results: Sequence[torch.Tensor]) -> None:
    """Fill memory and give it back, where the device will most likely take its results from.

    `results`: on the meta device, for their shapes and number types.
    """
    blocks = [chip.put(poison(each.shape, each.dtype)) for each in results for _ in range(BLOCKS)]
    del blocks


def into_poison(chip: Chip, operator: str, case: Case, result: torch.Tensor) -> torch.Tensor | None:
    """What the operator writes into poison that is handed in; None: it has no such form, or the device has not."""
    name = out_form(operator)
    if name is None:
        return None
    given = chip.put(poison(result.shape, result.dtype))
    arguments, keywords = mapped(case, chip.put)
    try:
        chip.call(name, arguments, {**keywords, "out": given})
        return torch.as_tensor(chip.get(given))
    except (MissingOperatorError, RuntimeError, TypeError, ValueError, NotImplementedError):
        return None  # models do not ask for this form: a device without it lacks nothing


def out_form(operator: str) -> str | None:
    """`aten.mm.out` of `aten.mm.default`: the form that takes the same, and writes where it is told."""
    overload = overload_of(operator)
    wanted = [(each.name, str(each.type)) for each in overload._schema.arguments]
    packet = overload.overloadpacket
    for name in packet.overloads():
        arguments = getattr(packet, name)._schema.arguments
        taken = [(each.name, str(each.type)) for each in arguments if not each.is_out]
        if taken == wanted and [each.name for each in arguments if each.is_out] == ["out"]:
            return ".".join([*operator.split(".")[:2], name])
    return None
