"""Pictures by Qwen-Image: our path draws what diffusers draws, bit for bit, and says clearly what cannot be."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from studio_tiny import Tiny, image_model, tiny_image
from tenku.base.errors import CancelledJob, JobError, ModelError
from tenku.studio.desk import EmptyDesk
from tenku.studio.diffusion.pictureprocessor import picture_processor
from tenku.studio.diffusion.quiet import quiet
from tenku.studio.engines.qwenimage import QwenImage, load
from tenku.studio.model import JobSpec, Kind, Progress
from tenku.studio.ports import Engine, Made, Step

__all__ = ["tiny_image"]

SIDE = 64
EDIT = "diffusers.pipelines.qwenimage.pipeline_qwenimage_"


class Folder(EmptyDesk):
    """Implements `Desk`: files by their names."""

    def __init__(self, files: Mapping[str, Image.Image]) -> None:
        super().__init__()
        self._files = files

    def input(self, name: str) -> bytes:
        """See `Desk`."""
        file = io.BytesIO()
        self._files[name].save(file, "PNG")
        return file.getvalue()

    def use(self, model: str) -> AbstractContextManager[Engine]:
        """See `Desk`."""
        raise AssertionError(model)


def gradient(size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """A picture with something in it."""
    across, down = np.meshgrid(*(np.linspace(0, 255, side, dtype=np.uint8) for side in size))
    return Image.fromarray(np.stack([across, down, 255 - across], -1))


PICTURE, SECOND, MASK = "1" * 64, "2" * 64, "3" * 64
HALF = Image.fromarray(np.kron(np.eye(2, dtype=np.uint8) * 255, np.ones((SIDE // 2, SIDE // 2), dtype=np.uint8)))
DESK = Folder({PICTURE: gradient(), SECOND: gradient().transpose(Image.Transpose.ROTATE_90), MASK: HALF})


def job(prompt: str = "a potion", *, seed: int = 7, **parameters: Any) -> JobSpec:
    sized = {} if "image" in parameters else {"width": SIDE, "height": SIDE}
    return JobSpec(
        kind=Kind.IMAGE, model="tiny", prompt=prompt, seed=seed, parameters={"steps": 2, **sized, **parameters}
    )


def make(engine: QwenImage, spec: JobSpec, *, desk: Folder = DESK, stop_after: int = 99) -> tuple[Made, list[Step]]:
    told: list[Step] = []
    made = engine.run(spec, desk=desk, report=told.append, stop=lambda: len(told) >= stop_after)
    return made, told


def pixels(data: bytes) -> "np.ndarray[Any, Any]":
    return np.asarray(Image.open(io.BytesIO(data)))


def direct(folder: Path, kind: str, seed: int = 7, **call: Any) -> Any:
    """What diffusers itself makes of the same folder."""
    with quiet():
        named = getattr(diffusers, kind)
        extra = {"processor": picture_processor(folder / "processor")} if (folder / "processor").is_dir() else {}
        pipe = named.from_pretrained(str(folder), **extra)
        generator = torch.Generator().manual_seed(seed)
        return pipe(num_inference_steps=2, generator=generator, negative_prompt=" ", true_cfg_scale=4.0, **call).images


@pytest.fixture(scope="module")
def engines(tiny_image: Tiny) -> Iterator[Callable[[str], QwenImage]]:
    loaded: dict[str, QwenImage] = {}

    def engine(name: str) -> QwenImage:
        if name not in loaded:
            loaded[name] = load(image_model(tiny_image(name)))
        return loaded[name]

    yield engine
    for each in loaded.values():
        each.close()


@pytest.fixture
def small_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Edits look at pictures of a million pixels, on which tiny models spend long for nothing: ours are 96 x 96."""
    monkeypatch.setattr(f"{EDIT}edit.calculate_dimensions", lambda _, __: (96, 96, None))
    monkeypatch.setattr(f"{EDIT}edit_inpaint.calculate_dimensions", lambda _, __: (96, 96, None))
    monkeypatch.setattr(f"{EDIT}edit_plus.calculate_dimensions", lambda _, __: (96, 96))
    monkeypatch.setattr(f"{EDIT}layered.calculate_dimensions", lambda _, __: (96, 96))


def test_words_become_the_picture_that_diffusers_draws(engines: Callable[[str], QwenImage], tiny_image: Tiny) -> None:
    made, told = make(engines("qwenimage"), job())
    (expected,) = direct(tiny_image("qwenimage"), "QwenImagePipeline", prompt="a potion", width=SIDE, height=SIDE)
    assert [each.name for each in made.outputs] == ["image.png"]
    assert (pixels(made.outputs[0].data) == np.asarray(expected)).all()
    assert [each.progress for each in told] == [Progress(1, 2), Progress(2, 2)]
    assert pixels(told[0].preview).shape[2] == 3
    assert made.usage.memory > 0
    assert made.facts["pipeline"] == "QwenImagePipeline"


