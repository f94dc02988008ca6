"""A GTK 3 window that answers pings and has no text field."""

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402
from link import ReconnectingBus  # noqa: E402

window = Gtk.Window(title="field deaf")
window.set_default_size(400, 200)
area = Gtk.DrawingArea(can_focus=True)
link = ReconnectingBus(lambda _, answer: GLib.idle_add(answer, ""))
area.connect("focus-in-event", lambda *_: link.say(event="focus"))
area.connect("focus-out-event", lambda *_: link.say(event="blur"))
window.connect("destroy", Gtk.main_quit)
window.add(area)
window.show_all()
area.grab_focus()
link.start()
Gtk.main()
