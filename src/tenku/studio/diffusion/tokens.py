"""Whether a tokenizer belongs to its text encoder, and whether a prompt fits the encoder."""

from collections.abc import Mapping
from typing import Any

from tenku.base.errors import JobError, ModelError
from tenku.studio.diffusion.folder import ModelFolder

SPARE = 1024
"""Rows that an embedding may have beyond the tokens, padded for speed or kept for later; a share of them is added."""
SHARE = 20
SPECIAL: Mapping[str, str] = {
    "image_token_id": "<|image_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
}
"""Numbers that an encoder's configuration names, and the tokens that have to have them."""


def check_tokenizers(folder: ModelFolder, components: Mapping[str, Any]) -> None:
    """Every `tokenizer…` against its `text_encoder…`. Raises ModelError: they do not belong together."""
    for name, tokenizer in components.items():
        if not name.startswith("tokenizer") or tokenizer is None:
            continue
        encoder = components.get(name.replace("tokenizer", "text_encoder"))
        if encoder is not None:
            _check(folder, name, tokenizer, encoder)


def check_prompt(tokenizer: Any, text: str, *, most: int, what: str = "prompt") -> None:
    """Raises JobError: a text has more tokens than the model reads; it would be cut off unseen otherwise."""
    tokens = len(tokenizer(text).input_ids)
    if tokens > most:
        raise JobError(f"The {what} has {tokens} tokens, and this model reads {most}.", hint="Shorten it.")


def _check(folder: ModelFolder, name: str, tokenizer: Any, encoder: Any) -> None:
    # CLAP reads both texts and sounds, so it has no embedding of its own; the part that reads texts has one.
    reader = getattr(encoder, "text_model", encoder)
    rows = int(reader.get_input_embeddings().weight.shape[0])
    tokens = len(tokenizer)
    if tokens > rows or rows - tokens > SPARE + rows // SHARE:
        raise ModelError(
            f"{folder.path / name} has {tokens} tokens, and its text encoder knows {rows}: "
            "they do not belong together.",
            hint="Bring the tokenizer that came with the model.",
        )
    for key, token in SPECIAL.items():
        wanted = getattr(encoder.config, key, None)
        number = tokenizer.get_vocab().get(token) if wanted is not None else None
        if number is not None and number != wanted:
            raise ModelError(
                f"{folder.path / name} has {token} as its token {number}, and the text encoder reads it as {wanted}: "
                "they do not belong together.",
                hint="Bring the tokenizer that came with the model.",
            )
