"""Counters, gauges, histograms and summaries in the Prometheus text format 0.0.4.

Written here rather than taken from prometheus_client because `base` is standard library only, and because this part
of the format is a page: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MILLISECONDS = (1, 2, 5, 10, 15, 20, 30, 50, 75, 100, 150, 250, 500, 1000)
"""Bounds for delays of a stream."""

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")

Values = tuple[str, ...]


class Metric:
    """One metric family: a name, a help text, and a sample for each combination of label values."""

    kind: ClassVar[str]
    reserved: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, name: str, about: str, *, labels: Sequence[str] = ()) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a metric: letters, digits, _ and : only.")
        for label in labels:
            if not _LABEL.fullmatch(label) or label in self.reserved:
                raise ValueError(f"{label!r} cannot be a label of the {self.kind} {name}.")
        if len(set(labels)) < len(labels):
            raise ValueError(f"{name} names a label twice: {', '.join(labels)}.")
        self.name = name
        self.about = about
        self.labels = tuple(labels)

    def lines(self) -> Iterator[str]:
        """The family as text: HELP, TYPE, then its samples."""
        yield f"# HELP {self.name} {_escape_help(self.about)}"
        yield f"# TYPE {self.name} {self.kind}"
        yield from self._samples()

    def _samples(self) -> Iterator[str]:
        raise NotImplementedError

    def _key(self, labels: Mapping[str, str]) -> Values:
        if labels.keys() != set(self.labels):
            raise ValueError(f"{self.name} has the labels ({', '.join(self.labels)}), not ({', '.join(labels)}).")
        return tuple(labels[label] for label in self.labels)

    def _sample(self, values: Values, number: float, *, suffix: str = "", extra: str = "") -> str:
        pairs = [f'{name}="{_escape_value(value)}"' for name, value in zip(self.labels, values, strict=True)]
        inside = ",".join([*pairs, extra] if extra else pairs)
        braced = f"{{{inside}}}" if inside else ""
        return f"{self.name}{suffix}{braced} {_number(number)}"


class _Number(Metric):
    """Base of the metrics that are one number for each combination of label values."""

    def __init__(self, name: str, about: str, *, labels: Sequence[str] = ()) -> None:
        super().__init__(name, about, labels=labels)
        self._numbers: dict[Values, float] = {} if labels else {(): 0.0}

    def add(self, amount: float = 1, **labels: str) -> None:
        """Change it by `amount`."""
        key = self._key(labels)
        self._numbers[key] = self._numbers.get(key, 0.0) + amount

    def forget(self, **labels: str) -> None:
        """Drop the sample of something that is gone, such as an ended session."""
        self._numbers.pop(self._key(labels), None)

    def _samples(self) -> Iterator[str]:
        for values, number in self._numbers.items():
            yield self._sample(values, number)


class Counter(_Number):
    """A number that only rises; by custom its name ends in `_total`."""

    kind = "counter"

    def add(self, amount: float = 1, **labels: str) -> None:
        """Count `amount` more; it cannot be negative."""
        if amount < 0:
            raise ValueError(f"The counter {self.name} cannot fall by {-amount}.")
        super().add(amount, **labels)


class Gauge(_Number):
    """A number that rises and falls."""

    kind = "gauge"

    def set(self, number: float, **labels: str) -> None:
        """It is this now."""
        self._numbers[self._key(labels)] = number


@dataclass(slots=True)
class _Heap:
    counts: list[int]
    total: float = 0.0


class Histogram(Metric):
    """How often a number fell under each of some bounds: may be added up over machines."""

    kind = "histogram"
    reserved = frozenset({"le"})

    def __init__(
        self, name: str, about: str, *, bounds: Iterable[float] = MILLISECONDS, labels: Sequence[str] = ()
    ) -> None:
        super().__init__(name, about, labels=labels)
        self._bounds = tuple(float(bound) for bound in bounds if bound != math.inf)
        if not self._bounds or list(self._bounds) != sorted(set(self._bounds)):
            raise ValueError(f"The bounds of {name} must rise: {self._bounds}.")
        self._heaps: dict[Values, _Heap] = {} if labels else {(): self._empty()}

    def observe(self, number: float, **labels: str) -> None:
        """Count one measured number."""
        key = self._key(labels)
        heap = self._heaps.get(key) or self._heaps.setdefault(key, self._empty())
        # A bound belongs to its own bucket ("less or equal"), hence the left side.
        heap.counts[bisect_left(self._bounds, number)] += 1
        heap.total += number

    def forget(self, **labels: str) -> None:
        """Drop the samples of something that is gone."""
        self._heaps.pop(self._key(labels), None)

    def _empty(self) -> _Heap:
        return _Heap([0] * (len(self._bounds) + 1))

    def _samples(self) -> Iterator[str]:
        for values, heap in self._heaps.items():
            below = 0
            for bound, count in zip((*self._bounds, math.inf), heap.counts, strict=True):
                below += count
                yield self._sample(values, below, suffix="_bucket", extra=f'le="{_number(bound)}"')
            yield self._sample(values, heap.total, suffix="_sum")
            yield self._sample(values, below, suffix="_count")


@dataclass(frozen=True, slots=True)
class Quantiles:
    """What a summary shows for one combination of labels; NaN where nothing was measured."""

    values: Mapping[float, float] = field(default_factory=dict)
    count: int = 0
    total: float = 0.0


class Summary(Metric):
    """Quantiles that somebody else worked out, such as p50 and p95 of the last seconds."""

    kind = "summary"
    reserved = frozenset({"quantile"})

    def __init__(self, name: str, about: str, *, labels: Sequence[str] = ()) -> None:
        super().__init__(name, about, labels=labels)
        self._shown: dict[Values, Quantiles] = {}

    def set(self, quantiles: Quantiles, **labels: str) -> None:
        """Show these from now on. `count` and `total` are of all time and never fall."""
        for share in quantiles.values:
            if not 0 <= share <= 1:
                raise ValueError(f"{share} is no quantile of {self.name}: 0 to 1.")
        self._shown[self._key(labels)] = quantiles

    def forget(self, **labels: str) -> None:
        """Drop the samples of something that is gone."""
        self._shown.pop(self._key(labels), None)

    def _samples(self) -> Iterator[str]:
        for values, shown in self._shown.items():
            for share, number in sorted(shown.values.items()):
                yield self._sample(values, number, extra=f'quantile="{_number(share)}"')
            yield self._sample(values, shown.total, suffix="_sum")
            yield self._sample(values, shown.count, suffix="_count")


M = TypeVar("M", bound=Metric)


class Registry:
    """The metrics of one process, in the order in which they were added."""

    def __init__(self) -> None:
        self._metrics: dict[str, Metric] = {}

    def add(self, metric: M) -> M:
        """Keep a metric and hand it back. No two may claim one sample name."""
        taken = {name for each in self._metrics.values() for name in _sample_names(each)}
        clash = taken & _sample_names(metric)
        if clash:
            raise ValueError(f"Two metrics are called {min(clash)}.")
        self._metrics[metric.name] = metric
        return metric

    def text(self) -> str:
        """Everything, as `GET /metrics` answers it with `CONTENT_TYPE`."""
        lines = [line for metric in self._metrics.values() for line in metric.lines()]
        return "".join(f"{line}\n" for line in lines)


def _sample_names(metric: Metric) -> set[str]:
    suffixes = {"histogram": ("", "_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}
    return {metric.name + suffix for suffix in suffixes.get(metric.kind, ("",))}


def _escape_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _escape_value(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(float(number))
