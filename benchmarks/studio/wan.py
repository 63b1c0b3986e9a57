"""Wan through the studio against plain diffusers on the same weights; and what accelerations bring and cost.

python -m benchmarks.studio.wan [--size tiny|1.3b|5b] [--rounds 5]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measure import median
from benchmarks.studio.wanmodels import SIZES, Size, save
from tenku.accel.torchdevice import CPU, best_device, best_dtype, torch_device
from tenku.base.errors import JobError
from tenku.studio.desk import EmptyDesk
from tenku.studio.diffusion.accelerations import ACCELERATIONS
from tenku.studio.diffusion.memory import PeakMemory
from tenku.studio.diffusion.quiet import quiet
from tenku.studio.engines.wan import EXACT, Wan, load
from tenku.studio.model import InstalledModel, JobSpec, Json, Kind
from tenku.studio.videojob import request_of

PROMPT = "a dragon circles a tower"
SEED = 7
SIDE = {CPU: 1024}
"""Of the matrices that say what a device can do at most; 8192 on accelerators."""
Frames = np.ndarray[Any, np.dtype[np.uint8]]


def measure(rounds: int, *, size: str = "tiny") -> dict[str, Any]:
    """Medians of so many interleaved rounds.

    Returns:
        `ours_s` and `plain_s`: seconds of a whole video, prompt to pixels (on a processor: of its own time).
        `ratio`: plain to ours, above 1 where ours is quicker. `same`: whether both made the same pixels.
        `accelerations`: by name, `ratio`: how many times as quick as ours without one, and `mean_error` and
        `largest_error` of a pixel, of 1. `step_s`, `memory` (bytes), `step_flop`, and `share`: of what a large matrix
        product in bf16 reaches on the device.
    """
    how, device = SIZES[size], best_device()
    with tempfile.TemporaryDirectory(prefix="tenku-bench-") as folder:
        path = save(how, Path(folder) / "weights", dtype=best_dtype(device))
        engine, plain = load(_model(path)), _plain(path)
        try:
            return {"size": size, "device": device.name, "rounds": rounds, **_compare(engine, plain, how, rounds)}
        finally:
            engine.close()


def _compare(engine: Wan, plain: Any, how: Size, rounds: int) -> dict[str, Any]:
    ways: dict[str, Callable[[], Frames]] = {
        "ours": lambda: _ours(engine, how),
        "plain": lambda: _direct(plain, how),
        **{name: _accelerated(engine, how, name) for name in ACCELERATIONS},
    }
    made, unsuited = {}, {}
    for name, way in list(ways.items()):  # the first round warms up, and is compared
        try:
            made[name] = way()
        except JobError as error:
            unsuited[name] = error.sentence()
            del ways[name]
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        # Every second round the other way about: who comes first finds other caches than who comes second.
        order = list(ways) if number % 2 else list(reversed(ways))
        for name in order:
            seconds[name].append(_timed(ways[name]))
    taken = {name: median(each) for name, each in seconds.items()}
    return {
        "video": f"{how.frames} frames of {how.width}x{how.height}, {how.steps} steps",
        "ours_s": taken["ours"],
        "plain_s": taken["plain"],
        "ratio": taken["plain"] / taken["ours"],
        "same": bool(np.array_equal(made["ours"], made["plain"])),
        "accelerations": {
            name: {"ratio": taken["ours"] / taken[name], **_error(made["ours"], made[name])}
            for name in ways
            if name in ACCELERATIONS
        },
        "unsuited": unsuited,
        **_step(engine, how),
    }


def _ours(engine: Wan, how: Size, accelerate: str = "") -> Frames:
    return engine.film(
        request_of(_spec(how, accelerate)), desk=EmptyDesk(), report=lambda _: None, stop=lambda: False
    ).frames


def _accelerated(engine: Wan, how: Size, name: str) -> Callable[[], Frames]:
    return lambda: _ours(engine, how, name)


def _direct(pipe: Any, how: Size) -> Frames:
    with quiet():
        made = pipe(
            prompt=PROMPT,
            negative_prompt="",
            width=how.width,
            height=how.height,
            num_frames=how.frames,
            num_inference_steps=how.steps,
            guidance_scale=5.0,
            generator=torch.Generator("cpu").manual_seed(SEED),
        ).frames[0]
    rounded: Frames = (made * 255).round().astype(np.uint8)
    return rounded


def _plain(path: Path) -> Any:
    from diffusers import WanPipeline

    device = best_device()
    dtypes = {"default": best_dtype(device), **dict.fromkeys(EXACT, torch.float32)}
    with quiet():
        pipe = WanPipeline.from_pretrained(str(path), torch_dtype=dtypes, local_files_only=True)
        pipe.set_progress_bar_config(disable=True)
        return pipe.to(torch_device(device))


def _step(engine: Wan, how: Size) -> dict[str, Any]:
    """One step: seconds, floating-point operations, and the share of what the device can do; and the most memory."""
    times: list[float] = []
    clock = _clock()
    request = request_of(_spec(how, ""))
    device = best_device()
    with PeakMemory(device) as memory:
        engine.film(request, desk=EmptyDesk(), report=lambda _: times.append(clock()), stop=lambda: False)
    step_s = median([after - before for before, after in pairwise(times)])
    with FlopCounterMode(display=False) as counter:
        _ours(engine, replace(how, steps=1))
    counts = counter.get_flop_counts()
    flop = sum(counts.get("WanTransformer3DModel", {}).values())
    return {
        "step_s": step_s,
        "memory": memory.bytes,
        "step_flop": flop,
        "share": flop / step_s / peak_flops(),
    }


def peak_flops() -> float:
    """Floating-point operations a second of a large matrix product in bf16."""
    device = best_device()
    place, side = torch_device(device), SIDE.get(device.kind, 8192)
    one, other = (torch.randn(side, side, device=place, dtype=torch.bfloat16) for _ in range(2))

    def work() -> Frames:
        product = one @ other
        return np.zeros(1, np.uint8) + int(product[0, 0].isfinite())  # waits until it is done

    work()
    return 2.0 * side**3 / min(_timed(work) for _ in range(5))


def _error(exact: Frames, near: Frames) -> dict[str, float]:
    difference = np.abs(exact.astype(np.int16) - near) / 255
    return {"mean_error": float(difference.mean()), "largest_error": float(difference.max())}


def _timed(work: Callable[[], Frames]) -> float:
    clock = _clock()
    began = clock()
    work()
    return clock() - began


def _clock() -> Callable[[], float]:
    """On a processor its own seconds: what others do on the machine is no part of the comparison."""
    return time.process_time if best_device().kind == CPU else time.perf_counter


def _spec(how: Size, accelerate: str) -> JobSpec:
    parameters: dict[str, Json] = {
        "width": how.width,
        "height": how.height,
        "seconds": how.frames / how.fps,
        "steps": how.steps,
        "accelerate": accelerate,
    }
    return JobSpec(kind=Kind.VIDEO, model="wan", prompt=PROMPT, parameters=parameters, seed=SEED)


def _model(path: Path) -> InstalledModel:
    size = sum(file.stat().st_size for file in path.rglob("*.safetensors"))
    return InstalledModel(
        name="wan", kind=Kind.VIDEO, engine="wan", path=str(path), hash="0" * 64, size=size, licence="Apache-2.0"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=list(SIZES), default="tiny")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.rounds, size=arguments.size), indent=2))
