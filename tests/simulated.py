"""Packages on the path as `pip install` leaves them: a module, and a `.dist-info` beside it with its entry points."""

import os
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

CHIP = Path(__file__).parents[1] / "examples" / "simulated_chip"


def install_chip(folder: Path) -> Path:
    """The simulated chip, by what its pyproject.toml says."""
    project = tomllib.loads((CHIP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(CHIP / "simulated_chip.py", folder)
    return install(folder, project["name"], project["version"], points=project["entry-points"])


def install(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    points: Mapping[str, Mapping[str, str]],
    modules: Mapping[str, str] | None = None,
) -> Path:
    """A package of this name. `points`: group to name to function; `modules`: name to source."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    lines = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in row.items()) for group, row in points.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    for module, source in (modules or {}).items():
        (folder / f"{module}.py").write_text(source, encoding="utf-8")
    return folder


def with_path(*folders: Path, **more: str) -> dict[str, str]:
    """This process's environment, with these folders where Python looks for packages."""
    before = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, folders), *before]), **more}
