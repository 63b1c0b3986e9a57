"""Tool calls built on JSON schema: what a model is asked, and what its answer means in OpenAI's terms (pure).

A model that was never taught tools, or was taught them in another form, still calls them: it is told of them in words,
and a grammar lets it write nothing but `{"name": …, "arguments": …}` of one of them. Where it may also answer in words,
that is one more choice in the same form. One call an answer.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tenku.base.errors import JobError


@dataclass(frozen=True)
class ToolPlan:
    """Which tools a model may call in this answer."""

    tools: Sequence[Mapping[str, Any]]
    """Each with `name`, `description` and `parameters`, a JSON schema."""
    say: str
    """The name of the choice to answer in words; empty: a call is required."""

    def request(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What the model is asked instead."""
        dropped = ("tools", "tool_choice", "parallel_tool_calls", "stream", "stream_options", "chat_template_kwargs")
        kept = {key: value for key, value in request.items() if key not in dropped}
        system = {"role": "system", "content": self._words()}
        form = {"type": "json_schema", "json_schema": {"name": "call", "schema": self.schema()}}
        thinking = {"enable_thinking": False}  # thoughts come before the grammar, and would be all of a short answer
        messages = [system, *plain_history(request["messages"])]
        return {**kept, "messages": _one_system(messages), "response_format": form, "chat_template_kwargs": thinking}

    def schema(self) -> dict[str, Any]:
        """The schema of one call. Below `$defs`, as references of a tool's own schema have to be turned there."""
        choices = [*self.tools, *([_say_tool(self.say)] if self.say else [])]
        calls = {f"call{index}": _call_schema(tool, f"call{index}") for index, tool in enumerate(choices)}
        return {"$defs": calls, "anyOf": [{"$ref": f"#/$defs/{name}"} for name in calls]}

    def answer(self, completion: Mapping[str, Any]) -> dict[str, Any]:
        """The completion with its call in `tool_calls`, or with the words as its content. Raises JobError."""
        choice = completion["choices"][0]
        try:
            call = json.loads(choice["message"]["content"])
            name, arguments = call["name"], call["arguments"]
        except (ValueError, KeyError, TypeError):
            raise JobError(
                "The call of a tool was cut off.", hint="Allow more max_tokens, or shorten the chat."
            ) from None
        if self.say and name == self.say:
            message: dict[str, Any] = {"role": "assistant", "content": str(arguments.get("text", ""))}
            reason = choice["finish_reason"]
        else:
            function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
            id = "call_" + str(completion.get("id", "")).rpartition("-")[2][:24]
            message = {"role": "assistant", "content": None}
            message["tool_calls"] = [{"id": id, "type": "function", "function": function}]
            reason = "tool_calls"
        return {**completion, "choices": [{"index": 0, "message": message, "finish_reason": reason}]}

    def _words(self) -> str:
        lines = [json.dumps(tool, ensure_ascii=False) for tool in self.tools]
        text = "You can call these functions:\n" + "\n".join(lines)
        text += '\nAnswer with one JSON object: {"name": <function>, "arguments": {<its arguments>}}.'
        if self.say:
            text += f'\nWhere no function is needed, answer {{"name": "{self.say}", "arguments": {{"text": <words>}}}}.'
        return text


def plan_tools(request: Mapping[str, Any]) -> ToolPlan | None:
    """Which tools the model may call; None: none, it is a plain chat. Raises JobError: the tools make no sense."""
    choice = request.get("tool_choice") or "auto"
    if not request.get("tools") or choice == "none":
        return None
    if not isinstance(request["tools"], list):
        raise JobError("`tools` is no list.", hint="See the OpenAI API for its form.")
    tools = [_tool(each) for each in request["tools"]]
    names = {tool["name"] for tool in tools}
    if choice == "auto":
        say = "say"
        while say in names:
            say += "_"
        return ToolPlan(tools, say)
    if choice == "required":
        return ToolPlan(tools, "")
    wanted = choice.get("function", {}).get("name") if isinstance(choice, Mapping) else None
    if wanted not in names:
        raise JobError(
            f"tool_choice names no tool of this request: {str(choice)[:200]}.", hint=f"Has: {sorted(names)}."
        )
    return ToolPlan([tool for tool in tools if tool["name"] == wanted], "")


def _tool(each: Any) -> dict[str, Any]:
    function = (
        each.get("function") if isinstance(each, Mapping) and each.get("type", "function") == "function" else None
    )
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(name, str) or not name:
        raise JobError(
            f"This tool has no function with a name: {str(each)[:200]}.", hint="Only functions are tools here."
        )
    parameters = function.get("parameters") or {"type": "object"}
    if not isinstance(parameters, Mapping):
        raise JobError(f"The parameters of the tool {name[:80]} are no JSON schema.")
    return {"name": name, "description": str(function.get("description") or ""), "parameters": parameters}


def _say_tool(name: str) -> dict[str, Any]:
    text = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    return {"name": name, "parameters": {**text, "additionalProperties": False}}


def _call_schema(tool: Mapping[str, Any], where: str) -> dict[str, Any]:
    arguments = _moved(tool["parameters"], f"#/$defs/{where}/properties/arguments")
    properties = {"name": {"const": tool["name"]}, "arguments": arguments}
    return {
        "type": "object",
        "properties": properties,
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _moved(schema: Any, to: str) -> Any:
    """A schema that stood at the top and now stands deeper: its references go there."""
    if isinstance(schema, Mapping):
        moved = {key: _moved(value, to) for key, value in schema.items()}
        reference = moved.get("$ref")
        if isinstance(reference, str) and reference.startswith("#"):
            moved["$ref"] = to + reference[1:]
        return moved
    return [_moved(each, to) for each in schema] if isinstance(schema, list) else schema


def plain_history(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A chat without the roles and fields of tools, which many templates do not know: they become words."""
    names = {
        call.get("id"): call.get("function", {}).get("name", "")
        for message in messages
        for call in message.get("tool_calls") or ()
    }
    plain: list[dict[str, Any]] = []
    for message in messages:
        if message.get("tool_calls"):
            plain += [{"role": "assistant", "content": _called(call)} for call in message["tool_calls"]]
        elif message.get("role") == "tool":
            name = names.get(message.get("tool_call_id")) or "the function"
            plain.append({"role": "user", "content": f"Result of {name}: {message.get('content')}"})
        else:
            plain.append(dict(message))
    return plain


def _called(call: Mapping[str, Any]) -> str:
    function = call.get("function", {})
    return f'{{"name": {json.dumps(function.get("name"))}, "arguments": {function.get("arguments") or "{}"}}}'


def _one_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With one system message, the first: templates refuse several."""
    texts = [str(each["content"]) for each in messages if each.get("role") in ("system", "developer")]
    others = [each for each in messages if each.get("role") not in ("system", "developer")]
    return [{"role": "system", "content": "\n\n".join(reversed(texts))}, *others]
