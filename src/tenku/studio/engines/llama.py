"""Text from GGUF weights by llama.cpp in this process, through xllamacpp."""

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import xllamacpp

from tenku.accel.devices import free_cores
from tenku.base.errors import JobError, ModelError
from tenku.studio.catalog import CONTEXT, SLOTS
from tenku.studio.chatform import parts, wants_usage, whole
from tenku.studio.chatrequest import checked
from tenku.studio.engines.pump import Pump, never
from tenku.studio.gguf import Header, read_header
from tenku.studio.model import InstalledModel, JobSpec, Json
from tenku.studio.ports import Desk, Made, Step
from tenku.studio.textjob import run_text
from tenku.studio.toolcalls import plan_tools

EMBED_TOKENS = 2048
BATCH = 256
"""Tokens of a prompt that are read at a time: other chats wait for so many, and so does who cancels."""
SEEDS = 2**32 - 1
"""llama.cpp takes the largest 32-bit seed for "any"."""


def load(model: InstalledModel) -> "LlamaEngine":
    """The engine with this model's weights. Raises ModelError.

    Parameters of the model: `context` (tokens of a chat), `slots` (chats at once), `threads` (0: the cores that are
    free), `gpu_layers` (all that fit, unless told otherwise).
    """
    header = read_header(Path(model.path))
    return LlamaEngine(model, header)


