"""How one knows that it listens: a notification and a sound for what happens. Never any text."""

import logging
from typing import Protocol

from swictation.config.settings import FeedbackSettings
from swictation.control.cues import Cue

_URGENT_FAULTS = {
    *("microphone", "engine", "audio-lost", "spool", "model", "window"),
    *("placement", "doubt"),
}


_log = logging.getLogger(__name__)

_Held = tuple[int, str, int]
"""How many texts are held, why, and how many of them may still arrive by themselves."""


class Shows(Protocol):
    """A notifier."""

    def notify(self, kind: str, summary: str, body: str = "", urgent: bool = False) -> None: ...


class Plays(Protocol):
    """A player of cues."""

    def play(self, cue: Cue) -> None: ...


class Feedback:
    """Listens to the event log."""

    def __init__(self, notifier: Shows, cues: Plays, settings: FeedbackSettings) -> None:
        self._notifier = notifier
        self._cues = cues
        self.settings = settings
        self._listens = False
        self._told: set[str] = set()
        """The faults of this dictation."""
        self._held: _Held = (0, "", 0)

    def on_event(self, event: str, fields: dict[str, object]) -> None:
        """See `EventLog.tell`."""
        match event:
            case "state":
                self._on_state(str(fields["state"]))
            case "held":
                self._on_held(fields)
            case "fault" if fields["kind"] == "set-aside":
                self._on_set_aside(str(fields["path"]))
            case "fault" if fields["kind"] in _URGENT_FAULTS:
                self._on_fault(str(fields["message"]))
            case _:
                pass

    def _on_state(self, state: str) -> None:
        listens = state == "listening"
        if listens and not self._listens:
            self._told.clear()
            self._show("start", "Listening")
            self._play("start")
        elif self._listens and not listens:
            self._show("stop", "Stopped listening")
            self._play("stop")
        self._listens = listens

    def _on_fault(self, message: str) -> None:
        """The same again is no news before the next dictation: an engine may die each second."""
        if message not in self._told:
            self._told.add(message)
            self._show("degraded", message, urgent=True)
            self._play("degraded")

    def _on_held(self, fields: dict[str, object]) -> None:
        """Each text is told once; those behind one that a window has not taken with that one."""
        count, reason = int(str(fields["count"])), str(fields["reason"])
        pending = int(str(fields.get("pending", 0)))
        count_before, *before = self._held
        if count == 0:
            if self._held[2]:
                self._show("held", "Nothing is held any more")
            self._held = (0, "", 0)
        elif "is_on_clipboard" not in fields:  # there are fewer now; more is said once it is over
            self._held = (count, *self._held[1:])
        else:
            self._held = (count, reason, pending)
            if before != [reason, pending] or (count > count_before and not pending):
                self._tell_held(count, reason, fields, pending)

    def _tell_held(self, count: int, reason: str, fields: dict[str, object], pending: int) -> None:
        texts = "A text is" if count == 1 else f"{count} texts are"
        body = f"{reason}. {_what_to_do(fields, pending, count)}"
        _log.warning("%s held: %s", texts.lower(), body)  # seen where nothing shows notifications
        self._show("held", f"{texts} held", body[0].upper() + body[1:], urgent=True)

    def _on_set_aside(self, path: str) -> None:
        where = f"in {path}" if path else "in memory"
        body = f"It is kept {where} and tried again by itself. If no text comes: swictation retry"
        self._show("degraded", "The engine died twice on what was said", body, urgent=True)
        self._play("degraded")

    def _show(self, kind: str, summary: str, body: str = "", *, urgent: bool = False) -> None:
        if self.settings.notifications:
            self._notifier.notify(kind, summary, body, urgent)

    def _play(self, cue: Cue) -> None:
        if self.settings.sounds:
            self._cues.play(cue)


def _what_to_do(fields: dict[str, object], pending: int, count: int) -> str:
    if pending:
        so = "What you say into it is held as well."
        return f"{so} Wait, or put the cursor into another window, then: swictation paste-last."
    they, them = ("It is", "it") if count == 1 else ("They are", "them")
    where = f"{they} on the clipboard; or: " if fields.get("is_on_clipboard") else ""
    return f"{where}swictation paste-last types {them} where the cursor is."
