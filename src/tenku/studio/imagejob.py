"""An image job: what its parameters may be."""

from dataclasses import dataclass

from tenku.base.errors import JobError
from tenku.studio.model import JobSpec, Kind
from tenku.studio.parameters import Parameters

TASKS = ("make", "edit", "inpaint", "layers")
"""From text alone; change a picture; change it where a mask is white; take one apart into layers with real alpha."""
MULTIPLE = 16
"""What widths and heights are multiples of: 8 for the VAE, 2 for the patches."""
SIDE = 1024
"""Width and height where a job says nothing, and brings no picture."""


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """One picture to be made."""

    prompt: str
    negative: str
    task: str
    """One of TASKS."""
    width: int
    height: int
    """Pixels; both 0: as the picture has it that came with the job."""
    steps: int
    """0: what the model usually takes."""
    guidance: float
    """How strongly the prompt counts; below 0: what the model usually takes."""
    image: str
    """Input: the picture that is changed; empty for `make`."""
    mask: str
    """Input for `inpaint`: white where the picture may change."""
    strength: float
    """0 to 1: how much of the picture is made anew in `inpaint`, and in `make` with a picture."""
    references: tuple[str, ...]
    """Inputs: further pictures for `edit`."""
    layers: int
    """How many, for `layers`."""
    accelerate: str
    """What may trade exactness for speed, like `first-block-cache`; empty: nothing."""
    seed: int


def request_of(spec: JobSpec) -> ImageRequest:
    """Read and check an image job. Raises JobError."""
    given = Parameters(spec, Kind.IMAGE)
    image = given.input("image")
    usual = 0 if image else SIDE
    request = ImageRequest(
        prompt=spec.prompt,
        negative=given.text("negative"),
        task=given.choice("task", TASKS, "make"),
        width=given.whole("width", usual, low=64, high=4096, multiple=MULTIPLE),
        height=given.whole("height", usual, low=64, high=4096, multiple=MULTIPLE),
        steps=given.whole("steps", 0, low=1, high=200),
        guidance=given.number("guidance", -1.0, low=0.0, high=50.0),
        image=image,
        mask=given.input("mask"),
        strength=given.number("strength", 0.9, low=0.0, high=1.0),
        references=given.inputs("references", most=3),
        layers=given.whole("layers", 4, low=1, high=16),
        accelerate=given.text("accelerate"),
        seed=spec.seed,
    )
    given.end()
    if bool(request.width) != bool(request.height):
        raise JobError("Of width and height only one was said.", hint="Give both, or neither: the picture's size.")
    if request.task in ("edit", "inpaint", "layers") and not request.image:
        raise JobError(f"The task {request.task} needs a picture to begin with.", hint="Give it one: image.")
    if request.task == "inpaint" and not request.mask:
        raise JobError("The task inpaint needs a mask: white where the picture may change.", hint="Give it one: mask.")
    if not request.prompt.strip() and request.task != "layers":
        raise JobError("An image needs a prompt.", hint="Say what is to be seen.")
    return request
