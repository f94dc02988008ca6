"""A GTK 3 text view."""

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402
from link import ReconnectingBus  # noqa: E402

window = Gtk.Window(title="field gtk3")
window.set_default_size(500, 240)
view = Gtk.TextView(wrap_mode=Gtk.WrapMode.CHAR)
buffer = view.get_buffer()


def handle(do, answer):
    def run():
        if do == "clear":
            buffer.set_text("")
        answer(buffer.get_text(*buffer.get_bounds(), True))

    GLib.idle_add(run)


link = ReconnectingBus(handle)
view.connect("focus-in-event", lambda *_: link.say(event="focus"))
view.connect("focus-out-event", lambda *_: link.say(event="blur"))
window.connect("destroy", Gtk.main_quit)
window.add(view)
window.show_all()
view.grab_focus()
link.start()
Gtk.main()
