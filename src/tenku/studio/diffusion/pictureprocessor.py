"""Reads text and pictures for Qwen2.5-VL without torchvision.

transformers builds its processor with a part for videos, which needs torchvision; a machine with torch for processors
often has none that fits. Nobody hands a video to it here, so ours is the library's own without that part.
"""

from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, Qwen2VLImageProcessorPil, Qwen2VLProcessor
from transformers.processing_utils import ProcessorMixin


class PictureProcessor(Qwen2VLProcessor):  # type: ignore[misc]
    """Like `Qwen2VLProcessor`, for texts and pictures alone."""

    def __init__(self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None) -> None:
        self.image_token, self.video_token = "<|image_pad|>", "<|video_pad|>"
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
        ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)


def picture_processor(folder: Path) -> PictureProcessor:
    """The processor that is saved in a folder. Raises OSError, ValueError: it is not whole."""
    return PictureProcessor(
        image_processor=Qwen2VLImageProcessorPil.from_pretrained(folder, local_files_only=True),
        tokenizer=AutoTokenizer.from_pretrained(folder, local_files_only=True),
    )
