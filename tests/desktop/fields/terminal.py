"""The program in a terminal: raw bytes in, focus reports on, no bracketed paste."""

import codecs
import os
import sys
import termios
import threading
import tty

from link import ReconnectingBus

held = bytearray()
lock = threading.Lock()


def handle(do, answer):
    with lock:
        if do == "clear":
            held.clear()
        answer(held.decode("utf-8", errors="replace"))


link = ReconnectingBus(handle)
shown = codecs.getincrementaldecoder("utf-8")(errors="replace")
before = termios.tcgetattr(0)
tty.setraw(0)
sys.stdout.write("\x1b[?1004h")
sys.stdout.flush()
link.start()
try:
    while data := os.read(0, 65536):
        with lock:
            held.extend(data)
            for report, event in ((b"\x1b[I", "focus"), (b"\x1b[O", "blur")):
                while report in held:
                    at = held.index(report)
                    del held[at : at + len(report)]
                    link.say(event=event)
        sys.stdout.write(shown.decode(data))
        sys.stdout.flush()
finally:
    termios.tcsetattr(0, termios.TCSANOW, before)
