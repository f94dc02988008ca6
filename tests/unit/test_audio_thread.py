"""A capture that is stopped while its file waits for room."""

from threading import Event

import numpy as np
import pytest

from patience import PATIENCE_S
from swictation.audio.journal import UNSETTLED_LIMIT_S, Journal
from swictation.audio.thread import AudioThread
from swictation.types import to_samples

pytestmark = pytest.mark.unit


class Watched(Journal):
    """The end of a dictation is not over before who waits for room has looked again."""

    def __init__(self):
        super().__init__()
        self.waits, self.has_looked = Event(), Event()

    def wait_for_room(self, is_over):
        def look():
            (self.has_looked if self.waits.is_set() else self.waits).set()
            return is_over()

        super().wait_for_room(look)

    def end_dictation(self):
        super().end_dictation()
        assert self.has_looked.wait(PATIENCE_S)


class File:
    can_wait = True
    name = "a file"

    def run(self, deliver, stop):
        deliver(np.zeros(1600, np.int16))


def test_a_stop_is_not_missed_by_a_file_that_waits_for_room():
    journal, posted = Watched(), []
    journal.append(np.zeros(to_samples(UNSETTLED_LIMIT_S) + 1, np.int16))
    capture = AudioThread(File(), journal, posted.append)
    capture.start()
    assert journal.waits.wait(PATIENCE_S)
    capture.request_stop()
    capture._thread.join(PATIENCE_S)
    assert not capture._thread.is_alive()
    journal.close()
