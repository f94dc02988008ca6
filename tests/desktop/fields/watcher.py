"""A GTK 4 window without a text field whose program reads the clipboard each time it changes."""

import gi

gi.require_version("Gdk", "4.0")
gi.require_version("Gtk", "4.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402
from link import ReconnectingBus  # noqa: E402

window = Gtk.Window(title="field watcher")
window.set_default_size(400, 200)
area = Gtk.DrawingArea(focusable=True)
link = ReconnectingBus(lambda _, answer: GLib.idle_add(answer, ""))
focus = Gtk.EventControllerFocus()
focus.connect("enter", lambda *_: link.say(event="focus"))
focus.connect("leave", lambda *_: link.say(event="blur"))
area.add_controller(focus)
clipboard = Gdk.Display.get_default().get_clipboard()
clipboard.connect("changed", lambda board: board.read_text_async(None, lambda *_: None))
loop = GLib.MainLoop()
window.connect("destroy", lambda *_: loop.quit())
window.set_child(area)
window.present()
area.grab_focus()
link.start()
loop.run()
