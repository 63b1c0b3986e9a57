"""Writes the generated parts of docs/: commands, settings, tenku.toml, metrics, protocol. `--check` only compares.

A generated part stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`; everything around it is written by hand.
"""

import argparse
import dataclasses
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tenku.base.docstrings import field_docs
from tenku.base.settings import Settings, default_text, flag_name, variable_name
from tenku.cli.areas import AREAS
from tenku.cli.main import build_parser
from tenku.play import protocol_docs
from tenku.play.manifest import READERS, Manifest
from tenku.play.model import Quality, Size
from tenku.play.sessionmetrics import SessionMetrics
from tenku.play.stages import HEADER, Row

DOCS = Path(__file__).parents[1] / "docs"


def parts() -> dict[str, dict[str, str]]:
    """The generated parts of each page, by marker."""
    return {
        "commands.md": {"commands": commands()},
        "settings.md": {area.AREA: settings(area) for area in AREAS},
        "games.md": {"keys": manifest_keys()},
        "operator.md": {"metrics": metrics(), "columns": columns()},
        "protocol.md": protocol_docs.tables(),
    }


def commands() -> str:
    """The `--help` text of `tenku` and of every sub-command, and of theirs."""
    blocks = (f"## {parser.prog}\n\n```text\n{parser.format_help().strip()}\n```" for parser in parsers(build_parser()))
    return "\n\n".join(blocks)


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser, and those of its sub-commands behind it."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers(each)


def settings(area: type[Settings]) -> str:
    """One table of every setting of an area: key, flag, variable, default, meaning."""
    docs = field_docs(area)
    rows = [
        f"| `{field.name}` | `{flag_name(field.name)}` | `{variable_name(area, field.name)}` "
        f"| {_code(default_text(field))} | {docs[field.name]} |"
        for field in dataclasses.fields(area)
    ]
    head = f"| key in `[{area.AREA}]` | flag | variable | default | meaning |"
    return "\n".join((head, "| --- | --- | --- | --- | --- |", *rows))


def manifest_keys() -> str:
    """One table of every key of a game's tenku.toml."""
    docs = field_docs(Manifest)
    rows = [f"| `{key}` | {docs[key]} |" for key in READERS]
    return "\n".join(("| key | meaning |", "| --- | --- |", *rows))


def metrics() -> str:
    """One table of everything that `/metrics` answers with."""
    quality = Quality(bitrate_kbps=0, fps=0, size=Size(0, 0))
    text = SessionMetrics("").text(spreads={}, connections=0, quality=quality)
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    rows = [f"| `{name}` | {kinds[name]} | {about} |" for name, about in re.findall(r"(?m)^# HELP (\S+) (.+)$", text)]
    return "\n".join(("| metric | kind | what |", "| --- | --- | --- |", *rows))


def columns() -> str:
    """One table of the columns of frames.csv."""
    docs = field_docs(Row) | {
        "at_s": "When the picture was drawn, in seconds of the server's clock.",
        "total_us": "From capture to drawn.",
        "input_us": "From the browser seeing an input to the game having it; the slowest since the last row.",
    }
    rows = [f"| `{name}` | {docs.get(name.replace('_ms', '_us'), '')} |".replace("|  |", "| |") for name in HEADER]
    return "\n".join(("| column | what |", "| --- | --- |", *rows))


def fill(page: str, generated: Mapping[str, str]) -> str:
    """The page with every generated part put between its markers. Raises ValueError: a marker is missing."""
    for name, text in generated.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        before, found_begin, rest = page.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found_begin and found_end):
            raise ValueError(f"a page has no {begin} … {end}")
        page = f"{before}{begin}\n\n{text}\n\n{end}{after}"
    return page


def stale() -> list[Path]:
    """The pages whose generated parts are not what they should be."""
    return [DOCS / name for name, generated in parts().items() if _read(name) != fill(_read(name), generated)]


def main() -> int:
    """Write the pages, or with `--check` name those that would change."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="Change nothing; exit 1 where a page is stale.")
    args = parser.parse_args()
    pages = stale()
    for path in pages:
        print(f"{path.name} is stale: run `make docs`." if args.check else f"Wrote {path.name}.")
        if not args.check:
            path.write_text(fill(_read(path.name), parts()[path.name]), encoding="utf-8")
    return 1 if args.check and pages else 0


def _read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def _code(text: str) -> str:
    return f"`{text}`" if text else "none"


if __name__ == "__main__":
    sys.exit(main())
