"""What a GGUF file says about its model, and what broken and hostile ones get."""

import pickle
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio_gguf import KEYS, TENSORS, gguf, text
from studio_models import SIZE
from studio_models import smollm2 as smollm2
from tenku.base.errors import ModelError
from tenku.studio.gguf import read_header


def written(folder: Path, data: bytes, name: str = "x.gguf") -> Path:
    file = folder / name
    file.write_bytes(data)
    return file


def test_a_real_model_says_what_it_is(smollm2: Path) -> None:
    header = read_header(smollm2)
    assert (header.architecture, header.quantisation, header.parameters) == ("llama", "Q4_1", 134_515_008)
    assert (header.context_length, header.vocabulary, header.tokenizer) == (8192, 49_152, "gpt2")
    assert (header.blocks, header.kv_heads, header.head_length) == (30, 3, 64)
    assert header.licence == "apache-2.0"
    assert "<|im_start|>" in header.chat_template
    assert 0 < SIZE - header.tensor_bytes < 4_000_000


def test_a_small_file_says_what_it_is(tmp_path: Path) -> None:
    header = read_header(written(tmp_path, gguf()))
    assert (header.name, header.parameters, header.quantisation, header.vocabulary) == ("Tiny", 2112, "Q4_0", 32)
    assert header.kv_bytes_per_token == 2 * 2 * 16 * 2 * 2


def test_a_truncated_real_model_is_refused(smollm2: Path, tmp_path: Path) -> None:
    with smollm2.open("rb") as file:
        head = file.read(40_000_000)
    with pytest.raises(ModelError, match="cut off: it has 40000000 bytes"):
        read_header(written(tmp_path, head))
    with pytest.raises(ModelError, match="header is cut off"):
        read_header(written(tmp_path, head[:100_000]))


@pytest.mark.parametrize("words", [31, 33])
def test_a_tokenizer_that_does_not_match_the_weights_is_refused(tmp_path: Path, words: int) -> None:
    file = written(tmp_path, gguf({**KEYS, "tokenizer.ggml.tokens": ["x"] * words}))
    with pytest.raises(ModelError, match=f"does not match its weights: {words} tokens, weights for 32"):
        read_header(file)


def test_weights_without_a_tokenizer_are_taken(tmp_path: Path) -> None:
    """Those of a picture or video model, whose tokenizer lies beside them."""
    keys = {key: value for key, value in KEYS.items() if "tokens" not in key}
    assert read_header(written(tmp_path, gguf(keys))).vocabulary == 0


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    data = gguf()
    for length in range(0, len(data), 7):
        with pytest.raises(ModelError):
            read_header(written(tmp_path, data[:length]))


@pytest.mark.parametrize("name", ["model.bin", "model.pt", "model.ckpt", "model.PTH"])
def test_a_pickle_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="pickle") as caught:
        read_header(written(tmp_path, gguf(), name))
    assert caught.value.hint == "Bring safetensors and GGUF only."


@pytest.mark.parametrize("data", [pickle.dumps({"a": 1}), b"PK\x03\x04zip", b"", b"GGML", b"<html>", bytes(64)])
def test_what_is_called_gguf_and_is_none_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ModelError):
        read_header(written(tmp_path, data))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_header(tmp_path / "none.gguf")


HOSTILE = {
    "a huge number of keys": b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60),
    "a huge number of tensors": b"GGUF" + struct.pack("<IQQ", 3, 2**63, 0),
    "a huge text": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62),
    "a huge array": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("x") + struct.pack("<IIQ", 9, 4, 2**61),
    "deep arrays": b"GGUF"
    + struct.pack("<IQQ", 3, 0, 1)
    + text("x")
    + struct.pack("<I", 9)
    # Each array has one item, which is an array.
    + struct.pack("<IQ", 9, 1) * 5000,
    "an unknown type": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("x") + struct.pack("<I", 99) + bytes(64),
    "version 1": gguf(version=1),
    "version 3 the other way round": b"GGUF" + struct.pack(">I", 3) + bytes(64),
    "no architecture": gguf({"general.name": "x"}),
    "an alignment of 0": gguf({**KEYS, "general.alignment": 0}),
    "a tensor of many dimensions": gguf(tensors=[("t", (1,) * 9, 0, 0)]),
    "a tensor of an unknown type": gguf(tensors=[("t", (32,), 77, 0)]),
    "a tensor that is no whole blocks": gguf(tensors=[("t", (33,), 2, 0)]),
    "a tensor larger than any disk": gguf(tensors=[("t", (2**31, 2**31), 0, 0)]),
    "a tensor behind the end": gguf(tensors=[("t", (32,), 0, 2**40)]),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_header_is_refused_at_once(tmp_path: Path, what: str) -> None:
    with pytest.raises(ModelError):
        read_header(written(tmp_path, HOSTILE[what] + bytes(4096 if what.startswith("a huge") else 0)))


@given(place=st.integers(0, len(gguf()) - 1), bits=st.integers(1, 255))
def test_a_changed_byte_gives_a_header_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, place: int, bits: int
) -> None:
    data = bytearray(gguf(KEYS, TENSORS))
    data[place] ^= bits
    file = written(tmp_path_factory.getbasetemp(), bytes(data), "changed.gguf")
    with suppress(ModelError):
        assert read_header(file).architecture
