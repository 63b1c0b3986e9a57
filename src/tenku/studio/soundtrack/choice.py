"""Which other models a video's sound needs: chosen and checked before the job is accepted (pure)."""

from collections.abc import Sequence
from dataclasses import replace

from tenku.base.errors import JobError
from tenku.studio.model import InstalledModel, JobSpec, Kind
from tenku.studio.soundtrack.words import check_one_pass
from tenku.studio.videojob import request_of

ONE_PASS = ("ltx2", "dashscope")
"""Engines whose models make picture and sound in one pass."""
NEEDS = (("sound", "sound_model", Kind.SOUND), ("speech", "speech_model", Kind.SPEECH))
"""What is asked for, the parameter that names the model for it, and what that has to make."""


def makes_sound(model: InstalledModel) -> bool:
    """Whether a video model makes sound with the picture."""
    return model.engine in ONE_PASS


def complete_sound(spec: JobSpec, models: Sequence[InstalledModel]) -> JobSpec:
    """A video job with the models for its sound named, where it wants sound and its own model makes none.

    Where exactly one fitting model is installed, that is taken. The result's key is made from the job as it is then, so
    it has the hash of what was really used.

    Raises:
        JobError: no fitting model is installed, or several are and none is named, or a name does not fit.
    """
    own = next((model for model in models if model.name == spec.model), None)
    if spec.kind is not Kind.VIDEO or own is None:
        return spec
    request = request_of(spec)
    if makes_sound(own):
        check_one_pass(request, own.name)
        return spec
    added = {}
    for asked, parameter, kind in NEEDS:
        named = str(getattr(request, parameter))
        if str(getattr(request, asked)).strip():
            added[parameter] = _chosen(asked, parameter, kind, named, own, models)
        elif named:
            raise JobError(f"There is a {parameter} and nothing for it to make.", hint=f"Say what: {asked}.")
    if request.voice and not request.speech.strip():
        raise JobError("There is a voice and nothing for it to say.", hint="Say what: speech.")
    return replace(spec, parameters={**spec.parameters, **added}) if added else spec


def check_sound(spec: JobSpec, models: Sequence[InstalledModel]) -> None:
    """Raises JobError: the sound that a video job wants cannot be made with these models."""
    complete_sound(spec, models)


def _chosen(
    asked: str, parameter: str, kind: Kind, named: str, own: InstalledModel, models: Sequence[InstalledModel]
) -> str:
    fitting = [model for model in models if model.kind is kind]
    if not named:
        if len(fitting) == 1:
            return fitting[0].name
        if fitting:
            names = ", ".join(model.name for model in fitting)
            raise JobError(f"There are several models for {asked}, and none is named.", hint=f"{parameter}: {names}.")
        raise JobError(
            f"{own.name} makes silent videos, and no model that makes {kind.value} is installed.",
            hint=f"Add one (tenku models --kind {kind.value}), or leave {asked} out.",
        )
    found = next((model for model in models if model.name == named), None)
    if found is None:
        names = ", ".join(model.name for model in fitting) or "none"
        raise JobError(f"There is no model {named[:64]!r} on this machine.", hint=f"For {asked} there is {names}.")
    if found.kind is not kind:
        raise JobError(f"{named} makes {found.kind.value}, no {kind.value}.", hint=f"Name another {parameter}.")
    return found.name
