"""Which other models a job asks for, besides its own."""

from collections.abc import Mapping

from tenku.studio.model import JobSpec, Kind

ROLES: Mapping[Kind, tuple[str, ...]] = {Kind.VIDEO: ("sound_model", "speech_model")}
"""Parameters that hold the name of another installed model."""


def other_models(spec: JobSpec) -> dict[str, str]:
    """The names of other models, by the parameter that holds them."""
    named = {role: spec.parameters.get(role) for role in ROLES.get(spec.kind, ())}
    return {role: name for role, name in named.items() if isinstance(name, str) and name}
