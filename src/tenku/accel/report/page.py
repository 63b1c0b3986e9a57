"""A report as one page that needs nothing else: no network, no other file; it prints as well."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from string import Template

from tenku.accel.report import charts, tables
from tenku.accel.report.costs import Cost, costs, roof_of
from tenku.accel.report.diff import Diff, Outcome
from tenku.accel.report.headline import Answer, answers, reason, whole_answer
from tenku.accel.report.markup import Markup, escaped, joined, tag
from tenku.accel.report.model import Report, Verdict
from tenku.accel.report.roofline import chart_of
from tenku.accel.report.summary import Line, PartTime, Total, totals
from tenku.accel.report.words import bytes_text, copy_text, count_text, rate_text, short, time_text

HERE = Path(__file__).parent


def page_of(report: Report) -> str:
    """The page of a report."""
    found = totals(report)
    body = joined(
        _head(report),
        tag("div", [_answer(each) for each in answers(report)], class_="answers"),
        _tabs([each.dtype for each in found]),
        [_section(report, each) for each in found],
        _errors(report),
        _blocks(report),
        _fits(report),
        _ended(report),
        tag("h2", "All findings"),
        tables.findings(_once(report, found), report.dtypes),
        _foot(report),
    )
    return _filled(f"{report.model} on {report.device.name}", body)


def page_of_diff(diff: Diff) -> str:
    """The page of what changed."""
    said = {Outcome.SAME: "Nothing changed", Outcome.BETTER: "Better", Outcome.WORSE: "Worse"}
    mood = {Outcome.SAME: "good", Outcome.BETTER: "good", Outcome.WORSE: "bad"}
    text = f"{count_text(len(diff.worse), 'change')} for the worse, {len(diff.better)} for the better, of "
    text += f"{count_text(diff.compared, 'finding')} that both reports have."
    answer = Answer(question="What did it do?", short=said[diff.outcome], text=text, mood=mood[diff.outcome])
    noise = f"Times count as changed from {diff.noise.times:g} times on: {diff.noise.why}."
    body = joined(
        tag("h1", f"{diff.after.model}: {diff.before.made_at[:10]} and {diff.after.made_at[:10]}"),
        tag("p", f"{diff.before.device.name}, then {diff.after.device.name}", class_="facts"),
        tag("div", _answer(answer), [_answer(whole_answer(each)) for each in diff.wholes], class_="answers"),
        tag("h2", "What else is different"),
        tag("ul", [tag("li", note) for note in diff.notes]) if diff.notes else tag("p", "Nothing."),
        [
            joined(tag("h2", head), tables.changes(found) if found else tag("p", "Nothing.", class_="dim"))
            for head, found in (("Worse", diff.worse), ("Better", diff.better))
        ],
        tag("footer", tag("p", noise)),
    )
    return _filled(f"{diff.after.model}: before and after", body)


def _head(report: Report) -> Markup:
    device = report.device
    facts = [f"{device.kind}:{device.index}"]
    facts += [f"{bytes_text(device.memory)} of memory"] if device.memory else []
    facts += [f"driver {device.driver}"] if device.driver else []
    facts += [device.host, f"{report.made_at[:16].replace('T', ' ')} UTC", f"made in {time_text(report.took_s)}"]
    return joined(
        tag("h1", f"{report.model} on {device.name}"),
        tag("p", " · ".join(facts), class_="facts"),
        tag("p", f"The usual job: {report.job}.", class_="facts"),
    )


def _answer(answer: Answer) -> Markup:
    return tag(
        "div",
        tag("h3", answer.question),
        tag("p", answer.short, class_="short"),
        tag("p", answer.text),
        class_=f"card answer {answer.mood}",
    )


def _tabs(dtypes: Sequence[str]) -> Markup:
    if len(dtypes) < 2:
        return Markup("")
    buttons = [tag("button", dtype, type="button", data_type=dtype, aria_pressed="false") for dtype in dtypes]
    return tag("div", buttons, class_="tabs", role="group", aria_label="Number type")


def _section(report: Report, total: Total) -> Markup:
    found = costs(report, total.dtype)
    chart = chart_of(found, roof_of(report, total.dtype))
    left = (
        f" {count_text(chart.left_out, 'finding')} without a time or bytes to move are not drawn."
        if chart.left_out
        else ""
    )
    verdicts = [(verdict, total.verdicts.get(verdict, 0)) for verdict in Verdict]
    return tag(
        "section",
        tag("h2", f"Operators in {total.dtype}"),
        tag(
            "div",
            tag(
                "div",
                tag("h3", "Roofline"),
                tag(
                    "p",
                    f"Each dot is an operator at one set of shapes, as large as its share of the job.{left}",
                    class_="dim",
                ),
                charts.roofline(chart),
                charts.legend(verdicts),
                class_="card",
            ),
            tag(
                "div",
                tag("h3", "Mend first"),
                _mend(total),
                tag("h3", "Parts of the job"),
                _parts(total),
                class_="card mends",
            ),
            class_="two",
        ),
        tag("h2", f"Where the time goes in {total.dtype}"),
        tag(
            "div",
            tag(
                "p",
                "The pale part of a bar is what it takes longer than at the share of the roofline that the middle "
                "one of this device's sound operators reaches.",
                class_="dim",
            ),
            charts.bars(total.lines),
            class_="card",
        ),
        data_type=total.dtype,
    )


def _mend(total: Total) -> Markup:
    if not total.first:
        return tag("p", "No operator is much slower than others of its kind, and none is wrong.")
    return tag("ol", [_first(line) for line in total.first], class_="mend")


def _first(line: Line) -> Markup:
    message = tag("p", line.message, class_="dim") if line.message else Markup("")
    return tag("li", tag("div", tag("code", tag("b", short(line.operator))), tag("p", f"{reason(line)}."), message))


def _parts(total: Total) -> Markup:
    heads = (("Part", ""), ("Runs", "number"), ("One run", "number"), ("All", "number"), ("Mended", "number"))
    rows = [_part(part) for part in total.parts]
    whole = PartTime(name="the job", runs=1, seconds=total.seconds, unknown=len(total.unknown), mended=total.mended)
    return tables.table(heads, [*rows, _part(whole)] if len(rows) > 1 else rows)


def _part(part: PartTime) -> Markup:
    least = "≥ " if part.unknown else ""
    return tables.row(
        (
            tables.Cell(part.name),
            tables.Cell(f"{part.runs:,}", part.runs, "number"),
            tables.Cell(least + time_text(part.seconds / max(1, part.runs)), part.seconds, "number"),
            tables.Cell(least + time_text(part.seconds), part.seconds, "number"),
            tables.Cell(time_text(part.mended), part.mended, "number"),
        )
    )


def _errors(report: Report) -> Markup:
    if not any(finding.error for finding in report.findings):
        return Markup("")
    return joined(
        tag("h2", "Errors by operator and number type"),
        tag(
            "div",
            tag(
                "p",
                "The largest error of each operator over its shapes: the length of the difference over the length of "
                "what is right, each power of ten as wide as the next.",
                class_="dim",
            ),
            charts.errors(report.findings, report.dtypes),
            charts.type_legend(report.dtypes),
            class_="card",
        ),
    )


def _blocks(report: Report) -> Markup:
    if not report.blocks:
        return Markup("")
    about = "The error end to end should be near that of its operators: more means that they fail together."
    return joined(tag("h2", "Whole pieces of the model"), tag("p", about, class_="dim"), tables.blocks(report.blocks))


def _fits(report: Report) -> Markup:
    return joined(tag("h2", "What fits in its memory"), tables.fits(report.fits)) if report.fits else Markup("")


def _ended(report: Report) -> Markup:
    table = tables.ended(report)
    return joined(tag("h2", "What hung or crashed"), table) if table else Markup("")


def _once(report: Report, found: Sequence[Total]) -> list[Cost]:
    """Costs of all number types, those of calls that know none once only; what takes longest first."""
    seen: set[tuple[int, str]] = set()
    once = []
    for total in found:
        for cost in costs(report, total.dtype):
            key = (cost.finding.call, cost.finding.dtype)
            if key not in seen:
                seen.add(key)
                once.append(cost)
    return sorted(once, key=lambda cost: -(cost.seconds or 0.0))


def _foot(report: Report) -> Markup:
    peaks = [f"matrix product in {peak.dtype} {rate_text(peak.flops)}" for peak in report.peaks]
    peaks += [f"copy {copy_text(report.copy)} read and written"] if report.copy else []
    software = ", ".join(f"{name} {version}" for name, version in report.software.items())
    return tag(
        "footer",
        tag("p", f"Measured peaks: {'; '.join(peaks) or 'none'}."),
        tag("p", f"Made with {software}. Operators of {report.model}: {report.inventory[:12]}."),
        tag(
            "p",
            "Time is that of operators one by one, by the device's own clock; a whole run is often faster, where the "
            "device overlaps them, or slower, where the processor cannot keep up.",
        ),
    )


def _filled(title: str, body: Markup) -> str:
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = Template((HERE / "page.html").read_text(encoding="utf-8"))
    return template.substitute(title=escaped(title), body=body, style=style, script=script, hash=f"sha256-{digest}")
