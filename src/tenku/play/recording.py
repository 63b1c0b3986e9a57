"""Records what is streamed, as it is streamed: nothing is encoded again, and a disk never makes the game wait.

`frame` and `sound` only put things into a queue; one thread takes them out and writes half a second at a time.
"""

import errno
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tenku.base.errors import SettingError
from tenku.play import mp4
from tenku.play.model import Frame, Sound
from tenku.play.reel import VIDEO_RATE, Reel, Run

KEY_FRAME_EVERY_US = 10_000_000
"""A player can seek to key frames only. More of them would make the stream itself worse."""
ASK_AGAIN_US = 1_000_000
BOX_HEADER = 8
"""Bytes that length and type of a box take."""
MOST_WAITING = 32 * 1024 * 1024
"""Bytes that may wait for a slow disk; beyond that pictures are left out, up to the next key frame."""

WHY = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file may not become larger",
    errno.EIO: "the disk reports an error",
}


class Recording:
    """The `Recorder` port: an MP4 file with H.264 pictures and Opus sound.

    Args:
        file: must not exist; its folder must.
        codec: of the frames; only H.264 can be recorded.
        sound: whether the session has sound.
        request_key_frame: asks the encoder for one; called from `start` and `frame`.
    """

    def __init__(
        self, file: Path, *, request_key_frame: Callable[[], None], codec: str = "h264", sound: bool = True
    ) -> None:
        self._file = file
        self._codec = codec
        self._sound = sound
        self._request_key_frame = request_key_frame
        self._queue: queue.SimpleQueue[Frame | Sound | None] = queue.SimpleQueue()
        self._waiting = 0
        self._waiting_lock = threading.Lock()
        self._skipping = False
        self._key_us = self._asked_us = 0
        self._writer: _Writer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Make the file. Raises SettingError, with what to try, where that cannot be."""
        _check(self._file, self._codec)
        try:
            # Exclusive: what is there already, a link included, is never written over.
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise SettingError(
                f"The recording {self._file} cannot be made: {error.strerror}.", hint="Give --record another file."
            ) from error
        self._writer = _Writer(descriptor, self._file, Reel(sound=self._sound))
        self._thread = threading.Thread(target=self._write, name="recording", daemon=True)
        self._thread.start()
        self._request_key_frame()

    def frame(self, frame: Frame) -> None:
        """The next picture of the stream; never waits."""
        if self._thread is None or self.trouble():
            return
        self._keep_key_frames_coming(frame)
        if self._skipping and not frame.key:
            return
        with self._waiting_lock:
            self._skipping = self._waiting > MOST_WAITING
            if not self._skipping:
                self._waiting += len(frame.data)
        if not self._skipping:
            self._queue.put(frame)

    def sound(self, sound: Sound) -> None:
        """The next packet of sound; never waits."""
        if self._thread is not None and not self.trouble():
            self._queue.put(sound)

    def finish(self) -> str:
        """Write what is left and close the file; a sentence that says what there is now. May be called again."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        return self._writer.result() if self._writer else ""

    def trouble(self) -> str:
        """Why the recording ended early, as a sentence; empty while all is well."""
        return self._writer.trouble if self._writer else ""

    def _keep_key_frames_coming(self, frame: Frame) -> None:
        if frame.key:
            self._key_us = frame.capture_us
        wanted = self._skipping or frame.capture_us - self._key_us >= KEY_FRAME_EVERY_US
        if wanted and frame.capture_us - self._asked_us >= ASK_AGAIN_US:
            self._asked_us = frame.capture_us
            self._request_key_frame()

    def _write(self) -> None:
        assert self._writer is not None
        while (item := self._queue.get()) is not None:
            if isinstance(item, Frame):
                with self._waiting_lock:
                    self._waiting -= len(item.data)
            self._writer.add(item)
        self._writer.finish()


