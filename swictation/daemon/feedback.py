"""How one knows that it listens: a notification and a sound for what happens. Never any text."""

from typing import Protocol

from swictation.config.settings import FeedbackSettings
from swictation.control.cues import Cue

_URGENT_FAULTS = {
    *("microphone", "engine", "audio-lost", "spool", "model", "window"),
    "placement",
}


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

    def on_event(self, event: str, fields: dict[str, object]) -> None:
        """See `EventLog.tell`."""
        match event:
            case "state":
                self._on_state(str(fields["state"]))
            case "held" if fields["count"]:
                self._on_held(int(str(fields["count"])), str(fields["reason"]), fields)
            case "fault" if fields["kind"] == "set-aside":
                self._on_set_aside(str(fields["path"]))
            case "fault" if fields["kind"] in _URGENT_FAULTS:
                self._show("degraded", str(fields["message"]), urgent=True)
                self._play("degraded")
            case _:
                pass

    def _on_state(self, state: str) -> None:
        listens = state == "listening"
        if listens and not self._listens:
            self._show("start", "Listening")
            self._play("start")
        elif self._listens and not listens:
            self._show("stop", "Stopped listening")
            self._play("stop")
        self._listens = listens

    def _on_held(self, count: int, reason: str, fields: dict[str, object]) -> None:
        texts = "A text is" if count == 1 else f"{count} texts are"
        where = "It is on the clipboard; or: " if fields.get("is_on_clipboard") else ""
        body = f"{reason}. {where}swictation paste-last types it where the cursor is."
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
