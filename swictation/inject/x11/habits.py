"""Learns how often each client reads the text for one paste, and so when it has finished."""

import time

from swictation.inject.pages import has_pages
from swictation.inject.x11.barrier import Barrier
from swictation.inject.x11.connection import Connection
from swictation.inject.x11.pressed_paste import PasteKey

_READ_S = 0.05
_LEARN_S = 0.15
_AGAIN_S = 1.0
_POLL_S = 0.02
_MAX_HABITS = 64


class Habits:
    """The number of readings of each client. For the display thread.

    At Control+V Chromium reads the text once to look at it, before its page reads it to paste it.
    It drops the paste if the clipboard changed in between, and keeps asking for targets meanwhile.
    So a program with pages never has the habit of one reading at Control+V. At Shift+Insert only
    the page reads, once.
    """

    def __init__(self, connection: Connection, barrier: Barrier) -> None:
        self._x = connection
        self._barrier = barrier
        self._reads: dict[tuple[int, tuple[str, ...], bool], int] = {}
        """How often a client was seen to read one paste, by Control+V and by Shift+Insert."""

    def finish(self, key: PasteKey) -> bool | None:
        """Wait until the client of `key` has read the text as often as it does for one paste.

        False if it read less often than before, None while it is stopped or busy.
        """
        served, focus = key.offer, key.focus
        first_s = time.monotonic()

        def read_again() -> bool:
            return served.reads.get(focus.client, 0) > 1

        who = (focus.client, focus.classes, key.is_letter)
        habit = self._reads.get(who, 0)
        done = habit == 1 or self._x.pump(read_again, _AGAIN_S if habit else _LEARN_S)
        asks_on = key.is_letter and served.asked_s.get(focus.client, 0.0) > first_s
        if not done:
            done = not (habit or asks_on) or self._x.pump(read_again, _AGAIN_S)
        self._x.pump(lambda: not served.unread, _READ_S)
        if focus.answers_ping and self._barrier.cross(focus) == "silent":
            return None
        if not self._x.pump(lambda: not key.reads_on(), _AGAIN_S, poll_s=_POLL_S):
            return None
        done = done or read_again()
        reads = served.reads.get(focus.client, 1)
        if reads > 1 or not key.is_letter or not has_pages(focus.pid):
            if len(self._reads) >= _MAX_HABITS:
                self._reads.clear()
            self._reads[who] = reads
        return done
