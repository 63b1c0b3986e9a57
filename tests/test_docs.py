"""What the pages say is there, and what is there stands in the pages."""

import ast
import re
import runpy
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenku.play.manifest import READERS
from tenku.play.protocol import FROM_BROWSER, FROM_SERVER, Close
from tenku.play.stages import STAGES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TOOL = runpy.run_path(str(ROOT / "tools" / "docs.py"))
PAGES = sorted((ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")))

LINK = re.compile(r"\]\(([^)\s]+)\)")
MACHINE_PATHS = re.compile(r"/(?:root|work|home/(?!player\b)\w+)/[\w.-]|file://" + "/")
"""Paths of the machine that a file was written on. /home/player is what a sandboxed game sees."""


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted(TOOL["parts"]()))
def test_generated_parts_are_up_to_date(page: str) -> None:
    """Every command, option, setting, key of tenku.toml and protocol message is described as it is."""
    text = read(DOCS / page)
    assert text == TOOL["fill"](text, TOOL["parts"]()[page]), "run `make docs`"


def test_a_stale_page_is_noticed() -> None:
    stale = TOOL["fill"]("<!-- x:begin -->old<!-- x:end -->", {"x": "new"})
    assert stale == "<!-- x:begin -->\n\nnew\n\n<!-- x:end -->"
    with pytest.raises(ValueError, match="x:begin"):
        TOOL["fill"]("a page without its marker", {"x": "new"})


def test_every_option_of_every_command_is_explained() -> None:
    """`--help` without a sentence behind an option is no help."""
    for line in TOOL["commands"]().splitlines():
        option = re.fullmatch(r" {2}(-\S.*?)(?: {2,}(.*))?", line)
        if option and not option[2] and len(line) < 26:
            pytest.fail(f"{option[1]} has no help")


@pytest.mark.parametrize("key", READERS)
def test_every_key_of_tenku_toml_is_documented(key: str) -> None:
    row = re.search(rf"^\| `{key}` \| (.+) \|$", read(DOCS / "games.md"), re.MULTILINE)
    assert row
    assert len(row[1]) > 10


@pytest.mark.parametrize("name", [message.__name__ for message in FROM_SERVER + FROM_BROWSER])
def test_every_message_is_documented(name: str) -> None:
    assert f"### {name}\n" in read(DOCS / "protocol.md")


@pytest.mark.parametrize("code", Close)
def test_every_close_code_is_documented(code: Close) -> None:
    assert re.search(rf"^\| {code.value} \| {code.name} \| \S.+ \|$", read(DOCS / "protocol.md"), re.MULTILINE)


def routes() -> list[str]:
    """The paths of every route in the API's source."""
    found = []
    for file in (ROOT / "src" / "tenku" / "api").glob("*.py"):
        for node in ast.walk(ast.parse(read(file))):
            match node:
                case ast.Call(
                    func=ast.Name(id="Route" | "WebSocketRoute" | "Mount"),
                    args=[ast.Constant(value=str(path)), *_],
                ):
                    found.append(path)
    return found


def test_every_route_is_documented() -> None:
    assert "/p/{token}" in routes()
    page = read(DOCS / "operator.md")
    assert [path for path in routes() if f"| `{path}` |" not in page] == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_measured_stage_is_explained(stage: str) -> None:
    assert f"`{stage}`" in read(DOCS / "operator.md")


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    headings = re.findall(r"^## (.+)$", read(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"


def broken_links(text: str, folder: Path) -> Iterator[str]:
    """Relative links that lead nowhere: to no file, or to no heading of one."""
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, heading = target.partition("#")
        path = folder / name
        if not path.exists() or (heading and heading not in headings(read(path) if name else text)):
            yield target


def headings(text: str) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert list(broken_links(read(page), page.parent)) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    text = "[a](missing.md) [b](#heading) [c](#nowhere) [d](index.md) [e](https://example.org/x)\n# Heading\n"
    assert list(broken_links(text, DOCS)) == ["missing.md", "#nowhere"]


def test_every_page_is_found_from_the_index() -> None:
    linked = {(DOCS / target.partition("#")[0]).resolve() for target in LINK.findall(read(DOCS / "index.md"))}
    assert [page.name for page in DOCS.glob("*.md") if page.name != "index.md" and page.resolve() not in linked] == []


def project_files() -> list[Path]:
    """Every text file that belongs to the project."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_no_file_names_a_path_of_some_machine() -> None:
    guilty = []
    for file in project_files():
        try:
            found = MACHINE_PATHS.search(read(file))
        except UnicodeDecodeError:  # a picture
            continue
        if found:
            guilty.append(f"{file.relative_to(ROOT)}: {found[0]}")
    assert guilty == []


def test_a_path_of_some_machine_is_found() -> None:
    assert MACHINE_PATHS.search("see " + "/home" + "/someone/project")
    assert not MACHINE_PATHS.search("HOME is /home/player in the sandbox")
