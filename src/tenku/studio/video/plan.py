"""From a job to the calls of the model that do it (pure)."""

from collections.abc import Mapping
from dataclasses import dataclass

from tenku.base.errors import JobError
from tenku.studio.model import Json
from tenku.studio.video.length import Piece, frames_for, pieces_of, within
from tenku.studio.video.powers import Powers, Way, way_of
from tenku.studio.videojob import VideoRequest

NEXT_SEED = 0x9E3779B1
"""From one piece, or one try, to the next: far from the seeds of neighbours in a batch."""
TRIES = 2
"""How often a piece is made while its seam is bad: each try costs as much as the piece."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a job is done."""

    way: Way
    pieces: tuple[Piece, ...]
    most: int
    """Pictures of one call, or of one round of Wan-Animate."""
    fps: int
    """Of the pictures that are made."""
    shown: int
    """Of the file."""
    steps: int
    guidance: float
    guidance_2: float | None
    """Of the second transformer of Wan 2.2; None: the same."""
    negative: str
    seed: int

    @property
    def frames(self) -> int:
        """How many are made in all."""
        return sum(piece.new for piece in self.pieces)

    def seed_of(self, piece: int, attempt: int) -> int:
        """The first piece's is the job's own, so that a short video is what the model alone would make of it."""
        return (self.seed + (piece * TRIES + attempt) * NEXT_SEED) % 2**63


def plan_of(request: VideoRequest, powers: Powers, *, given: Mapping[str, Json], there: int = 0) -> Plan:
    """How a job is done.

    Args:
        given: the model's own parameters; `fps`, `max_frames`, `steps`, `guidance`, `guidance_2` and `negative` take
            the place of what is usual for its kind.
        there: pictures that the videos which came with it have, at the model's rate; 0: none came.

    Raises:
        JobError: the model cannot do this; the message says what it can.
    """
    way = way_of(request, powers)
    _check_size(request, powers)
    fps, most = own_fps(given, powers), within(_own(given, "max_frames", powers.frames, 5, 2001))
    usual = _number(given, "guidance")
    usual = powers.guidance if usual is None else usual
    wanted = frames_for(request.seconds, fps)
    if there:
        wanted = min(wanted, there if way is Way.ANIMATE else within(there))
    return Plan(
        way=way,
        pieces=_pieces(wanted, way, powers, most=most, fps=fps),
        most=most,
        fps=fps,
        shown=request.fps or fps,
        steps=request.steps or _own(given, "steps", powers.steps, 1, 200),
        guidance=usual if request.guidance < 0 else request.guidance,
        guidance_2=_number(given, "guidance_2") if request.guidance < 0 else None,
        negative=request.negative or str(given.get("negative") or ""),
        seed=request.seed,
    )


def own_fps(given: Mapping[str, Json], powers: Powers) -> int:
    """The rate that a model's pictures are made for. Raises JobError."""
    return _own(given, "fps", powers.fps, 1, 120)


def _pieces(wanted: int, way: Way, powers: Powers, *, most: int, fps: int) -> tuple[Piece, ...]:
    if way is Way.ANIMATE:
        return (Piece(wanted, 0),)  # its pipeline goes on by itself
    if wanted <= most:
        return (Piece(wanted, 0),)
    if not powers.known or way is Way.CHANGE:
        raise JobError(
            f"{powers.model} makes {most} pictures at most, which are {most / fps:.4g} s, and cannot go on from them; "
            f"asked were {wanted}.",
            hint=f"Ask for {int(most / fps * 100) / 100:g} s, or take an I2V, TI2V or VACE model, which go on.",
        )
    return pieces_of(wanted, most=most, known=powers.known if most > powers.known + 4 else 1)


def _check_size(request: VideoRequest, powers: Powers) -> None:
    multiple = powers.multiple
    if request.width % multiple or request.height % multiple:
        nearest = [max(1, round(side / multiple)) * multiple for side in (request.width, request.height)]
        raise JobError(
            f"{powers.model} makes pictures whose sides are multiples of {multiple}, and "
            f"{request.width}x{request.height} are not.",
            hint=f"Take {nearest[0]}x{nearest[1]}.",
        )


def _own(given: Mapping[str, Json], name: str, usual: int, low: int, high: int) -> int:
    value = given.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise JobError(
            f"The model's parameter {name} is {str(value)[:80]!r}; it has to be a whole number from {low} to {high}.",
            hint="Add the model again.",
        )
    return value


def _number(given: Mapping[str, Json], name: str) -> float | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 50:
        raise JobError(
            f"The model's parameter {name} is {str(value)[:80]!r}; it has to be a number from 0 to 50.",
            hint="Add the model again.",
        )
    return float(value)
