"""The last lines, whatever a game writes."""

from hypothesis import given
from hypothesis import strategies as st

from tenku.unit.tail import FLOOD, LINES, LONGEST, Tail


def fed(*pieces: bytes) -> tuple[str, ...]:
    tail = Tail()
    for piece in pieces:
        tail.feed(piece)
    tail.finish()
    return tail.lines


@given(st.lists(st.text("abc ä", min_size=1, max_size=30).map(lambda text: f"x{text}x"), max_size=60), st.data())
def test_the_last_twenty_lines_however_the_pipe_cuts_them(lines: list[str], data: st.DataObject) -> None:
    text = "".join(f"{line}\n" for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert fed(*pieces) == tuple(lines[-LINES:])


@given(st.lists(st.binary(max_size=4000), max_size=20))
def test_garbage_stays_small_and_can_be_shown(pieces: list[bytes]) -> None:
    lines = fed(*pieces)
    assert len(lines) <= LINES
    assert all(len(line) <= LONGEST and (line.isprintable() or not line) for line in lines)


def test_a_line_of_gigabytes_is_kept_in_a_few_bytes() -> None:
    tail = Tail()
    for _ in range(3000):
        tail.feed(b"x" * 65536)
    assert len(tail.__dict__["_unfinished"]) <= 4 * LONGEST
    tail.feed(b"\nend\n")
    assert tail.lines == ("x" * LONGEST, "end")


def test_a_last_line_without_its_end_counts() -> None:
    assert fed(b"one\ntwo") == ("one", "two")


def test_a_progress_bar_shows_its_last_state_and_colours_are_gone() -> None:
    assert fed(b"10%\r20%\r100%\r\n\x1b[1;31mred\x1b[0m\tx\n") == ("100%", "red    x")


@given(st.lists(st.integers(1, 300), max_size=6))
def test_each_line_is_told_once_and_in_order(counts: list[int]) -> None:
    told: list[str] = []
    tail = Tail(told.append)
    for at, count in enumerate(counts):
        tail.feed(b"".join(b"%d.%d\n" % (at, line) for line in range(count)))
    tail.finish()
    assert told == [f"{at}.{line}" for at, count in enumerate(counts) for line in range(count)]


def test_of_a_flood_the_end_is_told() -> None:
    told: list[str] = []
    Tail(told.append).feed(b"".join(b"%d\n" % line for line in range(10 * FLOOD)))
    assert told == [str(line) for line in range(9 * FLOOD, 10 * FLOOD)]