def test_the_same_job_gives_the_same_file_and_another_seed_another(engines: Callable[[str], QwenImage]) -> None:
    one, two = (make(engines("qwenimage"), job())[0].outputs[0].data for _ in range(2))
    other = make(engines("qwenimage"), job(seed=8))[0].outputs[0].data
    assert one == two != other
    assert b"tEXt" not in one
    assert b"tIME" not in one


def test_a_picture_to_begin_from(engines: Callable[[str], QwenImage], tiny_image: Tiny) -> None:
    made, told = make(engines("qwenimage"), job(image=PICTURE, strength=0.5))
    (expected,) = direct(
        tiny_image("qwenimage"),
        "QwenImageImg2ImgPipeline",
        prompt="a potion",
        image=gradient(),
        strength=0.5,
        width=SIDE,
        height=SIDE,
    )
    assert (pixels(made.outputs[0].data) == np.asarray(expected)).all()
    assert [each.progress for each in told] == [Progress(1, 1)], "half of two steps"


def test_a_part_of_a_picture(engines: Callable[[str], QwenImage], tiny_image: Tiny) -> None:
    made, _ = make(engines("qwenimage"), job(task="inpaint", image=PICTURE, mask=MASK))
    (expected,) = direct(
        tiny_image("qwenimage"),
        "QwenImageInpaintPipeline",
        prompt="a potion",
        image=gradient(),
        mask_image=HALF,
        strength=0.9,
        width=SIDE,
        height=SIDE,
    )
    assert (pixels(made.outputs[0].data) == np.asarray(expected)).all()


@pytest.mark.usefixtures("small_edits")
def test_an_edit(engines: Callable[[str], QwenImage], tiny_image: Tiny) -> None:
    made, _ = make(engines("edit"), job("in snow", task="edit", image=PICTURE))
    (expected,) = direct(
        tiny_image("edit"), "QwenImageEditPipeline", prompt="in snow", image=gradient(), width=SIDE, height=SIDE
    )
    assert (pixels(made.outputs[0].data) == np.asarray(expected)).all()


@pytest.mark.usefixtures("small_edits")
def test_an_edit_within_a_mask(engines: Callable[[str], QwenImage], tiny_image: Tiny) -> None:
    made, _ = make(engines("edit"), job("in snow", task="inpaint", image=PICTURE, mask=MASK))
    (expected,) = direct(
        tiny_image("edit"),
        "QwenImageEditInpaintPipeline",
        prompt="in snow",
        image=gradient(),
        mask_image=HALF,
        strength=0.9,
        width=SIDE,
        height=SIDE,
    )
    assert expected.size == (96, 96), "this pipeline takes no sizes"
    expected = expected.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    assert (pixels(made.outputs[0].data) == np.asarray(expected)).all()


@pytest.mark.usefixtures("small_edits")
def test_an_edit_with_references(engines: Callable[[str], QwenImage], tiny_image: Tiny) -> None:
    made, _ = make(engines("edit-plus"), job("both", task="edit", image=PICTURE, references=[SECOND]))
    pictures = [gradient(), gradient().transpose(Image.Transpose.ROTATE_90)]
    (expected,) = direct(
        tiny_image("edit-plus"), "QwenImageEditPlusPipeline", prompt="both", image=pictures, width=SIDE, height=SIDE
    )
    assert (pixels(made.outputs[0].data) == np.asarray(expected)).all()


@pytest.mark.usefixtures("small_edits")
def test_layers_have_real_alpha(engines: Callable[[str], QwenImage], tiny_image: Tiny) -> None:
    made, told = make(engines("layered"), job("a potion", task="layers", image=PICTURE, layers=2))
    (expected,) = direct(
        tiny_image("layered"),
        "QwenImageLayeredPipeline",
        prompt="a potion",
        image=gradient().convert("RGBA"),
        layers=2,
        resolution=640,
    )
    assert [each.name for each in made.outputs] == ["image.png", "layer-1.png", "layer-2.png"]
    for output, picture in zip(made.outputs[1:], expected, strict=True):
        assert (pixels(output.data) == np.asarray(picture)).all()
        assert picture.mode == "RGBA"
    lowest, upper = expected
    assert (pixels(made.outputs[0].data) == np.asarray(Image.alpha_composite(lowest, upper))).all()
    assert told[0].preview


