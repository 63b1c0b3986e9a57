"""Text from any server that speaks OpenAI's API: vLLM, SGLang, Ollama, llama-server."""

import http.client
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tenku.base.errors import JobError, ModelError
from tenku.studio.chatform import wants_usage, whole
from tenku.studio.chatrequest import checked
from tenku.studio.engines.call import Call, place
from tenku.studio.engines.pump import Patience, Pump, never
from tenku.studio.engines.web import PAUSE_S, TRIES, Away, api_key, check_url, connect, number_of, wait
from tenku.studio.model import InstalledModel, JobSpec
from tenku.studio.ports import Desk, Made, Step
from tenku.studio.textjob import run_text


def load(model: InstalledModel) -> "RemoteEngine":
    """The engine for a server that answers. Raises ModelError: it does not, or does not have the model.

    The model's path is the base URL, like `http://127.0.0.1:8000/v1`. Parameters: `remote_model` (its name there),
    `key_variable` (the environment variable with the API key), `at_once` (requests), `connect_s`, `first_s` (to the
    first token), `next_s` (between tokens).
    """
    engine = RemoteEngine(model, environment=os.environ)
    engine.check()
    return engine


@dataclass(frozen=True, kw_only=True)
class _Limits:
    at_once: int
    connect_s: float
    first_s: float
    next_s: float


class RemoteEngine:
    """One model on a server elsewhere. Its weights are not here, so their hash cannot be known."""

    def __init__(self, model: InstalledModel, *, environment: Mapping[str, str]) -> None:
        self._model = model
        self._url = check_url(model.path)
        self._name = str(model.parameters.get("remote_model") or model.name)
        self._limits = _limits(model)
        self._key = api_key(model, environment)
        self._places = threading.BoundedSemaphore(self._limits.at_once)

    def check(self) -> None:
        """Raises ModelError: the server does not answer, or does not have the model."""
        try:
            answer = self._json("GET", "/models", None)
        except (Away, JobError) as error:
            raise ModelError(
                f"{self._model.name}: {error}", hint="Is the server running, and the URL right?"
            ) from error
        rows = answer.get("data")
        names = [str(row.get("id")) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
        if names and self._name not in names:
            raise ModelError(
                f"{self._model.path} has no model {self._name}.", hint=f"It has {', '.join(sorted(names))[:400]}."
            )

    def chat(self, request: Mapping[str, Any], *, stop: Callable[[], bool] = never) -> Iterator[Mapping[str, Any]]:
        """OpenAI's chat completion. Leaving the iteration ends the work there too. Raises JobError, CancelledJob."""
        wanted = checked(request)
        if not wanted.get("stream"):
            yield whole(self._stream(wanted, stop=stop))
            return
        for chunk in self._stream(wanted, stop=stop):
            if chunk.get("choices") or wants_usage(wanted):
                yield chunk

    def embed(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """OpenAI's embeddings. Raises JobError."""
        known = {key: request[key] for key in ("input", "encoding_format", "dimensions") if key in request}
        with place(self._places, never):
            try:
                answer = self._json("POST", "/embeddings", {**known, "model": self._name})
            except Away as error:
                raise JobError(str(error), hint="Try again later.", again=True) from error
        return {**answer, "model": self._model.name}

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:  # noqa: ARG002
        """See `Engine.run`. Whether the same seed gives the same answer is up to the server."""
        return run_text(spec, lambda request: self._stream(checked(request), stop=stop), report=report)

    def close(self) -> None:
        """Nothing is held here."""

    def _stream(self, request: Mapping[str, Any], *, stop: Callable[[], bool] = never) -> Iterator[Mapping[str, Any]]:
        asked = {**request, "model": self._name, "stream": True, "stream_options": {"include_usage": True}}
        asked.pop("cache_prompt", None)
        with place(self._places, stop):
            for number in range(1, TRIES + 1):
                begun = False
                try:
                    for chunk in self._once(asked, stop):
                        begun = True
                        yield {**chunk, "model": self._model.name}
                    return
                except Away as error:
                    # What was already shown cannot be taken back, so nothing is asked again once a token came.
                    if begun or number == TRIES:
                        raise JobError(f"{self._model.name}: {error}", hint="Try again later.", again=True) from error
                wait(PAUSE_S * 2 ** (number - 1), stop)

    def _once(self, asked: Mapping[str, Any], stop: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:
        call = Call(self._connection(), self._url, self._key)
        pump = Pump(lambda put: call.events("/chat/completions", asked, put), leave=call.leave)
        patience = Patience(self._limits.connect_s + self._limits.first_s, self._limits.next_s)
        yield from pump.things(stop=stop, patience=patience)

    def _json(self, method: str, path: str, body: Any) -> dict[str, Any]:
        connection = self._connection(read_s=self._limits.first_s if body else self._limits.connect_s)
        return Call(connection, self._url, self._key).answer(method, path, body)

    def _connection(self, *, read_s: float | None = None) -> http.client.HTTPConnection:
        # Whoever waits for a stream looks at the clock himself; the socket is shut where that takes too long.
        return connect(self._url, connect_s=self._limits.connect_s, read_s=read_s)


def _limits(model: InstalledModel) -> _Limits:
    return _Limits(
        at_once=max(1, int(number_of(model, "at_once", 8))),
        connect_s=number_of(model, "connect_s", 5.0),
        first_s=number_of(model, "first_s", 120.0),
        next_s=number_of(model, "next_s", 30.0),
    )
