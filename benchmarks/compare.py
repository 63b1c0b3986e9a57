"""Side by side: the same game, presses and reading for every design, in turn, several rounds."""

import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import browser, machine, measure, processes
from benchmarks.stream import Stream

SETTLE_S = 4.0
"""From the first picture to the first press: the encoder and the rate control have found their feet by then."""

Opener = Callable[[Path], AbstractContextManager[Stream]]


@dataclass(frozen=True)
class Round:
    """What one design did in one round; times in milliseconds."""

    design: str
    input_to_shown: float
    input_to_shown_p95: float
    streaming: float
    streaming_p95: float
    to_game: float
    game: float
    fps: float
    cpu: float
    """Of all server processes, per cent of one core."""
    pressed: int
    lost: int
    source: str
    size: tuple[int, int]
    """The smallest picture that was shown, in pixels."""
    megabits: float
    """What went over the loopback interface, in Mbit/s: the stream, on a machine that does nothing else."""
    sampling_ms: float
    stolen: float
    """Per cent of the machine that other guests of its host took meanwhile."""
    presses: list[measure.Press]


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one run, gone afterwards."""
    with TemporaryDirectory(prefix="tenku-bench-") as folder:
        yield Path(folder)


def compare(designs: dict[str, Opener], *, rounds: int, presses: int) -> list[Round]:
    """Every design in turn, A B C A B C."""
    done = []
    for number in range(rounds):
        for name, opener in designs.items():
            # The same dice for every design of a round: the same pauses between presses.
            one = play_round(name, opener, presses=presses, dice=random.Random(number))
            print(f"round {number + 1}: {describe(one)}", file=sys.stderr, flush=True)
            done.append(one)
    return done


def play_round(name: str, opener: Opener, *, presses: int, dice: random.Random) -> Round:
    """Start a design, press, read, end it."""
    with ExitStack() as stack:
        stream = stack.enter_context(opener(stack.enter_context(scratch())))
        watcher = stack.enter_context(browser.watcher(stack.enter_context(browser.chromium())))
        watcher.open(stream.url)
        watcher.wait(SETTLE_S)
        watcher.reset()
        before, start, ticks, carried = _cpu(stream), time.monotonic(), machine.ticks(), machine.loopback_bytes()
        watcher.press(times=presses, dice=dice)
        seconds, after = time.monotonic() - start, _cpu(stream)
        stolen = machine.stolen_percent(ticks, machine.ticks())
        carried = machine.loopback_bytes() - carried
        watcher.wait(1)
        seen, flips = watcher.watched(), stream.log.flips()
    pressed = measure.match(seen.keys_ns, flips, seen.samples)
    lost = presses - len(pressed)
    # A lost press counts as the patience that was had with it: losing must not look like being fast.
    whole = [press.input_to_shown_ms for press in pressed] + [measure.PATIENCE_NS / 1e6] * lost
    streaming = [press.streaming_ms for press in pressed]
    return Round(
        design=name,
        input_to_shown=measure.median(whole),
        input_to_shown_p95=measure.p95(whole),
        streaming=measure.median(streaming),
        streaming_p95=measure.p95(streaming),
        to_game=measure.median([press.to_game_ms for press in pressed]),
        game=measure.median([press.game_ms for press in pressed]),
        fps=measure.frames_per_second(seen.samples),
        cpu=100 * processes.spent(before, after) / seconds,
        pressed=presses,
        lost=lost,
        source=seen.source,
        size=seen.size,
        megabits=8 * carried / seconds / 1e6,
        sampling_ms=seen.sampling_ms,
        stolen=stolen,
        presses=pressed,
    )


def middle(rounds: Sequence[Round], design: str, value: str) -> float:
    """The median over a design's rounds of one of their values."""
    return measure.median([getattr(one, value) for one in rounds if one.design == design])


def describe(one: Round) -> str:
    return (
        f"{one.design}: input to shown {one.input_to_shown:.1f} / {one.input_to_shown_p95:.1f} ms, "
        f"streaming {one.streaming:.1f} ms, {one.fps:.1f} fps, CPU {one.cpu:.0f} %, "
        f"{one.lost} of {one.pressed} presses lost, {one.stolen:.0f} % stolen"
    )


def as_json(rounds: Sequence[Round]) -> list[dict[str, object]]:
    return [asdict(one) for one in rounds]


def _cpu(stream: Stream) -> dict[int, float]:
    return processes.cpu_seconds(stream.server())
