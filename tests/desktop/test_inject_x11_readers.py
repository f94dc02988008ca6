"""Who reads the clipboard, and what that proves of a paste."""

import asyncio
from contextlib import contextmanager

import pytest
from Xlib import X, display

from swictation.inject.x11.focus import Focus

from . import x11
from .cells import Stage
from .field import Field, why_not
from .unproven import OLD, copied

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(x11.missing()), reason=f"{x11.missing()} is not installed"),
]


@contextmanager
def raw(way):
    """A window without pings that does as fields/raw.py says."""
    stage = Stage()
    stage.layout("us")
    field = Field("raw", stage.screen.environment | {"RAW": way})
    try:
        field.wait_focused()
        yield stage, field
    finally:
        field.stop()
        stage.close()


def test_a_window_that_reads_all_that_is_copied_proves_nothing_by_it():
    with raw("watcher") as (stage, _), copied(stage.screen, OLD):
        for _ in range(3):
            injection = asyncio.run(stage.injector.inject("not taken"))
            assert (injection.outcome, injection.sent) == ("refused", 0)
            assert injection.reason == "the window reads everything that is copied"


def test_a_program_may_paste_over_another_of_its_connections():
    with raw("second") as (stage, field), copied(stage.screen, OLD):
        for text in ("one ", "two"):
            assert asyncio.run(stage.injector.inject(text)).outcome == "confirmed"
        assert field.settles_on("one two") == "one two"


@pytest.mark.skipif(bool(why_not("gtk3")), reason="GTK 3 is not installed")
def test_windows_that_hang_are_no_reason_to_refuse_others():
    """As many as one likes: each has a connection of its own, and reads nothing."""
    stage = Stage()
    stage.layout("us")
    hung = [Hung(stage.screen.name) for _ in range(17)]
    try:
        for window in hung:
            stage.injector._display.call(window.is_typed_into).result(20)
        field = stage.field("gtk3")
        assert asyncio.run(stage.injector.inject("healthy")).outcome == "confirmed"
        assert field.settles_on("healthy") == "healthy"
    finally:
        for window in hung:
            window.close()
        stage.close()


class Hung:
    """A window that lists pings and answers none."""

    def __init__(self, name):
        self._display = display.Display(name)
        root = self._display.screen().root
        self._window = root.create_window(0, 0, 9, 9, 0, X.CopyFromParent)
        self._display.sync()

    def is_typed_into(self, desk):
        client = self._window.id & ~desk.connection.client_mask
        focus = Focus(self._window.id, self._window.id, (), True, client)
        with desk._barrier.watching(focus):
            desk._unread.add(focus, desk._barrier.ping(focus), "")

    def close(self):
        self._display.close()
