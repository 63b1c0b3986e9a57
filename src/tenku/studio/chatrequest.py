"""OpenAI's chat completion request, checked, with the fields that engines know (pure)."""

import json
from collections.abc import Mapping
from typing import Any

from tenku.base.errors import JobError
from tenku.studio.grammar import check_grammar

FIELDS = {
    *("messages", "stream", "stream_options", "max_tokens", "stop", "seed", "logprobs", "top_logprobs", "logit_bias"),
    *("temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repeat_penalty"),
    *("response_format", "tools", "tool_choice", "parallel_tool_calls", "chat_template_kwargs", "cache_prompt"),
}
"""All others are left out, as OpenAI's own clients send some that concern only their billing."""
FORMS = ("text", "json_object", "json_schema")


def checked(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with the fields that are known. Raises JobError: it cannot be answered, and why."""
    kept = {key: value for key, value in request.items() if key in FIELDS and value is not None}
    if request.get("max_completion_tokens") is not None:
        kept["max_tokens"] = request["max_completion_tokens"]
    _check_messages(request.get("messages"))
    _check_numbers(kept)
    if request.get("n") not in (None, 1):
        raise JobError("One answer a request is what is given here (n: 1).", hint="Ask several times, at once.")
    form = kept.get("response_format")
    if form is not None:
        kept["response_format"] = _form(form)
    try:
        json.dumps(kept, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise JobError("The request is no JSON: NaN, infinity, or nested too deeply.") from None
    return kept


def _check_messages(messages: Any) -> None:
    sound = (
        isinstance(messages, list)
        and messages
        and all(isinstance(each, Mapping) and isinstance(each.get("role"), str) for each in messages)
    )
    if not sound:
        raise JobError(
            "`messages` has to be a list of messages with a role.", hint='[{"role": "user", "content": "…"}]'
        )


def _check_numbers(kept: Mapping[str, Any]) -> None:
    for key in ("max_tokens", "seed", "temperature", "top_p", "top_k", "min_p", "top_logprobs"):
        value = kept.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise JobError(f"{key} is no number: {str(value)[:80]!r}.")


def _form(form: Any) -> dict[str, Any]:
    """The response_format in OpenAI's form."""
    if not isinstance(form, Mapping) or form.get("type") not in FORMS:
        raise JobError(f"This response_format is not known: {str(form)[:200]}.", hint=f"Its type is one of {FORMS}.")
    if form["type"] == "json_schema":
        inner = form.get("json_schema")
        check_grammar(inner.get("schema") if isinstance(inner, Mapping) else None)
    return dict(form)
