"""Numbers as people read them: bytes, seconds, counts, days."""

from datetime import UTC, datetime

UNITS = ("kB", "MB", "GB", "TB")
HELD = "waits for players"


def bytes_text(amount: float) -> str:
    """`999 B`, `56.0 MB`, `1.2 GB`; thousands, as disks and networks count."""
    if amount < 999.5:
        return f"{amount:.0f} B"
    for unit in UNITS:
        amount /= 1000
        if amount < 999.95 or unit == UNITS[-1]:
            return f"{amount:.1f} {unit}"
    raise AssertionError


def seconds_text(seconds: float) -> str:
    """`0.6 s`, `14 s`, `1 min 5 s`, `2 h 3 min`, `3 d 4 h`: the two largest units."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f}".removesuffix(".0") + " s"
    whole = max(0, round(seconds))
    days, hours, minutes, rest = whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    parts = [
        f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")) if number
    ]
    return " ".join(parts[:2])


def count_text(number: int, noun: str) -> str:
    """`1 file`, `1,234 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def date_text(seconds: int) -> str:
    """`2026-11-21 22:52 UTC`."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
