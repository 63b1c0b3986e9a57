"""Texts of real small models: the tokens are those of transformers from the same file, and fifty items hold a schema.

The bounds were measured: of 144 greedy tokens of SmolLM2 135M (Q4_1), transformers chose 140 itself, and missed the
others by at most 0.11 in logits; the log-probabilities lay 0.03 apart on average, and 0.27 at most. Of 111 tokens of
Qwen2.5-Coder 0.5B (Q4_K_M) it chose 109; 0.09, 0.01 and 0.08. Where the answer belongs to another prompt, 72 %
agree, by up to 9.9, and the log-probabilities are 1.1 apart on average: the measure can tell.
"""

import gc
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch

from studio_models import smollm2 as smollm2
from studio_qwen import qwen as qwen
from studio_qwen3 import tiny_qwen3
from studio_reference import Compared, Reference, Said, said
from tenku.studio.desk import EmptyDesk
from tenku.studio.engines.llama import LlamaEngine, load
from tenku.studio.model import InstalledModel, Json, Kind
from tenku.studio.recipes.items import Items
from tenku.studio.recipes.recipe import Answer, Manner

PROMPTS = (
    "Name a fire sword.",
    "Write a Python function that adds two numbers.",
    "Count from one to ten.",
)
TOKENS = 24
AGREE = 0.9
"""Of the tokens that are ours, at least so many are the reference's own choice."""
GAP = 0.5
"""Where another one is, its logit is above that of ours by this at most."""
OFF_MEAN, OFF_MOST = 0.15, 1.0
"""How far log-probabilities of our tokens are from the reference's."""


ITEM: dict[str, Json] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z][a-z]{3,9}$"},
        "stats": {
            "type": "object",
            "properties": {"damage": {"type": "integer", "minimum": 1, "maximum": 20}},
            "required": ["damage"],
            "additionalProperties": False,
        },
        "tags": {"type": "array", "items": {"enum": ["fire", "ice", "holy"]}, "minItems": 1, "maxItems": 2},
        "rune": {"type": "string", "minLength": 1, "maxLength": 4},
    },
    "required": ["name", "stats", "tags", "rune"],
    "additionalProperties": False,
}
TOOL = {
    "type": "function",
    "function": {
        "name": "give_item",
        "parameters": {
            "type": "object",
            "properties": {
                "item": {"enum": ["sword", "axe"]},
                "count": {"type": "integer", "minimum": 1, "maximum": 9},
            },
            "required": ["item", "count"],
            "additionalProperties": False,
        },
    },
}


def installed(path: Path, *, context: int = 1024, slots: int = 1) -> InstalledModel:
    return InstalledModel(
        name="real",
        kind=Kind.TEXT,
        engine="llama",
        path=str(path),
        hash="x",
        size=path.stat().st_size,
        licence="Apache-2.0",
        parameters={"threads": 1, "context": context, "slots": slots},
    )


def greedy(engine: LlamaEngine, prompt: str, *, thinking: bool = False) -> Said:
    asked = {"messages": [{"role": "user", "content": prompt}], "temperature": 0, "max_tokens": TOKENS}
    asked |= {"logprobs": True, "top_logprobs": 1, "chat_template_kwargs": {"enable_thinking": thinking}}
    (answer,) = engine.chat({**asked, "cache_prompt": False})
    return said(asked, answer)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def answers(weights: Path) -> list[Said]:
    with closing(load(installed(weights))) as engine:
        return [greedy(engine, prompt) for prompt in PROMPTS]


def check_answers(ours: Sequence[Said], reference: Reference) -> None:
    """Raises AssertionError: they are none that the reference would give."""
    compared = [reference.compare(each) for each in ours]
    for answer, beside in zip(ours, compared, strict=True):
        assert answer.prompt_tokens == beside.prompt_tokens
        assert answer.text.strip() == beside.text.strip() != ""
    share, gap, mean, most = figures(compared)
    assert share >= AGREE
    assert gap <= GAP
    assert mean <= OFF_MEAN
    assert most <= OFF_MOST
    # The same answers, as if they had been given to each other's prompts.
    moved = [*ours[1:], ours[0]]
    wrong = [reference.compare(each, messages=other.messages) for each, other in zip(ours, moved, strict=True)]
    share, gap, mean, most = figures(wrong)
    assert share < AGREE
    assert gap > GAP
    assert mean > OFF_MEAN
    assert most > OFF_MOST


def figures(compared: Sequence[Compared]) -> tuple[float, float, float, float]:
    """The share that agrees, the largest gap, the mean and the largest distance; of all answers together."""
    agrees = [each for one in compared for each in one.agrees]
    off = [each for one in compared for each in one.off]
    return sum(agrees) / len(agrees), max(max(one.gaps) for one in compared), sum(off) / len(off), max(off)


@pytest.mark.timeout(300)  # transformers reads a file of weights in Python
@pytest.mark.usefixtures("one_thread")
def test_greedy_tokens_are_those_of_transformers(smollm2: Path) -> None:
    check_answers(answers(smollm2), Reference(smollm2))
    gc.collect()


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("one_thread")
def test_greedy_tokens_of_a_real_qwen_are_those_of_transformers(qwen: Path) -> None:
    check_answers(answers(qwen), Reference(qwen))
    gc.collect()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Qwen3's architecture and template, random weights in fp32."""
    return tiny_qwen3(tmp_path_factory.mktemp("qwen3"))


