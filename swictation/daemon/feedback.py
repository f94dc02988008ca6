"""Notifications and sounds that tell the user what happens. Never any dictated text."""

import logging
from typing import Protocol

from swictation.config.settings import FeedbackSettings
from swictation.control.desktop.cues import Cue
from swictation.errors import REMEDY_MARK
from swictation.events import SpoolFailed, StateChanged, TextHeld
from swictation.facts import (
    DeliveryDoubted,
    EngineFailed,
    Fact,
    HeldReduced,
    InjectorUnavailable,
    LossGrew,
    MicrophoneFailed,
    ModelUnavailable,
    ServiceModeDegraded,
    UtteranceQuarantined,
)

_UrgentFault = (
    DeliveryDoubted
    | EngineFailed
    | InjectorUnavailable
    | LossGrew
    | MicrophoneFailed
    | ModelUnavailable
    | ServiceModeDegraded
    | SpoolFailed
)

_log = logging.getLogger(__name__)

_Held = tuple[int, str, int]
"""How many texts are held, why, and how many of them may still arrive by themselves."""


class Shows(Protocol):
    """A notifier."""

    def notify(self, kind: str, summary: str, body: str = "", urgent: bool = False) -> None: ...

    def close(self, subject: str) -> None: ...


class Plays(Protocol):
    """A player of cues."""

    def play(self, cue: Cue) -> None: ...


class Feedback:
    """A listener that shows notifications and plays cues."""

    def __init__(self, notifier: Shows, cues: Plays, settings: FeedbackSettings) -> None:
        self._notifier = notifier
        self._cues = cues
        self._settings = settings
        self._listens = False
        self._shown_faults: set[str] = set()
        """The faults of this dictation that were shown."""
        self._held: _Held = (0, "", 0)

    def configure(self, settings: FeedbackSettings) -> None:
        """Use these settings from now on."""
        self._settings = settings

    def on_fact(self, fact: Fact) -> None:
        """Show and play what the user should know at once."""
        match fact:
            case StateChanged():
                self._on_state(listens=fact.state == "listening")
            case TextHeld():
                self._on_held(fact)
            case HeldReduced():
                self._on_held_reduced(fact)
            case UtteranceQuarantined():
                self._on_quarantined(fact.path)
            case _ if isinstance(fact, _UrgentFault):
                self._on_fault(fact.message)
            case _:
                pass

    def _on_state(self, *, listens: bool) -> None:
        if listens and not self._listens:
            self._shown_faults.clear()
            self._show("start", "Listening")
            self._play("start")
        elif self._listens and not listens:
            self._show("stop", "Stopped listening")
            self._play("stop")
        self._listens = listens

    def _on_fault(self, message: str) -> None:
        """Show a message once in a dictation: an engine may die each second."""
        if message not in self._shown_faults:
            self._shown_faults.add(message)
            what, _, remedy = message.partition(REMEDY_MARK)
            self._show("degraded", what, remedy, urgent=True)
            self._play("degraded")

    def _on_held(self, held: TextHeld) -> None:
        """Report each text once; those after a pending one together with that one."""
        count_before, *before = self._held
        self._held = (held.count, held.reason, held.pending)
        is_one_more = held.count > count_before and not held.pending
        if is_one_more or before != [held.reason, held.pending]:
            self._tell_held(held)

    def _on_held_reduced(self, held: HeldReduced) -> None:
        if held.count:  # the rest is reported when nothing is held
            self._held = (held.count, *self._held[1:])
            return
        if self._held[2]:
            self._show("held", "Nothing is held any more")
        elif self._held[0]:
            self._notifier.close("held")
        self._held = (0, "", 0)

    def _tell_held(self, held: TextHeld) -> None:
        texts = "A text is" if held.count == 1 else f"{held.count} texts are"
        body = f"{held.reason}. {_what_to_do(held)}"
        _log.warning("%s held: %s", texts.lower(), body)  # seen where nothing shows notifications
        self._show("held", f"{texts} held", body[0].upper() + body[1:], urgent=True)

    def _on_quarantined(self, path: str) -> None:
        where = f"in {path}" if path else "in memory"
        kept = f"Its sound is kept {where} and tried again automatically."
        body = f"{kept} If no text comes: swictation retry"
        self._show("degraded", "The engine died twice on what was said", body, urgent=True)
        self._play("degraded")

    def _show(self, kind: str, summary: str, body: str = "", *, urgent: bool = False) -> None:
        if self._settings.notifications:
            self._notifier.notify(kind, summary, body, urgent)

    def _play(self, cue: Cue) -> None:
        if self._settings.sounds:
            self._cues.play(cue)


def _what_to_do(held: TextHeld) -> str:
    if held.pending:
        also = "What you say into it is held as well."
        return f"{also} Wait, or put the cursor into another window, then: swictation paste-last."
    they, them = ("It is", "it") if held.count == 1 else ("They are", "them")
    where = f"{they} on the clipboard; or: " if held.is_on_clipboard else ""
    return f"{where}swictation paste-last types {them} where the cursor is."
