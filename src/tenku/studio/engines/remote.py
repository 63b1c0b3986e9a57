"""Text from any server that speaks OpenAI's API: vLLM, SGLang, Ollama, llama-server."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

from tenku.studio.chatform import wants_usage, whole
from tenku.studio.chatrequest import checked
from tenku.studio.engines.pump import never
from tenku.studio.engines.remotehost import RemoteHost
from tenku.studio.model import InstalledModel, JobSpec
from tenku.studio.ports import Desk, Made, Step
from tenku.studio.textjob import run_text

AT_ONCE = 8
"""Requests, where the model does not say."""


def load(model: InstalledModel) -> "RemoteEngine":
    """The engine for a server that answers. Raises ModelError: it does not, or does not have the model.

    Its path and parameters: see `RemoteHost`.
    """
    engine = RemoteEngine(model, environment=os.environ)
    engine.check()
    return engine


class RemoteEngine:
    """One model on a server elsewhere. Its weights are not here, so their hash cannot be known."""

    def __init__(self, model: InstalledModel, *, environment: Mapping[str, str]) -> None:
        self._model = model
        self._host = RemoteHost(model, environment=environment, at_once=AT_ONCE)

    def check(self) -> None:
        """Raises ModelError: the server does not answer, or does not have the model."""
        self._host.check()

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
        answer = self._host.post("/embeddings", {**known, "model": self._host.name})
        return {**answer, "model": self._model.name}

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:  # noqa: ARG002
        """See `Engine.run`. Whether the same seed gives the same answer is up to the server."""
        return run_text(spec, lambda request: self._stream(checked(request), stop=stop), report=report)

    def close(self) -> None:
        """Nothing is held here."""

    def _stream(self, request: Mapping[str, Any], *, stop: Callable[[], bool] = never) -> Iterator[Mapping[str, Any]]:
        asked = {**request, "model": self._host.name, "stream": True, "stream_options": {"include_usage": True}}
        asked.pop("cache_prompt", None)
        chunks = self._host.things(lambda call, put: call.events("/chat/completions", asked, put), stop=stop)
        # Closed with this one: leaving the iteration ends the work there.
        with closing(chunks):
            for chunk in chunks:
                yield {**chunk, "model": self._model.name}
