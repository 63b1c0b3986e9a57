"""A program without SDL that asks the gamepads what the kernel's devices are asked; run under the preloaded library.

It prints one JSON line a question. Only the standard library: its calls are the C library's calls.
"""

import errno
import fcntl
import json
import os
import select
import stat
import struct
import sys
import threading
from pathlib import Path
from typing import Any

EVENT = struct.Struct("=qqHHi")
CLOCK_MONOTONIC = 1


def say(event: str, **what: Any) -> None:
    print(json.dumps({"event": event, **what}), flush=True)


def read_ioctl(kind: str, number: int, size: int) -> int:
    return 2 << 30 | size << 16 | ord(kind) << 8 | number


def ask(fd: int, number: int, size: int, kind: str = "E") -> bytes:
    """What a reading ioctl answers; cut to the length that it returns, where it returns one."""
    answer = bytearray(size)
    length = fcntl.ioctl(fd, read_ioctl(kind, number, size), answer)
    return bytes(answer[:length] if length else answer)


def bits(answer: bytes) -> list[int]:
    return [place for place in range(len(answer) * 8) if answer[place // 8] >> place % 8 & 1]


def refusal(call: Any, *arguments: Any) -> str:
    """The name of the error that a call fails with."""
    try:
        call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return ""


def events(fd: int) -> list[list[int]]:
    """What is there to read now: [type, code, value]."""
    found = []
    while select.select([fd], [], [], 0)[0]:
        found += [[kind, code, value] for _s, _u, kind, code, value in EVENT.iter_unpack(os.read(fd, 64 * 24))]
    return found


def describe() -> None:
    fd = os.open("/dev/input/event0", os.O_RDWR)
    about = Path("/dev/input/event0").stat()
    say(
        "device",
        listed=sorted(path.name for path in Path("/dev/input").iterdir()),
        character=stat.S_ISCHR(about.st_mode) and stat.S_ISCHR(os.fstat(fd).st_mode),
        rdev=[os.major(about.st_rdev), os.minor(about.st_rdev)],
        writable=os.access("/dev/input/event0", os.R_OK | os.W_OK),
        id=list(struct.unpack("=HHHH", ask(fd, 0x02, 8))),
        name=ask(fd, 0x06, 256).rstrip(b"\0").decode(),
        phys=ask(fd, 0x07, 64).rstrip(b"\0").decode(),
        kinds=bits(ask(fd, 0x20, 8)),
        keys=bits(ask(fd, 0x21, 96)),
        relative=bits(ask(fd, 0x22, 8)),
        axes=bits(ask(fd, 0x23, 8)),
        effects=bits(ask(fd, 0x35, 16)),
        held=bits(ask(fd, 0x18, 96)),
        places={code: struct.unpack("=6i", ask(fd, 0x40 + code, 24)) for code in bits(ask(fd, 0x23, 8))},
        slots=struct.unpack("=i", ask(fd, 0x84, 4))[0],
        blocking=os.get_blocking(fd),
        inheritable=os.get_inheritable(fd),
        js_question=refusal(ask, fd, 0x13, 128, "j"),
        short_read=refusal(os.read, fd, 8),
        missing=refusal(os.open, "/dev/input/event3", os.O_RDONLY),
        other_file=refusal(os.open, "/dev/input/mice", os.O_RDONLY),
    )
    os.close(fd)


def others_are_left_alone() -> None:
    """A descriptor's number is used again for something else: nothing of the pad sticks to it."""
    pad = os.open("/dev/input/event0", os.O_RDONLY | os.O_NONBLOCK)
    reading, writing = os.pipe()
    os.dup2(reading, pad)
    os.write(writing, b"not a pad")
    say(
        "reused",
        read=os.read(pad, 5).decode(),
        kind=stat.S_ISFIFO(os.fstat(pad).st_mode),
        ioctl=refusal(ask, pad, 2, 8),
    )
    for fd in (pad, reading, writing):
        os.close(fd)


def many_at_once() -> None:
    """Threads that open, ask and close, more often than there are places to remember devices in."""
    wrong: list[str] = []

    def work() -> None:
        for _ in range(50):
            fd = os.open("/dev/input/event0", os.O_RDONLY)
            if b"360" not in ask(fd, 0x06, 64):
                wrong.append("name")
            os.close(fd)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    say("threads", wrong=wrong)


def after_fork() -> None:
    """The child reads on from a pad that its parent opened."""
    fd = os.open("/dev/input/event0", os.O_RDONLY)
    child = os.fork()
    if child == 0:
        os._exit(0 if b"360" in ask(fd, 0x06, 64) and 0x130 in bits(ask(fd, 0x18, 96)) else 1)
    say("fork", code=os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os.close(fd)


def follow() -> None:
    """Sleep through a flood, then read; then lose the pad."""
    fd = os.open("/dev/input/event0", os.O_RDWR)
    fcntl.ioctl(fd, 0x400445A0, struct.pack("=i", CLOCK_MONOTONIC))
    say("asleep")
    sys.stdin.readline()
    first = EVENT.unpack(os.read(fd, 24))
    say("stamp", seconds=first[0])
    seen = events(fd)
    while not seen or seen[-4:-1] != [[1, 0x130, 1], [3, 0, 31000], [3, 1, -31000]]:
        select.select([fd], [], [])
        seen += events(fd)
    say("awake", count=len(seen), held=bits(ask(fd, 0x18, 96)), x=struct.unpack("=6i", ask(fd, 0x40, 24))[0])
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.poll()
    say("gone", read=refusal(os.read, fd, 24), write=refusal(os.write, fd, EVENT.pack(0, 0, 0x15, 0, 1)))


def shake() -> None:
    """Upload a sine wave, play it twice at half gain, change it, remove it."""
    fd = os.open("/dev/input/event0", os.O_RDWR)
    effect = bytearray(struct.pack("=HhH HH HH 2x HHh 26x", 0x51, -1, 0, 0, 0, 250, 0, 0x5A, 100, 0x1000))
    fcntl.ioctl(fd, 0x40304580, effect)
    number = struct.unpack_from("=h", effect, 2)[0]
    os.write(fd, EVENT.pack(0, 0, 0x15, 0x60, 0x8000))
    os.write(fd, EVENT.pack(0, 0, 0x15, number, 2))
    say("playing", number=number, unknown=refusal(fcntl.ioctl, fd, 0x40044581, 9))
    sys.stdin.readline()
    fcntl.ioctl(fd, 0x40044581, number)
    say("removed")
    sys.stdin.readline()


def js() -> None:
    """The old joystick interface: what it is, and how it begins."""
    fd = os.open("/dev/input/js0", os.O_RDONLY)
    data = b""
    while len(data) < 19 * 8:
        data += os.read(fd, 19 * 8 - len(data))
    say(
        "js",
        name=ask(fd, 0x13, 128, "j").rstrip(b"\0").decode(),
        axes=ask(fd, 0x11, 1, "j")[0],
        buttons=ask(fd, 0x12, 1, "j")[0],
        keys=list(struct.unpack("=11H", ask(fd, 0x34, 1024, "j")[:22])),
        first=[list(row) for row in struct.iter_unpack("=4xhBB", data)],
    )
    say("next", row=list(struct.unpack("=4xhBB", os.read(fd, 8))))


ACTS = {act.__name__: act for act in (describe, others_are_left_alone, many_at_once, after_fork, follow, shake, js)}

if __name__ == "__main__":
    say("ready")
    sys.stdin.readline()
    ACTS[sys.argv[1]]()
