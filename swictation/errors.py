"""Errors for people: what happened, what it means, and the command that fixes it.

Every error that may reach a user is a `SwictationError`. The CLI prints `message`, then `remedy`
on a line of its own; anything else that escapes is a bug in this program.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from swictation.shown import printable

DeviceFailureKind = Literal["oom", "fatal", "crash", "hang", "lost", "other"]
"""The same as `types.FailureKind`: neither module imports the other."""


REMEDY_MARK = " -> "
"""Stands between what happened and the remedy where both are on one line."""


def with_remedy(message: str, remedy: str) -> str:
    """What happened and what to do about it, on one line."""
    return f"{message}{REMEDY_MARK}{remedy}" if remedy else message


class SwictationError(Exception):
    """What happened, with a remedy.

    Attributes:
        message: one line, what happened and what it means.
        remedy: the exact thing to do or type next, or ""; one line.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = printable(message)  # a name in it must not begin a line, such as a remedy's
        self.remedy = printable(remedy)

    @property
    def on_one_line(self) -> str:
        """Both on one line, as a log or the status shows them."""
        return with_remedy(self.message, self.remedy)


class UsageError(SwictationError):
    """What the user typed is wrong: exit code 2."""


class ConfigError(SwictationError):
    """The configuration file cannot be used: exit code 2."""

    def __init__(self, message: str, remedy: str = "", more: Iterable[str] = ()) -> None:
        """`more`: further lines of the message."""
        super().__init__(message, remedy)
        self.message = "\n".join([self.message, *map(printable, more)])
        self.args = (self.message,)


class AudioError(SwictationError):
    """A source cannot be opened or read."""


def no_such_sound(path: Path) -> AudioError:
    """The error for a sound file that does not exist."""
    return AudioError(f"{path} does not exist.", "check the name and the folder")


class AudioLostError(SwictationError):
    """Samples that were asked for are no longer kept (ring and spool are both bounded)."""


class ModelError(SwictationError):
    """A model is missing, broken or cannot be fetched."""


class EngineError(SwictationError):
    """An engine cannot be loaded or found."""


class DetectorError(SwictationError):
    """A speech detector cannot be found or loaded, or does not answer as it should."""


class WorkerError(SwictationError):
    """The worker process cannot be kept alive."""


class DeviceFailure(SwictationError):
    """A GPU failed at a unit of work.

    Attributes:
        kind: a `types.FailureKind`. After anything but "oom" the process can never use it again.
    """

    def __init__(self, kind: DeviceFailureKind, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.kind: DeviceFailureKind = kind


class DeviceRefused(DeviceFailure):
    """A unit of work was not started: the GPU, left untouched, is not trusted or has no room."""


class ProtocolError(SwictationError):
    """The other end of the worker's channel broke the protocol."""


class InjectError(SwictationError):
    """Text cannot be delivered."""


class ControlError(SwictationError):
    """The daemon cannot be reached, or refused."""


class BusError(ControlError):
    """There is no session bus, or it cannot be used."""


class AlreadyRunning(ControlError):
    """Another daemon owns the name on the bus."""


class NotRunning(ControlError):
    """No daemon answers: exit code 3."""


class NothingRecorded(ControlError):
    """A capture contained no speech: exit code 5."""


class ServiceError(SwictationError):
    """The systemd service cannot be installed, started or queried."""


class Interrupted(SwictationError):
    """The user stopped it: exit code 130."""
