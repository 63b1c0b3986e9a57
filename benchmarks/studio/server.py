"""What our server costs: `tenku serve` beside the same llama.cpp called directly, taking turns in one run."""

import concurrent.futures
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import xllamacpp

from tenku.studio.engines.llama import BATCH
from tenku.studio.model import InstalledModel, Kind
from tenku.studio.models import Models

MODEL = "smollm2"
SLOTS = STREAMS = 8
CONTEXT = 1024
"""Tokens of one chat, for both."""
TOKENS = 96
PATIENCE_S = 120.0
PROMPT = "You keep the ledger of a small island kingdom. " * 12 + "Tell what happened in the year {}."

Chunk = Callable[[], None]
Ask = Callable[[Mapping[str, Any], Chunk], None]
"""Sends a chat, and calls back at each piece of the answer."""


@dataclass(frozen=True)
class Stream:
    """One answer as it came."""

    first_s: float
    """From the request to the first piece."""
    pieces: int
    seconds: float
    """From the first piece to the last."""

    @property
    def rate(self) -> float:
        """Pieces, which are tokens, a second."""
        return (self.pieces - 1) / self.seconds


def measure(model: Path, *, rounds: int) -> dict[str, list[float]]:
    """Seconds to the first token, tokens a second of one stream, and of eight together; for both, a value a round."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="tenku-bench-") as folder, served(Path(folder), model) as ours:
        ways: dict[str, Ask] = {"tenku": ours, "direct": _direct(model)}
        for number in range(rounds + 1):
            # The one that begins changes, so that neither has the warmer machine every time.
            for name in sorted(ways, reverse=bool(number % 2)):
                one, together = _one(ways[name], number), _together(ways[name], number)
                if number:  # the first round reads the weights from the disk
                    found.setdefault(f"{name} first", []).append(one.first_s)
                    found.setdefault(f"{name} rate", []).append(one.rate)
                    found.setdefault(f"{name} together", []).append(together)
    return found


def _one(ask: Ask, number: int) -> Stream:
    return _streamed(ask, _chat(number))


def _together(ask: Ask, number: int) -> float:
    """Tokens a second of all streams, from the first request to the last token."""
    chats = [_chat(1000 * (number + 1) + each) for each in range(STREAMS)]
    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(STREAMS) as pool:
        streams = list(pool.map(lambda chat: _streamed(ask, chat), chats))
    return sum(stream.pieces for stream in streams) / (time.perf_counter() - began)


def _streamed(ask: Ask, chat: Mapping[str, Any]) -> Stream:
    times: list[float] = []
    began = time.perf_counter()
    ask(chat, lambda: times.append(time.perf_counter()))
    return Stream(times[0] - began, len(times), times[-1] - times[0])


def _chat(number: int) -> dict[str, Any]:
    return {
        "model": MODEL,
        "messages": [{"role": "user", "content": PROMPT.format(number)}],
        "max_tokens": TOKENS,
        "temperature": 0,
        "stream": True,
        "ignore_eos": True,  # every answer has as many tokens as every other
        "cache_prompt": False,
    }


def _direct(model: Path) -> Ask:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.n_ctx, parameters.n_parallel = CONTEXT * SLOTS, SLOTS
    parameters.n_batch = parameters.n_ubatch = BATCH
    for each in (parameters.cpuparams, parameters.cpuparams_batch):
        each.n_threads, each.poll = _threads(), 0
    parameters.verbosity, parameters.warmup, parameters.cache_ram_mib = 1, False, 0
    server = xllamacpp.Server(parameters)

    def ask(chat: Mapping[str, Any], chunk: Chunk) -> None:
        def told(piece: Any) -> bool:
            if _has_text(piece):
                chunk()
            return False

        server.handle_chat_completions(dict(chat), told)

    return ask


@contextlib.contextmanager
def served(folder: Path, model: Path) -> Iterator[Ask]:
    """`tenku serve` with the model, as a client on loopback meets it."""
    with server(folder, model) as client:

        def ask(chat: Mapping[str, Any], chunk: Chunk) -> None:
            with client.stream("POST", "/v1/chat/completions", json=dict(chat)) as answer:
                answer.raise_for_status()
                for line in answer.iter_lines():
                    if line.startswith("data: {") and _has_text(json.loads(line[6:])):
                        chunk()

        yield ask


@contextlib.contextmanager
def server(folder: Path, model: Path) -> Iterator[httpx.Client]:
    """A server of its own folders, and a client that may use it."""
    own = {"XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "cache"}
    environment = {**os.environ, **{name: str(folder / each) for name, each in own.items()}}
    Models(folder / "data" / "tenku" / "studio").put(
        InstalledModel(
            name=MODEL,
            kind=Kind.TEXT,
            engine="llama",
            path="",
            hash="",
            size=0,
            licence="Apache-2.0",
            parameters={"slots": SLOTS, "context": CONTEXT, "threads": _threads()},
        ),
        model,
    )
    command = [sys.executable, "-m", "tenku.cli.main", "serve", "--port", "0", "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        headers = {"Authorization": f"Bearer {said['token']}"}
        with httpx.Client(base_url=said["url"], headers=headers, timeout=PATIENCE_S) as client:
            yield client
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _threads() -> int:
    return max(1, len(os.sched_getaffinity(0)) - 1)


def _has_text(piece: Mapping[str, Any]) -> bool:
    choices: Sequence[Mapping[str, Any]] = piece.get("choices", ())
    return any(choice.get("delta", {}).get("content") for choice in choices)


def ratios(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Ours over theirs: the median of each, by what was measured."""
    return {
        name: median(found[f"tenku {name}"]) / median(found[f"direct {name}"]) for name in ("first", "rate", "together")
    }
