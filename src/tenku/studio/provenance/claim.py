"""What a file says of itself: that a model made it, which one, which licence. Not the prompt: games are shipped."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tenku import __version__
from tenku.studio.model import Json

MADE = "org.tenku.made"
"""The assertion with model, licence, engine and seed."""
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
BY_A_MODEL = SOURCE + "trainedAlgorithmicMedia"
PARTLY_BY_A_MODEL = SOURCE + "compositeWithTrainedAlgorithmicMedia"
BEGUN_WITH = ("image", "video", "mask", "references", "face")
"""Parameters that bring in what somebody else made."""
KEPT = ("kind", "model", "others", "engine", "seed", "made_at")


def claim(name: str, media_type: str, provenance: Mapping[str, Any], *, then: Sequence[str] = ()) -> str:
    """The manifest of one file as C2PA's tools take it, in JSON.

    Args:
        provenance: what the runner describes: kind, model, engine, parameters, seed.
        then: what was done to it after the model made it, like `cut the background`.
    """
    agent = {"name": "Tenku", "version": __version__}
    begun = [each for each in BEGUN_WITH if provenance.get("parameters", {}).get(each)]
    created = {
        "action": "c2pa.created",
        "digitalSourceType": PARTLY_BY_A_MODEL if begun else BY_A_MODEL,
        "softwareAgent": agent,
    }
    edits = [{"action": "c2pa.edited", "softwareAgent": agent, "description": each} for each in then]
    return json.dumps(
        {
            "claim_generator_info": [agent],
            "title": name,
            "format": media_type,
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": [created, *edits]}},
                {"label": MADE, "data": _made(provenance)},
            ],
        }
    )


def _made(provenance: Mapping[str, Any]) -> dict[str, Json]:
    kept = {key: provenance[key] for key in KEPT if key in provenance}
    facts = provenance.get("facts", {})
    return {**kept, **({"sound": facts["sound"]} if "sound" in facts else {})}
