"""The right result of a call, by the processor: in float64 from the same rounded numbers, or float32, or exact."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from tenku.accel.report.case import Case, short_name
from tenku.accel.report.model import Against
from tenku.accel.torchchip import overload_of

# fmt: off
MOVES = frozenset(
    (
        "_unsafe_view", "_reshape_alias", "alias", "lift_fresh", "detach", "clone", "contiguous", "cat", "stack",
        "index", "_unsafe_index", "index_select", "gather", "embedding", "where", "masked_fill", "masked_fill_",
        "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad3d", "repeat",
        "roll", "flip", "tril", "triu", "slice_scatter", "select_scatter", "index_put", "index_put_", "index_copy",
        "scatter", "ones_like", "zeros_like", "full_like", "new_ones", "new_zeros", "new_full", "ones", "zeros",
        "full", "scalar_tensor", "fill", "fill_", "zero_", "sort", "amax", "amin", "minimum", "maximum", "neg", "abs",
        "clamp", "clamp_", "clamp_min", "clamp_max", "upsample_nearest2d", "upsample_nearest3d",
        "_upsample_nearest_exact2d", "_upsample_nearest_exact3d", "pixel_shuffle", "relu",
    )
)
# fmt: on
"""They give numbers as they find them, or choose among them: nothing is rounded. Views: torch itself knows them."""
CONVERTS = frozenset({"_to_copy", "copy_", "copy"})
"""Nothing is rounded where the number type stays, or what becomes of it has more digits."""
SHAPELESS = frozenset({"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "empty_permuted"})
"""They give memory as it is: only its shape can be right."""
_COMPLEX = {torch.float64: torch.complex128, torch.float32: torch.complex64}


@dataclass(frozen=True, kw_only=True)
class Right:
    """What a call has to give."""

    results: tuple[Any, ...]
    """Tensors; a number where the operator gives one."""
    against: Against | None
    """None: only shapes are compared."""


def right_of(operator: str, case: Case) -> Right:
    """The right result of an operator. Raises RuntimeError: the processor cannot do it either."""
    name = short_name(operator)
    if name in SHAPELESS:
        return Right(results=_same(operator, case), against=None)
    if _is_exact(operator, case):
        return Right(results=_same(operator, case), against=Against.EXACT)
    if name == "_scaled_mm":
        return Right(results=(_scaled_product(*case.arguments),), against=Against.FLOAT64)
    try:
        return Right(results=_in(torch.float64, operator, case), against=Against.FLOAT64)
    except (RuntimeError, NotImplementedError):  # "not implemented for 'Double'"
        return Right(results=_in(torch.float32, operator, case), against=Against.FLOAT32)


def as_tuple(result: Any) -> tuple[Any, ...]:
    """An operator's results as a flat list."""
    if isinstance(result, list | tuple):
        return tuple(leaf for each in result for leaf in as_tuple(each))
    return () if result is None else (result,)


def _is_exact(operator: str, case: Case) -> bool:
    overload, name = overload_of(operator), short_name(operator)
    if overload.is_view or name in MOVES:
        return True
    if name in CONVERTS:
        return _keeps_digits(name, case)
    return not any(_is_rounded(each) for each in _looks(operator, case))


def _keeps_digits(name: str, case: Case) -> bool:
    source = case.arguments[0] if name == "_to_copy" else case.arguments[1]
    target = case.keywords.get("dtype", source.dtype) if name == "_to_copy" else case.arguments[0].dtype
    if not target.is_floating_point or source.dtype == target:
        return True
    return bool(source.dtype.is_floating_point and torch.promote_types(source.dtype, target) == target)


def _looks(operator: str, case: Case) -> tuple[Any, ...]:
    """The results' number types, without computing."""
    try:
        return as_tuple(_called(operator, _mapped(case, _to_meta)))
    except (RuntimeError, NotImplementedError):  # a number is asked for, which the meta device has not
        return _same(operator, case)


def _is_rounded(result: Any) -> bool:
    return isinstance(result, torch.Tensor) and (result.is_floating_point() or result.is_complex())


def _same(operator: str, case: Case) -> tuple[Any, ...]:
    """By the processor, in the case's own number types."""
    return as_tuple(_called(operator, _mapped(case, lambda each: each.clone() if _is_tensor(each) else each)))


def _in(wide: torch.dtype, operator: str, case: Case) -> tuple[Any, ...]:
    def widened(value: Any) -> Any:
        if isinstance(value, torch.dtype):
            return _wider(value, wide)
        return value.to(_wider(value.dtype, wide), copy=True) if isinstance(value, torch.Tensor) else value

    return as_tuple(_called(operator, _mapped(case, widened)))


def _wider(dtype: torch.dtype, wide: torch.dtype) -> torch.dtype:
    if dtype.is_complex:
        return _COMPLEX[wide]
    return wide if dtype.is_floating_point else dtype


def _scaled_product(left: Any, right: Any, left_scale: Any, right_scale: Any, bias: Any = None, *_: Any) -> Any:
    wide = torch.float64
    product = (left.to(wide) * left_scale.to(wide)) @ (right.to(wide) * right_scale.to(wide))
    return product if bias is None else product + bias.to(wide)


def _called(operator: str, case: Case) -> Any:
    with torch.no_grad():
        return overload_of(operator)(*case.arguments, **case.keywords)


def _mapped(case: Case, function: Any) -> Case:
    return Case(
        arguments=tuple(_leaf(each, function) for each in case.arguments),
        keywords={name: _leaf(each, function) for name, each in case.keywords.items()},
    )


def mapped(case: Case, put: Any) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Arguments and keywords with every tensor exchanged for what `put` makes of it."""
    moved = _mapped(case, lambda each: put(each) if _is_tensor(each) else each)
    return moved.arguments, moved.keywords


def _leaf(value: Any, function: Any) -> Any:
    return [_leaf(each, function) for each in value] if isinstance(value, list) else function(value)


def _to_meta(value: Any) -> Any:
    return value.to("meta") if _is_tensor(value) else value


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)
