"""`tenku provenance`: what a file says of where it came from."""

import argparse
import json
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tenku.base.errors import UsageError
from tenku.cli.contents import rows
from tenku.cli.studio import need_libraries, print_json

MADE = "org.tenku.made"
BESIDE = (".provenance.json",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `tenku provenance`."""
    parser.usage = "tenku provenance FILE [--json]"
    parser.add_argument("file", type=Path, metavar="FILE", help="A picture, a video, a sound.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object, and nothing else.")


def run(args: argparse.Namespace) -> int:
    """Read it; 1 where the file says nothing, or was changed since."""
    need_libraries()
    from tenku.studio.provenance.signer import read_claim

    try:
        data = args.file.read_bytes()
    except OSError as error:
        raise UsageError(f"{args.file} cannot be read: {error.strerror}.", hint="Look at its name.") from None
    said = read_claim(data, mimetypes.guess_type(args.file.name)[0] or "")
    if args.json:
        print_json(said)
    elif said is None:
        print(f"{args.file} says nothing of where it came from.{_beside(args.file)}")
    else:
        print(_shown(args.file, said))
    return 0 if said is not None and said["valid"] else 1


def _shown(file: Path, said: Mapping[str, Any]) -> str:
    made: Mapping[str, Any] = next((each["data"] for each in said.get("assertions", ()) if each["label"] == MADE), {})
    model, engine = made.get("model", {}), made.get("engine", {})
    signature = said.get("signature_info", {})
    whole = "as it was when it was signed" if said["valid"] else "CHANGED since it was signed, or badly signed"
    return f"{file} is {whole}.\n\n" + rows(
        ("signed by", str(signature.get("issuer", ""))),
        ("made with", str(model.get("name", ""))),
        ("licence", str(model.get("licence", ""))),
        ("sound", heard(made)),
        ("engine", " ".join(str(engine[key]) for key in ("name", "version") if engine.get(key))),
        ("seed", str(made.get("seed", ""))),
        ("steps", "; ".join(_steps(said))),
    )


def heard(made: Mapping[str, Any]) -> str:
    """Which of the two it is, and who had a part in it besides the model; empty: nothing is to be heard."""
    others = [f"{each['name']}, licence {each['licence']}" for each in made.get("others", {}).values()]
    return f"{made.get('sound', '')}{' by ' if others else ''}{' and '.join(others)}"


def _steps(said: Mapping[str, Any]) -> list[str]:
    actions = [
        action
        for each in said.get("assertions", ())
        if each["label"].startswith("c2pa.actions")
        for action in each["data"]["actions"]
    ]
    return [str(each.get("description") or each["action"].removeprefix("c2pa.")) for each in actions]


def _beside(file: Path) -> str:
    """Where a file beside it says more."""
    candidates = (file.with_name(file.name + BESIDE[0]), file.parent / "provenance" / f"{file.stem}.json")
    there = next((each for each in candidates if each.is_file()), None)
    if there is None:
        return ""
    model = json.loads(there.read_text(encoding="utf-8")).get("model", {})
    return f" Beside it {there} says: {model.get('name', 'a model')}, licence {model.get('licence', 'unknown')}."
