"""Every error that Tenku raises on purpose, in one tree.

TenkuError
├── UsageError            the caller asked for something that cannot be: exit 2
│   ├── GameError         the game's folder, command or tenku.toml is wrong
│   └── SettingError      a flag, variable or key has a value that cannot be used
├── MachineError          this machine lacks something: exit 2
│   └── TakenError        a device's memory is promised to others, or used; it may be free later
├── AccessError           no link, a wrong or revoked link, too many attempts
├── ProtocolError         a peer sent what the protocol does not allow
├── RecordingError        the recording ended early; the game goes on
├── StudioError           a model or a job: exit 1
│   ├── ModelError        weights that are missing, broken, not allowed, or too large for this machine
│   ├── UnknownJob        there is no such job
│   ├── UnknownSet        there is no such asset set, or no such place in it
│   ├── JobError          a job cannot be done
│   └── CancelledJob      a job was ended because somebody asked for it
└── ContentError          a build could not be published, brought or checked: exit 1
    ├── PathError         a path of a build that is not safe on every system
    ├── TrustError        a signature, key, sequence number or date that cannot be trusted
    ├── StoreError        a store does not answer, or answers with something broken
    │   ├── NotFoundError a store has no such object
    │   └── CorruptError  an object is not what its name says
    ├── ConflictError     somebody else published to the channel meanwhile
    └── FolderError       a folder of this machine cannot be read or written, or its disk is full
"""


class TenkuError(Exception):
    """Something that a user can read and act on: what, where, and what to try.

    `str(error)` is one sentence; `hint`, where there is one, is the next thing to try.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def sentence(self) -> str:
        """The message and the hint as one line of text."""
        return f"{self} {self.hint}".strip()


class UsageError(TenkuError):
    """The caller asked for something that cannot be."""

    exit_code = 2


class GameError(UsageError):
    """The game's folder, command or tenku.toml is wrong."""


class SettingError(UsageError):
    """A flag, an environment variable or a key has a value that cannot be used."""


class MachineError(TenkuError):
    """This machine lacks something that was asked for; the hint names what brings it."""

    exit_code = 2


class TakenError(MachineError):
    """Memory of a device was wanted, and others were promised it, or use it.

    `room`: bytes that could be had instead. `waits`: whether programs of ours are in the way, so that waiting helps.
    """

    def __init__(self, message: str, *, hint: str = "", room: int = 0, waits: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.room = room
        self.waits = waits


class AccessError(TenkuError):
    """No link, a wrong or revoked link, or too many attempts. Never says which session."""


class ProtocolError(TenkuError):
    """A peer sent what the protocol does not allow.

    `code` is the WebSocket close code that the peer is told (see docs/protocol.md).
    """

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class RecordingError(TenkuError):
    """The recording ended early; the game goes on."""


class ContentError(TenkuError):
    """A build could not be published, brought or checked."""


class PathError(ContentError):
    """A path of a build that is absolute, leaves the build, or means different things on different systems."""


class TrustError(ContentError):
    """A signature, a key, a sequence number or a date that cannot be trusted."""


class StoreError(ContentError):
    """A store does not answer, or answers with something broken. Another mirror may do better."""


class NotFoundError(StoreError):
    """A store has no such object."""


class CorruptError(StoreError):
    """An object is not what its name or its signature says."""


class ConflictError(ContentError):
    """Somebody else published to the channel meanwhile; nothing is lost, trying again is enough."""


class FolderError(ContentError):
    """A folder of this machine cannot be read or written, or its disk is full."""


class StudioError(TenkuError):
    """Something about a model or a job that makes assets."""

    short_of_memory = False
    """Memory ran out, or would: it may do once other models have left."""


class ModelError(StudioError):
    """Weights are missing, broken, of a kind that is refused, or too large for this machine."""


class UnknownJob(StudioError):  # noqa: N818 - what it is, not how bad
    """There is no job of this id."""


class UnknownSet(StudioError):  # noqa: N818
    """There is no asset set of this name, or it has no such place or take."""


class JobError(StudioError):
    """A job cannot be done. `again` says whether trying again may help, as when a server was away.

    `parameter`: which one of the job is wrong, where it is one.
    """

    def __init__(self, message: str, *, hint: str = "", again: bool = False, parameter: str = "") -> None:
        super().__init__(message, hint=hint)
        self.again = again
        self.parameter = parameter


class CancelledJob(StudioError):  # noqa: N818
    """A job ended because somebody asked for it."""
