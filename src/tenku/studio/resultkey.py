"""The name of a result: the same request, on the same weights, engine and device, has the same one."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tenku.base.errors import JobError
from tenku.studio.model import InstalledModel, JobSpec, Json

REMOTE = "remote"
"""The hash of weights that nobody here has seen."""
CACHE = "cache"
"""The parameter of a remote model that says: what the server has stays the same."""

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


def accelerated(maker: Maker, spec: JobSpec) -> Maker:
    """The maker with what a job lets it trade exactness for."""
    accelerate = spec.parameters.get("accelerate")
    return replace(maker, acceleration=accelerate if isinstance(accelerate, str) else "")


@dataclass(frozen=True, kw_only=True)
class Ingredient:
    """Something else that a result is made with: another model, or a LoRA."""

    role: str
    """The parameter that asks for it, like `sound_model`."""
    weights: str
    """Their hash."""
    model: InstalledModel | None = None
    """None: a file beside the job's own model."""
    maker: Maker | None = None


def result_key(spec: JobSpec, model: InstalledModel, maker: Maker, *, others: Sequence[Ingredient] = ()) -> str:
    """64 hex digits: a hash of everything that the result depends on, and of nothing else.

    Empty: the result answers for no other job. Nobody knows what a server elsewhere has under a name today, so what a
    remote model makes is found again by jobs of the same batch alone, which is how a batch resumes, unless its
    parameters say `cache`.

    Team, priority, deadline and place in a batch do not change what comes out.

    Raises:
        JobError: a parameter is no plain data, or no finite number.
    """
    changes = any(_may_change(each) for each in (model, *(other.model for other in others)))
    if changes and not spec.batch:
        return ""
    parts: dict[str, Json] = {
        "format": FORMAT,
        "kind": spec.kind.value,
        "weights": _weights(model),
        # The context length and the like are the model's own parameters: they can cut an answer short.
        "model": model.parameters,
        "engine": _maker(maker),
        "prompt": spec.prompt,
        "parameters": spec.parameters,
        "seed": spec.seed,
    }
    if others:
        parts["others"] = [_other(each) for each in sorted(others, key=lambda each: (each.role, each.weights))]
    if changes:
        parts["batch"] = spec.batch
    try:
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise JobError(
            f"A parameter of the job cannot be used: {error}.", hint="Parameters are plain JSON with finite numbers."
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()


def _may_change(model: InstalledModel | None) -> bool:
    return model is not None and model.hash == REMOTE and model.parameters.get(CACHE) is not True


def _weights(model: InstalledModel) -> Json:
    # A remote engine's weights have no hash that we know; its address and the model's name stand for them.
    return [model.hash, model.path if model.hash == REMOTE else ""]


def _maker(maker: Maker) -> Json:
    return [maker.engine, maker.version, maker.device, maker.acceleration]


def _other(each: Ingredient) -> Json:
    if each.model is None or each.maker is None:
        return [each.role, each.weights]
    return [each.role, _weights(each.model), each.model.parameters, _maker(each.maker)]
