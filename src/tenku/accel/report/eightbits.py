"""What a model asks of a device in a number type: in fp8 the large matrix products, and bf16 for the rest (pure)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tenku.accel.inventory.model import DTYPE, Call, Tensor

EIGHT = {"float8_e4m3fn": ("float8_e4m3fn", "float8_e4m3fn"), "float8_e5m2": ("float8_e5m2", "float8_e4m3fn")}
"""Of what goes in, and of the weights: devices do not multiply two of the second kind."""
REST = "bfloat16"
BLOCK = 16
"""Products of fp8 exist for weights whose lengths are multiples of this."""
SCALE = Tensor(shape=(), dtype="float32")


def in_dtype(call: Call, dtype: str) -> tuple[Call, str]:
    """The call that is made, and the number type that it computes in; empty: it names all of its own."""
    if dtype in EIGHT:
        product = _product(call, *EIGHT[dtype])
        return (product, dtype) if product else in_dtype(call, REST)
    return call, dtype if computes(call) else ""


def computes(call: Call) -> bool:
    """Whether the model's number type goes into it at all."""
    return any(each == DTYPE for each in _dtypes((call.arguments, call.keywords)))


def _product(call: Call, given: str, weights: str) -> Call | None:
    """The same product with fp8 numbers and a scale for each side; None: it is none that fp8 is used for."""
    match call.operator, call.arguments:
        case "aten.mm.default", (Tensor() as left, Tensor() as right):
            bias = None
        case "aten.addmm.default", (Tensor(shape=(_,)) as bias, Tensor() as left, Tensor() as right):
            pass
        case _:
            return None
    inner, columns = right.shape
    if {left.dtype, right.dtype} != {DTYPE} or call.keywords or inner % BLOCK or columns % BLOCK:
        return None
    return replace(
        call,
        operator="aten._scaled_mm.default",
        arguments=(
            Tensor(shape=left.shape, dtype=given),
            Tensor(shape=right.shape, dtype=weights, stride=(1, inner)),
            SCALE,
            SCALE,
            replace(bias, dtype=REST) if bias else None,
            None,
            {"dtype": REST},
        ),
        keywords={},
    )


def _dtypes(value: Any) -> Iterator[str]:
    match value:
        case Tensor(dtype=dtype):
            yield dtype
        case {"dtype": str(name)}:
            yield name
        case Mapping():
            yield from _dtypes(tuple(value.values()))
        case tuple():
            for each in value:
                yield from _dtypes(each)
