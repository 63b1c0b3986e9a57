"""Numbers of a report as people read them: times from nanoseconds to days, rates, shares, errors (pure)."""

from collections.abc import Sequence

from tenku.accel.report.model import Verdict

UNITS = ("", "k", "M", "G", "T", "P", "E")
_TIMES = ((1e-6, 1e9, "ns"), (1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (99.95, 1.0, "s"))
"""Below which seconds, times what, is called what."""

SAID = {
    Verdict.NATIVE: "native",
    Verdict.FALLBACK: "falls back to the processor",
    Verdict.MISSING: "is missing",
    Verdict.FAILING: "fails",
    Verdict.WRONG: "is wrong",
    Verdict.HUNG: "hangs",
    Verdict.CRASHED: "crashes its process",
    Verdict.LARGE: "does not fit in memory",
}


def time_text(seconds: float | None) -> str:
    """`850 ns`, `12.3 µs`, `4.56 ms`, `1.2 s`, `3 min 20 s`, `2 h 3 min`; `unknown`."""
    if seconds is None or seconds - seconds != 0:
        return "unknown"
    if seconds <= 0:
        return "0 s"
    for most, times, unit in _TIMES:
        if seconds * times < 999.5 and seconds < most:
            return f"{three(seconds * times)} {unit}"
    whole = round(seconds)
    days, hours, minutes, rest = whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    parts = [f"{n:,} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")) if n]
    return " ".join(parts[:2])


def signed(seconds: float) -> str:
    """`+1.2 s`, `−3 ms`."""
    return f"{'+' if seconds > 0 else '−'}{time_text(abs(seconds))}"


def rate_text(flops: float) -> str:
    """`98.7 Tflop/s`."""
    return f"{_scaled(flops)}flop/s"


def copy_text(rate: float) -> str:
    """`3.35 TB/s`."""
    return f"{_scaled(rate)}B/s"


def bytes_text(amount: float) -> str:
    """`56 MB`; thousands, as disks and networks count."""
    return f"{_scaled(amount)}B"


def share_text(share: float | None) -> str:
    """`41 %`, `0.3 %`, `under 0.1 %`; empty where it is not known."""
    if share is None or share - share != 0:
        return ""
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{share * 100:.1f} %" if share < 0.0995 else f"{share * 100:.0f} %"


def error_text(error: float | None) -> str:
    """`0.19 %`, `2.1e-06`, `exact`, `not a number`; empty where nothing was compared."""
    if error is None:
        return ""
    if error != error:
        return "not a number"
    if error == 0:
        return "exact"
    if error == float("inf"):
        return "infinite"
    return f"{error:.1e}" if error < 1e-4 or error >= 10 else f"{error * 100:.2g} %"


def times_text(ratio: float) -> str:
    """`1.4 times`."""
    return f"{three(ratio)} times"


def count_text(number: int, noun: str) -> str:
    """`1 operator`, `1,234 operators`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """`a, b and c`, `a, b, c and 4 more`."""
    names = list(names)
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def short(operator: str) -> str:
    """`addmm` for `aten.addmm.default`, `add.Scalar` for `aten.add.Scalar`."""
    return operator.removeprefix("aten.").removesuffix(".default")


def three(number: float) -> str:
    """A number of three digits at most: `1.23`, `12.3`, `123`, `1230`."""
    text = f"{number:.2f}" if number < 9.995 else f"{number:.1f}" if number < 99.95 else f"{number:.0f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _scaled(number: float) -> str:
    if number - number != 0:
        return "unknown "
    for unit in UNITS:
        if number < 999.5 or unit == UNITS[-1]:
            return f"{three(number)} {unit}"
        number /= 1000
    raise AssertionError
