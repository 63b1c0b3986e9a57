"""How much memory a run takes at most, found on the meta device: no memory is taken, and nothing is computed."""

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves

from tenku.accel.inventory.cost import flops_of
from tenku.accel.inventory.recorder import SHAPES
from tenku.accel.report.whole import Whole

_ASKED = torch.ops.aten._local_scalar_dense.default


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of tensors that are alive, and the arithmetic that made them.

    A tensor lives from the operator that makes it until nobody holds it or a view of it. What a kernel takes for itself
    while it runs is not seen here; attention is taken to be fused, as its matrix of scores is on no real device.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0
        self.peak = 0
        self.flops = 0
        self._held: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._whole = Whole(self._whole_one)

    def __enter__(self) -> "LiveBytes":
        super().__enter__()  # type: ignore[no-untyped-call]
        self._whole.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        self._whole.__exit__(*error)  # type: ignore[no-untyped-call]
        super().__exit__(*error)  # type: ignore[no-untyped-call]

    def hold(self, tensors: Any) -> None:
        """Count tensors that were there before: weights and inputs."""
        for tensor in tree_leaves(tensors):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        # Nothing that is asked is there; 'no' and 'none' are answers that models get along with.
        if func is _ASKED:
            return 0.0 if args[0].is_floating_point() else 0
        return self._noted(func, args, kwargs or {}, func(*args, **(kwargs or {})))

    def _whole_one(self, operator: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        with _disable_current_modes():
            result = SHAPES[operator](*arguments, **keywords)
        return self._noted(operator, arguments, keywords, result)

    def _noted(self, operator: Any, arguments: Sequence[Any], keywords: Mapping[str, Any], result: Any) -> Any:
        self.flops += flops_of(operator, arguments, keywords, result)
        self.hold(result)
        return result

    def _count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if self._held.get(storage._cdata) is storage:
            return
        self._held[storage._cdata] = storage
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, storage.nbytes())

    def _gone(self, size: int) -> None:
        self.now -= size


def live_bytes(work: Callable[[], object], *, held: Any = ()) -> LiveBytes:
    """Run `work` on the meta device, with tensors that are there all the time, and give what was counted."""
    counter = LiveBytes()
    counter.hold(held)
    with torch.no_grad(), counter:
        work()
    return counter
