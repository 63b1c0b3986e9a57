"""A video job: what its parameters may be."""

from dataclasses import dataclass

from tenku.base.errors import JobError
from tenku.studio.model import JobSpec, Kind
from tenku.studio.parameters import Parameters

MULTIPLE = 16
CODECS = ("h264", "av1", "vp9")


@dataclass(frozen=True, kw_only=True)
class VideoRequest:
    """One video to be made."""

    prompt: str
    negative: str
    width: int
    height: int
    """Pixels."""
    seconds: float
    fps: int
    """0: what the model was made for."""
    steps: int
    """0: what the model usually takes."""
    guidance: float
    """Below 0: what the model usually takes."""
    image: str
    """Input: the first frame."""
    last_image: str
    """Input: the last frame."""
    video: str
    """Input: a video that is changed, filled (VACE) or whose motion is taken (Animate)."""
    mask: str
    """Input: a video, white where `video` may change."""
    face: str
    """Input: a video of a face, for Animate."""
    background: str
    """Input: a video in which somebody is replaced where `mask` is white, for Animate."""
    strength: float
    """0 to 1: how much of `video` is made anew, where the model changes it as a whole."""
    references: tuple[str, ...]
    """Inputs: pictures of who or what is to be seen (VACE)."""
    sound: str
    """What is to be heard; empty: nothing."""
    speech: str
    """What is said in it; empty: nothing."""
    voice: str
    """Whose voice says it."""
    sound_model: str
    """An installed model for sound, where the model itself makes none."""
    speech_model: str
    """An installed model for speech."""
    codec: str
    accelerate: str
    """What may trade exactness for speed, like `first-block-cache`; empty: nothing."""
    lora: str
    """A LoRA file in the model's folder of LoRAs, like a distilled one of few steps."""
    seed: int


def request_of(spec: JobSpec) -> VideoRequest:
    """Read and check a video job. Raises JobError."""
    given = Parameters(spec, Kind.VIDEO)
    request = VideoRequest(
        prompt=spec.prompt,
        negative=given.text("negative"),
        width=given.whole("width", 832, low=64, high=2048, multiple=MULTIPLE),
        height=given.whole("height", 480, low=64, high=2048, multiple=MULTIPLE),
        seconds=given.number("seconds", 5.0, low=0.1, high=10.0),
        fps=given.whole("fps", 0, low=1, high=60),
        steps=given.whole("steps", 0, low=1, high=200),
        guidance=given.number("guidance", -1.0, low=0.0, high=50.0),
        image=given.input("image"),
        last_image=given.input("last_image"),
        video=given.input("video"),
        mask=given.input("mask"),
        face=given.input("face"),
        background=given.input("background"),
        strength=given.number("strength", 0.7, low=0.0, high=1.0),
        references=given.inputs("references", most=4),
        sound=given.text("sound"),
        speech=given.text("speech"),
        voice=given.text("voice"),
        sound_model=given.text("sound_model"),
        speech_model=given.text("speech_model"),
        codec=given.choice("codec", CODECS, "h264"),
        accelerate=given.text("accelerate"),
        lora=given.text("lora"),
        seed=spec.seed,
    )
    given.end()
    if not request.prompt.strip():
        raise JobError("A video needs a prompt.", hint="Say what happens.")
    if request.last_image and not request.image:
        raise JobError("A last frame needs a first one.", hint="Give it one: image.")
    if request.mask and not request.video:
        raise JobError("A mask needs the video that it belongs to.", hint="Give it one: video.")
    return request
