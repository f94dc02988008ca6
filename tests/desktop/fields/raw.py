"""A plain X window without pings. RAW: what it does with the clipboard.

"watcher": reads each new one, and has no use for a paste key; "second": pastes over a connection
of its own.
"""

import os
import queue
import threading

from link import ReconnectingBus
from Xlib import X, display
from Xlib.ext import xfixes

WAY = os.environ["RAW"]
shown = display.Display()
pasting = display.Display()
window = shown.screen().root.create_window(
    0, 0, 300, 100, 0, X.CopyFromParent, event_mask=X.KeyPressMask | X.FocusChangeMask
)
window.set_wm_name("field raw")
window.set_wm_class("raw", "Raw")
window.map()
clipboard = shown.intern_atom("CLIPBOARD")
utf8 = shown.intern_atom("UTF8_STRING")
place = shown.intern_atom("PLACE")
key_v = shown.keysym_to_keycode(ord("v"))
held: list[str] = []
pastes: queue.Queue[None] = queue.Queue()


def read(where):
    requestor = where.screen().root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
    requestor.convert_selection(clipboard, utf8, place, X.CurrentTime)
    while (event := where.next_event()).type != X.SelectionNotify:
        continue
    value = requestor.get_full_property(place, X.AnyPropertyType) if event.property else None
    requestor.destroy()
    where.flush()
    return value.value.decode() if value else ""


def serve(do, answer):
    if do == "clear":
        held.clear()
    answer("" if WAY == "watcher" else "".join(held))


def paste():
    while True:
        pastes.get()
        held.append(read(pasting))


link = ReconnectingBus(serve)
link.start()
threading.Thread(target=paste, daemon=True).start()
if WAY == "watcher":
    shown.xfixes_query_version()
    shown.xfixes_select_selection_input(window, clipboard, xfixes.XFixesSetSelectionOwnerNotifyMask)
while True:
    event = shown.next_event()
    if event.type == X.FocusIn:
        link.say(event="focus")
    elif event.type == X.FocusOut:
        link.say(event="blur")
    elif event.type == X.KeyPress and event.detail == key_v and event.state & X.ControlMask:
        if WAY != "watcher":
            pastes.put(None)
    elif isinstance(event, xfixes.SelectionNotify):
        read(shown)
