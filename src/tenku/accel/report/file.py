"""A report as a file: JSON with a line for each finding, read back with clear words about what is wrong with it."""

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from tenku.accel.report.model import VERSION, Report
from tenku.accel.report.plain import MisfitError, from_plain, to_plain
from tenku.base.errors import MachineError, UsageError

LARGEST = 256 * 1024 * 1024
"""Bytes: the reports of the largest models have some megabytes."""
AGAIN = "Make it again with `tenku devices report`."
_END = re.compile(r"[\w.+\\-]*\s*")
"""What may be left of a number, a word or an escaped letter where a file was cut off."""


def text_of(report: Report) -> str:
    """The report's file."""
    fields = (f"{_json(name)}:{_value(value)}" for name, value in to_plain(report).items())
    return "{\n" + ",\n".join(fields) + "\n}\n"


def report_of(text: str, *, where: str) -> Report:
    """The report in a file's text; `where`: the file's name, for people. Raises UsageError."""
    values = _parsed(text, where)
    if not isinstance(values, dict) or not {"version", "model", "findings"} <= values.keys():
        raise UsageError(f"{where} is not a report of a device.", hint="`tenku devices report` makes one.")
    if values["version"] != VERSION:
        version = str(values["version"])[:40]
        raise UsageError(
            f"{where} is a report of version {version}, and this Tenku reads version {VERSION}.",
            hint="Make both reports with the same Tenku.",
        )
    try:
        return from_plain(Report, values)
    except MisfitError as error:
        raise UsageError(f"{where} is not a whole report: {error}.", hint=AGAIN) from None


def read(path: Path) -> Report:
    """The report in a file. Raises UsageError."""
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path} is not a report of a device: it is far too large.", hint="Look at its name.")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", hint="Look at its name.") from None
    except UnicodeDecodeError as error:
        raise (_cut(str(path)) if error.reason == "unexpected end of data" else _no_json(str(path))) from None
    return report_of(text, where=str(path))


def write_whole(files: dict[Path, str]) -> None:
    """Write files, each of them whole or not at all; all are on the disk before the first takes its place.

    Raises:
        MachineError: a folder cannot be written, or its disk is full.
    """
    parts = {path: path.with_name(f".{path.name}.{os.getpid()}.part") for path in files}
    try:
        for path, part in parts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            # A message may hold half a letter: as `\udc80` it is still JSON, and is read back as it was.
            part.write_bytes(files[path].encode("utf-8", "backslashreplace"))
        for path, part in parts.items():
            part.replace(path)
    except OSError as error:
        names = " and ".join(str(path) for path in files)
        raise MachineError(f"{names} cannot be written: {error.strerror}.", hint="Choose another place.") from None
    finally:
        for part in parts.values():
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        # What broke off in the middle ends where the parser stumbles; other texts go on after it.
        if text.lstrip()[:1] == "{" and (error.msg.startswith("Unterminated") or _END.fullmatch(text, error.pos)):
            raise _cut(where) from None
        raise _no_json(where) from None
    except (ValueError, RecursionError):  # a number of thousands of digits; a thousand lists in each other
        raise _no_json(where) from None


def _cut(where: str) -> UsageError:
    return UsageError(f"{where} is cut off: it ends in the middle of a report.", hint=AGAIN)


def _no_json(where: str) -> UsageError:
    return UsageError(f"{where} is not a report: it is no JSON.", hint="Give the JSON file, not the page.")


def _value(value: Any) -> str:
    """A list of tables gets a line for each, so that two reports can be compared by eye as well."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(_json(each) for each in value) + "\n]"
    return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
