"""What a progress bar shows: amounts and times in, one line of text out."""

from collections import deque
from math import ceil

from tenku.cli.amounts import bytes_text, count_text, seconds_text

WINDOW_S = 5.0
"""The rate is that of so many seconds: long enough to be calm, short enough to be true."""
FOREVER_S = 30 * 86400
"""More time than this is left out: the rate is too small to say anything."""
BYTES = "B"
"""The unit that is written as kB, MB and so on; others are nouns, like `file`."""
BAR, SHORTEST = 24, 6
"""Letters of the bar."""
NUMBERS = 72
"""Letters that all else may need."""
LABEL = 12


class Speed:
    """How fast amounts come in, by their times in seconds of any rising clock."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, done: int, *, now: float) -> None:
        """So much is done by now."""
        self._samples.append((now, done))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW_S:
            self._samples.popleft()

    def rate(self) -> float:
        """Units a second over the window; 0 where nothing can be said yet."""
        if len(self._samples) < 2:
            return 0.0
        (start, before), (end, after) = self._samples[0], self._samples[-1]
        return (after - before) / (end - start) if end > start else 0.0


def progress_line(label: str, *, done: int, total: int, unit: str, rate: float, width: int, detail: str = "") -> str:
    """One line of at most `width` letters; the bar goes first where there is little room, then the rate.

    Args:
        detail: what is going on within one of them, like `step 12 of 20`.
    """
    label = label[:1].upper() + label[1:]
    if total <= 0:
        return _cut(f"{label} …", width)
    done = min(max(done, 0), total)
    share = done / total
    amount = f"{bytes_text(done) if unit == BYTES else f'{done:,}'} of {_amount(total, unit)}"
    speed = [f"{bytes_text(rate) if unit == BYTES else f'{rate:,.0f}'}/s"] if rate > 0 else []
    if done < total and rate * FOREVER_S > total:
        speed.append(f"{seconds_text(ceil((total - done) / rate))} left")
    # Rounded down: 100 % is said when it is true.
    percent = f"{int(share * 100):>3} %"
    # By the width alone, so that it does not grow and shrink with the numbers beside it.
    letters = min(BAR, width - NUMBERS)
    bar = ["█" * int(share * letters) + "░" * (letters - int(share * letters))] if letters >= SHORTEST else []
    more = [detail] if detail and done < total else []
    for parts in (
        [*bar, percent, amount, *more, *speed],
        [*bar, percent, amount, *more],
        [percent, amount, *more, *speed],
        [percent, amount, *more],
        [percent, amount],
        [percent],
    ):
        line = "  ".join([f"{label:<{LABEL}}", *parts])
        if len(line) <= width:
            return line
    return _cut(f"{label} {percent.strip()}", width)


def plain_line(label: str, *, total: int, unit: str) -> str:
    """The line that stands for a whole phase in a log."""
    label = label[:1].upper() + label[1:]
    return f"{label}: {_amount(total, unit)}" if total > 0 else label


def _amount(amount: int, unit: str) -> str:
    return bytes_text(amount) if unit == BYTES else count_text(amount, unit)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
