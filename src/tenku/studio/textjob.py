"""A text job: from its parameters to a chat, and from the chat to a checked answer."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tenku.base.errors import JobError, UsageError
from tenku.studio.chatform import text_of
from tenku.studio.grammar import check_grammar
from tenku.studio.model import JobSpec, Kind, Output, Progress, Usage
from tenku.studio.ports import Made, Step
from tenku.studio.schema import check_schema, fault

PARAMETERS = ("messages", "system", "schema", "temperature", "max_tokens", "top_p", "stop", "thinking")
TRIES = 4
"""The first one and three more, each with a seed of its own."""
MAX_TOKENS = 1024
WARMER = 0.4
"""The least temperature of a new try: at 0 it would be the same answer."""
CUT = "the answer was cut at max_tokens"
NEXT_SEED = 0x9E3779B1
"""From one try to the next: far from the seeds of neighbours in a batch."""

Stream = Callable[[Mapping[str, Any]], Iterator[Mapping[str, Any]]]
"""A chat request to its chunks, the last of them with `usage`."""


@dataclass(frozen=True, kw_only=True)
class _Answer:
    text: str
    cut: bool
    """It ended because there were no tokens left."""


def run_text(spec: JobSpec, stream: Stream, *, report: Callable[[Step], None]) -> Made:
    """Do a text job; its one output is `item.json` where there is a schema, else `text.txt`.

    An answer that does not hold what the schema says is thrown away and asked for again, three times at most.

    Raises:
        JobError: the parameters make no sense, or no answer was good.
    """
    request = request_of(spec)
    schema = spec.parameters.get("schema")
    tokens, began, why = _Tokens(), time.monotonic(), ""
    for number in range(TRIES):
        answer = _ask(_with_try(request, number), stream, tokens, report)
        why, outputs = judge(answer.text, schema, cut=answer.cut)
        if not why:
            usage = Usage(
                seconds=time.monotonic() - began, prompt_tokens=tokens.prompt, completion_tokens=tokens.completion
            )
            return Made(outputs=outputs, usage=usage)
    raise JobError(f"{spec.model} gave no good answer in {TRIES} tries; in the last, {why}.", hint=_advice(why))


def request_of(spec: JobSpec) -> dict[str, Any]:
    """The chat request of a job: its `messages`, or else its prompt. Raises JobError."""
    if spec.kind is not Kind.TEXT:
        raise JobError(f"This model makes text, and no {spec.kind.value}.", hint="See `tenku models`.")
    given = spec.parameters
    if unknown := sorted(given.keys() - set(PARAMETERS)):
        raise JobError(f"A text job has no parameter {unknown[0]!r}.", hint=f"It has {', '.join(PARAMETERS)}.")
    messages = given.get("messages") or [{"role": "user", "content": spec.prompt}]
    if not isinstance(messages, list | tuple):
        raise JobError("`messages` is no list.", hint='[{"role": "user", "content": "…"}]')
    if not given.get("messages") and not spec.prompt.strip():
        raise JobError("A text needs a prompt.", hint="Say what is wanted, like 'a fire sword'.")
    if given.get("system"):
        messages = [{"role": "system", "content": given["system"]}, *messages]
    request: dict[str, Any] = {"messages": list(messages), "seed": spec.seed, "max_tokens": MAX_TOKENS}
    request |= {key: given[key] for key in ("temperature", "max_tokens", "top_p", "stop") if given.get(key) is not None}
    if given.get("thinking") is not None:
        request["chat_template_kwargs"] = {"enable_thinking": bool(given["thinking"])}
    if given.get("schema") is not None:
        request["response_format"] = _form(given["schema"])
    return request


def judge(text: str, schema: Any, *, cut: bool) -> tuple[str, tuple[Output, ...]]:
    """Why an answer is not good, as part of a sentence, and the outputs of a good one."""
    text = _without_thoughts(text).strip()
    if not text:
        return CUT if cut else "nothing was said", ()
    if schema is None:
        return "", (Output(name="text.txt", media_type="text/plain; charset=utf-8", data=f"{text}\n".encode()),)
    try:
        item = json.loads(text)
    except (ValueError, RecursionError):
        return CUT if cut else "the answer was no JSON", ()
    why = fault(item, schema) or cut_text(item, schema)
    data = json.dumps(item, indent=2, ensure_ascii=False).encode() + b"\n"
    return why, () if why else (Output(name="item.json", media_type="application/json", data=data),)


def cut_text(item: Any, schema: Any, place: str = "") -> str:
    """Where a text was cut at its maxLength in the middle of a sentence, as part of one; empty: nowhere.

    A grammar cannot know where a sentence ends; it only stops the model there.
    """
    if not isinstance(schema, Mapping):
        return ""
    if isinstance(item, str):
        longest = schema.get("maxLength")
        if (
            isinstance(longest, int)
            and len(item) >= longest
            and " " in item.strip()
            and item[-1] not in ".!?…\"')。！？"
        ):
            return f"the text at {place or 'its top'} was cut at its {longest} characters"
        return ""
    if isinstance(item, Mapping):
        inner = schema.get("properties")
        pairs = [(key, item[key], inner[key]) for key in inner if key in item] if isinstance(inner, Mapping) else []
    else:
        pairs = [(str(at), each, schema.get("items")) for at, each in enumerate(item)] if isinstance(item, list) else []
    return next(filter(None, (cut_text(each, below, f"{place}.{key}".strip(".")) for key, each, below in pairs)), "")


def _form(schema: Any) -> dict[str, Any]:
    check_grammar(schema)
    try:
        check_schema(schema, where="The schema")
    except UsageError as error:
        raise JobError(str(error), hint=error.hint) from error
    return {"type": "json_schema", "json_schema": {"name": "item", "schema": schema}}


def _with_try(request: Mapping[str, Any], number: int) -> dict[str, Any]:
    if not number:
        return dict(request)
    temperature = request.get("temperature", 1)
    warmer = {"temperature": WARMER} if isinstance(temperature, int | float) and temperature < WARMER else {}
    return {**request, **warmer, "seed": (request["seed"] + number * NEXT_SEED) % 2**31}


class _Tokens:
    """What all tries took together."""

    def __init__(self) -> None:
        self.prompt = 0
        self.completion = 0

    def add(self, usage: Mapping[str, Any]) -> None:
        self.prompt += usage.get("prompt_tokens") or 0
        self.completion += usage.get("completion_tokens") or 0


def _ask(request: Mapping[str, Any], stream: Stream, tokens: _Tokens, report: Callable[[Step], None]) -> _Answer:
    text, count, cut = "", 0, False
    for chunk in stream(request):
        if new := text_of(chunk):
            text, count = text + new, count + 1
            report(Step(Progress(count, int(request["max_tokens"]), "tokens"), text.encode()))
        cut = cut or any(each.get("finish_reason") == "length" for each in chunk.get("choices") or ())
        tokens.add(chunk.get("usage") or {})
    return _Answer(text=text, cut=cut)


def _without_thoughts(text: str) -> str:
    """What stands behind `</think>`, where a server leaves thoughts in the answer."""
    return text.rpartition("</think>")[2] if text.lstrip().startswith("<think>") else text


def _advice(why: str) -> str:
    return "Allow more max_tokens." if "max_tokens" in why else "Take a larger model, or ask for less at once."
