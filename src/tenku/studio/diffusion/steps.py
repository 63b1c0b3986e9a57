"""Told by a pipeline after every step: says how far it is, shows what there is to see, and ends what has to end."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from tenku.base.errors import CancelledJob, JobError
from tenku.studio.model import Progress
from tenku.studio.ports import Step

PREVIEW_S = 1.0
"""Seconds between previews, at least: each takes a moment of the device."""
Preview = Callable[[torch.Tensor], bytes]
"""Latents, as the pipeline hands them out, to a small PNG."""


class Steps:
    """Hand it to a pipeline as `callback_on_step_end`.

    Args:
        report: told after every step.
        stop: asked after every step; True: CancelledJob is raised out of the pipeline, before the next step.
        total: steps in all, over several calls of pipelines; 0: one call, and the pipeline says how many.
        preview: makes pictures of latents; None: there is nothing to see.
        clock: seconds that only rise.

    Raises:
        JobError: there is no number any more in what is being made (NaN, or infinite).
        CancelledJob: `stop` said so.
    """

    def __init__(
        self,
        *,
        report: Callable[[Step], None],
        stop: Callable[[], bool],
        total: int = 0,
        preview: Preview | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report = report
        self._stop = stop
        self._total = total
        self._preview = preview
        self._clock = clock
        self._shown: float | None = None
        self.done = 0

    def __call__(self, pipe: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """One step was done."""
        self.done += 1
        total = self._total or int(pipe.num_timesteps)
        if self._stop():
            pipe._interrupt = True  # whoever catches what we raise finds a pipeline that knows it was ended
            raise CancelledJob(f"It was ended after step {self.done} of {total}.")
        check_finite(values, step=self.done, total=total)
        self._report(Step(Progress(self.done, total), self._picture(values.get("latents"))))
        return {}

    def _picture(self, latents: torch.Tensor | None) -> bytes:
        now = self._clock()
        early = self._shown is not None and now - self._shown < PREVIEW_S
        if self._preview is None or latents is None or early:
            return b""
        self._shown = now
        return self._preview(latents)


def check_finite(values: Mapping[str, Any], *, step: int, total: int) -> None:
    """Raises JobError: a tensor has numbers that are none; everything that followed would be black or noise."""
    for name, value in values.items():
        if isinstance(value, torch.Tensor) and not bool(torch.isfinite(value).all()):
            raise JobError(
                f"The numbers broke in step {step} of {total}: there is NaN or infinity in the {name}.",
                hint="Try another seed, or give the model another dtype: float32, or bfloat16 in place of float16.",
            )
