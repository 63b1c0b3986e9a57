"""How many pictures a video has, and in which pieces they are made (pure)."""

import math
from dataclasses import dataclass

STRIDE = 4
"""Pictures that become one moment in Wan's latents; besides the first, which is one by itself."""


@dataclass(frozen=True)
class Piece:
    """One call of the model.

    Args:
        frames: that are made, 4k + 1 of them.
        known: the first so many are the last ones of the piece before; they are thrown away.
    """

    frames: int
    known: int

    @property
    def new(self) -> int:
        """How many it adds."""
        return self.frames - self.known


def frames_for(seconds: float, fps: int) -> int:
    """The smallest 4k + 1 that does not fall short of `seconds` at `fps` pictures a second."""
    # Rounded first: 5.0625 s of 16 a second are 81 pictures, whatever the last bit of the product says.
    return whole(max(1, math.ceil(round(seconds * fps, 6))))


def whole(frames: int) -> int:
    """The smallest 4k + 1 that is not less."""
    return math.ceil((frames - 1) / STRIDE) * STRIDE + 1


def within(frames: int) -> int:
    """The largest 4k + 1 that is not more; at least 1."""
    return max(0, (frames - 1) // STRIDE) * STRIDE + 1


def pieces_of(frames: int, *, most: int, known: int = 1) -> tuple[Piece, ...]:
    """Pieces of about equal length that make so many pictures together.

    A last piece of five pictures would be worse than two of half the length: models are made for long ones.

    Args:
        frames: 4k + 1.
        most: pictures of one call, 4k + 1.
        known: pictures that a piece shares with the one before it, 4k + 1.
    """
    moments, first = (frames - 1) // STRIDE, (most - 1) // STRIDE
    if moments <= first:
        return (Piece(frames, 0),)
    later = first - (known - 1) // STRIDE
    if later < 1:
        raise ValueError(f"{known} pictures of {most} leave no room for new ones")
    count = 1 + math.ceil((moments - first) / later)
    shares = [0] * count
    for number in range(moments):
        # One moment to each in turn; who is full is passed over.
        free = [at for at in range(count) if shares[at] < (later if at else first)]
        shares[min(free, key=lambda at: (shares[at], at))] += 1
        del number
    return tuple(
        Piece(share * STRIDE + 1, 0) if not at else Piece(share * STRIDE + known, known)
        for at, share in enumerate(shares)
    )


def retimed(count: int, *, made: float, shown: float) -> list[int]:
    """Which pictures are shown so that `count` of them, made for one rate, last equally long at another.

    Pictures are shown twice or left out; none is made up between two.
    """
    if made == shown:
        return list(range(count))
    return [min(count - 1, int(at * made / shown + 1e-6)) for at in range(max(1, round(count * shown / made)))]
