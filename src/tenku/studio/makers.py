"""What, besides the request and the weights, a result of a model depends on."""

import importlib.util

from tenku.studio.model import InstalledModel
from tenku.studio.registry import engine_version
from tenku.studio.resultkey import Maker

REMOTE = "remote"
CPU = "cpu"


def maker_of(model: InstalledModel) -> Maker:
    """The engine, its version, and the class of device that it runs on. Raises ModelError."""
    return Maker(engine=model.engine, version=engine_version(model.engine), device=_device(model))


def _device(model: InstalledModel) -> str:
    if model.engine == REMOTE:
        # Which device it is there, nobody tells us.
        return REMOTE
    if importlib.util.find_spec("xllamacpp") is None:
        return CPU
    import xllamacpp

    # The processor's build lists that alone; builds for accelerators list those as well, numbered.
    kinds = sorted({each["name"].rstrip("0123456789").lower() for each in xllamacpp.get_device_info()})
    return "+".join(kinds) or CPU
