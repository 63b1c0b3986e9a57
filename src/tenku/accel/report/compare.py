"""Whether a result is right: how far off it is, and how far its number type explains (pure)."""

import math
from dataclasses import dataclass

import torch

ROUNDOFF = {
    torch.float64: 2.0**-53,
    torch.float32: 2.0**-24,
    torch.float16: 2.0**-11,
    torch.bfloat16: 2.0**-8,
    torch.float8_e4m3fn: 2.0**-4,
    torch.float8_e5m2: 2.0**-3,
}
"""The most that rounding once is off, as a share of the number."""
REAL = {torch.complex64: torch.float32, torch.complex128: torch.float64, torch.complex32: torch.float16}
"""What complex numbers are pairs of."""
ROUNDINGS = 2
"""So many roundings of its own number type one operator may do: a fused one keeps a value between steps."""
WORST = 2
"""One number may be off by so many times what all of them together may."""
SUMS = 8
"""Sums grow in float32 at least. Errors of a sum of n numbers grow with the root of n, give or take this."""
TF32 = 2.0**-11
"""Roundoff of the products that float32 becomes on some devices, where torch allows it (convolutions)."""
FUNCTION = 8 * 2.0**-24
"""Devices' own exponentials, sines and roots are off by some units in the last place of float32."""


@dataclass(frozen=True, kw_only=True)
class Off:
    """How far off a result is."""

    error: float
    """Length of the difference over the length of what is right."""
    worst: float
    """The largest difference of one number over the largest number that is right."""
    wrong: str = ""
    """Why it is wrong; empty: its number type explains it."""


def compared(got: torch.Tensor, right: torch.Tensor, *, depth: int = 1, products_rounded: bool = False) -> Off:
    """Compare a rounded result with the right one, which has more digits. `depth`: so many numbers go into one.

    `products_rounded`: it is one of those that may multiply with fewer digits (TF32).
    """
    unlike = _unlike(got, right)
    if unlike:
        return Off(error=math.inf, worst=math.inf, wrong=unlike)
    if got.is_complex():
        got, right = torch.view_as_real(got), torch.view_as_real(right)
    most = bound(got.dtype, depth=depth, products_rounded=products_rounded)
    wide = right.to(torch.float64)
    stray = _not_finite(got, wide)
    if stray:
        return Off(error=math.nan, worst=math.nan, wrong=stray)
    given = got.to(torch.float64)
    finite = torch.isfinite(wide) & torch.isfinite(given)
    wide = torch.where(finite, wide, 0.0)
    difference = torch.where(finite, given, 0.0) - wide
    error = _share(difference.norm(), wide.norm())
    worst = _share(_largest(difference), _largest(wide))
    return Off(error=error, worst=worst, wrong=_too_far(error, worst, most))


def identical(got: torch.Tensor, right: torch.Tensor) -> Off:
    """Compare a result that is not rounded: each number is the same, or it is wrong. NaN passes where NaN is right."""
    unlike = _unlike(got, right)
    if not unlike and got.dtype != right.dtype:
        unlike = f"it is of {_name(got.dtype)} where {_name(right.dtype)} is right"
    if unlike:
        return Off(error=math.inf, worst=math.inf, wrong=unlike)
    if got.is_complex():
        got, right = torch.view_as_real(got), torch.view_as_real(right)
    if got.dtype.itemsize == 1 and got.is_floating_point():  # which cannot be compared as they are
        got, right = got.float(), right.float()
    same = got == right
    if got.is_floating_point():
        same |= got.isnan() & right.isnan()
    different = int((~same).sum())
    if not different:
        return Off(error=0.0, worst=0.0)
    wide, other = right.to(torch.float64), got.to(torch.float64)
    difference = torch.where(same, 0.0, other - wide).nan_to_num(nan=math.inf, posinf=math.inf, neginf=math.inf)
    length, largest = torch.where(wide.isfinite(), wide, 0.0).norm(), _largest(wide.nan_to_num(0.0, 0.0, 0.0))
    return Off(
        error=_share(difference.norm(), length),
        worst=_share(_largest(difference), largest),
        wrong=f"{different} of {got.numel()} numbers differ, which are not to be rounded",
    )


def bound(dtype: torch.dtype, *, depth: int = 1, products_rounded: bool = False) -> float:
    """How far off a right result may be, as a share: its rounding, the growing sum, and the device's own functions."""
    own = ROUNDOFF.get(REAL.get(dtype, dtype), 2.0**-24)
    summing = ROUNDOFF[torch.float64] if dtype in (torch.float64, torch.complex128) else ROUNDOFF[torch.float32]
    functions = FUNCTION if summing > ROUNDOFF[torch.float64] else 16 * ROUNDOFF[torch.float64]
    products = 2 * TF32 if products_rounded else 0.0
    return ROUNDINGS * own + SUMS * summing * math.sqrt(max(1, depth)) + functions + products


def _unlike(got: torch.Tensor, right: torch.Tensor) -> str:
    if got.shape != right.shape:
        return f"its shape is {tuple(got.shape)} where {tuple(right.shape)} is right"
    if got.is_complex() != right.is_complex():
        return f"it is of {_name(got.dtype)} where {_name(right.dtype)} is right"
    return ""


def _not_finite(got: torch.Tensor, right: torch.Tensor) -> str:
    """NaN passes only where it is right; infinity where that is right, or the number is too large for the type."""
    given = got.to(torch.float64)
    nans = int((given.isnan() & ~right.isnan()).sum())
    if nans:
        return f"{nans} of {got.numel()} numbers are NaN"
    if bool((right.isnan() & ~given.isnan()).any()):
        return "it has numbers where NaN is right"
    largest = torch.finfo(got.dtype).max if got.is_floating_point() else math.inf
    infinite = given.isinf() & (right.abs() < largest) | given.isinf() & (given.sign() != right.sign())
    strays = int((infinite | right.isinf() & (given != right)).sum())
    return (
        f"{strays} of {got.numel()} numbers are infinite where they are not to be, or the other way" if strays else ""
    )


def _too_far(error: float, worst: float, most: float) -> str:
    if error <= most and worst <= WORST * most:
        return ""
    return f"it is off by {error:.2g} ({worst:.2g} at worst) where rounding explains {most:.2g}"


def _largest(numbers: torch.Tensor) -> float:
    return float(numbers.abs().max()) if numbers.numel() else 0.0


def _share(part: torch.Tensor | float, whole: torch.Tensor | float) -> float:
    part, whole = float(part), float(whole)
    if part == 0:
        return 0.0
    return part / whole if whole else math.inf


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