@pytest.fixture
def tiny_engine(tiny: Path) -> Iterator[LlamaEngine]:
    with closing(load(installed(tiny, context=2048))) as engine:
        yield engine


@pytest.mark.usefixtures("one_thread")
def test_a_tiny_qwen3_says_token_for_token_what_transformers_says(tiny: Path, tiny_engine: LlamaEngine) -> None:
    """In fp32 there is no rounding to forgive; with thoughts and without."""
    reference, lengths = Reference(tiny), []
    for thinking in (True, False):
        ours = [greedy(tiny_engine, prompt, thinking=thinking) for prompt in PROMPTS]
        for answer, beside in ((each, reference.compare(each)) for each in ours):
            assert len(answer.tokens) == TOKENS
            assert all(beside.agrees)
            assert max(beside.off) < 0.05
            assert (answer.prompt_tokens, answer.text) == (beside.prompt_tokens, beside.text)
        lengths.append([each.prompt_tokens for each in ours])
    # `<think>`, two lines, `</think>`, two lines: the prompt of an answer without thoughts is longer by them.
    assert [without - with_ for with_, without in zip(*lengths, strict=True)] == [6] * len(PROMPTS)


@pytest.mark.parametrize("thinking", [True, False])
def test_a_tiny_qwen3_streams_and_calls_tools(tiny_engine: LlamaEngine, thinking: bool) -> None:
    """Random weights never mean to call anything: what makes it a call is the grammar alone."""
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": "A sword."}], "temperature": 0, "max_tokens": 900}
    asked |= {"chat_template_kwargs": {"enable_thinking": thinking}, "cache_prompt": False}
    (whole,) = tiny_engine.chat({**asked, "max_tokens": 20})
    chunks = list(tiny_engine.chat({**asked, "max_tokens": 20, "stream": True}))
    assert len(chunks) > 10
    text = "".join(each["choices"][0]["delta"].get("content") or "" for each in chunks)
    assert text == whole["choices"][0]["message"]["content"] != ""
    calls = [call(each) for each in tiny_engine.chat({**asked, "tools": [TOOL], "tool_choice": "required"})]
    first, *_ = tiny_engine.chat({**asked, "tools": [TOOL], "tool_choice": "required", "stream": True})
    assert [call(first, "delta")] == calls
    name, arguments = calls[0]
    assert name == "give_item"
    jsonschema.validate(arguments, TOOL["function"]["parameters"])  # type: ignore[index]


def call(answer: Mapping[str, Any], where: str = "message") -> tuple[str, Any]:
    """The name and arguments of the only call."""
    (only,) = answer["choices"][0][where]["tool_calls"]
    return only["function"]["name"], json.loads(only["function"]["arguments"])


def fifty_by_the_recipe(engine: LlamaEngine, folder: Path) -> list[Mapping[str, Any]]:
    """Fifty items as `tenku make text --count 50` asks for them, each with a name of its own."""
    manner = Manner(model="real", tries=6, parameters={"max_tokens": 600, "temperature": 1.0})
    recipe = Items("A magic item.", ITEM, count=50, unique="name", manner=manner)
    waiting = list(recipe.asks())
    while waiting:
        ask = waiting.pop(0)
        made = engine.run(ask.spec, desk=EmptyDesk(), report=lambda _: None, stop=lambda: False)
        file = folder / made.outputs[0].name
        file.write_bytes(made.outputs[0].data)
        again = recipe.take(ask, Answer(files=[file]))
        if not isinstance(again, str):
            waiting.append(again)
        else:
            assert again == ""
    return recipe.rows()


def test_fifty_items_of_a_model_that_knows_nothing_hold_their_schema(tiny_engine: LlamaEngine, tmp_path: Path) -> None:
    """Random weights never help the grammar: each character is one that it allows, and none that they mean.

    They write much white space, which it allows as well.
    """
    items = fifty_by_the_recipe(tiny_engine, tmp_path)
    for item in items:
        jsonschema.validate(item, ITEM)
    assert len({item["name"] for item in items}) == len(items) == 50


@pytest.mark.timeout(300)  # a minute on a machine that others use as well
def test_fifty_items_of_a_real_model_hold_their_schema(smollm2: Path) -> None:
    """Asked for by five at once: so the weights are read once for five tokens."""
    form = {"type": "json_schema", "json_schema": {"name": "item", "schema": ITEM}}
    prompt = 'Invent a magic item, like {"name":"Ember","stats":{"damage":7},"tags":["ice"],"rune":"ka"}'

    def item(seed: int) -> Mapping[str, Any]:
        asked = {"messages": [{"role": "user", "content": prompt}], "response_format": form, "max_tokens": 200}
        (answer,) = engine.chat({**asked, "seed": seed, "temperature": 1.2})
        made: Mapping[str, Any] = json.loads(answer["choices"][0]["message"]["content"])
        return made

    with closing(load(installed(smollm2, context=512, slots=5))) as engine, ThreadPoolExecutor(5) as pool:
        items = list(pool.map(item, range(50)))
    for each in items:
        jsonschema.validate(each, ITEM)
    assert len({json.dumps(each) for each in items}) > 3, "they are not one and the same"
