"""A GTK 3 window that has the focus and does nothing with keys."""

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402
from link import ReconnectingBus  # noqa: E402

window = Gtk.Window(title="field deaf")
link = ReconnectingBus(lambda _do, answer: answer(""))
window.connect("focus-in-event", lambda *_: link.say(event="focus"))
window.add(Gtk.DrawingArea())
window.show_all()
link.start()
Gtk.main()
