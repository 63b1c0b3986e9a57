"""Files of tensors on the disk: where they are to be cut."""

import os
from collections.abc import Sequence
from pathlib import Path

from tenku.base.errors import FolderError
from tenku.content.model import Kind
from tenku.content.safetensors import tensor_borders
from tenku.content.scan import Found


def weights_borders(folder: Path, found: Found) -> Sequence[int]:
    """Offsets at which a chunk of this file has to end; for `PublishOptions.borders`. None but in .safetensors files.

    Raises:
        FolderError: the file cannot be read.
    """
    if found.kind is not Kind.FILE or not found.path.endswith(".safetensors"):
        return ()
    path = folder / found.path
    try:
        # Without following links, as whoever reads the file then.
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return tensor_borders(lambda offset, length: os.pread(file, length, offset), found.size)
        finally:
            os.close(file)
    except OSError as error:
        raise FolderError(f"{path} cannot be read: {error.strerror}.") from error
