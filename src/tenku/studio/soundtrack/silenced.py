"""Takes the sound out of a video, and leaves its pictures as they are."""

from fractions import Fraction
from typing import Any

import av

from tenku.base.errors import JobError
from tenku.studio.media.container import opened
from tenku.studio.media.memoryfile import MemoryFile


def silenced(data: bytes, *, what: str = "The video") -> bytes:
    """The same pictures, byte for byte as they were coded, in an MP4 file without sound. Raises JobError."""
    file = MemoryFile()
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with opened(data, what=what) as source:
        if not source.streams.video:
            raise JobError(f"{what} has no pictures.", hint="Try again.")
        pictures = source.streams.video[0]
        with av.open(file.file, "w", format="mp4", container_options=options, io_open=file.open_again) as container:
            copy: Any = container.add_stream_from_template(pictures)
            begin = _begin(pictures)
            for packet in source.demux(pictures):
                if packet.dts is None:  # the empty one that tells a decoder that nothing follows
                    continue
                packet.stream = copy
                packet.pts, packet.dts = packet.pts - begin, packet.dts - begin  # type: ignore[operator]
                container.mux(packet)
    return file.bytes()


def _begin(stream: Any) -> int:
    """The time of the first picture: with the sound goes whatever made the pictures begin later."""
    return int(Fraction(stream.start_time or 0))
