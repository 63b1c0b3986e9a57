"""What, besides the request and the weights, a result of a model depends on."""

import importlib.util
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tenku.accel.devices import devices
from tenku.base.errors import JobError, ModelError
from tenku.studio.lora import lora_paths
from tenku.studio.model import InstalledModel, JobSpec
from tenku.studio.models import hash_weights
from tenku.studio.othermodels import other_models
from tenku.studio.registry import ENGINES, engine_version
from tenku.studio.requests import check_licence, check_model
from tenku.studio.resultkey import REMOTE, Ingredient, Maker, accelerated, result_key

CPU = "cpu"


class Makers:
    """Names results by all that they depend on. What it looked up once it keeps: libraries, devices, files' hashes.

    Args:
        find: an installed model by its name. Raises ModelError.
    """

    def __init__(self, find: Callable[[str], InstalledModel]) -> None:
        self._find = find
        self._makers: dict[str, Maker] = {}
        self._hashes: dict[tuple[Path, int, int], str] = {}

    def maker(self, model: InstalledModel) -> Maker:
        """The engine, its version, and the class of device that it runs on. Raises ModelError."""
        if model.engine not in self._makers:
            self._makers[model.engine] = maker_of(model)
        return self._makers[model.engine]

    def key(self, spec: JobSpec, model: InstalledModel) -> str:
        """See `result_key`. Raises ModelError, JobError."""
        return result_key(spec, model, accelerated(self.maker(model), spec), others=self.others(spec, model))

    def keys(self, specs: Sequence[JobSpec], *, complete: Callable[[JobSpec], JobSpec]) -> list[str]:
        """The key of each job's result; empty: it has none, or cannot be done, which who does it will say.

        Args:
            complete: names the models that a job leaves to us.
        """
        return [self._key_or_none(spec, complete) for spec in specs]

    def _key_or_none(self, spec: JobSpec, complete: Callable[[JobSpec], JobSpec]) -> str:
        try:
            model = self._find(spec.model)
            check_model(spec, model)
            whole = complete(spec)
            for other in other_models(whole).values():
                check_licence(self._find(other))
            return self.key(whole, model)
        except (JobError, ModelError, OSError):
            return ""

    def others(self, spec: JobSpec, model: InstalledModel) -> list[Ingredient]:
        """The other models and files that the job asks for. Raises ModelError, JobError: one is not there."""
        found = [self._other(role, self._find(name)) for role, name in other_models(spec).items()]
        lora = spec.parameters.get("lora")
        if isinstance(lora, str) and lora and model.hash != REMOTE:
            # Each has a role of its own: which transformer it is put on counts.
            for number, path in enumerate(lora_paths(model, lora)):
                found.append(Ingredient(role=f"lora {number}", weights=self._hash(path)))
        return found

    def _other(self, role: str, model: InstalledModel) -> Ingredient:
        return Ingredient(role=role, weights=model.hash, model=model, maker=self.maker(model))

    def _hash(self, path: Path) -> str:
        about = path.stat()
        seen = (path, about.st_mtime_ns, about.st_size)
        if seen not in self._hashes:
            self._hashes[seen], _ = hash_weights(path, advance=lambda _: None)
        return self._hashes[seen]


def maker_of(model: InstalledModel) -> Maker:
    """The engine, its version, and the class of device that it runs on. Raises ModelError."""
    return Maker(engine=model.engine, version=engine_version(model.engine), device=_device(model))


def _device(model: InstalledModel) -> str:
    if model.hash == REMOTE:
        # Which device it is there, nobody tells us.
        return REMOTE
    row = ENGINES.get(model.engine)
    if row is not None and row.library == "diffusers":
        return _torch_device()
    return _ggml_devices() if row is not None and row.library == "xllamacpp" else CPU


def _ggml_devices() -> str:
    if importlib.util.find_spec("xllamacpp") is None:
        return CPU
    import xllamacpp

    # The processor's build lists that alone; builds for accelerators list those as well, numbered.
    kinds = sorted({each["name"].rstrip("0123456789").lower() for each in xllamacpp.get_device_info()})
    return "+".join(kinds) or CPU


def _torch_device() -> str:
    try:
        if version("torch").endswith("+cpu"):
            return CPU  # known without loading it, which takes seconds
    except PackageNotFoundError:
        return CPU
    return devices()[0].kind
