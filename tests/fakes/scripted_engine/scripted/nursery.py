"""What the scripted engine has imported beforehand; it misbehaves as the environment says."""

import os
import signal
import sys
import threading
from importlib import import_module

from scripted.faults import tell_dumpable

WAY = "SCRIPTED_NURSERY"


def preload() -> None:
    """Import the engine, or do what the variable `WAY` names."""
    match os.environ.get(WAY, ""):
        case "hang":
            while True:
                signal.pause()
        case "exit":
            os._exit(7)
        case "raise":
            raise RuntimeError("nothing can be imported")
        case "thread":
            threading.Thread(target=threading.Event().wait, name="stray", daemon=True).start()
        case "print":
            sys.stdout.write("the fork server is at work\n")
        case "tell-dumpable":
            tell_dumpable()
        case way if way.startswith("gate:"):
            with open(way.removeprefix("gate:"), "rb") as fifo:
                fifo.read()
        case _:
            pass
    import_module("scripted.engine")
    import_module("scripted.card")


preload()
