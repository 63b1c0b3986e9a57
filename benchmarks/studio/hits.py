"""How soon a result that is there already is in the hands of whoever asks for it again."""

import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.studio.server import MODEL, server

JOB = {"model": MODEL, "prompt": "Name a fire sword.", "parameters": {"max_tokens": 8}, "seed": 1}


def measure(model: Path, *, rounds: int) -> list[float]:
    """Seconds from handing a known job in until it is known to be done, by the API; one value a round."""
    with tempfile.TemporaryDirectory(prefix="tenku-bench-") as folder, server(Path(folder), model) as client:
        _make(client)
        return [_make(client) for _ in range(rounds)]


def _make(client: httpx.Client) -> float:
    began = time.perf_counter()
    job: dict[str, Any] = client.post("/api/jobs", json={"jobs": [JOB]}).raise_for_status().json()["jobs"][0]
    while job["state"] not in ("done", "failed"):
        job = client.get(f"/api/jobs/{job['id']}").json()
    if job["state"] == "failed":
        raise RuntimeError(job["error"])
    return time.perf_counter() - began
