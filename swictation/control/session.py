"""When it listens, and what for: commands in, effects out. Pure."""

from typing import Literal

import msgspec

Purpose = Literal["", "type", "capture"]
"""Not listening; listening to type; listening for one utterance that is handed back."""

Command = Literal["start", "stop", "toggle", "cancel", "capture", "captured", "lock", "unlock"]
"""`captured`: the one utterance is there, or will not come."""

Effect = Literal["open", "close", "drop"]
"""Open the microphone; close it behind the present moment; close it and drop what is not typed."""


class Session(msgspec.Struct, frozen=True):
    """What is going on."""

    purpose: Purpose = ""
    is_locked: bool = False
    """While the screen is locked nothing is listened to."""

    @property
    def is_listening(self) -> bool:
        return self.purpose != ""


def decide(session: Session, command: Command) -> tuple[Session, tuple[Effect, ...]]:
    """The session that follows `command`, and what is to be done.

    A command that makes no sense now has no effect: a hotkey may be pressed twice.
    """
    if command == "toggle":
        command = "stop" if session.is_listening else "start"
    match command:
        case "start":
            return _open(session, "type")
        case "capture":
            return _open(session, "capture")
        case "captured" if session.purpose != "capture":
            return session, ()
        case "stop" | "captured":
            return _close(session)
        case "lock":
            closed, effects = _close(session)
            return msgspec.structs.replace(closed, is_locked=True), effects
        case "unlock":
            return msgspec.structs.replace(session, is_locked=False), ()
        case "cancel":
            return msgspec.structs.replace(session, purpose=""), ("drop",)


def _open(session: Session, purpose: Purpose) -> tuple[Session, tuple[Effect, ...]]:
    if session.is_listening or session.is_locked:
        return session, ()
    return msgspec.structs.replace(session, purpose=purpose), ("open",)


def _close(session: Session) -> tuple[Session, tuple[Effect, ...]]:
    if not session.is_listening:
        return session, ()
    return msgspec.structs.replace(session, purpose=""), ("close",)
