"""llama.cpp in this process, with a real small model: chats, schemas, tools, embeddings, and ending in the middle."""

import base64
import json
import struct
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest

from studio_models import smollm2 as smollm2
from tenku.base.errors import CancelledJob, JobError, ModelError
from tenku.studio import registry
from tenku.studio.desk import EmptyDesk
from tenku.studio.engines.llama import LlamaEngine, load
from tenku.studio.model import InstalledModel, JobSpec, Json, Kind
from tenku.studio.ports import Made, Step
from tenku.studio.schema import fault
from tenku.studio.textjob import cut_text

ITEM: dict[str, Json] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z][a-z]{2,11}$"},
        "damage": {"type": "integer", "minimum": 1, "maximum": 20},
        "rarity": {"enum": ["common", "rare", "epic"]},
    },
    "required": ["name", "damage", "rarity"],
    "additionalProperties": False,
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "give_item",
            "description": "Give an item to the player.",
            "parameters": {
                "type": "object",
                "properties": {
                    "item": {"$ref": "#/$defs/Item"},
                    "count": {"type": "integer", "minimum": 1, "maximum": 9},
                },
                "required": ["item", "count"],
                "additionalProperties": False,
                "$defs": {"Item": {"enum": ["sword", "axe", "potion"]}},
            },
        },
    },
    {"type": "function", "function": {"name": "say", "parameters": {"type": "object", "properties": {}}}},
]
SWORD = [{"role": "user", "content": "Give me a sword, please."}]


def model(path: Path, **parameters: Json) -> InstalledModel:
    return InstalledModel(
        name="smollm2",
        kind=Kind.TEXT,
        engine="llama",
        path=str(path),
        hash="x",
        size=path.stat().st_size,
        licence="Apache-2.0",
        parameters={"threads": 1, "context": 1024, "slots": 2, **parameters},
    )


@pytest.fixture(scope="module")
def engine(smollm2: Path) -> Iterator[LlamaEngine]:
    with closing(load(model(smollm2))) as loaded:
        yield loaded


def spec(prompt: str = "Invent a magic weapon of a game.", *, seed: int = 1, **parameters: Json) -> JobSpec:
    return JobSpec(
        kind=Kind.TEXT, model="smollm2", prompt=prompt, seed=seed, parameters={"max_tokens": 60, **parameters}
    )


def run(engine: LlamaEngine, job: JobSpec) -> Made:
    return engine.run(job, desk=EmptyDesk(), report=lambda _: None, stop=lambda: False)


def one(engine: LlamaEngine, **request: Any) -> Any:
    (answer,) = engine.chat({"messages": SWORD, "temperature": 0, "max_tokens": 60, **request})
    return answer["choices"][0]


def test_a_chat_is_the_same_whole_and_in_a_stream(engine: LlamaEngine) -> None:
    asked = {"messages": SWORD, "temperature": 0, "max_tokens": 12, "seed": 5}
    (whole,) = engine.chat(asked)
    chunks = list(engine.chat({**asked, "stream": True}))
    text = "".join(each["choices"][0]["delta"].get("content") or "" for each in chunks)
    assert whole["choices"][0]["message"]["content"] == text != ""
    assert whole["usage"]["completion_tokens"] == 12
    assert chunks[-1]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"] == "length"
    assert all(each["choices"] for each in chunks), "usage was not asked for"
    assert {each["model"] for each in chunks} == {whole["model"]} == {"smollm2"}


def test_usage_ends_a_stream_where_it_was_asked_for(engine: LlamaEngine) -> None:
    asked = {"messages": SWORD, "max_tokens": 3, "stream": True, "stream_options": {"include_usage": True}}
    last = list(engine.chat(asked))[-1]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 3


def test_the_same_job_gives_the_same_answer(engine: LlamaEngine) -> None:
    job = spec(seed=2**40 + 7, temperature=0.8)
    greedy = spec(temperature=0)
    assert run(engine, job).outputs == run(engine, job).outputs
    assert run(engine, greedy).outputs == run(engine, greedy).outputs
    assert run(engine, job).outputs != run(engine, spec(seed=3, temperature=0.8)).outputs


@pytest.mark.timeout(300)
def test_items_hold_their_schema(engine: LlamaEngine) -> None:
    """Fifty of them do in test_studio_textproof.py."""
    names = set()
    for seed in range(6):
        (output,) = run(engine, spec(seed=seed, schema=ITEM)).outputs
        assert (output.name, output.media_type) == ("item.json", "application/json")
        item = json.loads(output.data)
        assert fault(item, ITEM) == ""
        assert cut_text(item, ITEM) == ""
        names.add(item["name"])
    assert len(names) > 1


