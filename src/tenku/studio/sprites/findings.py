"""What checks found: a report as text, as plain data, and as an exit code."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class Verdict(enum.Enum):
    """What a check says."""

    PASS = "pass"  # nothing is wrong
    FAIL = "fail"  # it is not what it has to be
    SKIP = "skip"  # there was nothing to judge, like the fringe of a picture without soft edges


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check says about one file."""

    file: str
    check: str
    """Like `fringe` or `seam`."""
    verdict: Verdict
    measured: float
    limit: float
    place: str = ""
    """Where it is worst."""
    sentence: str = ""
    """What is wrong, and what to try; empty where nothing is."""


@dataclass(frozen=True)
class Findings:
    """What all checks say about all files."""

    all: Sequence[Finding] = field(default=())

    @property
    def failed(self) -> Sequence[Finding]:
        """Those that did not pass."""
        return [each for each in self.all if each.verdict is Verdict.FAIL]

    @property
    def exit_code(self) -> int:
        """1 where anything failed."""
        return 1 if self.failed else 0

    def text(self) -> str:
        """One line a failure, with its numbers, and a sum; the files that passed are counted."""
        lines = [
            f"{each.file}: {each.check}: {each.sentence} Measured {_short(each.measured)}, limit {_short(each.limit)}"
            + (f", at {each.place}." if each.place else ".")
            for each in self.failed
        ]
        files = list(dict.fromkeys(each.file for each in self.all))
        bad = {each.file for each in self.failed}
        noun = "picture" if len(files) == 1 else "pictures"
        lines.append(f"{len(files) - len(bad)} of {len(files)} {noun} passed.")
        return "\n".join(lines)

    def json(self) -> Mapping[str, Any]:
        """Everything that was measured, as plain data."""
        return {
            "passed": not self.failed,
            "findings": [
                {
                    "file": each.file,
                    "check": each.check,
                    "verdict": each.verdict.value,
                    "measured": round(each.measured, 6),
                    "limit": each.limit,
                    "place": each.place,
                    "sentence": each.sentence,
                }
                for each in self.all
            ],
        }


def _short(value: float) -> str:
    return f"{value:.3g}"
