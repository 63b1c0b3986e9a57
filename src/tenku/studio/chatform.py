"""OpenAI's chat completions: many chunks to one whole answer, and back (pure)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def whole(chunks: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The completion that chunks of a stream make together; of one choice, as everywhere here."""
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop"}
    answer: dict[str, Any] = {"object": "chat.completion", "choices": [choice], "usage": usage(0, 0)}
    for chunk in chunks:
        answer.update({key: chunk[key] for key in ("id", "created", "model", "usage") if chunk.get(key) is not None})
        for part in chunk.get("choices") or ():
            _take(part, choice, message)
    return answer


def _take(part: Mapping[str, Any], choice: dict[str, Any], message: dict[str, Any]) -> None:
    delta = part.get("delta") or {}
    for key in ("content", "reasoning_content", "reasoning"):
        if delta.get(key):
            message[key] = message.get(key, "") + delta[key]
    for call in delta.get("tool_calls") or ():
        _take_call(call, message.setdefault("tool_calls", []))
    if logprobs := (part.get("logprobs") or {}).get("content"):
        choice.setdefault("logprobs", {"content": []})["content"].extend(logprobs)
    choice["finish_reason"] = part.get("finish_reason") or choice["finish_reason"]


def _take_call(part: Mapping[str, Any], calls: list[dict[str, Any]]) -> None:
    """A part of a tool call: the first one has the name, those after it pieces of the arguments."""
    index = part.get("index", len(calls))
    if index >= len(calls):
        calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
    call = calls[min(index, len(calls) - 1)]
    call["id"] = part.get("id") or call["id"]
    for key, value in (part.get("function") or {}).items():
        call["function"][key] = call["function"].get(key, "") + (value or "")


def parts(answer: Mapping[str, Any], *, with_usage: bool) -> Iterator[dict[str, Any]]:
    """A whole completion as the chunks of a stream."""
    choice = answer["choices"][0]
    delta = {key: value for key, value in choice["message"].items() if value is not None}
    if "tool_calls" in delta:
        delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(delta["tool_calls"])]
    yield _chunk(answer, [{"index": 0, "delta": delta, "finish_reason": None}])
    yield _chunk(answer, [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}])
    if with_usage:
        yield {**_chunk(answer, []), "usage": answer["usage"]}


def _chunk(answer: Mapping[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
    head = {key: answer[key] for key in ("id", "created", "model") if key in answer}
    return {**head, "object": "chat.completion.chunk", "choices": choices}


def wants_usage(request: Mapping[str, Any]) -> bool:
    """Whether a stream is to end with what it took."""
    options = request.get("stream_options")
    return isinstance(options, Mapping) and bool(options.get("include_usage"))


def text_of(chunk: Mapping[str, Any]) -> str:
    """The new text in a chunk; thoughts are none."""
    return "".join((each.get("delta") or {}).get("content") or "" for each in chunk.get("choices") or ())


def usage(prompt: int, completion: int) -> dict[str, int]:
    """What an answer took, in tokens."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
