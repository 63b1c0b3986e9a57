"""What a Qwen-Image model can do, told from the pipeline that its folder names (pure)."""

from collections.abc import Mapping

from tenku.base.errors import JobError
from tenku.studio.diffusion.accelerations import check_acceleration
from tenku.studio.imagejob import TASKS, ImageRequest, request_of
from tenku.studio.model import InstalledModel, JobSpec

AGAIN = "again"
"""`make` with a picture to begin from."""

WAYS: Mapping[str, Mapping[str, str]] = {
    "QwenImagePipeline": {
        "make": "QwenImagePipeline",
        AGAIN: "QwenImageImg2ImgPipeline",
        "inpaint": "QwenImageInpaintPipeline",
    },
    "QwenImageEditPipeline": {"edit": "QwenImageEditPipeline", "inpaint": "QwenImageEditInpaintPipeline"},
    "QwenImageEditPlusPipeline": {"edit": "QwenImageEditPlusPipeline"},
    "QwenImageLayeredPipeline": {"layers": "QwenImageLayeredPipeline"},
}
"""By the pipeline of a folder: each task, and the pipeline that does it with the same weights."""
SEVERAL = "QwenImageEditPlusPipeline"
"""Takes further pictures as references."""
WORDS: Mapping[str, str] = {
    "make": "make pictures from words",
    "edit": "change a picture (edit)",
    "inpaint": "change a picture where a mask is white (inpaint)",
    "layers": "take a picture apart into layers (layers)",
}


def tasks_of(pipeline: str) -> tuple[str, ...]:
    """The tasks of `imagejob.TASKS` that a folder with this pipeline can do."""
    return tuple(task for task in TASKS if task in WAYS[pipeline])


def way_of(request: ImageRequest, pipeline: str, *, model: str) -> str:
    """The name of the pipeline that does a job. Raises JobError: the model cannot do it, and what it can."""
    task = AGAIN if request.task == "make" and request.image else request.task
    way = WAYS[pipeline].get(task)
    if way is None:
        what = " and ".join(WORDS[each] for each in tasks_of(pipeline))
        raise JobError(
            f"{model} cannot {WORDS[request.task]}; it can {what}.", hint="Take another model: see `tenku models`."
        )
    if request.references and way != SEVERAL:
        raise JobError(f"{model} takes no references.", hint="Leave them out, or take qwen-image-edit.")
    return way


def check_task(model: InstalledModel, spec: JobSpec) -> None:
    """Raises JobError: this model cannot do what an image job wants."""
    request = request_of(spec)
    check_acceleration(request.accelerate)
    pipeline = model.parameters.get("pipeline")
    if isinstance(pipeline, str) and pipeline in WAYS:
        way_of(request, pipeline, model=model.name)
