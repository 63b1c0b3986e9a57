"""The header of a GGUF file: what a model is, without loading it.

The format: `GGUF`, version, number of tensors, number of keys; then the keys with their values, then name, shape, type
and place of every tensor, then the tensors. Nothing here trusts a length that the file gives.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from tenku.base.errors import ModelError

MAX_HEADER = 256 * 1024 * 1024
"""Bytes; the largest vocabularies make about 20 MB."""
MAX_KEYS = 4096
MAX_TENSORS = 65_536
MAX_TEXT = 4 * 1024 * 1024
MAX_ARRAY = 4_000_000
MAX_NESTING = 4
TOKENS = "tokenizer.ggml.tokens"
EMBEDDING = "token_embd.weight"
"""The tensor with a row for each token."""
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
HINT = "Bring the file again, or bring another one."

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9

BLOCKS: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
}
"""A tensor's type: its name, how many numbers a block has, and how many bytes."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a GGUF file says about its model. 0 and empty: it does not say."""

    architecture: str
    """Like `llama` or `qwen3`."""
    name: str
    parameters: int
    """Numbers in all tensors."""
    quantisation: str
    """The type that most numbers have, like `Q4_K`."""
    context_length: int
    """Tokens that the model was trained for."""
    blocks: int
    embedding_length: int
    heads: int
    kv_heads: int
    head_length: int
    tokenizer: str
    vocabulary: int
    chat_template: str
    licence: str
    tensor_bytes: int
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """All keys that are no array."""

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes of keys and values that one token of a chat takes, at 16 bits."""
        return self.blocks * self.kv_heads * self.head_length * 2 * 2


def read_header(path: Path) -> Header:
    """What the file says. Raises ModelError: it is missing, no GGUF, cut off, or a pickle."""
    if path.suffix.lower() in PICKLES:
        raise refuse_pickle(path)
    try:
        with path.open("rb") as file:
            return _Reader(file, path).header()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.", hint=HINT) from error


def refuse_pickle(path: Path) -> ModelError:
    """The error for weights that run code when they are loaded."""
    return ModelError(
        f"{path.name} is a pickle, which can run any code when it is loaded.", hint="Bring safetensors and GGUF only."
    )


class _Reader:
    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._size = path.stat().st_size
        self._taken = 0
        self._arrays: dict[str, int] = {}

    def header(self) -> Header:
        magic = self._take(4)
        if magic != b"GGUF":
            kind = "a pickle or a zip file" if magic[:2] in (b"PK", b"\x80\x02", b"\x80\x04") else "no GGUF file"
            raise ModelError(f"{self._path} is {kind}.", hint="Bring safetensors and GGUF only.")
        version = self._number("I")
        if version not in (2, 3):
            raise self._broken(f"its version is {version}, and 2 and 3 are known")
        tensors, keys = self._count(MAX_TENSORS, "tensors"), self._count(MAX_KEYS, "keys")
        values: dict[str, Any] = {}
        for _ in range(keys):
            key = self._text()
            if key in values or key in self._arrays:
                raise self._broken(f"{key[:80]!r} stands there twice")
            value = self._value(self._number("I"), 0)
            if isinstance(value, _Array):
                self._arrays[key] = value.length
            else:
                values[key] = value
        shapes = [self._tensor() for _ in range(tensors)]
        return self._sum_up(values, shapes)

    def _sum_up(self, values: dict[str, Any], shapes: list["_Tensor"]) -> Header:
        alignment = values.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 8 <= alignment <= 1 << 20 or alignment % 8:
            raise self._broken(f"its alignment is {alignment!r}")
        begin = -(-self._taken // alignment) * alignment
        end = begin + max((each.offset + each.bytes for each in shapes), default=0)
        if end > self._size:
            raise ModelError(
                f"{self._path} is cut off: it has {self._size} bytes, and its tensors end at {end}.", hint=HINT
            )
        self._check_vocabulary(shapes)
        about = _About(values)
        heads = about.number("attention.head_count")
        embedding = about.number("embedding_length")
        weights: dict[str, int] = {}
        for each in shapes:
            weights[each.type] = weights.get(each.type, 0) + each.count
        return Header(
            architecture=about.architecture or self._missing("general.architecture"),
            name=about.text("general.name"),
            parameters=sum(weights.values()),
            quantisation=max(weights, key=lambda type: weights[type], default=""),
            context_length=about.number("context_length"),
            blocks=about.number("block_count"),
            embedding_length=embedding,
            heads=heads,
            kv_heads=about.number("attention.head_count_kv") or heads,
            head_length=about.number("attention.key_length") or (embedding // heads if heads else 0),
            tokenizer=about.text("tokenizer.ggml.model"),
            vocabulary=self._arrays.get(TOKENS, 0),
            chat_template=about.text("tokenizer.chat_template"),
            licence=about.text("general.license"),
            tensor_bytes=sum(each.bytes for each in shapes),
            values=values,
        )

    def _check_vocabulary(self, shapes: "list[_Tensor]") -> None:
        """A tokenizer of another model gives tokens for which there are no weights, or others than are meant."""
        words = self._arrays.get(TOKENS)
        rows = next((each.rows for each in shapes if each.name == EMBEDDING), None)
        if words is not None and rows is not None and words != rows:
            raise ModelError(
                f"{self._path} has a tokenizer that does not match its weights: {words} tokens, weights for {rows}.",
                hint="Bring a file whose tokenizer and weights are of the same model.",
            )

    def _tensor(self) -> "_Tensor":
        name = self._text()
        dimensions = self._number("I")
        if not 1 <= dimensions <= 8:
            raise self._broken(f"the tensor {name[:80]!r} has {dimensions} dimensions")
        shape = [self._number("Q") for _ in range(dimensions)]
        count = math.prod(shape)
        type, offset = self._number("I"), self._number("Q")
        if type not in BLOCKS:
            raise self._broken(f"the tensor {name[:80]!r} has the type {type}, which is not known")
        label, numbers, size = BLOCKS[type]
        if count > 1 << 45 or count % numbers:
            raise self._broken(f"the tensor {name[:80]!r} has {count} numbers")
        return _Tensor(name, shape[-1], label, count, count // numbers * size, offset)

    def _value(self, type: int, depth: int) -> Any:
        if type in _SCALARS:
            return self._number(_SCALARS[type])
        if type == _TEXT:
            return self._text()
        if type != _ARRAY or depth > MAX_NESTING:
            raise self._broken(f"a value has the type {type}")
        inner, length = self._number("I"), self._count(MAX_ARRAY, "items of an array")
        if inner in _SCALARS:
            self._skip(length * struct.calcsize("<" + _SCALARS[inner]))
        elif inner == _TEXT:
            for _ in range(length):  # a vocabulary: only their number is wanted
                self._take(self._count(MAX_TEXT, "bytes of a text"))
        else:
            for _ in range(length):
                self._value(inner, depth + 1)
        return _Array(length)

    def _text(self) -> str:
        return self._take(self._count(MAX_TEXT, "bytes of a text")).decode("utf-8", "replace")

    def _count(self, most: int, what: str) -> int:
        count: int = self._number("Q")
        if count > most:
            raise self._broken(f"it claims {count} {what}, and {most} are allowed")
        return count

    def _number(self, code: str) -> Any:
        return struct.unpack("<" + code, self._take(struct.calcsize("<" + code)))[0]

    def _take(self, length: int) -> bytes:
        self._claim(length)
        data = self._file.read(length)
        if len(data) < length:
            raise self._broken("its header is cut off")
        return data

    def _skip(self, length: int) -> None:
        self._claim(length)
        self._file.seek(length, 1)

    def _claim(self, length: int) -> None:
        self._taken += length
        if self._taken > min(MAX_HEADER, self._size):
            raise self._broken("its header is cut off" if self._taken > self._size else "its header is too long")

    def _missing(self, key: str) -> str:
        raise self._broken(f"it has no {key}")

    def _broken(self, why: str) -> ModelError:
        return ModelError(f"{self._path} is no sound GGUF file: {why}.", hint=HINT)


@dataclass(frozen=True)
class _Array:
    length: int


@dataclass(frozen=True)
class _Tensor:
    name: str
    rows: int
    """The last of its dimensions, in which GGUF counts the slowest one."""
    type: str
    count: int
    bytes: int
    offset: int


class _About:
    """Keys of a model by what they mean; a value of another type counts as none."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.architecture = self.text("general.architecture")

    def text(self, key: str) -> str:
        value = self._values.get(key, "")
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int:
        value = self._values.get(f"{self.architecture}.{key}", 0)
        return value if isinstance(value, int) and 0 <= value < 1 << 40 else 0
