"""A GTK 4 text view."""

import gi

gi.require_version("Gtk", "4.0")
from gi.repository import GLib, Gtk  # noqa: E402
from link import ReconnectingBus  # noqa: E402

window = Gtk.Window(title="field gtk4")
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
watch = Gtk.EventControllerFocus()
watch.connect("enter", lambda *_: link.say(event="focus"))
watch.connect("leave", lambda *_: link.say(event="blur"))
view.add_controller(watch)
loop = GLib.MainLoop()
window.connect("destroy", lambda *_: loop.quit())
window.set_child(view)
window.present()
view.grab_focus()
link.start()
loop.run()
