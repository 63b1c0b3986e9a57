"""What is asked of Tenku alone: the first picture, memory, and two sessions side by side."""

import csv
import io
import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser

from benchmarks import browser, measure, processes, tenku
from benchmarks.compare import SETTLE_S, scratch
from benchmarks.stream import Stream


@dataclass(frozen=True)
class Memory:
    """The session's own process, in MB, every few seconds."""

    resident: list[float]
    proportional: list[float]
    seconds: float

    @property
    def most(self) -> float:
        return max(self.resident)

    @property
    def growth(self) -> float:
        return measure.growth(self.proportional)


def first_pictures(*, times: int) -> list[float]:
    """Milliseconds from navigating to the first picture, for fresh pages on a ready session."""
    with scratch() as folder, tenku.stream(folder, sound=True) as stream, browser.chromium() as chromium:
        seen = [_first_picture(chromium, stream.url) for _ in range(times + 1)]
    return seen[1:]  # the first page of a browser also loads the browser's own code


def _first_picture(chromium: Browser, url: str) -> float:
    with browser.watcher(chromium) as watcher:
        watcher.open(url)
        milliseconds = watcher.first_picture_ms()
        watcher.wait(0.5)
    return milliseconds


def memory(*, seconds: float, every_s: float = 2) -> Memory:
    """Watch the memory of a session that is played."""
    resident, proportional = [], []
    with scratch() as folder, tenku.stream(folder, sound=True) as stream, browser.chromium() as chromium:
        pid = session_process(stream)
        with browser.watcher(chromium) as watcher:
            watcher.open(stream.url)
            watcher.wait(SETTLE_S)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                watcher.tap()
                watcher.reset()  # the page's own record would grow
                watcher.wait(every_s)
                resident.append(processes.resident_mb(pid))
                proportional.append(processes.proportional_mb(pid))
    return Memory(resident, proportional, seconds)


def skews(*, seconds: float) -> list[float]:
    """Milliseconds between sound and picture, frame by frame, as the page measured them while a tone played."""
    with (
        scratch() as folder,
        tenku.stream(folder, tone=True) as stream,
        browser.chromium() as chromium,
        browser.watcher(chromium) as watcher,
    ):
        watcher.open(stream.url)
        watcher.wait(SETTLE_S)
        since = time.monotonic()
        watcher.wait(seconds)
        with urllib.request.urlopen(f"{stream.url}/frames.csv") as answer:
            rows = list(csv.DictReader(io.TextIOWrapper(answer)))
    return [abs(float(row["skew_ms"])) for row in rows if row["skew_ms"] and float(row["at_s"]) >= since]


def session_process(stream: Stream) -> int:
    """The largest process of the server that is Tenku's own code."""
    own = [
        process.pid for process in stream.server() if "tenku" in processes.command_line(process.pid).split(" -- ")[0]
    ]
    return max(own, key=processes.resident_mb)


def pair(*, seconds: float) -> list[float]:
    """Frames per second of two 720p30 sessions that run side by side on two cores."""
    with two_cores(), ExitStack() as stack:
        folders = [stack.enter_context(scratch()) for _ in range(2)]
        streams = [stack.enter_context(tenku.stream(folder, fps=30)) for folder in folders]
        chromium = stack.enter_context(browser.chromium())
        watchers = [stack.enter_context(browser.watcher(chromium)) for _ in streams]
        for watcher, stream in zip(watchers, streams, strict=True):
            watcher.open(stream.url)
        watchers[0].wait(SETTLE_S)
        for watcher in watchers:
            watcher.reset()
        watchers[0].wait(seconds)
        return [measure.frames_per_second(watcher.watched().samples) for watcher in watchers]


@contextmanager
def two_cores() -> Iterator[None]:
    """Everything that is started meanwhile runs on two cores, however many there are."""
    every = os.sched_getaffinity(0)
    if len(every) < 2:
        print("this machine has one core; two sessions share it", file=sys.stderr)
    os.sched_setaffinity(0, sorted(every)[:2])
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)
