"""Model folders are loaded as diffusers loads them, placed where there is room, and stepped through."""

import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from studio_tiny import Tiny, image_model, tiny_image
from tenku.accel.devices import Device, processor
from tenku.accel.torchdevice import best_device, best_dtype, peak, reset_peak, torch_device
from tenku.base.errors import CancelledJob, JobError, ModelError
from tenku.studio.diffusion.accelerations import ACCELERATIONS, accelerated
from tenku.studio.diffusion.loaded import Loaded
from tenku.studio.diffusion.loading import load_pipeline, room_here
from tenku.studio.diffusion.memory import PeakMemory
from tenku.studio.diffusion.preview import fit_colours
from tenku.studio.diffusion.room import Offload, Room, choose_offload, stronger
from tenku.studio.diffusion.steps import Steps
from tenku.studio.model import Progress
from tenku.studio.ports import Step

__all__ = ["tiny_image"]

CLASSES = ("QwenImagePipeline",)
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"
GIB = 1024**3


@pytest.fixture
def folder(tiny_image: Tiny, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(tiny_image("qwenimage"), tmp_path / "model"))


def load(folder: Path, *, room: Room | None = None, **parameters: Any) -> Loaded:
    return load_pipeline(image_model(folder, **parameters), classes=CLASSES, room=room)


def draw(loaded: Loaded, *, steps: int = 2, callback: Any = None) -> "np.ndarray[Any, Any]":
    def work(pipe: Any) -> Any:
        generator = torch.Generator().manual_seed(1)
        return pipe(
            "x",
            num_inference_steps=steps,
            width=64,
            height=64,
            generator=generator,
            output_type="np",
            callback_on_step_end=callback,
        ).images[0]

    drawn: np.ndarray[Any, Any] = loaded.run(work)
    return drawn


# How it is loaded


def test_numbers_are_as_the_device_likes_them_or_as_the_model_wants(tiny_image: Tiny) -> None:
    assert load(tiny_image("qwenimage")).pipeline.transformer.dtype is best_dtype(best_device())
    loaded = load_pipeline(
        image_model(tiny_image("qwenimage"), dtype="bfloat16"), classes=CLASSES, exact=("vae",), room=room_here()
    )
    assert loaded.pipeline.transformer.dtype is torch.bfloat16
    assert loaded.pipeline.vae.dtype is torch.float32
    assert loaded.sizes["transformer"] * 2 == load(tiny_image("qwenimage"), dtype="float32").sizes["transformer"]
    assert np.isfinite(draw(loaded)).all()


def test_weights_in_eight_bits_are_nearly_the_same(tiny_image: Tiny) -> None:
    loaded = load(tiny_image("qwenimage"), storage="fp8")
    block = loaded.pipeline.transformer.transformer_blocks[0]
    assert block.attn.to_q.weight.dtype is torch.float8_e4m3fn
    drawn, exact = draw(loaded), draw(load(tiny_image("qwenimage")))
    assert 0 < np.abs(drawn - exact).max() < 0.1
    assert loaded.sizes["transformer"] * 4 == load(tiny_image("qwenimage")).sizes["transformer"]


def write_gguf(file: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    writer = gguf.GGUFWriter(str(file), "qwen_image")
    for name, tensor in tensors.items():
        data = tensor.float().numpy()
        if data.ndim == 2 and data.shape[1] % 32 == 0:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_transformer_from_a_gguf_file(folder: Path) -> None:
    exact = draw(load(folder))
    write_gguf(folder / "tiny-Q8_0.gguf", load_file(folder / WEIGHTS))
    (folder / WEIGHTS).unlink()
    loaded = load(folder, transformer_file="tiny-Q8_0.gguf")
    assert 0 < np.abs(draw(loaded) - exact).max() < 0.05
    assert loaded.sizes["transformer"] < 200_000, "of 367,680 in fp32"
    (folder / "tiny-Q8_0.gguf").write_bytes((folder / "tiny-Q8_0.gguf").read_bytes()[:-500])
    with pytest.raises(ModelError, match=r"tiny-Q8_0\.gguf"):
        load(folder, transformer_file="tiny-Q8_0.gguf")


def test_a_gguf_file_of_another_model_is_refused(folder: Path) -> None:
    write_gguf(folder / "other.gguf", {"some.weight": torch.ones(32, 32)})
    with pytest.raises(ModelError, match="does not fit"):
        load(folder, transformer_file="other.gguf")
    with pytest.raises(ModelError, match="no part upscaler"):
        load(folder, upscaler_file="other.gguf")


def test_equal_weights_in_several_files_are_the_same_model(folder: Path) -> None:
    exact = draw(load(folder))
    tensors = load_file(folder / WEIGHTS)
    names = sorted(tensors)
    (folder / WEIGHTS).unlink()
    parts = {f"diffusion_pytorch_model-0000{number + 1}-of-00002.safetensors": names[number::2] for number in (0, 1)}
    for file, own in parts.items():
        save_file({name: tensors[name] for name in own}, folder / "transformer" / file)
    index = {"metadata": {"total_size": 0}, "weight_map": {name: file for file, own in parts.items() for name in own}}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps(index), encoding="utf-8")
    assert (draw(load(folder)) == exact).all()


