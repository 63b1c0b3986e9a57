"""A pipeline in memory: its siblings on the same weights, where its parts lie, and what to do when memory runs out."""

import gc
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import diffusers
import torch

from tenku.accel.torchdevice import CPU, empty_cache, torch_device
from tenku.base.errors import JobError
from tenku.studio.diffusion.folder import ModelFolder
from tenku.studio.diffusion.preview import Colours, fit_colours
from tenku.studio.diffusion.quiet import quiet
from tenku.studio.diffusion.room import Offload, Room, gigabytes, stronger
from tenku.studio.model import InstalledModel
from tenku.studio.outofmemory import is_out_of_memory

T = TypeVar("T")


class Loaded:
    """One model's parts, and the pipelines that work with them; not for several threads.

    Args:
        pipeline: in main memory; it is placed now.
        fixed: somebody said how to off-load, so nothing stronger is tried.
        sizes: bytes of each part in memory.
    """

    def __init__(
        self,
        pipeline: Any,
        *,
        model: InstalledModel,
        folder: ModelFolder,
        room: Room,
        offload: Offload,
        fixed: bool,
        sizes: Mapping[str, int],
    ) -> None:
        self.model = model
        self.folder = folder
        self.room = room
        self.offload = offload
        self.sizes = sizes
        self._fixed = fixed
        self._pipelines: dict[str, Any] = {type(pipeline).__name__: pipeline}
        self._colours: Colours | None = None
        self._placed: Any = None
        self._place(pipeline)

    @property
    def pipeline(self) -> Any:
        """The pipeline that the folder names."""
        return self._pipelines[self.folder.pipeline]

    @property
    def device(self) -> torch.device:
        """What is computed on."""
        return torch_device(self.room.device)

    def sibling(self, name: str, **more: Any) -> Any:
        """Another pipeline class of diffusers with the same parts, which takes no memory of its own.

        `more`: settings of its constructor that are no parts.
        """
        if name not in self._pipelines:
            kind = getattr(diffusers, name)
            wanted = kind._get_signature_keys(kind)[0]
            parts = {key: part for key, part in self.pipeline.components.items() if key in wanted}
            made = kind(**parts, **more)
            made.set_progress_bar_config(disable=True)
            self._pipelines[name] = made
        return self._pipelines[name]

    def colours(self, scale: int) -> Colours:
        """How to get from the VAE's latents to colours, for previews; learned once. `scale`: pixels a latent cell."""
        if self._colours is None:
            self._colours = self.run(lambda pipeline: fit_colours(pipeline.vae, scale, self.device))
        return self._colours

    def run(self, work: Callable[[Any], T], *, pipeline: Any = None) -> T:
        """Call `work(pipeline)`, and once more with stronger off-loading where memory runs out.

        `work` makes its generators itself, so that both runs begin alike.

        Raises:
            JobError: there is not enough memory.
        """
        pipeline = self.pipeline if pipeline is None else pipeline
        self._place(pipeline)
        first = self._tried(work, pipeline)
        if first is not None:
            return first[0]
        next_one = None if self._fixed or not self.room.offloads else stronger(self.offload)
        if next_one is None:
            raise self._too_little()
        self.offload, self._placed = next_one, None
        self._place(pipeline)
        second = self._tried(work, pipeline)
        if second is None:
            raise self._too_little()
        return second[0]

    def close(self) -> None:
        """Free the memory."""
        for pipeline in self._pipelines.values():
            pipeline.remove_all_hooks()
        self._pipelines.clear()
        self._placed = None
        self._free()

    def _tried(self, work: Callable[[Any], T], pipeline: Any) -> tuple[T] | None:
        """What `work` gives; None: memory ran out. The parts are back in their places afterwards, whatever happens."""
        try:
            with quiet():
                return (work(pipeline),)
        except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
            if not is_out_of_memory(error):
                raise
        finally:
            pipeline.maybe_free_model_hooks()
        # Outside of the handler: the error holds every tensor of the frames that it came through.
        self._free()
        return None

    def _place(self, pipeline: Any) -> None:
        """Put the parts where `offload` wants them. Hooks belong to one pipeline, so siblings are placed again."""
        if self._placed is pipeline:
            return
        for each in self._pipelines.values():
            each.remove_all_hooks()
        match self.offload:
            case Offload.NONE:
                pipeline.to(self.device)
            case Offload.MODEL:
                pipeline.enable_model_cpu_offload(device=self.device)
            case Offload.SEQUENTIAL if self._placed is None:
                # By hooks that belong to the parts, so that siblings have them as well.
                pipeline.enable_group_offload(
                    onload_device=self.device, offload_device=torch.device(CPU), offload_type="leaf_level"
                )
        self._placed = pipeline

    def _free(self) -> None:
        gc.collect()
        if self.room.device.kind != CPU:
            empty_cache(self.room.device)

    def _too_little(self) -> JobError:
        whole, largest = sum(self.sizes.values()), max(self.sizes.values(), default=0)
        how = {
            Offload.NONE: "with all parts on the device",
            Offload.MODEL: "with one part at a time on the device",
            Offload.SEQUENTIAL: "with one layer at a time on the device",
        }[self.offload]
        error = JobError(
            f"There is not enough memory for this, {how}: {self.model.name} has {gigabytes(whole)} "
            f"(its largest part {gigabytes(largest)}), and {self.room.device.name} has "
            f"{gigabytes(self.room.device.memory)}.",
            hint="Make it smaller or shorter, or take a smaller model or weights of fewer bits.",
        )
        error.short_of_memory = True
        return error
