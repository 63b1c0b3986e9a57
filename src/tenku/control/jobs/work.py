"""How much work a job is, as far as that can be known before it is done."""

import json
from collections.abc import Mapping

from tenku.studio.model import JobSpec, Json, Kind

CHARACTERS_A_TOKEN = 4.0
PROMPT_WEIGHT = 0.4
"""What reading a token costs beside writing one; measured with small models on two cores: 0.33 to 0.42."""
USUAL_TOKENS = 512
"""What is reckoned with where a job does not say how many tokens it may write."""


def work_units(spec: JobSpec) -> float:
    """Tokens to be written, and those to be read at their lower cost.

    What a model really writes may be less. The history shows it: its seconds are for units reckoned in this same way.
    Jobs of other kinds count 1 each, until they have engines.
    """
    if spec.kind is not Kind.TEXT:
        return 1.0
    letters = len(spec.prompt) + _letters(spec.parameters)
    return max(1.0, PROMPT_WEIGHT * letters / CHARACTERS_A_TOKEN + _tokens(spec.parameters))


def _letters(parameters: Mapping[str, Json]) -> int:
    messages = parameters.get("messages")
    return len(json.dumps(messages)) if messages else 0


def _tokens(parameters: Mapping[str, Json]) -> float:
    for name in ("max_completion_tokens", "max_tokens"):
        most = parameters.get(name)
        if isinstance(most, int | float) and most > 0:
            return float(most)
    return float(USUAL_TOKENS)
