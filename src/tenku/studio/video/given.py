"""What came with a video job, read and made fit for the model."""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from tenku.base.errors import JobError
from tenku.studio.media.readframes import read_frames
from tenku.studio.pictures import read_picture
from tenku.studio.video.fit import covering, on_white, pictures_of
from tenku.studio.videojob import VideoRequest


@dataclass(frozen=True, kw_only=True)
class Given:
    """Pictures in the size of the video, and videos at the rate of the model; what did not come is None or empty."""

    image: Image.Image | None = None
    last: Image.Image | None = None
    video: tuple[Image.Image, ...] = ()
    mask: tuple[Image.Image, ...] = ()
    face: tuple[Image.Image, ...] = ()
    background: tuple[Image.Image, ...] = ()
    references: tuple[Image.Image, ...] = ()
    """In their own size: the model puts them onto white."""

    @property
    def there(self) -> int:
        """How many pictures the videos allow; 0: none came."""
        videos = [each for each in (self.video, self.mask, self.face, self.background) if each]
        return min(map(len, videos), default=0)


def read_given(request: VideoRequest, read: Callable[[str], bytes], *, fps: int) -> Given:
    """Read all that came with a job.

    Args:
        read: an input's bytes by its name.
        fps: what the model works at.

    Raises:
        JobError: something is missing, broken, or too large; the message says which.
    """
    width, height = request.width, request.height

    def picture(name: str, what: str) -> Image.Image | None:
        return covering(on_white(read_picture(read(name), what=what)), width, height) if name else None

    def video(name: str, what: str, size: tuple[int, int] = (width, height)) -> tuple[Image.Image, ...]:
        if not name:
            return ()
        reel = read_frames(read(name), what=what)
        return tuple(pictures_of(reel, fps=fps, width=size[0], height=size[1]))

    given = Given(
        image=picture(request.image, "The first frame"),
        last=picture(request.last_image, "The last frame"),
        video=video(request.video, "The video"),
        mask=video(request.mask, "The mask"),
        face=_faces(request, read, fps=fps),
        background=video(request.background, "The background"),
        references=tuple(
            on_white(read_picture(read(name), what=f"Reference {number + 1}"))
            for number, name in enumerate(request.references)
        ),
    )
    if given.mask and not request.background and len(given.mask) < len(given.video):
        raise JobError(
            f"The mask has {len(given.mask)} pictures, and the video {len(given.video)}.",
            hint="Make them equally long.",
        )
    return given


def _faces(request: VideoRequest, read: Callable[[str], bytes], *, fps: int) -> tuple[Image.Image, ...]:
    if not request.face:
        return ()
    reel = read_frames(read(request.face), what="The face")
    side = min(reel.frames.shape[1:3])  # faces are square; the model makes them as small as it wants them
    return tuple(pictures_of(reel, fps=fps, width=side, height=side))
