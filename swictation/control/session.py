"""When to listen, and what for: commands in, effects out. Pure."""

from typing import Literal

import msgspec

Purpose = Literal["", "type", "capture"]
"""Not listening; listening to type; listening for one utterance that is returned."""

Command = Literal["start", "stop", "toggle", "cancel", "capture", "captured", "lock", "unlock"]
"""`captured`: the utterance is there, or will not come."""

Effect = Literal["open", "close", "drop"]
"""Open the microphone; close it after this moment; close it and drop what is not typed."""


class Session(msgspec.Struct, frozen=True):
    """The state of the session."""

    purpose: Purpose = ""
    is_locked: bool = False
    """While the screen is locked, it does not listen."""

    @property
    def is_listening(self) -> bool:
        return self.purpose != ""


def decide(session: Session, command: Command) -> tuple[Session, tuple[Effect, ...]]:
    """The session after `command`, and the effects.

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
