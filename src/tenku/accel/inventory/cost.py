"""What one call costs at least: arithmetic and bytes."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry

ATTENTION = "scaled_dot_product_attention"

_WEIGHTS: Mapping[str, int] = {
    "sum": 1,
    "mean": 1,
    "prod": 1,
    "cumsum": 1,
    "linalg_vector_norm": 2,
    "_softmax": 5,
    "_safe_softmax": 5,
    "rms_norm": 4,
    "native_layer_norm": 8,
    "native_group_norm": 8,
    "upsample_bilinear2d": 8,
}
"""Arithmetic for each number that an operator reads, where that is not one for each that it writes; about."""

_SILENT = frozenset(
    {
        *("eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "maximum", "minimum", "sign", "abs", "neg", "relu"),
        *("logical_and", "logical_or", "logical_not", "logical_xor"),
        *("bitwise_and", "bitwise_or", "bitwise_not", "bitwise_xor"),
        *("where", "masked_fill", "masked_fill_", "fill", "fill_", "zero_", "copy", "copy_", "clone", "_to_copy"),
        *("clamp", "clamp_", "clamp_min", "clamp_max", "round", "floor", "ceil", "trunc"),
        *("real", "imag", "_conj", "view_as_real", "view_as_complex"),
    }
)
"""Done number by number, yet without arithmetic: they move and compare."""

_FREE = frozenset(
    {"_unsafe_view", "_reshape_alias", "lift_fresh", "alias", "detach"}
    | {"empty", "empty_like", "empty_strided", "new_empty", "sym_size"}
)
"""Besides those that torch calls views: they give room or another look, and touch no number."""

_PICKING = frozenset(
    {"embedding", "index", "index_select", "gather", "scatter", "slice_scatter", "select_scatter"}
    | {"index_put", "index_put_"}
)
"""They read as much of their first tensor as they give."""

_UNREAD = frozenset(
    {"zeros_like", "ones_like", "full_like", "rand_like", "randn_like", "new_zeros", "new_ones", "new_full"}
    | {"fill_", "zero_"}
)
"""They do not look at what is in their tensor."""


def flops_of(
    operator: torch._ops.OpOverload, arguments: Sequence[Any], keywords: Mapping[str, Any], result: Any
) -> int:
    """Arithmetic of one call: two for each multiply and add; one for each number, where numbers are done one by one."""
    name = _name(operator)
    if name == ATTENTION:
        return _attention(*arguments, **keywords)
    counter: Callable[..., int] | None = flop_registry.get(operator.overloadpacket)
    if counter is not None:
        return int(counter(*arguments, **keywords, out_val=result))
    if name in _WEIGHTS:
        return _WEIGHTS[name] * max((each.numel() for each in tensors_in(arguments)), default=0)
    if name in _SILENT or torch.Tag.pointwise not in operator.tags:
        return 0
    # A complex number's product is six operations, and its sum is two: about four.
    return sum(each.numel() * (4 if each.is_complex() else 1) for each in tensors_in(result))


def moved_of(
    operator: torch._ops.OpOverload, arguments: Sequence[Any], keywords: Mapping[str, Any], result: Any
) -> int:
    """Bytes that one call has to read and write at least: every tensor once, each number of it once."""
    name = _name(operator)
    if name in _FREE or _is_view(operator):
        return 0
    given = [*tensors_in(arguments), *tensors_in(tuple(keywords.values()))]
    written = sum(_bytes(each) for each in tensors_in(result))
    if name in _PICKING and given:
        return written * 2 + sum(_bytes(each) for each in given[1:])
    if name in _UNREAD or name == "copy_":
        given = given[1:]
    return written + sum(_bytes(each) for each in {id(each): each for each in given}.values())


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """The tensors of a value, within lists as well."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors_in(each)


def _name(operator: torch._ops.OpOverload) -> str:
    return str(operator.overloadpacket.__name__)


def _is_view(operator: torch._ops.OpOverload) -> bool:
    """Whether its result is its argument's own memory, unchanged."""
    returned = operator._schema.returns
    return bool(returned) and all(each.alias_info is not None and not each.alias_info.is_write for each in returned)


def _bytes(tensor: torch.Tensor) -> int:
    """Of the memory that it really covers: numbers that an expanded tensor shows again are read once."""
    lengths = (length for length, step in zip(tensor.shape, tensor.stride(), strict=True) if step)
    return math.prod(lengths) * tensor.itemsize if tensor.numel() else 0


def _attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *rest: Any, is_causal: bool = False, **_: Any
) -> int:
    """Two products. Of a causal one only what is looked at: kernels skip the rest."""
    rows, columns = query.shape[-2], key.shape[-2]
    causal = rest[2] if len(rest) > 2 else is_causal  # behind the mask and the dropout
    pairs = sum(min(row + 1, columns) for row in range(rows)) if causal else rows * columns
    return 2 * math.prod(query.shape[:-2]) * pairs * (query.shape[-1] + value.shape[-1])
