"""Writes GGUF files of a few hundred bytes, sound ones and others."""

import struct
from collections.abc import Mapping, Sequence

KEYS: Mapping[str, object] = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "general.license": "apache-2.0",
    "llama.context_length": 2048,
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.tokens": [chr(97 + at) for at in range(32)],
    "tokenizer.chat_template": "{{ messages }}",
}
TENSORS: Sequence[tuple[str, Sequence[int], int, int]] = (
    ("token_embd.weight", (64, 32), 2, 0),
    ("norm", (64,), 0, 1152),
)
"""Name, shape, type, offset: Q4_0 with 2048 numbers has 1152 bytes."""


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def value(item: object) -> bytes:
    """The type and the value: texts, whole numbers, and lists of texts."""
    if isinstance(item, str):
        return struct.pack("<I", 8) + text(item)
    if isinstance(item, list):
        return struct.pack("<IIQ", 9, 8, len(item)) + b"".join(text(each) for each in item)
    assert isinstance(item, int)
    return struct.pack("<II", 4, item)


def gguf(
    keys: Mapping[str, object] = KEYS,
    tensors: Sequence[tuple[str, Sequence[int], int, int]] = TENSORS,
    *,
    version: int = 3,
    body: int = 1152 + 256,
) -> bytes:
    """A file with these keys and tensors, and so many bytes of them."""
    data = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys))
    data += b"".join(text(key) + value(item) for key, item in keys.items())
    for name, shape, type, offset in tensors:
        data += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        data += struct.pack("<IQ", type, offset)
    return data + bytes(-len(data) % 32) + bytes(body)
