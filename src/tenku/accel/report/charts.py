"""The page's charts as inline SVG. Places are percentages, so that a chart is as wide as the screen and its letters
stay readable (pure)."""

from collections.abc import Sequence

from tenku.accel.report.markup import Markup, escaped, joined, tag
from tenku.accel.report.model import Finding, Verdict
from tenku.accel.report.roofline import Axis, Chart, Point
from tenku.accel.report.summary import Line
from tenku.accel.report.words import copy_text, error_text, rate_text, share_text, short, time_text

LANE = 9.0
"""Percent of the width for operators that only move."""
MOST_BARS, MOST_ERRORS = 16, 16


def roofline(chart: Chart) -> Markup:
    """Intensity against rate, under the roof that was measured."""
    return tag(
        "svg",
        tag("title", "Rate of each operator against operations for each byte that it moves"),
        _grid(chart),
        _roof(chart),
        [_dot(chart, point) for point in chart.points],
        class_="roofline",
        role="img",
    )


def _grid(chart: Chart) -> Markup:
    lines = []
    for value in chart.across.ticks():
        x = _across(chart.across, value)
        lines += [_line(x, 0, x, 100, "grid"), _text(x, 100, _plain(value), dy="1.4em", class_="tick middle")]
    for value in chart.up.ticks():
        y = _up(chart.up, value)
        text = rate_text(value).removesuffix("flop/s").strip()
        lines += [_line(0, y, 100, y, "grid"), _text(0, y, text, dx="-0.5em", dy="0.35em", class_="tick end")]
    lines += [
        _text((100 + LANE) / 2, 100, "operations for each byte", dy="3em", class_="name middle"),
        _text(0, 100, "moves", dx="0.3em", dy="-0.4em", class_="tick"),
        _text(0, 0, "operations a second", dy="-0.8em", class_="name"),
    ]
    return joined(lines)


def _roof(chart: Chart) -> Markup:
    roof, ticks = chart.roof, chart.across.ticks()
    parts = []
    # Where no product was measured the slope goes on to the right edge.
    end = chart.ridge if chart.ridge is not None else ticks[-1]
    if roof.copy:
        start = max(ticks[0], 10.0**chart.up.low / roof.copy)
        stop = min(end, ticks[-1], 10.0**chart.up.high / roof.copy)
        if start < stop:
            parts.append(
                _line(
                    _across(chart.across, start),
                    _up(chart.up, start * roof.copy),
                    _across(chart.across, stop),
                    _up(chart.up, stop * roof.copy),
                    "roof",
                )
            )
        lane = ticks[0] * roof.copy
        if 10.0**chart.up.low <= lane <= 10.0**chart.up.high:
            parts.append(_line(0, _up(chart.up, lane), LANE, _up(chart.up, lane), "roof"))
    if roof.flops:
        y = _up(chart.up, roof.flops)
        left = _across(chart.across, chart.ridge) if chart.ridge is not None else LANE
        parts.append(_line(left, y, 100, y, "roof"))
        parts.append(_text(100, y, f"{rate_text(roof.flops)} measured", dy="-0.5em", class_="tick end"))
    return joined(parts)


def _dot(chart: Chart, point: Point) -> Markup:
    x = _across(chart.across, point.intensity) if point.intensity else LANE / 2
    return tag(
        "circle",
        tag("title", _told(point)),
        cx=f"{x:.2f}%",
        cy=f"{_up(chart.up, chart.height(point)):.2f}%",
        r=f"{point.radius:.1f}",
        class_=f"dot {point.verdict.value}",
        data_call=point.finding.call,
    )


def _told(point: Point) -> str:
    finding = point.finding
    rate = rate_text(point.rate) if point.intensity else copy_text(point.rate)
    words = [f"{short(finding.operator)} {finding.shapes}", finding.verdict.value, time_text(finding.seconds), rate]
    if point.reached is not None:
        words.append(f"{share_text(point.reached)} of the roofline")
    return ", ".join([*words, f"{share_text(point.share)} of the job"])


def bars(lines: Sequence[Line]) -> Markup:
    """Time of the job by operator: the whole bar is what it takes, its full part what it would take when mended."""
    shown = [line for line in lines if line.seconds][:MOST_BARS]
    longest = max((line.seconds for line in shown), default=1.0)
    rows = [_bar(line, longest) for line in shown]
    rest = [line for line in lines if line.seconds][MOST_BARS:]
    if rest:
        seconds = time_text(sum(line.seconds for line in rest))
        share = share_text(sum(line.share for line in rest))
        rows.append(_row(f"{len(rest)} others", Markup(""), f"{seconds} · {share}", ""))
    return tag("div", rows, class_="bars")


