"""Operators that torch would take apart are kept whole, as the inventory has them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from tenku.accel.inventory.recorder import WHOLE, as_the_schema_has_it

Do = Callable[[torch._ops.OpOverload, Sequence[Any], Mapping[str, Any]], Any]
"""Does an operator."""


class Whole(TorchFunctionMode):
    """Has whole operators done by `do`; with `only`, those that are given that kind of tensor."""

    def __init__(self, do: Do, *, only: type[torch.Tensor] = torch.Tensor) -> None:
        super().__init__()
        self._do = do
        self._only = only

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        operator, keywords = WHOLE.get(func), dict(kwargs or {})
        if operator is None or not any(isinstance(each, self._only) for each in (*args, *keywords.values())):
            return func(*args, **keywords)
        return self._do(operator, *as_the_schema_has_it(operator, args, keywords))
