"""The page's tables (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass

from tenku.accel.report.changes import Change
from tenku.accel.report.costs import Cost
from tenku.accel.report.markup import Markup, joined, tag
from tenku.accel.report.model import Block, Fit, Report, Verdict
from tenku.accel.report.words import bytes_text, error_text, share_text, short, signed, time_text


@dataclass(frozen=True)
class Cell:
    """What stands in a table; `value`: what it is sorted by, where that is not its text."""

    text: str
    value: float | None = None
    kind: str = ""


def table(
    heads: Sequence[tuple[str, str]], rows: Sequence[Markup], *, sortable: bool = False, name: str = ""
) -> Markup:
    """Rows under their heads, each a name and a kind: `number`, `message`, …"""
    top = [
        tag("th", tag("button", head, type="button") if sortable else head, class_=kind or None, scope="col")
        for head, kind in heads
    ]
    inside = joined(tag("thead", tag("tr", top)), tag("tbody", rows))
    return tag("div", tag("table", inside, id=name or None), class_="scroll")


def row(cells: Sequence[Cell], **attributes: object) -> Markup:
    """One row."""
    return tag(
        "tr",
        [
            tag(
                "td",
                cell.text,
                class_=cell.kind or None,
                data_value=("" if cell.value is None else f"{cell.value:.9g}") if cell.kind == "number" else None,
            )
            for cell in cells
        ],
        **attributes,
    )


def verdict(found: Verdict) -> Markup:
    """A verdict with its colour."""
    return tag("span", tag("i", class_=f"swatch {found.value}"), found.value, class_="verdict")


FINDINGS = (
    ("Operator", ""),
    ("Shapes", "shapes"),
    ("Type", "word"),
    ("Verdict", ""),
    ("Error", "number"),
    ("Time", "number"),
    ("Calls", "number"),
    ("In the job", "number"),
    ("Of the roof", "number"),
    ("Message", "message"),
)


def findings(found: Sequence[Cost], dtypes: Sequence[str]) -> Markup:
    """All findings, with what they are filtered by above them."""
    verdicts = [each for each in Verdict if any(cost.finding.verdict is each for cost in found)]
    rows = [_finding(cost) for cost in found]
    form = tag(
        "form",
        Markup('<input type="search" placeholder="Operator, shapes, message …" aria-label="Search findings">'),
        _select("verdict", "every verdict", [each.value for each in verdicts]),
        _select("dtype", "every number type", list(dtypes)),
        tag("output", class_="dim"),
        class_="filters",
    )
    return joined(form, table(FINDINGS, rows, sortable=True, name="findings"))


def _finding(cost: Cost) -> Markup:
    each = cost.finding
    calls = sum(cost.calls.values())
    error = each.error if each.error is None or each.error == each.error else float("inf")
    against = f" against {each.against.value}" if each.against and error_text(each.error) != "exact" else ""
    cells = (
        Cell(tag("code", short(each.operator))),
        Cell(each.shapes, kind="shapes"),
        Cell(each.dtype, kind="word"),
        Cell(verdict(each.verdict)),
        Cell(tag("span", error_text(each.error), title=f"{error_text(each.error)}{against}"), error, "number"),
        Cell("" if each.seconds is None else time_text(each.seconds), each.seconds, "number"),
        Cell(f"{calls:,}", calls, "number"),
        Cell("unknown" if cost.seconds is None else time_text(cost.seconds), cost.seconds, "number"),
        Cell(share_text(cost.share), cost.share, "number"),
        Cell(each.message, kind="message"),
    )
    return row(cells, id=f"call-{each.dtype}-{each.call}", data_verdict=each.verdict.value, data_dtype=each.dtype)


def _select(name: str, nothing: str, values: Sequence[str]) -> Markup:
    options = [tag("option", nothing, value=""), *(tag("option", value, value=value) for value in values)]
    return tag("select", options, name=name, aria_label=name)


def blocks(found: Sequence[Block]) -> Markup:
    """Whole pieces of the model, beside the sums of their parts."""
    heads = (
        ("Piece", ""),
        ("Type", "word"),
        ("Verdict", ""),
        ("Error", "number"),
        ("Of its operators", "number"),
        ("Time", "number"),
        ("Of its operators", "number"),
        ("How much of it", ""),
        ("Message", "message"),
    )
    return table(heads, [row(_block(each)) for each in found])


def _block(each: Block) -> tuple[Cell, ...]:
    return (
        Cell(each.name),
        Cell(each.dtype, kind="word"),
        Cell(verdict(each.verdict)),
        Cell(error_text(each.error), each.error, "number"),
        Cell(error_text(each.parts_error), each.parts_error, "number"),
        Cell("" if each.seconds is None else time_text(each.seconds), each.seconds, "number"),
        Cell("" if each.parts_seconds is None else time_text(each.parts_seconds), each.parts_seconds, "number"),
        Cell(each.scale),
        Cell(each.message, kind="message"),
    )


def fits(found: Sequence[Fit]) -> Markup:
    """The largest that fits: computed, then tried."""
    heads = (
        ("The largest", ""),
        ("Computed", ""),
        ("Needs", "number"),
        ("Tried", ""),
        ("Took", "number"),
        ("", "message"),
    )
    rows = [
        row(
            (
                Cell(each.what),
                Cell(each.computed or "nothing fits"),
                Cell(bytes_text(each.computed_bytes) if each.computed_bytes else "", each.computed_bytes, "number"),
                Cell(each.tried or "not tried"),
                Cell(bytes_text(each.tried_bytes) if each.tried_bytes else "", each.tried_bytes, "number"),
                Cell(each.message, kind="message"),
            )
        )
        for each in found
    ]
    return table(heads, rows)


def ended(report: Report) -> Markup:
    """What hung or crashed, with what was said last."""
    bad = (Verdict.HUNG, Verdict.CRASHED)
    found = [(short(each.operator), each.shapes, each) for each in report.findings if each.verdict in bad] + [
        (each.name, each.scale, each) for each in report.blocks if each.verdict in bad
    ]
    heads = (("What", ""), ("Shapes", "shapes"), ("Type", "word"), ("Verdict", ""), ("Message", "message"))
    rows = [
        row(
            (
                Cell(tag("code", what)),
                Cell(shapes, kind="shapes"),
                Cell(each.dtype, kind="word"),
                Cell(verdict(each.verdict)),
                Cell(each.message, kind="message"),
            )
        )
        for what, shapes, each in found
    ]
    return table(heads, rows) if rows else Markup("")


def changes(found: Sequence[Change]) -> Markup:
    """What changed between two reports."""
    heads = (
        ("Change", ""),
        ("What", ""),
        ("Shapes", "shapes"),
        ("Type", "word"),
        ("Before", "word"),
        ("After", "word"),
        ("The job takes longer by", "number"),
        ("Message", "message"),
    )
    rows = [
        row(
            (
                Cell(tag("span", each.kind.value, class_=f"verdict {'bad' if each.kind.worse else 'good'} mood")),
                Cell(tag("code", each.about.what)),
                Cell(each.about.shapes, kind="shapes"),
                Cell(each.about.dtype, kind="word"),
                Cell(each.before, kind="word"),
                Cell(each.after, kind="word"),
                Cell(signed(each.seconds) if each.seconds else "", each.seconds, "number"),
                Cell(each.message, kind="message"),
            )
        )
        for each in found
    ]
    return table(heads, rows, sortable=True)
