"""Beside a shell: says nothing of what stands there."""

import threading

from link import ReconnectingBus

link = ReconnectingBus(lambda do, answer: answer(""))
link.start()
threading.Event().wait()