# Where it lies

GPU = Device("gpu", 0, "A card", 24 * GIB, 20 * GIB)
ROOM = Room(device=GPU, main_free=64 * GIB, offloads=True)


@pytest.mark.parametrize(
    ("parts", "room", "expected"),
    [
        ({"a": 10 * GIB, "b": 5 * GIB}, ROOM, Offload.NONE),
        ({"a": 15 * GIB, "b": 8 * GIB}, ROOM, Offload.MODEL),
        ({"a": 40 * GIB, "b": 8 * GIB}, ROOM, Offload.SEQUENTIAL),
        ({}, ROOM, Offload.NONE),
    ],
)
def test_the_least_off_loading_that_should_fit(parts: dict[str, int], room: Room, expected: Offload) -> None:
    assert choose_offload(parts, room) is expected


def test_what_fits_nowhere_is_refused_with_its_sizes() -> None:
    with pytest.raises(ModelError, match=r"have 85\.9 GB, and there are 68\.7 GB of main memory"):
        choose_offload({"a": 80 * GIB}, ROOM)
    main = Room(device=processor(), main_free=8 * GIB, offloads=False)
    with pytest.raises(ModelError, match="of memory free"):
        choose_offload({"a": 1 << 60}, main)
    assert [stronger(each) for each in Offload] == [Offload.MODEL, Offload.SEQUENTIAL, None]


class Greedy:
    """A forward hook that runs out of memory so many times."""

    def __init__(self, loaded: Loaded, times: int, error: Exception) -> None:
        self.left = times
        self._error = error
        self.hook = loaded.pipeline.transformer.register_forward_hook(self)

    def __call__(self, *_: Any) -> None:
        if self.left:
            self.left -= 1
            raise self._error


def own_room() -> Room:
    """The processor, as if parts could wait elsewhere."""
    return Room(device=processor(), main_free=8 * GIB, offloads=True)


def test_a_job_that_ran_out_of_memory_runs_again_with_off_loading(tiny_image: Tiny) -> None:
    loaded = load(tiny_image("qwenimage"), room=own_room())
    before = draw(loaded)
    greedy = Greedy(loaded, 1, torch.OutOfMemoryError("Tried to allocate 20.00 GiB"))
    assert (draw(loaded) == before).all()
    assert loaded.offload.value == "model"
    greedy.left = 1
    assert (draw(loaded) == before).all()
    assert loaded.offload.value == "sequential", "it stays careful, and goes on to what is left"
    greedy.left = 1
    with pytest.raises(JobError, match="not enough memory for this, with one layer at a time") as caught:
        draw(loaded)
    assert "tiny has 0.0 GB" in str(caught.value)
    assert caught.value.hint
    assert caught.value.short_of_memory
    assert (draw(loaded) == before).all(), "the next job is not harmed"
    loaded.close()


def test_twice_out_of_memory_is_the_end(tiny_image: Tiny) -> None:
    loaded = load(tiny_image("qwenimage"), room=own_room())
    greedy = Greedy(loaded, 2, torch.OutOfMemoryError("x"))
    with pytest.raises(JobError, match="with one part at a time"):
        draw(loaded)
    assert not greedy.left


@pytest.mark.parametrize("given", [{"offload": "none"}, {}])
def test_without_off_loading_nothing_is_tried_again(tiny_image: Tiny, given: dict[str, Any]) -> None:
    room = own_room() if given else replace(own_room(), offloads=False)
    loaded = load(tiny_image("qwenimage"), room=room, **given)
    greedy = Greedy(loaded, 2, torch.OutOfMemoryError("x"))
    with pytest.raises(JobError, match="with all parts on the device"):
        draw(loaded)
    assert greedy.left == 1


def test_other_errors_stay_what_they_are(tiny_image: Tiny) -> None:
    loaded = load(tiny_image("qwenimage"), room=own_room())
    Greedy(loaded, 1, RuntimeError("shapes differ"))
    with pytest.raises(RuntimeError, match="shapes differ"):
        draw(loaded)
    assert loaded.offload is Offload.NONE


def test_an_allocation_that_no_machine_has_is_a_clear_refusal(tiny_image: Tiny) -> None:
    """A real one, of the real allocator."""
    loaded = load(tiny_image("qwenimage"))
    with pytest.raises(JobError, match="not enough memory"):
        loaded.run(lambda _: torch.empty(1 << 60, dtype=torch.uint8))


# Steps


