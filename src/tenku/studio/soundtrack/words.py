"""What is to be heard, as words for a model that makes picture and sound in one pass (pure)."""

from tenku.base.errors import JobError
from tenku.studio.videojob import VideoRequest

_BESIDE = ("sound_model", "speech_model", "voice")


def wants_sound(request: VideoRequest) -> bool:
    """Whether anything is to be heard."""
    return bool(request.sound.strip() or request.speech.strip())


def prompt_with_sound(request: VideoRequest) -> str:
    """The prompt with what is to be heard: such models read that from their prompt."""
    sound = f" Sound: {request.sound.strip()}" if request.sound.strip() else ""
    speech = f' Spoken words: "{request.speech.strip()}"' if request.speech.strip() else ""
    return request.prompt.strip() + sound + speech


def check_one_pass(request: VideoRequest, model: str) -> None:
    """Raises JobError: the request wants sound that is made beside the picture."""
    for name in _BESIDE:
        if getattr(request, name):
            raise JobError(
                f"{model} makes its own sound, so it takes no {name}.", hint="Describe what is heard: sound, speech."
            )
