"""Text straight into the focused text field: zwp_input_method_v2.

The only method that knows in advance whether there is a text field and whether it is for a
password, and afterwards what the field contains. A seat has one input method. If there is another
one (fcitx5, an on-screen keyboard), this one is refused and tries again at the next text.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from swictation.inject.unsafe_characters import words
from swictation.inject.wayland.backlog import Pace
from swictation.inject.wayland.client.connection import IN_TEXT_S, Connection
from swictation.inject.wayland.client.protocols import INPUT_METHOD_MANAGER
from swictation.inject.wayland.client.wire import Remote
from swictation.inject.wayland.unproven import SAYS_S

PASSWORD, PIN, TERMINAL = 8, 12, 13
"""Content purposes of text-input-v3."""
ANSWER_S = 2.0
"""A field that can answer but has not by then is busy."""
MUTE_ANSWER_S = 0.5
"""For a field that does not report its content; some of these never answer."""
AGREE_S = 0.3
"""From one answer to the next, if there is one; some fields change what they get."""
SHORT = 1000
"""Characters. A field that reports fewer before its cursor reports all, or a line."""

_LEFT = "the text field lost the focus"


@dataclass(frozen=True)
class Field:
    """The text field that has the focus, as far as it is known."""

    purpose: int = 0
    before: str | None = None
    """The text before the cursor; None if the field does not report it."""

    @property
    def is_secret(self) -> bool:
        return self.purpose in (PASSWORD, PIN)

    @property
    def is_terminal(self) -> bool:
        return self.purpose == TERMINAL


@dataclass
class Progress:
    """How much of a text was sent, in characters."""

    sent: int = 0
    confirmed: int = 0
    reason: str = ""
    """Why it stopped before its end."""


class InputMethod:
    """The seat's input method, while we are it. For the connection's thread."""

    def __init__(self, connection: Connection, manager: Remote, seat: Remote) -> None:
        self._connection = connection
        self._manager = manager
        self._seat = seat
        self._serial = self._serial_sent = 0
        self._changes = 0
        """How often a field got the focus or lost it."""
        self._has_talked = False
        self._first_report: str | None = None
        """The text before the cursor when the field got the focus."""
        self._field: Field | None = None
        self._pending: Field | None = None
        self.is_taken_over = False
        """Another input method owns the seat."""
        self._apply()

    @classmethod
    def on(cls, connection: Connection, seat: Remote) -> "InputMethod | None":
        """None if the compositor has no input methods."""
        manager = connection.display.bind(INPUT_METHOD_MANAGER)
        return None if manager is None else cls(connection, manager, seat)

    @property
    def field(self) -> Field | None:
        """The text field with the focus, if it supports input methods."""
        return None if self.is_taken_over else self._field

    def retry(self) -> None:
        """Ask for the seat again if it was taken. Raises WireError."""
        if self.is_taken_over:
            self._remote.send("destroy")
            self._apply()
            self._connection.barrier()

    def commit(
        self,
        text: str,
        progress: Progress,
        undisturbed: Callable[[], bool],
        pace: Pace,
    ) -> None:
        """Give `text` to the field word by word while `undisturbed`; `progress` counts.

        A commit goes to the field that has the focus when the compositor handles it: at most one
        word can be in the wrong one. Raises WireError; `progress` is right even then.
        """
        earlier = self.field.before if self.field else None
        for word in words(text):
            if not pace.has_room():
                progress.reason = "the text field does not read what it is sent"
            elif not self._has_field() or not undisturbed():
                progress.reason = _LEFT
            if progress.reason:
                break
            focus = self._changes
            self._serial_sent = self._serial
            self._remote.send("commit_string", word)
            self._remote.send("commit", self._serial)
            progress.sent += len(word)
            handled_at = self._changes_when_handled()
            pace.sent()
            if focus == handled_at:
                continue
            here = partial(self._has_come, text[: progress.sent], earlier)
            there = partial(self._has_come, word)
            if not self._is_seen(here if undisturbed() else there, pace):
                progress.sent -= len(word)
                progress.reason = _LEFT
                break
        pace.see()

    def wait_answer(self, text: str) -> bool | None:
        """After `text` was given to the field: whether the field reports it.

        None if it has not reported anything by then; False if it reports something else. For a
        field that never reports its content (Qt's), any answer counts.
        """
        wait = self._connection.wait
        if not wait(self.has_answered, ANSWER_S if self.is_talkative else MUTE_ANSWER_S):
            return None
        self._has_talked = True
        while not self._holds(text):
            serial = self._serial
            if not wait(lambda seen=serial: self._serial != seen, AGREE_S):
                return False
        return True

    @property
    def is_talkative(self) -> bool:
        """Whether the field, then or now, reports its content or has ever answered."""
        return self._has_talked or bool(self._field and self._field.before is not None)

    @property
    def answers(self) -> int:
        """How often a field has reported its state so far; -1 while there is none."""
        return -1 if self.field is None else self._serial

    def has_answered(self) -> bool:
        """Whether a field has reported its state since the last commit."""
        return self.field is not None and self._serial > self._serial_sent

    def _has_field(self) -> bool:
        """Whether there is a field to write to; some leave and come back at each commit."""
        self._connection.wait(lambda: self.field is not None, AGREE_S)
        return self.field is not None and not self.field.is_secret

    def _changes_when_handled(self) -> int:
        """`_changes` when the compositor had handled our requests. Raises WireError."""
        changes: list[int] = []
        self._connection.barrier(IN_TEXT_S, lambda: changes.append(self._changes))
        return changes[0]

    def _is_seen(self, has_come: Callable[[], bool], pace: Pace) -> bool:
        """Whether a field reports the text by the time it must have read what it was sent."""
        if self._connection.wait(has_come, AGREE_S):
            return True
        pace.see()
        pace.wait_read()
        return self._connection.wait(has_come, SAYS_S)

    def _has_come(self, text: str, earlier: str | None = None) -> bool:
        """Whether the field reports `text` added to its `earlier` report, or to its first one.

        For a commit that may have gone to another field or to none: the focus moved before the
        compositor handled it. A field that reports nothing (foot) may take it or drop it: a word
        too much there is better than a word lost here.
        """
        first = self._first_report if earlier is None else earlier
        return self.field is not None and has_come(text, first, self.field.before)

    def _holds(self, text: str) -> bool:
        """Whether the field reports `text` before its cursor; it may report only a part."""
        if self.field is None or self.field.before is None:
            return self.field is not None
        before = self.field.before
        if not before or not text.endswith(before):
            return before.endswith(text)
        return len(before) >= SHORT or before == text.rpartition("\n")[2]

    def _apply(self) -> None:
        self.is_taken_over = False
        self._serial = self._serial_sent = 0
        self._field = self._pending = None
        self._remote = self._manager.create("get_input_method", self._seat)
        self._remote.on("activate", self._on_activate)
        self._remote.on("deactivate", self._on_deactivate)
        self._remote.on("surrounding_text", self._on_surrounding)
        self._remote.on("content_type", self._on_content_type)
        self._remote.on("done", self._on_done)
        self._remote.on("unavailable", self._on_unavailable)

    def _on_activate(self) -> None:
        self._changes += 1
        self._has_talked = False
        self._first_report = None
        self._pending = Field()

    def _on_deactivate(self) -> None:
        self._changes += 1
        self._pending = None

    def _on_surrounding(self, text: str, cursor: int, _anchor: int) -> None:
        if self._pending is not None:
            before = text.encode()[:cursor].decode(errors="replace")
            self._pending = replace(self._pending, before=before)

    def _on_content_type(self, _hint: int, purpose: int) -> None:
        if self._pending is not None:
            self._pending = replace(self._pending, purpose=purpose)

    def _on_done(self) -> None:
        self._serial += 1
        self._field = self._pending
        if self._field and self._first_report is None:
            self._first_report = self._field.before

    def _on_unavailable(self) -> None:
        self.is_taken_over = True


def has_come(text: str, earlier: str | None, now: str | None) -> bool:
    """Whether `text` is the difference of two reports; fields report the end of a long text."""
    if earlier is None or now is None:
        return False
    if len(now) < SHORT:
        return now == earlier + text
    return now != earlier and (earlier + text).endswith(now)
