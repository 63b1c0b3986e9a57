"""A tiny Qwen3 with random weights and Qwen3's chat template, as a GGUF file: a few hundred kilobytes."""

from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

WIDTH, HEADS, KV_HEADS, HEAD, BLOCKS, FEED = 64, 4, 2, 128, 2, 128
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")
TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}"
    "{{- '<think>\\n\\n</think>\\n\\n' }}"
    "{%- endif %}{%- endif %}"
)
"""Qwen3's without its tools: an answer without thoughts begins behind empty ones."""


def tiny_qwen3(folder: Path, *, seed: int = 1) -> Path:
    """Write the file. Its vocabulary is the 256 bytes, as GPT-2 writes them, two words, and Qwen's marks."""
    path = folder / "tiny-qwen3.gguf"
    tokens = [*_bytes(), "th", "the", *SPECIALS]
    writer = GGUFWriter(path, "qwen3")
    writer.add_name("tiny qwen3")
    writer.add_context_length(2048)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(FEED)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.NORMAL] * 258 + [TokenType.CONTROL] * 3 + [TokenType.USER_DEFINED] * 2)
    writer.add_token_merges(["t h", "th e"])
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_chat_template(TEMPLATE)
    random = np.random.default_rng(seed)
    for name, shape in _tensors(len(tokens)).items():
        # So large that tokens are far apart: rounding in another order must not choose another one.
        weights = np.ones(shape) if "norm" in name else random.normal(0, 0.2, shape)
        if name == "output.weight":
            # It says letters alone: half a character of UTF-8 would be held back, and a mark would end it.
            weights[[not token.isascii() or token in SPECIALS for token in tokens]] = 0
        writer.add_tensor(name, weights.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _tensors(vocabulary: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes, the output's width first."""
    found: dict[str, tuple[int, ...]] = {"token_embd.weight": (vocabulary, WIDTH), "output_norm.weight": (WIDTH,)}
    found["output.weight"] = (vocabulary, WIDTH)
    block = {
        "attn_norm": (WIDTH,),
        "attn_q": (HEADS * HEAD, WIDTH),
        "attn_k": (KV_HEADS * HEAD, WIDTH),
        "attn_v": (KV_HEADS * HEAD, WIDTH),
        "attn_q_norm": (HEAD,),
        "attn_k_norm": (HEAD,),
        "attn_output": (WIDTH, HEADS * HEAD),
        "ffn_norm": (WIDTH,),
        "ffn_gate": (FEED, WIDTH),
        "ffn_up": (FEED, WIDTH),
        "ffn_down": (WIDTH, FEED),
    }
    return found | {f"blk.{at}.{name}.weight": shape for at in range(BLOCKS) for name, shape in block.items()}


def _bytes() -> list[str]:
    """The 256 bytes as characters that can be seen: GPT-2's alphabet."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    unseen = [byte for byte in range(256) if byte not in seen]
    return [chr(byte) if byte in seen else chr(256 + unseen.index(byte)) for byte in range(256)]
