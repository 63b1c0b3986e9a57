"""Files of tensors, made by hand: eight bytes, a header of JSON, and the tensors' bytes."""

import json
import random
from collections.abc import Mapping


def safetensors(tensors: Mapping[str, bytes], *, note: str = "") -> bytes:
    """A whole file; `note` makes the header longer, so that every tensor lies elsewhere."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"} | ({"note": note} if note else {})}
    at = 0
    for name, data in tensors.items():
        header[name] = {"dtype": "U8", "shape": [len(data)], "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"".join(tensors.values())


def tensors(*sizes: int, seed: int = 0) -> dict[str, bytes]:
    """Tensors of noise, the same for the same seed."""
    return {f"layer.{number}": random.Random(f"{seed} {number}").randbytes(size) for number, size in enumerate(sizes)}
