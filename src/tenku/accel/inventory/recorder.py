"""Records every operator that a model asks for, on the meta device: no weights, no memory, nothing is computed.

Two operators are kept whole although torch would take them apart here: `scaled_dot_product_attention` and `rms_norm`.
What they become is each device's own choice (a flash kernel, a fused norm, or a dozen small ones), and the meta device
takes the slowest, whose matrix of scores no real device would ever hold. A report that asks a device for the whole gets
what the device does for a model; a chip maker sees which kernel to write.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from tenku.accel.inventory.cost import flops_of, moved_of, tensors_in
from tenku.accel.inventory.model import DTYPE, Call, Tensor

COMPUTE = torch.bfloat16
"""Stands for the number type that a model computes in. No model asks for this one by name, as some do for float32."""
META = "meta"


@dataclass(frozen=True)
class Named:
    """A number type, a memory format or an end of the number type, while it is looked at."""

    kind: str
    name: str


_UNTOLD = ("device", "layout", "pin_memory")
"""Keywords that are the device's own business; and layout is always the plain one."""
_LIMITS = {torch.finfo(COMPUTE).min: Named("limit", "lowest"), torch.finfo(COMPUTE).max: Named("limit", "highest")}
"""Of the number type that is computed in: another one has other ends."""
_ASKED = torch.ops.aten._local_scalar_dense.default
WHOLE = {
    torch.nn.functional.scaled_dot_product_attention: torch.ops.aten.scaled_dot_product_attention.default,
    torch.nn.functional.rms_norm: torch.ops.aten.rms_norm.default,
    torch.rms_norm: torch.ops.aten.rms_norm.default,
}


@dataclass
class _Seen:
    """One call, as often as it came."""

    operator: str
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    results: tuple[Tensor, ...]
    flops: int
    moved: int
    counts: dict[str, int]


class Recorder:
    """Collects calls, part by part."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._part = ""

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Record what is asked for until the block ends."""
        self._part = name
        with torch.no_grad(), _Whole(self), _Every(self):
            yield

    def calls(self) -> tuple[Call, ...]:
        """What was asked for, in the order in which it first came."""
        return tuple(
            Call(
                operator=each.operator,
                arguments=plain_of(each.arguments),
                keywords={name: plain_of(value) for name, value in each.keywords.items()},
                results=each.results,
                counts=each.counts,
                flops=each.flops,
                moved=each.moved,
            )
            for each in self._seen.values()
        )

    def note(
        self, operator: torch._ops.OpOverload, arguments: Sequence[Any], keywords: Mapping[str, Any], result: Any
    ) -> None:
        """One call, if a device would have to do it."""
        if not _of_the_device(arguments, keywords, result):
            return
        looks = look_at(tuple(arguments))
        kept = {name: look_at(value) for name, value in sorted(keywords.items()) if name not in _UNTOLD}
        key = f"{operator}{looks!r}{kept!r}"  # as text: 1, 1.0 and True are different arguments
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = _Seen(
                str(operator),
                looks,
                kept,
                tuple(look_at(each) for each in tensors_in(result)),
                flops_of(operator, arguments, keywords, result),
                moved_of(operator, arguments, keywords, result),
                {},
            )
        seen.counts[self._part] = seen.counts.get(self._part, 0) + 1


class _Every(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tells a recorder of every operator that reaches a device."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._recorder = recorder

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = self._answer(args[0]) if func is _ASKED else func(*args, **(kwargs or {}))
        self._recorder.note(func, args, kwargs or {}, result)
        return result

    def _answer(self, asked: torch.Tensor) -> bool | int | float:
        """A number that the processor wants to know, which is never there: no, or none.

        Models ask whether a mask hides nothing, so that they can do without it. In a usual job it hides something:
        the prompt is shorter than what they always read.
        """
        if asked.device.type != META:
            return asked.item()
        return False if asked.dtype == torch.bool else 0.0 if asked.is_floating_point() else 0


class _Whole(TorchFunctionMode):
    """Tells a recorder of the operators that are kept whole, and keeps their pieces from it."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        operator = WHOLE.get(func)
        keywords = dict(kwargs or {})
        if operator is None or (args[:1] and args[0].device.type != META):
            return func(*args, **keywords)
        arguments, keywords = as_the_schema_has_it(operator, args, keywords)
        with torch.utils._python_dispatch._disable_current_modes():
            result = SHAPES[operator](*arguments, **keywords)
        self._recorder.note(operator, arguments, keywords, result)
        return result


def as_the_schema_has_it(
    operator: torch._ops.OpOverload, args: Sequence[Any], keywords: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The same call however it was written: positions filled as far as the schema has them, defaults left out."""
    formal = [each for each in operator._schema.arguments if not each.kwarg_only]
    named = dict(zip((each.name for each in operator._schema.arguments), args, strict=False)) | dict(keywords)
    told = {each.name: named[each.name] for each in operator._schema.arguments if each.name in named}
    told = {
        each.name: told[each.name]
        for each in operator._schema.arguments
        if each.name in told and not (each.has_default_value() and told[each.name] == each.default_value)
    }
    arguments = []
    for each in formal:
        if each.name not in told:
            break
        arguments.append(told.pop(each.name))
    return arguments, told


def _attention_shape(query: torch.Tensor, _: torch.Tensor, value: torch.Tensor, *__: Any, **___: Any) -> torch.Tensor:
    """As the kernels of devices lay it out: like the query, so that joining the heads again copies nothing."""
    if value.shape[-1] == query.shape[-1]:
        return torch.empty_like(query)
    return query.new_empty((*query.shape[:-1], value.shape[-1]))


def _norm_shape(input: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    return torch.empty_like(input, memory_format=torch.contiguous_format)


SHAPES: Mapping[Any, Callable[..., torch.Tensor]] = {
    torch.ops.aten.scaled_dot_product_attention.default: _attention_shape,
    torch.ops.aten.rms_norm.default: _norm_shape,
}


def _of_the_device(arguments: Sequence[Any], keywords: Mapping[str, Any], result: Any) -> bool:
    """Whether it works on the device's memory: bringing something there is no operator, nor is the processor's own."""
    given = [*tensors_in(arguments), *tensors_in(tuple(keywords.values()))]
    return any(each.device.type == META for each in given or tensors_in(result))


def look_at(value: Any) -> Any:
    """A value as an inventory has it; number types as `Named`, which can be told apart from everything else."""
    if isinstance(value, torch.Tensor):
        stride = () if value.is_contiguous() else tuple(value.stride())
        return Tensor(shape=tuple(value.shape), dtype=_dtype(value.dtype), stride=stride)
    if isinstance(value, list | tuple):
        return tuple(look_at(each) for each in value)
    if isinstance(value, torch.dtype):
        return Named("dtype", _dtype(value))
    if isinstance(value, torch.memory_format):
        return Named("memory_format", str(value).removeprefix("torch."))
    if isinstance(value, float) and value in _LIMITS:
        return _LIMITS[value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"an operator was given a {type(value).__name__}, which an inventory has no words for")


def plain_of(value: Any) -> Any:
    """The same with `Named` as a mapping of one."""
    if isinstance(value, Named):
        return {value.kind: value.name}
    return tuple(plain_of(each) for each in value) if isinstance(value, tuple) else value


def _dtype(dtype: torch.dtype) -> str:
    return DTYPE if dtype == COMPUTE else str(dtype).removeprefix("torch.")
