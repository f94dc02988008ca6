"""A GTK 3 text view whose program pastes a while after the key."""

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402
from link import ReconnectingBus  # noqa: E402

LATER_MS = 1200

window = Gtk.Window(title="field late")
window.set_default_size(500, 240)
view = Gtk.TextView()
buffer = view.get_buffer()
clipboard = Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD)
pastes = []


def handle(do, answer):
    """The order "pastes" tells how many keys it has handled."""

    def run():
        answer(str(len(pastes)) if do == "pastes" else buffer.get_text(*buffer.get_bounds(), True))

    GLib.idle_add(run)


def read():
    clipboard.request_text(take)


def take(_, text, *__):
    pastes.append(text)
    buffer.insert_at_cursor(text or "")


def paste(view):
    view.stop_emission_by_name("paste-clipboard")
    GLib.timeout_add(LATER_MS, read)


link = ReconnectingBus(handle)
view.connect("paste-clipboard", paste)
view.connect("focus-in-event", lambda *_: link.say(event="focus"))
view.connect("focus-out-event", lambda *_: link.say(event="blur"))
window.connect("destroy", Gtk.main_quit)
window.add(view)
window.show_all()
view.grab_focus()
link.start()
Gtk.main()
