"""Beside a shell: says nothing of what stands there."""

import threading

from link import Link

link = Link(lambda do, answer: answer(""))
link.start()
threading.Event().wait()
