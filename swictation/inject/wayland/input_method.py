"""Text straight into the focused text field: zwp_input_method_v2.

The only way that knows beforehand whether there is a text field and whether it is a password's, and
that learns afterwards what the field holds. A seat has one input method; where another (fcitx5, an
on-screen keyboard) is it already, this one is refused and tries again at the next text.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from swictation.inject.wayland.connection import Connection
from swictation.inject.wayland.protocols import INPUT_METHOD_MANAGER
from swictation.inject.wayland.wire import Remote

PASSWORD, PIN = 8, 12
"""Content purposes of text-input-v3."""
LONGEST_BYTES = 3000
"""One piece. The protocol ends at 4000; what is sent together has to fit the 4096 bytes that the
compositor reads at once, or another client may come in between."""
ANSWER_S = 3.0
"""A field that can answer may be frozen so long and still be believed."""
MUTE_ANSWER_S = 0.5
"""For a field that does not tell what stands in it; some of these never answer."""
AGREE_S = 0.3
"""From its first answer to one that has the text; some fields change what they get."""


@dataclass(frozen=True)
class Field:
    """The text field that has the focus, as far as it tells."""

    purpose: int = 0
    before: str | None = None
    """What stands before the cursor; None where it does not say."""

    @property
    def is_secret(self) -> bool:
        return self.purpose in (PASSWORD, PIN)


@dataclass
class Progress:
    """How far a text came: characters."""

    sent: int = 0
    confirmed: int = 0
    reason: str = ""
    """Why it stopped before its end, or cannot be believed to have arrived."""


class InputMethod:
    """The seat's input method, while we are it. For the connection's thread."""

    def __init__(self, connection: Connection, manager: Remote, seat: Remote) -> None:
        self._connection = connection
        self._manager = manager
        self._seat = seat
        self._serial = 0
        self._field: Field | None = None
        self._pending: Field | None = None
        self.taken = False
        """Another input method owns the seat."""
        self._apply()

    @classmethod
    def on(cls, connection: Connection, seat: Remote) -> "InputMethod | None":
        """None where the compositor has no input methods."""
        manager = connection.bind(INPUT_METHOD_MANAGER)
        return None if manager is None else cls(connection, manager, seat)

    @property
    def field(self) -> Field | None:
        """The text field with the focus, if there is one that talks to input methods."""
        return None if self.taken else self._field

    def retry(self) -> None:
        """Ask for the seat again if it was taken. Raises WireError."""
        if self.taken:
            self._remote.send("destroy")
            self._apply()
            self._connection.barrier()

    def commit(self, text: str, progress: Progress, undisturbed: Callable[[], bool]) -> None:
        """Give `text` to the field while `undisturbed`; `progress` tells how far it came.

        Raises WireError; `progress` is right even then.
        """
        for piece in pieces(text):
            if progress.reason:
                return
            if not undisturbed() or self.field is None or self.field.is_secret:
                progress.reason = "the text field lost the focus"
                return
            known, serial = self.field, self._serial
            self._remote.send("commit_string", piece)
            self._remote.send("commit", serial)
            progress.sent += len(piece)
            self._connection.barrier()
            self._confirm(piece, known, serial, progress)

    def _confirm(self, piece: str, known: Field, serial: int, progress: Progress) -> None:
        """Wait for the field's answer: new state, in which `piece` stands if it tells that."""
        tells = known.before is not None
        answered = self._connection.wait(
            lambda: self._serial > serial, ANSWER_S if tells else MUTE_ANSWER_S
        )
        if tells and not answered:
            progress.reason = "the text field has not answered"
        elif answered and (
            not tells or self._connection.wait(lambda: self._ends_with(piece), AGREE_S)
        ):
            progress.confirmed += len(piece)

    def _ends_with(self, piece: str) -> bool:
        """Whether the field says that `piece` stands before its cursor."""
        field = self.field
        # Fields tell a window around the cursor, so only what fits there can be compared.
        tail = "" if field is None or field.before is None else field.before[-len(piece) :]
        return bool(tail) and piece.endswith(tail)

    def _apply(self) -> None:
        self.taken = False
        self._serial = 0
        self._field = self._pending = None
        self._remote = self._manager.create("get_input_method", self._seat)
        self._remote.on("activate", self._on_activate)
        self._remote.on("deactivate", self._on_deactivate)
        self._remote.on("surrounding_text", self._on_surrounding)
        self._remote.on("content_type", self._on_content_type)
        self._remote.on("done", self._on_done)
        self._remote.on("unavailable", self._on_unavailable)

    def _on_activate(self) -> None:
        self._pending = Field()

    def _on_deactivate(self) -> None:
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

    def _on_unavailable(self) -> None:
        self.taken = True


def pieces(text: str) -> Iterator[str]:
    """`text` in pieces of at most LONGEST_BYTES, none of them empty, no character split."""
    while text:
        head = text.encode()[:LONGEST_BYTES].decode(errors="ignore")
        yield head
        text = text[len(head) :]
