"""Whether a video that was written is the one that was asked for."""

from tenku.base.errors import JobError
from tenku.studio.media.codecs import VIDEO
from tenku.studio.media.readback import MediaFacts, read_back

SLACK_S = 0.005
"""How far apart the first picture and the first sample, and the ends of both, may be besides rounding to pictures."""


def check_video(
    data: bytes,
    *,
    frames: int,
    width: int,
    height: int,
    fps: float,
    codec: str = "h264",
    sound_s: float | None = None,
) -> MediaFacts:
    """Decode a video again and compare it with what was asked for.

    Args:
        width, height: of what was asked for; odd ones are one more in the file.
        sound_s: seconds of sound that belong to it; None: none.

    Raises:
        JobError: the first thing that differs, with both values.
    """
    facts = read_back(data, what="The video that was written")
    for name, found, wanted in _pairs(facts, frames, width, height, fps, codec, sound_s):
        if found != wanted:
            raise JobError(f"The video that was written has {name} {found} instead of {wanted}.", hint="Try again.")
    return facts


def _pairs(
    facts: MediaFacts, frames: int, width: int, height: int, fps: float, codec: str, sound_s: float | None
) -> list[tuple[str, object, object]]:
    pictures, sound = facts.pictures, facts.sound
    if pictures is None:
        return [("pictures", "none", "some")]
    pairs: list[tuple[str, object, object]] = [
        ("the codec", pictures.codec, VIDEO[codec].decoded_as),
        ("frames:", pictures.frames, frames),
        ("the size", f"{pictures.width}x{pictures.height}", f"{width + width % 2}x{height + height % 2}"),
        ("seconds:", round(pictures.end_s - pictures.first_s, 2), round(frames / fps, 2)),
        ("its colours as BT.709:", pictures.bt709, True),
        ("sound:", sound is not None, sound_s is not None),
    ]
    if sound is None or sound_s is None:
        return pairs
    lasts, wanted_s = sound.end_s - sound.first_s, min(sound_s, frames / fps)
    return [
        *pairs,
        ("its first sample beside its first picture:", abs(facts.start_offset_s) <= SLACK_S, True),
        ("seconds of sound:", wanted_s if abs(lasts - wanted_s) <= SLACK_S else lasts, wanted_s),
    ]