class LlamaEngine:
    """One model in memory; answers several chats at once."""

    def __init__(self, model: InstalledModel, header: Header) -> None:
        self._model = model
        self._context = _whole_number(model, "context", min(CONTEXT, header.context_length or CONTEXT))
        self._slots = _whole_number(model, "slots", SLOTS)
        self._server = _server(model, self._chat_parameters())
        self._embedder: Any = None
        self._lock = threading.Lock()
        self._pumps: list[Pump] = []

    def chat(self, request: Mapping[str, Any], *, stop: Callable[[], bool] = never) -> Iterator[Mapping[str, Any]]:
        """OpenAI's chat completion. Leaving the iteration ends the work. Raises JobError, CancelledJob."""
        wanted = checked(request)
        plan = plan_tools(wanted)
        if plan is not None:
            answer = plan.answer(whole(self._stream(checked(plan.request(wanted)), stop=stop)))
            yield from parts(answer, with_usage=wants_usage(wanted)) if wanted.get("stream") else (answer,)
        elif wanted.get("stream"):
            for chunk in self._stream(wanted, stop=stop):
                if chunk["choices"] or wants_usage(wanted):
                    yield chunk
        else:
            yield whole(self._stream(wanted, stop=stop))

    def embed(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """OpenAI's embeddings: the mean over a text's tokens, of length 1. Raises JobError."""
        with self._lock:
            if self._server is None:
                raise self._unloaded()
            if self._embedder is None:
                self._embedder = _server(self._model, self._embedding_parameters())
            embedder = self._embedder
        known = {key: request[key] for key in ("input", "encoding_format") if key in request}
        answer: dict[str, Any] = _called(embedder.handle_embeddings, known)
        if "error" in answer:
            raise _refusal(answer["error"])
        return {**answer, "model": self._model.name}

    def run(self, spec: JobSpec, *, desk: Desk, report: Callable[[Step], None], stop: Callable[[], bool]) -> Made:  # noqa: ARG002
        """See `Engine.run`. The same job gives the same answer, as long as no chat runs beside it."""
        return run_text(spec, lambda request: self._job_stream(request, stop), report=report)

    def close(self) -> None:
        """Free the memory, when the chats that run have ended."""
        with self._lock:
            pumps, self._pumps, self._server, self._embedder = self._pumps, [], None, None
        for pump in pumps:
            pump.end()

    def _job_stream(self, request: Mapping[str, Any], stop: Callable[[], bool]) -> Iterator[Mapping[str, Any]]:
        # A prompt that is half in the cache is computed in other pieces, which rounds differently.
        plain = {"cache_prompt": False, "chat_template_kwargs": {"enable_thinking": False}}
        return self._stream(checked({**plain, **request}), stop=stop)

    def _stream(self, request: Mapping[str, Any], *, stop: Callable[[], bool] = never) -> Iterator[Mapping[str, Any]]:
        """Chunks with something in them, the usage last."""
        # Progress of the prompt is asked for so that a chat can be left while a long one is read.
        asked = {**request, "stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
        if "seed" in asked:
            asked["seed"] = int(asked["seed"]) % SEEDS
        finished = False
        for chunk in self._pump(asked).things(stop=stop):
            if "error" in chunk:
                raise _refusal(chunk["error"])
            finished = finished or any(each.get("finish_reason") for each in chunk["choices"])
            if "prompt_progress" not in chunk:
                yield {**chunk, "model": self._model.name}
        if not finished:
            raise self._unloaded()

    def _pump(self, asked: Mapping[str, Any]) -> Pump:
        with self._lock:
            server = self._server
            if server is None:
                raise self._unloaded()
            pump = Pump(lambda put: _answer(server, asked, put), leave=lambda: None)
            self._pumps = [*(each for each in self._pumps if not each.ended), pump]
            return pump

    def _unloaded(self) -> JobError:
        return JobError(f"{self._model.name} is being unloaded.", hint="Try again.", again=True)

    def _chat_parameters(self) -> Any:
        parameters = self._parameters()
        parameters.n_ctx = self._context * self._slots
        parameters.n_parallel = self._slots
        parameters.n_batch = parameters.n_ubatch = BATCH
        return parameters

    def _embedding_parameters(self) -> Any:
        """For a second context on the same mapped weights: one that embeds computes all logits of every prompt."""
        parameters = self._parameters()
        size = min(self._context, EMBED_TOKENS)
        parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = size
        parameters.embedding = True
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        return parameters

    def _parameters(self) -> Any:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = self._model.path
        threads = _whole_number(self._model, "threads", 0) or free_cores()
        for each in (parameters.cpuparams, parameters.cpuparams_batch):
            each.n_threads = threads
            each.poll = 0  # spinning threads take the cores that games need
        if "gpu_layers" in self._model.parameters:
            parameters.n_gpu_layers = _whole_number(self._model, "gpu_layers", 0)
        parameters.verbosity = 1
        parameters.warmup = False
        parameters.cache_ram_mib = 0  # by default up to 8 GiB, which nobody would have counted
        # It also listens on a port of this machine, for which everybody else on it lacks the key.
        parameters.api_keys = [token_hex(32)]
        parameters.ui = False
        parameters.endpoint_slots = False
        return parameters


def _server(model: InstalledModel, parameters: Any) -> Any:
    try:
        return xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise ModelError(
            f"llama.cpp cannot load {model.name} from {model.path}: {error}",
            hint="Its own words are above. Too little memory? Make the model's `context` or `slots` smaller.",
        ) from error


def _answer(server: Any, asked: Mapping[str, Any], put: Callable[[Any], bool]) -> None:
    _called(server.handle_chat_completions, asked, lambda chunk: not put(chunk))


def _called(handle: Callable[..., Any], *arguments: Any) -> Any:
    """What llama.cpp answers. Raises JobError: it refuses the request."""
    try:
        return handle(*arguments)
    except (ValueError, RuntimeError) as error:
        text = str(error).rpartition("Automatic parser generation failed: ")[2]
        raise JobError(f"llama.cpp refuses the request: {text[:400]}") from error


def _refusal(error: Mapping[str, Any]) -> JobError:
    if error.get("type") == "exceed_context_size_error":
        return JobError(
            f"The prompt has {error['n_prompt_tokens']} tokens, and a chat with this model may have {error['n_ctx']}.",
            hint="Shorten it, or give the model a larger `context`.",
        )
    return JobError(f"llama.cpp refuses the request: {str(error.get('message', error))[:400]}")


def _whole_number(model: InstalledModel, name: str, default: int) -> int:
    value: Json = model.parameters.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1 << 24:
        raise ModelError(f"{model.name} has the {name} {value!r}, which is no sensible number.", hint="Add it again.")
    return value
