"""Imports point down only, heavy libraries stay in their room, and what decides touches nothing (docs/map.md)."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "tenku"

LAYERS: dict[str, set[str]] = {
    "base": set(),
    "content": {"base"},
    "unit": {"base"},
    "accel": {"base"},
    "play": {"content", "unit", "accel", "base"},
    "fleet": {"content", "unit", "accel", "base"},
    "studio": {"content", "unit", "accel", "base"},
    "engine": {"unit", "base"},
    "control": {"play", "fleet", "studio", "content", "engine", "base"},
    "api": {"control", "play", "fleet", "studio", "content", "base"},
    "client": {"base"},
    # These commands are about this very machine: they work through `app`, `play` and `content`, without an API.
    "cli": {"client", "app", "workshop", "play", "content", "studio", "control", "accel", "unit", "base"},
    "app": {"api", "control", "engine", "play", "fleet", "studio", "content", "accel", "unit", "base"},
    # The studio's own composition root: who makes texts needs nothing of what shows games.
    "workshop": {"control", "studio", "accel", "content", "base"},
    "testing": {"api", "control", "engine", "play", "fleet", "studio", "content", "accel", "unit", "base"},
}
"""What each area may import besides itself. `testing` stands in no other row: tests and examples alone use it."""

ROOMS: dict[str, set[str]] = {
    "pixelflux": {"play"},
    "pcmflux": {"play"},
    "av": {"play", "studio"},
    "aiortc": {"play"},
    "torch": {"studio", "accel"},
    "diffusers": {"studio", "accel"},
    "transformers": {"studio", "accel"},
    "safetensors": {"studio", "accel"},
    "gguf": {"studio"},
    "cache_dit": {"studio"},
    "numpy": {"studio", "accel"},
    "PIL": {"studio"},
    "c2pa": {"studio"},
    "onnxruntime": {"studio"},
    "hibari": {"studio"},
    "xllamacpp": {"studio"},
    "obstore": {"content"},
    "blake3": {"content"},
    "zstandard": {"content"},
    "hdiffpatch": {"content"},
    "pyfastcdc": {"content"},
    "jsonschema": {"studio"},
    "sqlalchemy": {"control"},
    "alembic": {"control"},
    "psycopg": {"control"},
    "fastapi": {"api", "app"},
    "pydantic": {"api", "app"},
    "grpc": {"fleet"},
    "starlette": {"api", "app"},
    "uvicorn": {"api", "app"},
    "websockets": {"api", "app"},
    "uvloop": {"api", "app", "cli"},  # the command starts the loop
    "cryptography": {"api", "app", "content", "studio"},
    "segno": {"cli"},
    "httpx": {"client", "testing"},
}
"""Which areas may import a library; one that is not here is imported nowhere."""

PURE = (
    "accel/encoderdevice.py",
    "accel/inventory/model.py",
    "accel/inventory/plain.py",
    "accel/lease.py",
    "accel/listing.py",
    "accel/report/changes.py",
    "accel/report/charts.py",
    "accel/report/compare.py",
    "accel/report/costs.py",
    "accel/report/diff.py",
    "accel/report/extent.py",
    "accel/report/headline.py",
    "accel/report/markup.py",
    "accel/report/model.py",
    "accel/report/noise.py",
    "accel/report/plain.py",
    "accel/report/roofline.py",
    "accel/report/summary.py",
    "accel/report/tables.py",
    "accel/report/words.py",
    "cli/amounts.py",
    "cli/progressline.py",
    "content/compare.py",
    "content/delegation.py",
    "content/delta/format.py",
    "content/delta/limits.py",
    "content/delta/regions.py",
    "content/fields.py",
    "content/garbage.py",
    "content/hashes.py",
    "content/head.py",
    "content/history.py",
    "content/hubname.py",
    "content/layout.py",
    "content/model.py",
    "content/mutable.py",
    "content/pack.py",
    "content/page.py",
    "content/paths.py",
    "content/ranges.py",
    "content/recency.py",
    "content/release.py",
    "content/stores/backoff.py",
    "content/stores/keys.py",
    "content/stores/patience.py",
    "content/trust.py",
    "control/jobs/accept.py",
    "control/jobs/answerlength.py",
    "control/jobs/estimate.py",
    "control/jobs/fate.py",
    "control/jobs/fits.py",
    "control/jobs/footprint.py",
    "control/jobs/guess.py",
    "control/jobs/turns.py",
    "control/jobs/work.py",
    "play/attempts.py",
    "play/audience.py",
    "play/choose_display.py",
    "play/commands.py",
    "play/conversation.py",
    "play/cursors.py",
    "play/delivery.py",
    "play/doctor.py",
    "play/frames.py",
    "play/h264.py",
    "play/hands.py",
    "play/idle.py",
    "play/ladder.py",
    "play/line.py",
    "play/links.py",
    "play/model.py",
    "play/mp4.py",
    "play/pads/evdev.py",
    "play/pads/rumble.py",
    "play/pads/wire.py",
    "play/pads/xbox.py",
    "play/protocol.py",
    "play/ptsclock.py",
    "play/rate.py",
    "play/readiness.py",
    "play/reel.py",
    "play/roster.py",
    "play/seat.py",
    "play/stages.py",
    "play/typing_keys.py",
    "play/xwire.py",
    "studio/batchfile.py",
    "studio/batchlook.py",
    "studio/batchrow.py",
    "studio/catalog.py",
    "studio/chatform.py",
    "studio/chatrequest.py",
    "studio/chatwire.py",
    "studio/diffusion/room.py",
    "studio/engines/dashscopewire.py",
    "studio/engines/ltx2plan.py",
    "studio/grammar.py",
    "studio/image/powers.py",
    "studio/imagejob.py",
    "studio/othermodels.py",
    "studio/outofmemory.py",
    "studio/parameters.py",
    "studio/provenance/claim.py",
    "studio/recipes/asks.py",
    "studio/recipes/glossary.py",
    "studio/recipes/image.py",
    "studio/recipes/ink.py",
    "studio/recipes/items.py",
    "studio/recipes/lines.py",
    "studio/recipes/placeholders.py",
    "studio/recipes/recipe.py",
    "studio/recipes/tables.py",
    "studio/recipes/texts.py",
    "studio/recipes/translation.py",
    "studio/restarts.py",
    "studio/resultkey.py",
    "studio/schema.py",
    "studio/sets/finishes.py",
    "studio/sets/model.py",
    "studio/sets/sheetplan.py",
    "studio/sets/variations.py",
    "studio/soundjob.py",
    "studio/soundtrack/choice.py",
    "studio/soundtrack/loudness.py",
    "studio/soundtrack/mixing.py",
    "studio/soundtrack/timing.py",
    "studio/soundtrack/words.py",
    "studio/speech/alphabet.py",
    "studio/speech/joined.py",
    "studio/speech/languages.py",
    "studio/speech/script.py",
    "studio/speech/sentences.py",
    "studio/sprites/atlas.py",
    "studio/sprites/checks.py",
    "studio/sprites/findings.py",
    "studio/sprites/flood.py",
    "studio/sprites/godot.py",
    "studio/sprites/grid.py",
    "studio/sprites/names.py",
    "studio/sprites/oklab.py",
    "studio/sprites/pack.py",
    "studio/sprites/pixelgrid.py",
    "studio/sprites/plainjson.py",
    "studio/sprites/quantise.py",
    "studio/sprites/sheet.py",
    "studio/sprites/trim.py",
    "studio/sprites/unity.py",
    "studio/styles/finish.py",
    "studio/styles/style.py",
    "studio/toolcalls.py",
    "studio/video/length.py",
    "studio/video/plan.py",
    "studio/video/powers.py",
    "studio/video/seam.py",
    "studio/videojob.py",
    "studio/warm.py",
    "unit/cgroups.py",
    "unit/environment.py",
    "unit/sandbox.py",
    "unit/spec.py",
    "unit/tail.py",
)
"""Files that decide: their tests need no socket, no clock and no process."""

ACTS = {"asyncio", "socket", "selectors", "time", "threading", "subprocess", "signal", "multiprocessing", "random"}
"""Modules that a deciding file does not import: time and chance are arguments."""


@dataclass(frozen=True)
class Import:
    """One import of a file: `name` is the full dotted name of what is imported."""

    file: str
    line: int
    name: str

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


def imports(source: str, *, file: str) -> list[Import]:
    """Every import in a source text, also those inside functions and by `import_module("…")`."""
    return [Import(file, line, name) for line, name in _names(ast.parse(source), file)]


def _names(tree: ast.AST, file: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = _absolute(file, level, module or "")
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in names)
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
                yield node.lineno, name


def _absolute(file: str, level: int, module: str) -> str:
    if not level:
        return module
    folders = ("tenku", *Path(file).parts[:-1])
    return ".".join((*folders[: len(folders) - level + 1], *([module] if module else [])))


def area_of(file: str) -> str:
    """`play` for play/model.py, `app` for app.py."""
    return Path(file).parts[0].removesuffix(".py")


def direction_faults(found: list[Import]) -> list[str]:
    """Imports of an area that is not below."""
    faults = []
    for each in found:
        parts = each.name.split(".")
        area = area_of(each.file)
        if each.top != "tenku" or len(parts) < 2 or parts[1] in (area, "__version__"):
            continue
        if parts[1] not in LAYERS.get(area, set()):
            faults.append(f"{each.file}:{each.line} imports {each.name}, which is not below {area}")
    return faults


def room_faults(found: list[Import]) -> list[str]:
    """Imports of a library outside its room; in `base` there is no room for any."""
    outside = [each for each in found if each.top != "tenku" and each.top not in sys.stdlib_module_names]
    return [
        f"{each.file}:{each.line} imports {each.name}, whose room is {sorted(ROOMS.get(each.top, set())) or 'nowhere'}"
        for each in outside
        if area_of(each.file) not in ROOMS.get(each.top, set())
    ]


def purity_faults(found: list[Import]) -> list[str]:
    """Imports of what acts, in files that decide."""
    return [
        f"{each.file}:{each.line} imports {each.name} but only decides"
        for each in found
        if each.file in PURE and each.top in ACTS
    ]


def all_imports() -> list[Import]:
    files = sorted(PACKAGE.rglob("*.py"))
    return [
        each
        for file in files
        for each in imports(file.read_text(encoding="utf-8"), file=file.relative_to(PACKAGE).as_posix())
    ]


def test_imports_point_down_only() -> None:
    assert direction_faults(all_imports()) == []


def test_heavy_libraries_stay_in_their_room() -> None:
    assert room_faults(all_imports()) == []


def test_files_that_decide_touch_nothing() -> None:
    assert purity_faults(all_imports()) == []


def test_every_deciding_file_is_there() -> None:
    """A file that was renamed must not drop out of the rule unseen."""
    assert [file for file in PURE if not (PACKAGE / file).is_file()] == []


def test_every_area_has_its_row() -> None:
    areas = {area_of(file.relative_to(PACKAGE).as_posix()) for file in PACKAGE.rglob("*.py")}
    assert areas - {"__init__"} <= LAYERS.keys()


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("base/clock.py", "from tenku.play import model"),
        ("play/model.py", "import tenku.api.pages"),
        ("play/model.py", "from ..api import pages"),
        ("unit/spec.py", "def f():\n    from tenku.play.model import Size"),
        ("api/pages.py", "import importlib\nimportlib.import_module('tenku.cli.main')"),
        ("play/session.py", "from tenku.testing import fakes"),
    ],
)
def test_an_import_that_points_up_is_found(file: str, source: str) -> None:
    assert len(direction_faults(imports(source, file=file))) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("api/pages.py", "import pixelflux"),
        ("base/log.py", "import starlette.applications"),
        ("cli/main.py", "def f():\n    import uvicorn"),
        ("play/display.py", "import a_library_that_no_one_listed"),
        ("unit/x.py", "from importlib import import_module as i\nimport importlib\nimportlib.import_module('av')"),
    ],
)
def test_a_library_outside_its_room_is_found(file: str, source: str) -> None:
    assert len(room_faults(imports(source, file=file))) == 1


@pytest.mark.parametrize("source", ["import asyncio", "from time import monotonic", "import socket as s"])
def test_a_deciding_file_that_acts_is_found(source: str) -> None:
    assert len(purity_faults(imports(source, file="play/protocol.py"))) == 1


def test_imports_that_are_allowed_pass() -> None:
    source = (
        "import json\nfrom tenku import __version__\nfrom tenku.base.errors import TenkuError\nfrom . import model\n"
    )
    found = imports(source + "import pixelflux", file="play/display.py")
    assert direction_faults(found) + room_faults(found) + purity_faults(found) == []


@pytest.mark.parametrize("arguments", [["--help"], ["play", "--help"], ["pull", "--help"], ["doctor", "--help"]])
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    """Help answers at once, also on a machine where a library is broken."""
    program = (
        "import sys, json, contextlib, io\n"
        "from tenku.cli.main import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): main(sys.argv[1:])\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=True, text=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert "argparse" in loaded
    assert loaded & ROOMS.keys() == set()
