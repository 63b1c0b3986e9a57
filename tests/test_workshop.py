"""Which model makes something where nobody named one, and how it is tried."""

from pathlib import Path

import pytest

from tenku.base.convert import Secret
from tenku.base.errors import UsageError
from tenku.cli.models import begun_with
from tenku.control.settings import ControlSettings
from tenku.studio.model import InstalledModel, Json, Kind
from tenku.studio.settings import StudioSettings
from tenku.workshop import Workshop


def model(name: str, **parameters: Json) -> InstalledModel:
    return InstalledModel(
        name=name,
        kind=Kind.IMAGE,
        engine="qwenimage",
        path="",
        hash="",
        size=0,
        licence="Apache-2.0",
        parameters=parameters,
    )


def test_of_several_models_the_only_one_that_can_is_taken(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"x")
    studio = StudioSettings(folder=tmp_path / "studio")
    with Workshop(studio, ControlSettings(database=Secret(f"sqlite:///{tmp_path / 'jobs.db'}"))) as shop:
        shop.models.put(model("drawing", tasks=["make", "inpaint"]), weights)
        shop.models.put(model("changing", tasks=["edit"]), weights)
        assert shop.model_name(Kind.IMAGE, task="make") == "drawing"
        assert shop.model_name(Kind.IMAGE, task="edit") == "changing"
        for task in ("", "layers"):
            with pytest.raises(UsageError, match="changing, drawing"):
                shop.model_name(Kind.IMAGE, task=task)
        shop.models.put(model("unknown"), weights)
        with pytest.raises(UsageError, match="drawing, unknown"):
            shop.model_name(Kind.IMAGE, task="make")


def test_an_example_has_what_its_model_begins_from() -> None:
    assert begun_with(model("drawing", tasks=["make", "inpaint"])) == ""
    assert begun_with(model("changing", tasks=["edit"])) == " --task edit --from potion.png"
    assert begun_with(model("moving", tasks=["frame"])) == " --from first.png"
    assert begun_with(model("old")) == ""
