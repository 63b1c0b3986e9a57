"""Ten thousand messages that nobody should send: the server lives, forgets them, and goes on playing."""

import contextlib
import dataclasses
import random
import time
from pathlib import Path
from typing import Any, get_args, get_type_hints

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from live import chromium, open_page, probe, until
from tenku.play.protocol import FROM_BROWSER, FROM_SERVER, Hello, Message, encode

MESSAGES = 10_000
GROWTH_KIB = 8_000
"""What the process may grow by: the allocator's play, not the messages."""
SIZES = {"B": 8, "H": 16, "h": 15, "I": 32, "Q": 64}


def random_message(chance: random.Random) -> bytes:
    """A message of the protocol with any values, or a damaged one, or none at all."""
    kind = chance.choice(FROM_BROWSER + FROM_SERVER)
    data = bytearray(encode(random_values(kind, chance)))
    match chance.randrange(6):
        case 0:
            return chance.randbytes(chance.randrange(64))
        case 1:
            return bytes(data[: chance.randrange(len(data) + 1)])
        case 2:
            return bytes(data) + chance.randbytes(chance.randrange(1, 2000))
        case 3:
            data[chance.randrange(len(data))] = chance.randrange(256)
            return bytes(data)
        case _:
            return bytes(data)


def random_values(kind: type[Message], chance: random.Random) -> Message:
    """A message of this class with values drawn from the whole range of each field."""
    hints = get_type_hints(kind, include_extras=True)
    return kind(*(random_value(get_args(hints[field.name])[1].kind, chance) for field in dataclasses.fields(kind)))


def random_value(kind: str, chance: random.Random) -> Any:
    if kind == "bytes":
        return chance.randbytes(chance.randrange(100))
    text = "".join(chr(chance.randrange(1, 0xD800)) for _ in range(chance.randrange(20)))
    if kind == "text":
        return text
    if kind == "json":
        verbs = ["stay", "mute", "remove", "new_link", "rename", text]
        return {"do": chance.choice(verbs), "slot": chance.randrange(-1, 6), "name": chance.choice([text, 3, None, []])}
    value = chance.getrandbits(chance.randrange(1, SIZES[kind] + 1))
    return -value if kind == "h" and chance.random() < 0.5 else value


def resident_kib(pid: int) -> int:
    """Memory of a process that is in use."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("The process has ended.")


def send_all(url: str, messages: list[bytes], *, greets: bool) -> None:
    """Send messages over as many connections as it takes, since each bad one ends its own."""
    left = list(reversed(messages))
    while left:
        with connect(url, max_size=None, proxy=None) as socket, contextlib.suppress(ConnectionClosed):
            if greets:
                socket.send(encode(Hello({})))
            for _ in range(min(len(left), 50)):
                socket.send(left.pop())


def test_ten_thousand_random_messages_crash_nothing_and_leak_nothing(tmp_path: Path) -> None:
    seed = time.time_ns()
    print(f"seed {seed}")
    chance = random.Random(seed)
    messages = [random_message(chance) for _ in range(MESSAGES)]
    with probe(tmp_path) as (live, log), chromium() as browser:
        url = live.url().replace("http", "ws") + "/ws"
        send_all(url, messages[:2000], greets=True)  # Warms up what is made once.
        before = resident_kib(live.process.pid)
        send_all(url, messages[2000:6000], greets=True)
        send_all(url, messages[6000:], greets=False)
        assert resident_kib(live.process.pid) - before < GROWTH_KIB
        player = open_page(browser, live.url())
        events = len(log.all("down"))
        player.keyboard.press("KeyL")
        until(lambda: len(log.all("down")) > events, what="a key after all that")
        assert live.process.poll() is None