@pytest.mark.parametrize(
    ("name", "parameters", "why"),
    [
        (
            "qwenimage",
            {"task": "edit", "image": PICTURE},
            "cannot change a picture .*; it can make pictures from words",
        ),
        ("qwenimage", {"task": "layers", "image": PICTURE}, "cannot take a picture apart"),
        ("edit", {}, "cannot make pictures from words; it can change a picture"),
        ("edit", {"task": "edit", "image": PICTURE, "references": [SECOND]}, "takes no references"),
        ("qwenimage", {"task": "inpaint", "image": PICTURE, "mask": SECOND[:-1] + "0"}, "64x32"),
        ("qwenimage", {"task": "inpaint", "image": PICTURE, "mask": "4" * 64}, "black all over"),
        ("qwenimage", {"image": PICTURE, "strength": 0.1}, "none of 2 steps"),
        ("qwenimage", {"accelerate": "magic"}, "no acceleration 'magic'"),
    ],
)
def test_what_cannot_be_is_said(
    engines: Callable[[str], QwenImage], name: str, parameters: dict[str, Any], why: str
) -> None:
    files = {
        PICTURE: gradient(),
        SECOND: gradient(),
        SECOND[:-1] + "0": Image.new("L", (64, 32), 255),
        "4" * 64: Image.new("L", (SIDE, SIDE), 0),
    }
    with pytest.raises(JobError, match=why) as caught:
        make(engines(name), job(**parameters), desk=Folder(files))
    assert caught.value.hint


def test_a_prompt_that_is_too_long_is_not_cut_off_unseen(engines: Callable[[str], QwenImage]) -> None:
    with pytest.raises(JobError, match="The prompt has 1200 tokens, and this model reads 1000"):
        make(engines("qwenimage"), job("x" * 1200))


def test_a_picture_that_is_none(engines: Callable[[str], QwenImage]) -> None:
    class Broken(Folder):
        def input(self, name: str) -> bytes:
            return super().input(name)[:100]

    with pytest.raises(JobError, match="cannot be read"):
        make(engines("qwenimage"), job(image=PICTURE), desk=Broken({PICTURE: gradient()}))


def test_transparent_parts_count_as_white(engines: Callable[[str], QwenImage]) -> None:
    clear = Image.new("RGBA", (SIDE, SIDE), (200, 0, 0, 0))
    one, _ = make(engines("qwenimage"), job(image=PICTURE), desk=Folder({PICTURE: clear}))
    two, _ = make(
        engines("qwenimage"), job(image=PICTURE), desk=Folder({PICTURE: Image.new("RGB", (SIDE, SIDE), "white")})
    )
    assert one.outputs[0].data == two.outputs[0].data


def test_a_job_that_is_cancelled_ends_within_one_step_and_harms_no_other(engines: Callable[[str], QwenImage]) -> None:
    engine = engines("qwenimage")
    before = make(engine, job())[0].outputs[0].data
    with pytest.raises(CancelledJob, match="after step 3 of 9"):
        make(engine, job(steps=9), stop_after=2)
    with pytest.raises(CancelledJob, match="before its first step"):
        make(engine, job(steps=9), stop_after=0)
    assert make(engine, job())[0].outputs[0].data == before


def test_numbers_that_break_end_the_job_at_once_and_harm_no_other(tiny_image: Tiny) -> None:
    engine = load(image_model(tiny_image("qwenimage")))
    before = make(engine, job())[0].outputs[0].data
    calls: list[int] = []

    def poison(_: Any, __: Any, made: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        calls.append(1)
        return (made[0] * float("nan"),)

    hook = engine._loaded.pipeline.transformer.register_forward_hook(poison)
    with pytest.raises(JobError, match="NaN or infinity in the latents") as caught:
        make(engine, job(steps=9))
    assert "step 1 of 9" in str(caught.value)
    assert "seed" in caught.value.hint
    assert len(calls) == 2, "one step, with guidance"
    hook.remove()
    assert make(engine, job())[0].outputs[0].data == before
    engine.close()


@pytest.mark.parametrize("offload", ["none", "model", "sequential"])
def test_off_loading_changes_no_pixel(tiny_image: Tiny, engines: Callable[[str], QwenImage], offload: str) -> None:
    before = make(engines("qwenimage"), job())[0].outputs[0].data
    engine = load(image_model(tiny_image("qwenimage"), offload=offload))
    made, _ = make(engine, job())
    again, _ = make(engine, job(image=PICTURE))
    engine.close()
    assert made.outputs[0].data == before
    assert made.facts["offload"] == offload
    assert again.outputs[0].data == make(engines("qwenimage"), job(image=PICTURE))[0].outputs[0].data


def test_a_distilled_models_own_steps_are_taken(tiny_image: Tiny) -> None:
    engine = load(image_model(tiny_image("qwenimage"), steps=3, guidance=1.0))
    spec = JobSpec(kind=Kind.IMAGE, model="tiny", prompt="x", parameters={"width": SIDE, "height": SIDE})
    made, told = make(engine, spec)
    assert len(told) == 3
    assert made.facts["guidance"] == 1.0
    engine.close()
    with pytest.raises(ModelError, match="steps"):
        load(image_model(tiny_image("qwenimage"), steps=0))


def test_a_picture_keeps_its_size_where_nobody_says_another(engines: Callable[[str], QwenImage]) -> None:
    made, _ = make(engines("qwenimage"), job(image=PICTURE), desk=Folder({PICTURE: gradient(size=(96, 64))}))
    assert pixels(made.outputs[0].data).shape == (64, 96, 3)
    with pytest.raises(JobError, match="only one"):
        make(engines("qwenimage"), job(image=PICTURE, width=64))
