"""Tries one call on a device, in the child: is it there, is it right, who does it, how long does it take."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from tenku.accel.chip import Chip
from tenku.accel.inventory.cost import flops_of, moved_of, tensors_in
from tenku.accel.inventory.model import Call
from tenku.accel.inventory.plain import call_from_plain
from tenku.accel.report.case import Case, case_of, meta_of, meta_results, short_name
from tenku.accel.report.compare import Off, compared, identical
from tenku.accel.report.model import Against, Verdict
from tenku.accel.report.poisoning import into_poison, leave_poison
from tenku.accel.report.reference import Right, as_tuple, mapped, right_of
from tenku.accel.report.smaller import Most, asked, shrunk
from tenku.accel.report.timing import measured
from tenku.accel.torchchip import overload_of
from tenku.accel.torchdevice import CPU

Stage = Callable[[str], None]
CHECKED, TIMED = "its result was checked", "its time was taken"
ROOM = 1.05
"""So many times its tensors a call takes; it is not even begun where that is not free."""
MOST_SEEN = 1 << 27
"""Numbers of a result of full size that are brought back to be looked at."""
PRODUCTS = frozenset({"convolution"})
"""Torch lets them multiply float32 with fewer digits (TF32) on devices that can."""
ROUNDED = (Against.FLOAT64, Against.FLOAT32)


def try_call(chip: Chip, task: Mapping[str, Any], stage: Stage) -> dict[str, Any]:
    """A finding's fields.

    `task`: `call`, `dtype`, `seed`, `budget_s`, `limit_s`, and `rate`, the device's flops a second; 0: unknown.
    """
    call, dtype = call_from_plain(task["call"]), task["dtype"]
    small = shrunk(call, dtype, Most())
    case = case_of(small.call, dtype, seed=task["seed"])
    right = right_of(call.operator, case)
    stage(CHECKED)
    fallen, off = checked(chip, small.call, dtype, case, right)
    scale = f"error at {small.words()}" if small.lengths else ""
    answer: dict[str, Any] = {"against": right.against, "error": off.error, "worst": off.worst, **costs(call, dtype)}
    if off.wrong:
        return answer | {"verdict": Verdict.WRONG, "message": sentence(off.wrong, scale)}
    done_by = f"the processor did {', '.join(sorted(fallen))}" if fallen else ""
    answer["verdict"] = Verdict.FALLBACK if fallen else Verdict.NATIVE
    trouble, more = timed(chip, call, task, answer, case=None if small.lengths else case, right=right, stage=stage)
    return answer | {"message": sentence(done_by, trouble, scale)} | more


def checked(chip: Chip, call: Call, dtype: str, case: Case, right: Right) -> tuple[frozenset[str], Off]:
    """What the processor did in place of the device, and how far off the result is."""
    looks = looks_of(call, dtype)
    got: list[Any] = []

    def work() -> None:
        arguments, keywords = mapped(case, chip.put)
        leave_poison(chip, looks)
        got[:] = as_tuple(chip.call(call.operator, arguments, keywords))

    fallen = chip.fallbacks(work)
    depth = depth_of(case, looks, flops=costs(call, dtype)["flops"])
    off = judged(call.operator, fetched(chip, got), right, depth=depth, lossy=chip.device.kind != CPU)
    if off.wrong or len(looks) != 1 or len(right.results) != 1:
        return fallen, off
    into = into_poison(chip, call.operator, case, looks[0])
    if into is None:
        return fallen, off
    given = judged(call.operator, [into], right, depth=depth, lossy=chip.device.kind != CPU)
    return fallen, Off(
        error=given.error, worst=given.worst, wrong=f"with `out=`, {given.wrong}"
    ) if given.wrong else off


def judged(operator: str, got: Sequence[Any], right: Right, *, depth: int, lossy: bool) -> Off:
    """How far off results are; of several, the furthest. `lossy`: the device may have products of fewer digits."""
    if len(got) != len(right.results):
        return Off(error=0.0, worst=0.0, wrong=f"it gives {len(got)} results where {len(right.results)} are right")
    fewer_digits = lossy and short_name(operator) in PRODUCTS
    offs = [_judged(*pair, right.against, depth, fewer_digits) for pair in zip(got, right.results, strict=True)]
    return max(offs, key=lambda each: (bool(each.wrong), each.error), default=Off(error=0.0, worst=0.0))


def _judged(got: Any, right: Any, against: Against | None, depth: int, fewer_digits: bool) -> Off:
    if not isinstance(right, torch.Tensor) or not isinstance(got, torch.Tensor):
        same = against is None or got == right
        return Off(error=0.0, worst=0.0, wrong="" if same else f"it is {got} where {right} is right")
    if against is None:
        same = got.shape == right.shape
        return Off(error=0.0, worst=0.0, wrong="" if same else f"its shape is not {tuple(right.shape)}")
    if against is Against.EXACT or not (right.is_floating_point() or right.is_complex()):
        return identical(got, right)
    return compared(got, right, depth=depth, products_rounded=fewer_digits and got.dtype == torch.float32)


def looks_of(call: Call, dtype: str) -> list[torch.Tensor]:
    """The results on the meta device: as torch says, else as the inventory has them."""
    result = asked(call, dtype)
    return list(tensors_in(result)) if result is not None else meta_results(call, dtype)


def depth_of(case: Case, results: Sequence[torch.Tensor], *, flops: int) -> int:
    """How many numbers go into one of the first result: by its arithmetic, or as many as there are more before it."""
    numbers = max(1, results[0].numel() if results else 1)
    given = max((each.numel() for each in tensors_in((*case.arguments, *case.keywords.values()))), default=1)
    return max(1, flops // (2 * numbers), given // numbers)


def costs(call: Call, dtype: str) -> dict[str, int]:
    """Arithmetic and bytes of a call in this number type, as far as torch can say what its result looks like."""
    result = asked(call, dtype)
    if result is None:
        return {"flops": call.flops, "moved": call.moved}
    case, overload = meta_of(call, dtype), overload_of(call.operator)
    flops = flops_of(overload, case.arguments, case.keywords, result)
    return {"flops": flops, "moved": moved_of(overload, case.arguments, case.keywords, result)}


def timed(
    chip: Chip,
    call: Call,
    task: Mapping[str, Any],
    cost: Mapping[str, Any],
    *,
    case: Case | None,
    right: Right,
    stage: Stage,
) -> tuple[str, dict[str, Any]]:
    """Its time at the model's own shapes, where they fit: what there is to say, and fields. `case`: it is that size."""
    expected = cost["flops"] / task["rate"] if task["rate"] else 0.0
    if expected > task["limit_s"]:
        return f"its time was not taken, as it takes {expected:.0f} s at least", {}
    size, free = size_of(call, task["dtype"]), chip.free()
    if size * ROOM > free:
        return f"its tensors take {size:,} bytes, and {free:,} are free", {"verdict": Verdict.LARGE}
    stage(TIMED)
    try:
        whole = case or case_of(call, task["dtype"], seed=task["seed"], tiled=True)
        arguments, keywords = mapped(whole, chip.put)
        work = _caller(chip, call.operator, arguments, keywords)
        seconds = measured(chip.seconds, work, budget_s=task["budget_s"])
        strays = _strays(chip, work) if case is None and right.against in ROUNDED else 0
    except MemoryError as error:
        return str(error).split("\n")[0], {"verdict": Verdict.LARGE}
    wrong = {"verdict": Verdict.WRONG} if strays else {}
    return f"{strays} numbers are not finite" if strays else "", {"seconds": seconds, **wrong}


def size_of(call: Call, dtype: str) -> int:
    """Bytes of a call's tensors and results."""
    case = meta_of(call, dtype)
    every = tensors_in((*case.arguments, *case.keywords.values(), looks_of(call, dtype)))
    return sum(each.untyped_storage().nbytes() for each in every)


def fetched(chip: Chip, results: Sequence[Any]) -> list[Any]:
    """Results on the processor; what is a number already stays one."""
    return [each if isinstance(each, bool | int | float) else chip.get(each) for each in results]


def sentence(*parts: str) -> str:
    """What there is to say, as one line."""
    return "; ".join(each for each in parts if each)


def _caller(chip: Chip, operator: str, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Callable[[], Any]:
    return lambda: chip.call(operator, arguments, keywords)


def _strays(chip: Chip, work: Callable[[], Any]) -> int:
    """NaN and infinity in a result of full size, where large lengths may lead a device astray."""
    looked = [each for each in tensors_in(fetched(chip, as_tuple(work()))) if each.numel() <= MOST_SEEN]
    return sum(int((~each.isfinite()).sum()) for each in looked if each.is_floating_point())