def test_a_job_without_a_schema_makes_a_text(engine: LlamaEngine) -> None:
    steps: list[Step] = []
    made = engine.run(spec(max_tokens=8), desk=EmptyDesk(), report=steps.append, stop=lambda: False)
    assert [output.name for output in made.outputs] == ["text.txt"]
    assert made.outputs[0].data.decode().strip() == steps[-1].preview.decode().strip()
    assert [step.progress.done for step in steps] == list(range(1, len(steps) + 1))
    assert steps[-1].progress.total == 8
    assert made.usage.completion_tokens == 8
    assert made.usage.prompt_tokens > 10


def test_a_job_takes_messages_and_a_system_text(engine: LlamaEngine) -> None:
    history: Json = [
        {"role": "user", "content": "Say A."},
        {"role": "assistant", "content": "A"},
        {"role": "user", "content": "Say B."},
    ]
    plain = run(engine, spec(messages=history, max_tokens=4))
    longer = run(engine, spec(messages=history, system="You are a smith in a small village.", max_tokens=4))
    assert plain.usage.prompt_tokens != longer.usage.prompt_tokens


@pytest.mark.parametrize("choice", ["required", "auto", {"type": "function", "function": {"name": "give_item"}}])
def test_a_tool_is_called_and_its_result_is_read(engine: LlamaEngine, choice: Any) -> None:
    called = one(engine, tools=TOOLS, tool_choice=choice)
    assert called["finish_reason"] == "tool_calls"
    (call,) = called["message"]["tool_calls"]
    assert call["function"]["name"] == "give_item"
    assert json.loads(call["function"]["arguments"])["item"] in ("sword", "axe", "potion")
    result = {"role": "tool", "tool_call_id": call["id"], "content": "done: the player has a sword"}
    after = one(engine, messages=[*SWORD, called["message"], result], tools=TOOLS, tool_choice="none")
    assert after["message"]["content"]
    assert "tool_calls" not in after["message"]


def test_a_tool_call_in_a_stream_has_openais_form(engine: LlamaEngine) -> None:
    asked = {"messages": SWORD, "temperature": 0, "max_tokens": 60, "tools": TOOLS, "tool_choice": "required"}
    first, last = engine.chat({**asked, "stream": True})
    (call,) = first["choices"][0]["delta"]["tool_calls"]
    assert (call["index"], call["type"], call["function"]["name"]) == (0, "function", "give_item")
    assert call["id"].startswith("call_")
    assert last["choices"][0]["finish_reason"] == "tool_calls"


def test_a_call_that_is_cut_off_is_an_error(engine: LlamaEngine) -> None:
    with pytest.raises(JobError, match="cut off"):
        one(engine, tools=TOOLS, tool_choice="required", max_tokens=3)


def test_embeddings_have_one_length_and_tell_texts_apart(engine: LlamaEngine) -> None:
    answer = engine.embed({"model": "x", "input": ["a sharp sword", "a sharp blade", "the tax office"]})
    rows = [each["embedding"] for each in answer["data"]]
    assert [len(row) for row in rows] == [576] * 3
    near, far = (sum(a * b for a, b in zip(rows[0], row, strict=True)) for row in rows[1:])
    assert far < near < 1.0001
    assert answer["usage"]["prompt_tokens"] > 6
    packed = engine.embed({"input": "a sharp sword", "encoding_format": "base64"})["data"][0]["embedding"]
    assert struct.unpack("<576f", base64.b64decode(packed)) == pytest.approx(rows[0], abs=1e-4)


def test_a_job_ends_within_a_step_where_it_is_cancelled(engine: LlamaEngine) -> None:
    steps: list[Step] = []
    with pytest.raises(CancelledJob):
        engine.run(spec(max_tokens=900), desk=EmptyDesk(), report=steps.append, stop=lambda: len(steps) >= 3)
    assert len(steps) == 3


def test_a_job_ends_while_its_prompt_is_read(engine: LlamaEngine) -> None:
    steps: list[Step] = []
    with pytest.raises(CancelledJob):
        engine.run(spec("sword " * 400), desk=EmptyDesk(), report=steps.append, stop=lambda: True)
    assert steps == []
    assert run(engine, spec(max_tokens=2)).usage.completion_tokens == 2


def test_leaving_a_chat_frees_its_place(engine: LlamaEngine) -> None:
    for _ in range(4):  # more than there are places
        chunks = engine.chat({"messages": SWORD, "max_tokens": 900, "stream": True, "temperature": 0})
        next(chunks)
        cast(Any, chunks).close()
    assert one(engine, max_tokens=2)["finish_reason"] == "length"


