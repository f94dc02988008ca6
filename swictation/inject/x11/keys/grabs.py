"""Whether keys would reach another program than the focused one: a locker, a hotkey's."""

from Xlib import X
from Xlib.error import CatchError, XError
from Xlib.protocol import request
from Xlib.xobject.drawable import Window

from swictation.inject.x11.connection import Connection
from swictation.inject.x11.focus import Focus

GRABBED = "another program has grabbed the keyboard"

_MAX_WINDOWS = 400
_MAX_DEPTH = 8


class Grabs:
    """Detects keyboard grabs. The server says whether there is one, but not whose it is.

    A grab counts as the focused program's own (a completion list, a viewer of another machine) if
    no other program shows an unmanaged window above it, as lockers and launchers do, and if either
    it shows one itself or the grab has lasted longer than a hotkey's.
    """

    def __init__(self, connection: Connection) -> None:
        self._x = connection
        self._own = 0
        """The program whose grab was found to be its own, until it ends or is forgotten."""

    def forget(self) -> None:
        """Check the owner again: another grab may have followed."""
        self._own = 0

    def forbid(self, focus: Focus) -> bool:
        """Whether a client that is not known to be that of `focus` has grabbed the keyboard.

        One round trip; changes nothing: a grab for a window that is not mapped fails, and the
        error says whether somebody has the keyboard.
        """
        raw = self._x.display.display
        answer = request.GrabKeyboard(
            display=raw,
            owner_events=False,
            grab_window=self._x.own,
            time=X.CurrentTime,
            pointer_mode=X.GrabModeAsync,
            keyboard_mode=X.GrabModeAsync,
        )
        if int(answer.status) == X.GrabSuccess:  # should not happen, but then do not keep it
            request.UngrabKeyboard(display=raw, onerror=CatchError(), time=X.CurrentTime)
        is_grabbed = int(answer.status) == X.AlreadyGrabbed
        if not is_grabbed:
            self._own = 0
        return is_grabbed and self._own != focus.client

    def are_own(self, focus: Focus, *, has_lasted: bool) -> bool:
        """Find out whether the grab is the focused program's own."""
        if self._own != focus.client:
            own, others = self._unmanaged_above(focus)
            if not others and (own or has_lasted):
                self._own = focus.client
        return self._own == focus.client

    def _unmanaged_above(self, focus: Focus) -> tuple[bool, bool]:
        """Whether the program, and another one, shows an unmanaged window above that of `focus`."""
        own = others = False
        frame = self._frame(focus)
        for window in reversed(self._x.root.query_tree().children[-_MAX_WINDOWS:]):
            client = int(window.id) & ~self._x.client_mask
            if int(window.id) == frame:
                break
            if client and self._is_popup(window):  # 0: the server's own
                own, others = own or client == focus.client, others or client != focus.client
        return own, others

    def _is_popup(self, window: Window) -> bool:
        """Whether it is visible, and no window manager manages it."""
        try:
            shown = window.get_attributes()
            if not shown.override_redirect or shown.map_state != X.IsViewable:
                return False
            place = window.get_geometry()
        except XError:
            return False  # it is gone
        is_on_screen = place.x + place.width > 0 and place.y + place.height > 0
        return shown.win_class == X.InputOutput and is_on_screen

    def _frame(self, focus: Focus) -> int:
        """The root's child around the window of `focus`: itself, or the window manager's frame."""
        window = self._x.window(focus.toplevel)
        try:
            for _ in range(_MAX_DEPTH):
                parent = window.query_tree().parent
                if isinstance(parent, int) or parent.id == self._x.root.id:
                    break
                window = parent
        except XError:
            return 0  # it is gone
        return int(window.id)
