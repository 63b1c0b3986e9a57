"""The name of a result: the same request, on the same weights, engine and device, has the same one."""

import hashlib
import json
from dataclasses import dataclass

from tenku.base.errors import JobError
from tenku.studio.model import InstalledModel, JobSpec

FORMAT = 1
"""Goes up when a key comes to mean something else, so that no old result answers for a new one."""


@dataclass(frozen=True, kw_only=True)
class Maker:
    """What a result depends on besides the request and the weights."""

    engine: str
    """The engine's name in the registry."""
    version: str
    """The engine's own version: another one may draw another picture."""
    device: str
    """The class of device, like `cpu` or `cuda`: not which one of several."""
    acceleration: str = ""
    """What trades exactness for speed, like `cache-dit`; empty: nothing."""


def result_key(spec: JobSpec, model: InstalledModel, maker: Maker) -> str:
    """64 hex digits: a hash of everything that the result depends on, and of nothing else.

    Team, priority, deadline and place in a batch do not change what comes out.

    Raises:
        JobError: a parameter is no plain data, or no finite number.
    """
    parts = {
        "format": FORMAT,
        "kind": spec.kind.value,
        # A remote engine's weights have no hash that we know; its address and the model's name stand for them.
        "weights": [model.hash, model.path if model.hash == "remote" else ""],
        # The context length and the like are the model's own parameters: they can cut an answer short.
        "model": model.parameters,
        "engine": [maker.engine, maker.version, maker.device, maker.acceleration],
        "prompt": spec.prompt,
        "parameters": spec.parameters,
        "seed": spec.seed,
    }
    try:
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise JobError(
            f"A parameter of the job cannot be used: {error}.", hint="Parameters are plain JSON with finite numbers."
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()
