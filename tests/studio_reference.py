"""What transformers says about an answer of llama.cpp, from the same file: the reference for texts.

llama.cpp multiplies quantised weights with activations that it rounds to 8 bits; transformers takes the weights out of
their quantisation and computes in fp32. Where two tokens are nearly as likely, the two may choose differently, and all
that follows would differ. So transformers reads the answer that was given, and says at each of its tokens which one it
would have chosen there, and by how much.
"""

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Said:
    """One answer of ours: a request's messages, and its tokens with their log-probabilities."""

    messages: Sequence[Mapping[str, Any]]
    thinking: bool
    prompt_tokens: int
    text: str
    tokens: Sequence[int]
    logprobs: Sequence[float]


@dataclass(frozen=True)
class Compared:
    """An answer beside the reference."""

    prompt_tokens: int
    text: str
    agrees: Sequence[bool]
    """Whether the reference would have chosen this token, too."""
    gaps: Sequence[float]
    """By how much its favourite's logit is above that of the token; 0 where they are the same."""
    off: Sequence[float]
    """How far the two log-probabilities of the token are apart."""


def said(request: Mapping[str, Any], completion: Mapping[str, Any]) -> Said:
    """A whole completion that was asked for with `logprobs`."""
    choice = completion["choices"][0]
    content = choice["logprobs"]["content"]
    return Said(
        messages=request["messages"],
        thinking=request["chat_template_kwargs"]["enable_thinking"],
        prompt_tokens=completion["usage"]["prompt_tokens"],
        text=choice["message"]["content"],
        tokens=[each["id"] for each in content],
        logprobs=[each["logprob"] for each in content],
    )


class Reference:
    """The model of a GGUF file in fp32, with the tokenizer and the chat template of the file."""

    def __init__(self, weights: Path) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        folder, name = str(weights.parent), weights.name
        with _quiet():
            self._model: Any = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval()
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, gguf_file=name)

    def compare(self, answer: Said, *, messages: Sequence[Mapping[str, Any]] | None = None) -> Compared:
        """Read an answer; `messages`: as if it had been given to these instead."""
        prompt = self._prompt(messages or answer.messages, thinking=answer.thinking)
        with torch.inference_mode():
            logits = self._model(torch.tensor([[*prompt, *answer.tokens]])).logits[0, len(prompt) - 1 : -1]
        chosen = torch.tensor(answer.tokens)[:, None]
        gaps = logits.max(-1).values - logits.gather(-1, chosen)[:, 0]
        off = logits.log_softmax(-1).gather(-1, chosen)[:, 0] - torch.tensor(answer.logprobs)
        return Compared(
            prompt_tokens=len(prompt),
            text=self._tokenizer.decode(answer.tokens, skip_special_tokens=True),
            agrees=(logits.argmax(-1) == chosen[:, 0]).tolist(),
            gaps=gaps.tolist(),
            off=off.abs().tolist(),
        )

    def _prompt(self, messages: Sequence[Mapping[str, Any]], *, thinking: bool) -> list[int]:
        text = self._tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, tokenize=False, enable_thinking=thinking
        )
        tokens: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return tokens


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' bars, and without warnings of its own parts."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if shown:
            logging.enable_progress_bar()
