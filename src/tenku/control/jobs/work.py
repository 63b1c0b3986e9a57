"""How much work a job is, and how large, as far as that can be known before it is done."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from tenku.control.jobs.answerlength import answer_tokens
from tenku.studio.model import JobSpec, Json, Kind

CHARACTERS_A_TOKEN = 4.0
PROMPT_WEIGHT = 0.4
"""What reading a token costs beside writing one; measured with small models on two cores: 0.33 to 0.42."""
USUAL_TOKENS = 512
"""What is reckoned with where a job does not say how many tokens it may write."""
PATCH = 256.0
"""Pixels that a diffusion transformer sees as one position: 16 by 16, with what its VAE has shrunk."""
FRAMES = 4.0
"""Frames that a video model sees as one."""
PROMPT_POSITIONS = 256.0
"""Those of a prompt, which stand beside the picture's at every step."""
LONG = 16_000.0
"""Positions from which on a transformer is busier with comparing them to each other than with anything else."""
USUAL_STEPS: Mapping[Kind, float] = {Kind.IMAGE: 50.0, Kind.VIDEO: 50.0, Kind.SOUND: 100.0}
"""Where a job leaves them to its model. Another number of theirs shows in the history."""
USUAL_FPS = 16.0


def work_units(spec: JobSpec) -> float:
    """What the seconds grow with; above 0. The history has the same units, so that their scale does not matter.

    For texts tokens to be written, and those to be read at their lower cost; what a model really writes may be less.
    For pictures and videos positions times steps; for sound seconds times steps; for speech characters.
    """
    return max(1.0, _UNITS[spec.kind](spec))


def work_size(spec: JobSpec) -> float:
    """What memory grows with: pixels of a picture, or of all frames; seconds of sound; characters; tokens."""
    return max(1.0, _SIZES[spec.kind](spec))


def _text_units(spec: JobSpec) -> float:
    return PROMPT_WEIGHT * _letters(spec) / CHARACTERS_A_TOKEN + _tokens(spec.parameters)


def _letters(spec: JobSpec) -> int:
    messages = spec.parameters.get("messages")
    return len(spec.prompt) + (len(json.dumps(messages)) if messages else 0)


def _tokens(parameters: Mapping[str, Json]) -> float:
    asked = [_number(parameters, name) for name in ("max_completion_tokens", "max_tokens")]
    most = next((tokens for tokens in asked if tokens > 0), 0.0)
    schema: Any = parameters.get("schema")
    if schema is not None:
        likely = answer_tokens(schema)
        return min(most, likely) if most else likely
    return most or float(USUAL_TOKENS)


def _picture(spec: JobSpec) -> float:
    return _steps(spec) * _compared(_pixels(spec, 1024, 1024) * _layers(spec) / PATCH)


def _video(spec: JobSpec) -> float:
    return _steps(spec) * _compared(_pixels(spec, 832, 480) / PATCH * (1.0 + _frames(spec) / FRAMES))


def _compared(positions: float) -> float:
    positions += PROMPT_POSITIONS
    return positions * (1.0 + positions / LONG)


def _layers(spec: JobSpec) -> float:
    # Each layer is a picture of its own, and so is the one that they are taken from.
    return 1.0 + (_number(spec.parameters, "layers") or 4.0) if spec.parameters.get("task") == "layers" else 1.0


def _pixels(spec: JobSpec, width: float, height: float) -> float:
    return (_number(spec.parameters, "width") or width) * (_number(spec.parameters, "height") or height)


def _frames(spec: JobSpec) -> float:
    return _seconds(spec) * (_number(spec.parameters, "fps") or USUAL_FPS)


def _seconds(spec: JobSpec) -> float:
    return _number(spec.parameters, "seconds") or 5.0


def _steps(spec: JobSpec) -> float:
    return _number(spec.parameters, "steps") or USUAL_STEPS[spec.kind]


def _number(parameters: Mapping[str, Json], name: str) -> float:
    """A parameter that is a number above 0; else 0: what is wrong with a job is said elsewhere."""
    value = parameters.get(name)
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9
    return float(value) if right else 0.0  # type: ignore[arg-type]


_UNITS: Mapping[Kind, Callable[[JobSpec], float]] = {
    Kind.TEXT: _text_units,
    Kind.IMAGE: _picture,
    Kind.VIDEO: _video,
    Kind.SOUND: lambda spec: _seconds(spec) * _steps(spec),
    Kind.SPEECH: lambda spec: float(len(spec.prompt)),
}
_SIZES: Mapping[Kind, Callable[[JobSpec], float]] = {
    Kind.TEXT: _text_units,
    Kind.IMAGE: lambda spec: _pixels(spec, 1024, 1024) * _layers(spec),
    Kind.VIDEO: lambda spec: _pixels(spec, 832, 480) * _frames(spec),
    Kind.SOUND: _seconds,
    Kind.SPEECH: lambda spec: float(len(spec.prompt)),
}
