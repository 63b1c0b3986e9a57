"""Adds a video model that its vendor runs."""

import os
from collections.abc import Mapping

from tenku.studio.model import InstalledModel, Json, Kind
from tenku.studio.models import Models

LICENCE = "proprietary"


def add_remote_video(name: str, url: str, models: Models, *, parameters: Mapping[str, Json]) -> InstalledModel:
    """Install a model that is asked by DashScope's API, and try the key once; nothing is made, and nothing is paid.

    Parameters: see `tenku.studio.engines.dashscope.load`. Raises ModelError: no answer, or the key is refused.
    """
    from tenku.studio.engines.dashscope import DashScopeEngine

    model = InstalledModel(
        name=name,
        kind=Kind.VIDEO,
        engine="dashscope",
        path=url,
        hash="remote",
        size=0,
        licence=LICENCE,
        parameters={"remote_model": name, **parameters},
    )
    DashScopeEngine(model, environment=os.environ).check()
    return models.put(model, None)