def test_steps_are_told_with_at_most_one_preview_a_second() -> None:
    now = [100.0]
    told: list[Step] = []
    steps = Steps(
        report=told.append, stop=lambda: False, preview=lambda latents: bytes(latents.shape), clock=lambda: now[0]
    )
    pipe = SimpleNamespace(num_timesteps=4)
    for pause in (0.0, 0.5, 0.6, 2.0):
        now[0] += pause
        assert steps(pipe, 0, 0, {"latents": torch.zeros(1, 2)}) == {}
    assert [each.progress for each in told] == [Progress(number, 4) for number in (1, 2, 3, 4)]
    assert [bool(each.preview) for each in told] == [True, False, True, True]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_an_error_with_its_step(bad: float) -> None:
    steps = Steps(report=lambda _: None, stop=lambda: False, total=9)
    steps(None, 0, 0, {"latents": torch.zeros(3)})
    with pytest.raises(JobError, match="in step 2 of 9: there is NaN or infinity in the audio_latents"):
        steps(None, 1, 0, {"latents": torch.zeros(3), "audio_latents": torch.tensor([0.0, bad])})


def test_stop_ends_it() -> None:
    pipe = SimpleNamespace(num_timesteps=4)
    with pytest.raises(CancelledJob, match="after step 1 of 4"):
        Steps(report=lambda _: None, stop=lambda: True)(pipe, 0, 0, {})
    assert pipe._interrupt


# Accelerations


@pytest.mark.parametrize("name", ACCELERATIONS)
def test_an_acceleration_changes_a_little_and_is_gone_afterwards(
    tiny_image: Tiny, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Random weights change so much from step to step that nothing would ever be skipped.
    monkeypatch.setattr("tenku.studio.diffusion.accelerations.FIRST_BLOCK_THRESHOLD", 10.0)
    monkeypatch.setattr("tenku.studio.diffusion.accelerations.CACHE_DIT_THRESHOLD", 10.0)
    loaded = load(tiny_image("qwenimage"))
    calls: list[int] = []
    loaded.pipeline.transformer.transformer_blocks[1].attn.to_q.register_forward_hook(lambda *_: calls.append(1))
    before, plain = draw(loaded, steps=16), len(calls)
    with accelerated(loaded.pipeline, name, guided=False):
        fast, skipping = draw(loaded, steps=16), len(calls) - plain
    assert skipping < plain, "it skips work"
    assert 0 < np.abs(fast - before).max() < 0.5
    assert (draw(loaded, steps=16) == before).all()
    assert len(calls) == 2 * plain + skipping


def test_an_unknown_acceleration_says_what_there_is(tiny_image: Tiny) -> None:
    loaded = load(tiny_image("qwenimage"))
    with pytest.raises(JobError, match="no acceleration 'warp'") as caught, accelerated(loaded.pipeline, "warp"):
        pass
    assert "first-block-cache" in caught.value.hint
    with accelerated(loaded.pipeline, ""):
        pass


# Previews and memory


def test_colours_are_learned_from_the_vae() -> None:
    """Of a VAE that mixes colours linearly, the preview is exact."""
    mix = torch.tensor([[0.5, 0.2, 0.1], [0.0, 1.0, -0.3], [0.7, 0.0, 0.4], [0.1, -0.6, 0.2]])

    class Linear(torch.nn.Module):
        config: Mapping[str, Any] = {"in_channels": 3}

        def __init__(self) -> None:
            super().__init__()
            self.mix = torch.nn.Parameter(mix)

        def encode(self, pixels: torch.Tensor) -> Any:
            cells = torch.nn.functional.avg_pool2d(pixels[:, :, 0], 8)
            latents = torch.einsum("lc,bchw->blhw", self.mix, cells)[:, :, None]
            return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: latents))

    colours = fit_colours(Linear(), 8, torch.device("cpu"))
    wanted = torch.tensor([[[1.0, 0.0, 0.0]] * 4 + [[0.2, 0.5, 0.9]] * 4] * 4)
    latents = torch.einsum("lc,hwc->lhw", mix, wanted * 2 - 1)
    picture = Image.open(io.BytesIO(colours.png(latents)))
    assert picture.size == (256, 128)
    for x, expected in ((20, (255, 0, 0)), (236, (51, 128, 230))):
        got = picture.getpixel((x, 64))
        assert isinstance(got, tuple)
        assert max(abs(a - b) for a, b in zip(got, expected, strict=True)) < 8


def test_the_peak_of_memory_is_that_of_the_block() -> None:
    with PeakMemory(processor()) as small:
        pass
    with PeakMemory(processor()) as large:
        torch.ones(64 * 1024 * 1024).sum()  # 256 MB, and gone again
    with PeakMemory(processor()) as after:
        pass
    assert large.bytes - small.bytes > 200_000_000
    assert large.bytes - after.bytes > 200_000_000


def test_the_processor_is_a_device_like_others() -> None:
    device = processor()
    assert torch_device(device) == torch.device("cpu")
    assert best_dtype(device) is torch.float32
    reset_peak(device)
    assert 0 < peak(device) < device.memory