class _Writer:
    """The file itself: fragments while it grows, an index at the end. Used by one thread."""

    def __init__(self, descriptor: int, file: Path, reel: Reel) -> None:
        self.trouble = ""
        self._descriptor = descriptor
        self._file = file
        self._reel = reel
        self._film: mp4.Film | None = None
        self._tables = {mp4.VIDEO: mp4.Table(), mp4.AUDIO: mp4.Table()}
        self._end = 0
        self._fragments = 0

    def add(self, item: Frame | Sound) -> None:
        """Take one thing in; write when enough has come together."""
        if self.trouble:
            return
        if isinstance(item, Frame):
            self._reel.add_frame(item)
        else:
            self._reel.add_sound(item)
        if self._reel.due():
            self._try(self._write_next)

    def finish(self) -> None:
        """Write the rest and the index, and close the file."""
        if not self.trouble:
            self._try(lambda: self._write_next(last=True))
        if self._film is not None:
            self._try(self._write_index)
        os.close(self._descriptor)
        if self._film is None:
            self._file.unlink(missing_ok=True)

    def result(self) -> str:
        """What was recorded, as a sentence."""
        if self._film is None:
            return f"Nothing was recorded to {self._file}: no picture came."
        seconds = round(sum(self._tables[mp4.VIDEO].durations) / VIDEO_RATE)
        return f"Recorded {seconds // 60} min {seconds % 60} s ({self._end / 1e6:.1f} MB) to {self._file}."

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            # What is in the file up to here is whole; half a fragment behind it is not.
            os.ftruncate(self._descriptor, self._end)
            if not self.trouble:
                why = WHY.get(error.errno or 0, error.strerror)
                self.trouble = f"The recording ended: {why}. What was recorded is in {self._file}. The game goes on."

    def _write_next(self, *, last: bool = False) -> None:
        pictures, packets = self._reel.take(last=last)
        if self._film is None:
            self._film = self._begin()
        if self._film is None or not (pictures.samples or packets.samples):
            return
        data, first = mp4.fragment(self._fragments + 1, pictures, packets)
        start = self._end
        self._append(data)
        self._fragments += 1
        self._note(pictures, packets, start + first)

    def _begin(self) -> mp4.Film | None:
        if self._reel.first is None:
            return None
        film = mp4.Film(self._reel.first, self._reel.size, self._reel.sound, made_at=time.time())
        self._append(mp4.head(film))
        return film

    def _note(self, pictures: Run, packets: Run, offset: int) -> None:
        if pictures.samples:
            self._tables[mp4.VIDEO].add(pictures, offset, plain=False)
            offset += sum(len(sample.data) for sample in pictures.samples)
        if packets.samples:
            self._tables[mp4.AUDIO].add(packets, offset, plain=True)

    def _write_index(self) -> None:
        assert self._film is not None
        fragments_end = self._end
        self._append(mp4.index(self._film, self._tables))
        # From here on the file is a plain one; killed before this, we leave a fragmented one that is whole. These are
        # 16 bytes of the first page: the kernel writes all of them or none.
        where, data = mp4.closing(fragments_end)
        self._put(data, where)

    def _append(self, data: bytes) -> None:
        """Write boxes so that killing us half way leaves nothing that a player would stumble over.

        The first 8 bytes, length and type of the first box, go last. Until then they are zeros, which means: a box
        of no type that goes to the end of the file. (With half a `moof` at its end, ffmpeg and Chrome refuse a file.)
        """
        self._put(data[BOX_HEADER:], self._end + BOX_HEADER)
        self._put(data[:BOX_HEADER], self._end)
        self._end += len(data)

    def _put(self, data: bytes, at: int) -> None:
        left = memoryview(data)
        while left:
            written = os.pwrite(self._descriptor, left, at)
            left, at = left[written:], at + written


def _check(file: Path, codec: str) -> None:
    if codec != "h264":
        raise SettingError(f"A stream of {codec} cannot be recorded.", hint="Use --codec h264 with --record.")
    if file.suffix.lower() != ".mp4":
        raise SettingError(f"The recording {file} is no MP4 file.", hint=f"Try --record {file.with_suffix('.mp4')}.")
    if file.exists() or file.is_symlink():
        raise SettingError(f"{file} exists already.", hint="Give --record another name, or remove that file.")
    if not file.parent.is_dir():
        raise SettingError(f"There is no folder {file.parent} for the recording.", hint=f"Try mkdir -p {file.parent}.")
