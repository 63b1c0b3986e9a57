"""Qwen 2.5 and Qwen 3: reading a prompt, and writing one token with a key-value cache.

Where numbers come from: as known of Qwen/Qwen2.5-Coder-0.5B-Instruct and Qwen/Qwen3-8B, not read in their config.json;
the counts of parameters are the makers'.
"""

from collections.abc import Mapping
from typing import Any

from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

from tenku.accel.inventory.subject import Piece, Run, Subject, Work, built, tokens

_QWEN25_05B: Mapping[str, Any] = {
    "vocab_size": 151_936,
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32_768,
    "tie_word_embeddings": True,
}
_QWEN3_8B: Mapping[str, Any] = {
    "vocab_size": 151_936,
    "hidden_size": 4096,
    "intermediate_size": 12_288,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "max_position_embeddings": 40_960,
    "tie_word_embeddings": False,
}
_TINY: Mapping[str, Any] = {
    "vocab_size": 256,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 512,
    "tie_word_embeddings": False,
}
_KINDS = {"qwen2": (Qwen2Config, Qwen2ForCausalLM), "qwen3": (Qwen3Config, Qwen3ForCausalLM)}


def subject(kind: str, config: Mapping[str, Any], *, read: int, written: int) -> Subject:
    """A model of this kind that answers one prompt."""
    blocks = config["num_hidden_layers"]

    def prefill(blocks: int) -> Run:
        model, cache = _model(kind, config, blocks), DynamicCache()
        return Run(module=model, work=_step(model, cache, read))

    def decode(blocks: int) -> Run:
        model, cache = _model(kind, config, blocks), DynamicCache()
        return Run(module=model, before=_step(model, cache, read), work=_step(model, cache, 1))

    return Subject(
        job=f"{read} tokens read, {written} written",
        pieces=(
            Piece(name="prefill", runs=1, ready=prefill, blocks=blocks),
            Piece(name="decode", runs=written, ready=decode, blocks=blocks, shared=True),
        ),
    )


def _model(kind: str, config: Mapping[str, Any], blocks: int) -> Any:
    make_config, make = _KINDS[kind]
    return built(make, make_config(**{**config, "num_hidden_layers": blocks}))


def _step(model: Any, cache: DynamicCache, count: int) -> Work:
    ids = tokens(1, count)
    # One row of scores is enough: whoever generates asks for the last token's alone.
    return lambda: model(ids, past_key_values=cache, use_cache=True, logits_to_keep=1)


SUBJECTS: Mapping[str, Subject] = {
    "qwen2.5-coder-0.5b": subject("qwen2", _QWEN25_05B, read=1024, written=256),
    "qwen3-8b": subject("qwen3", _QWEN3_8B, read=1024, written=256),
    "tiny-qwen3": subject("qwen3", _TINY, read=32, written=8),
}