def _bar(line: Line, longest: float) -> Markup:
    width = 100 * line.seconds / longest
    left = 100 * max(0.0, line.seconds - line.saved) / longest
    strip = tag(
        "svg",
        tag("rect", x="0", y="3", width=f"{width:.2f}%", height="12", rx="2", class_=f"bar lost {line.worst.value}"),
        tag("rect", x="0", y="3", width=f"{left:.2f}%", height="12", rx="2", class_=f"bar {line.worst.value}"),
        class_="strip",
        role="img",
        aria_label=f"{time_text(line.seconds)}",
    )
    title = f"{line.operator}: {time_text(line.seconds)} of the job, {time_text(line.saved)} more than it should take"
    return _row(short(line.operator), strip, f"{time_text(line.seconds)} · {share_text(line.share)}", title)


def errors(findings: Sequence[Finding], dtypes: Sequence[str]) -> Markup:
    """The largest error of each operator in each number type, on one scale of powers of ten."""
    worst: dict[str, dict[str, float]] = {}
    for finding in findings:
        error = finding.error
        if error is not None and finding.dtype in dtypes:
            own = worst.setdefault(finding.operator, {})
            own[finding.dtype] = max(own.get(finding.dtype, 0.0), error if error == error else float("inf"))
    worst = {operator: own for operator, own in worst.items() if any(own.values())}
    drawn = sorted(worst, key=lambda operator: (-max(worst[operator].values()), operator))[:MOST_ERRORS]
    axis = _error_axis([error for operator in drawn for error in worst[operator].values()])
    ticks = [
        _text(100 * axis.place(value), 0, error_text(value), dy="1.1em", class_="tick middle")
        for value in axis.ticks()[:: max(1, len(axis.ticks()) // 5)]
    ]
    head = _row("", tag("svg", ticks, class_="strip", aria_hidden="true"), "largest", "")
    return tag("div", [head, *(_errors_of(each, worst[each], dtypes, axis) for each in drawn)], class_="bars errors")


def _errors_of(operator: str, own: dict[str, float], dtypes: Sequence[str], axis: Axis) -> Markup:
    dots = [
        tag(
            "circle",
            tag("title", f"{short(operator)} in {dtype}: {error_text(own[dtype])}"),
            cx=f"{100 * axis.place(own[dtype]):.2f}%" if own[dtype] else "0%",
            cy="9",
            r="5",
            class_=f"type{number % 6}",
        )
        for number, dtype in enumerate(dtypes)
        if dtype in own
    ]
    line = tag("line", x1="0", x2="100%", y1="9", y2="9", class_="grid")
    strip = tag("svg", line, dots, class_="strip", role="img")
    return _row(short(operator), strip, error_text(max(own.values())), operator)


def _error_axis(values: Sequence[float]) -> Axis:
    finite = [value for value in values if 0 < value < float("inf")] or [1e-3]
    low = high = 0
    while 10.0**low > min(finite) and low > -18:
        low -= 1
    while 10.0**high > max(finite) * 10 and high > low + 1:
        high -= 1
    while 10.0**high < max(finite) and high < 6:
        high += 1
    return Axis(low=low, high=max(high, low + 1))


def legend(verdicts: Sequence[tuple[Verdict, int]]) -> Markup:
    """Colours of the verdicts that there are, and how many of each."""
    return tag(
        "p",
        [
            tag("span", tag("i", class_=f"swatch {verdict.value}"), f"{verdict.value} ", tag("b", f"{number:,}"))
            for verdict, number in verdicts
            if number
        ],
        class_="legend",
    )


def type_legend(dtypes: Sequence[str]) -> Markup:
    """Colours of the number types."""
    swatches = [tag("span", tag("i", class_=f"swatch type{number % 6}"), dtype) for number, dtype in enumerate(dtypes)]
    return tag("p", swatches, class_="legend")


def _row(name: str, strip: Markup, text: str, title: str) -> Markup:
    cells = (tag("span", name, class_="who"), strip or tag("span"), tag("span", text, class_="much"))
    return tag("div", cells, class_="row", title=title or None)


def _across(axis: Axis, value: float) -> float:
    return LANE + (100 - LANE) * axis.place(value)


def _up(axis: Axis, value: float) -> float:
    return 100 * (1 - axis.place(value))


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return tag("line", x1=f"{x1:.2f}%", y1=f"{y1:.2f}%", x2=f"{x2:.2f}%", y2=f"{y2:.2f}%", class_=kind)


def _text(x: float, y: float, text: str, **attributes: object) -> Markup:
    return tag("text", escaped(text), x=f"{x:.2f}%", y=f"{y:.2f}%", **attributes)


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
