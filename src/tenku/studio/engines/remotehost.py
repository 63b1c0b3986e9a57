"""One model on a server elsewhere that speaks OpenAI's API: what engines of text and of speech both need of it."""

import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from tenku.base.errors import JobError, ModelError
from tenku.studio.engines.call import Call, place
from tenku.studio.engines.pump import Patience, Pump, never
from tenku.studio.engines.web import PAUSE_S, TRIES, Away, api_key, check_url, connect, number_of, wait
from tenku.studio.model import InstalledModel

Put = Callable[[Any], bool]
Asking = Callable[[Call, Put], None]
"""Makes one request, and gives what comes to `Put`, as `Call.events` and `Call.blocks` do."""


@dataclass(frozen=True, kw_only=True)
class _Limits:
    at_once: int
    connect_s: float
    first_s: float
    next_s: float


class RemoteHost:
    """The server. Blocks; any thread may ask.

    The model's path is the base URL, like `http://127.0.0.1:8000/v1`. Its parameters: `remote_model` (its name there),
    `key_variable` (the environment variable with the API key), `at_once` (requests), `connect_s`, `first_s` (until
    something comes), `next_s` (from one piece to the next).

    Raises:
        ModelError: one of them cannot be used.
    """

    def __init__(self, model: InstalledModel, *, environment: Mapping[str, str], at_once: int) -> None:
        self._model = model
        self._url = check_url(model.path)
        self.name = str(model.parameters.get("remote_model") or model.name)
        """What the model is called there."""
        self._limits = _Limits(
            at_once=max(1, int(number_of(model, "at_once", at_once))),
            connect_s=number_of(model, "connect_s", 5.0),
            first_s=number_of(model, "first_s", 120.0),
            next_s=number_of(model, "next_s", 30.0),
        )
        self._key = api_key(model, environment)
        self._places = threading.BoundedSemaphore(self._limits.at_once)

    def check(self) -> None:
        """Raises ModelError: the server does not answer, or does not have the model."""
        try:
            answer = self.get("/models")
        except (Away, JobError) as error:
            raise ModelError(
                f"{self._model.name}: {str(error).rstrip('.')}.", hint="Is the server running, and the URL right?"
            ) from error
        rows = answer.get("data")
        names = [str(row.get("id")) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
        if names and self.name not in names:
            raise ModelError(
                f"{self._model.path} has no model {self.name}.", hint=f"It has {', '.join(sorted(names))[:400]}."
            )

    def get(self, path: str) -> dict[str, Any]:
        """What the server answers at once. Raises Away, JobError."""
        return self._call(self._limits.connect_s).answer("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What the server answers, asked once. Raises JobError: `again`, where it is away."""
        with place(self._places, never):
            try:
                return self._call(self._limits.first_s).answer("POST", path, body)
            except Away as error:
                raise JobError(str(error), hint="Try again later.", again=True) from error

    def things(self, asking: Asking, *, stop: Callable[[], bool]) -> Generator[Any]:
        """What comes, piece by piece; a server that is away at first is asked again. Leaving ends the work there.

        Raises:
            CancelledJob: `stop` said so, also while the server says nothing.
            JobError: `again`, where the server went away.
        """
        with place(self._places, stop):
            for number in range(1, TRIES + 1):
                begun = False
                try:
                    for thing in self._pump(asking).things(stop=stop, patience=self._patience()):
                        begun = True
                        yield thing
                    return
                except Away as error:
                    # What was already given on cannot be taken back: once something came, the queue tries later.
                    if begun or number == TRIES:
                        raise JobError(f"{self._model.name}: {error}", hint="Try again later.", again=True) from error
                wait(PAUSE_S * 2 ** (number - 1), stop)

    def _pump(self, asking: Asking) -> Pump:
        # Whoever waits looks at the clock himself; the socket is shut where it takes too long.
        call = self._call(None)
        return Pump(lambda put: asking(call, put), leave=call.leave)

    def _patience(self) -> Patience:
        return Patience(self._limits.connect_s + self._limits.first_s, self._limits.next_s)

    def _call(self, read_s: float | None) -> Call:
        return Call(connect(self._url, connect_s=self._limits.connect_s, read_s=read_s), self._url, self._key)
