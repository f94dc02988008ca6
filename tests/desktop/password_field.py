"""A GTK 3 entry for a password."""

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402
from link import ReconnectingBus  # noqa: E402

window = Gtk.Window(title="field password")
entry = Gtk.Entry(visibility=False, input_purpose=Gtk.InputPurpose.PASSWORD)


def handle(do, answer):
    def run():
        if do == "clear":
            entry.set_text("")
        answer(entry.get_text())

    GLib.idle_add(run)


link = ReconnectingBus(handle)
entry.connect("focus-in-event", lambda *_: link.say(event="focus"))
window.add(entry)
window.show_all()
entry.grab_focus()
link.start()
Gtk.main()