def test_several_chats_run_at_once(engine: LlamaEngine) -> None:
    """Each waits for the other in the middle of its stream: one after the other they would never meet."""
    meet = threading.Barrier(2, timeout=60)
    texts: list[str] = []

    def chat(seed: int) -> None:
        chunks = engine.chat({"messages": SWORD, "max_tokens": 20, "seed": seed, "stream": True})
        first = next(chunks)
        meet.wait()
        texts.append("".join(each["choices"][0]["delta"].get("content") or "" for each in [first, *chunks]))

    threads = [threading.Thread(target=chat, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(texts)) == 2


def test_a_prompt_over_the_context_is_said_with_both_numbers(engine: LlamaEngine) -> None:
    with pytest.raises(JobError, match=r"prompt has \d{4} tokens, and a chat with this model may have 1024"):
        run(engine, spec("sword " * 3000))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "https://example.org/x.json"},
        {"$ref": "#/nowhere"},
        {"type": "string", "pattern": "^[($"},
        {"enum": [str(number) for number in range(20_000)]},
        {"type": "array", "minItems": 1_000_000},
        {"type": "integer", "minimum": 5, "maximum": 1},
        "text",
        False,
        [],
    ],
    ids=str,
)
def test_a_schema_that_cannot_be_used_is_refused_at_once(engine: LlamaEngine, schema: Json) -> None:
    with pytest.raises(JobError) as caught:
        run(engine, spec(schema=schema))
    assert not caught.value.again


def test_a_deep_schema_is_refused() -> None:
    from tenku.studio.grammar import check_grammar

    schema: Any = {"type": "string"}
    for _ in range(100_000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(JobError, match="deep"):
        check_grammar(schema)


def test_an_answer_that_no_try_finishes_fails_the_job(engine: LlamaEngine) -> None:
    with pytest.raises(JobError, match="4 tries") as caught:
        run(engine, spec(schema=ITEM, max_tokens=2))
    assert "max_tokens" in caught.value.hint


@pytest.mark.parametrize(
    "request_",
    [
        {"messages": []},
        {"messages": "hello"},
        {"messages": [{"content": "no role"}]},
        {"messages": SWORD, "temperature": float("nan")},
        {"messages": SWORD, "max_tokens": "many"},
        {"messages": SWORD, "n": 2},
        {"messages": SWORD, "response_format": {"type": "xml"}},
        {"messages": SWORD, "tools": "x"},
        {"messages": SWORD, "tools": [{"type": "function"}]},
        {"messages": SWORD, "tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "other"}}},
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/"}}]}
            ]
        },
    ],
    ids=str,
)
def test_a_request_that_makes_no_sense_is_refused(engine: LlamaEngine, request_: dict[str, Any]) -> None:
    with pytest.raises(JobError):
        list(engine.chat(request_))


def test_an_unknown_parameter_is_refused(engine: LlamaEngine) -> None:
    with pytest.raises(JobError, match="no parameter 'temprature'"):
        run(engine, spec(temprature=1))


def test_other_kinds_are_refused(engine: LlamaEngine) -> None:
    with pytest.raises(JobError, match="no image"):
        run(engine, JobSpec(kind=Kind.IMAGE, model="smollm2", prompt="x"))


def test_a_truncated_file_is_refused_before_it_is_loaded(smollm2: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.gguf"
    with smollm2.open("rb") as file:
        short.write_bytes(file.read(30_000_000))
    with pytest.raises(ModelError, match="cut off"):
        registry.load(model(short))


def test_parameters_of_a_model_that_make_no_sense_are_refused(smollm2: Path) -> None:
    with pytest.raises(ModelError, match="context 'long'"):
        load(model(smollm2, context="long"))


def test_closing_ends_a_chat_that_nobody_reads(smollm2: Path) -> None:
    engine = load(model(smollm2, slots=1))
    chunks = engine.chat({"messages": SWORD, "max_tokens": 900, "stream": True})
    next(chunks)
    engine.close()
    with pytest.raises(JobError, match="unloaded"):
        list(chunks)
    with pytest.raises(JobError, match="unloaded") as caught:
        list(engine.chat({"messages": SWORD}))
    assert caught.value.again


@pytest.mark.parametrize(
    ("text", "longest", "cut"),
    [
        ("A sword that was forged in", 26, True),
        ("A sword that was forged.", 24, False),
        ("A short one", 40, False),
        ("EXCALIBUR", 9, False),
    ],
)
def test_a_text_that_was_cut_in_mid_sentence_is_found(text: str, longest: int, cut: bool) -> None:
    schema = {"properties": {"list": {"items": {"properties": {"about": {"type": "string", "maxLength": longest}}}}}}
    assert ("list.0.about" in cut_text({"list": [{"about": text}]}, schema)) == cut
