"""A sound job, effects and ambience: what its parameters may be."""

from dataclasses import dataclass

from tenku.base.errors import JobError
from tenku.studio.model import JobSpec, Kind
from tenku.studio.parameters import Parameters

FORMATS = ("wav", "flac", "opus")


@dataclass(frozen=True, kw_only=True)
class SoundRequest:
    """One sound to be made."""

    prompt: str
    negative: str
    seconds: float
    steps: int
    """0: what the model usually takes."""
    guidance: float
    """Below 0: what the model usually takes."""
    format: str
    seed: int


def request_of(spec: JobSpec) -> SoundRequest:
    """Read and check a sound job. Raises JobError."""
    given = Parameters(spec, Kind.SOUND)
    request = SoundRequest(
        prompt=spec.prompt,
        negative=given.text("negative"),
        seconds=given.number("seconds", 5.0, low=0.1, high=60.0),
        steps=given.whole("steps", 0, low=1, high=500),
        guidance=given.number("guidance", -1.0, low=0.0, high=50.0),
        format=given.choice("format", FORMATS, "wav"),
        seed=spec.seed,
    )
    given.end()
    if not request.prompt.strip():
        raise JobError("A sound needs a prompt.", hint="Say what is to be heard.")
    return request
