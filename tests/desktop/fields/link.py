"""The field's end of the harness's socket; plain Python, it runs under any interpreter."""

import json
import os
import socket
import threading


class ReconnectingBus:
    """Lines of JSON both ways. `handle(do)` answers "text" and "clear", in the reader thread."""

    def __init__(self, handle):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(os.environ["FIELD_SOCKET"])
        self._lock = threading.Lock()
        self._handle = handle

    def start(self):
        threading.Thread(target=self._read, daemon=True).start()

    def say(self, **message):
        with self._lock:
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    def _read(self):
        for line in self._socket.makefile(encoding="utf-8"):
            order = json.loads(line)
            self._handle(
                order["do"],
                lambda text, number=order["number"]: self.say(
                    event="answer", number=number, text=text
                ),
            )
        os._exit(0)
