"""Who has grabbed the keyboard gets every key, whoever has the focus: nothing is typed to him."""

import asyncio
import threading
from contextlib import contextmanager

import pytest
from Xlib import XK, X, display
from Xlib.ext import xtest

from . import x11
from .unproven import field_of

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.shared_stage,
    pytest.mark.skipif(bool(x11.missing()), reason=f"{x11.missing()} is not installed"),
]


@pytest.fixture
def neighbour(stage):
    """Another program's connection."""
    client = display.Display(stage.screen.name)
    yield client
    client.close()


@contextmanager
def grabbed(client, *, stands):
    """By a window above all or below, as a locker or a viewer may have one."""
    window = client.screen().root.create_window(
        0, 0, 600, 600, 0, X.CopyFromParent, override_redirect=True
    )
    window.configure(stack_mode=stands)
    window.map()
    client.sync()
    granted = window.grab_keyboard(False, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime)
    assert granted == X.GrabSuccess
    client.sync()
    try:
        yield
    finally:
        client.ungrab_keyboard(X.CurrentTime)
        window.destroy()
        client.sync()


@pytest.mark.parametrize("kind", ["gtk3", "tk", "xterm"])
@pytest.mark.parametrize("route", ["type", "paste", "either"])
def test_nothing_is_typed_to_a_locker_that_has_no_focus(stage, neighbour, kind, route):
    field = field_of(stage, kind)
    injector = stage.by(route)
    with grabbed(neighbour, stands=X.Above):
        refused = asyncio.run(injector.inject("no password. "))
    assert (refused.outcome, refused.sent) == ("refused", 0)
    assert refused.reason == "another program has grabbed the keyboard"
    assert field.settles_on("") == ""
    assert asyncio.run(injector.inject("unlocked")).outcome in ("typed", "confirmed")
    assert field.settles_on("unlocked") == "unlocked"


@pytest.mark.parametrize("route", ["type", "paste"])
def test_a_hotkey_that_is_held_swallows_nothing(stage, neighbour, route):
    """A window manager has the keyboard for as long as a key that it bound is down."""
    field = field_of(stage, "gtk3")
    key, root = neighbour.keysym_to_keycode(XK.XK_Pause), neighbour.screen().root
    root.grab_key(key, 0, False, X.GrabModeAsync, X.GrabModeAsync)
    press(neighbour, X.KeyPress, key)
    released = threading.Timer(0.4, press, (neighbour, X.KeyRelease, key))
    released.start()
    try:
        injection = asyncio.run(stage.by(route).inject("after the hotkey"))
    finally:
        released.join()
        root.ungrab_key(key, 0)
        neighbour.sync()
    assert injection.outcome == "confirmed"
    assert field.settles_on("after the hotkey") == "after the hotkey"


def test_a_grab_that_lasts_with_nothing_above_the_window_counts_as_its_own(stage, neighbour):
    """As a viewer of another machine has it. The server does not tell who that is."""
    field_of(stage, "gtk3")
    heard = []
    with grabbed(neighbour, stands=X.Below):
        injection = asyncio.run(stage.by("type").inject("abc"))
        while neighbour.pending_events():
            heard.append(neighbour.next_event().type)
    assert injection.outcome == "confirmed"
    assert heard.count(X.KeyPress) == 3


def press(client, kind, key):
    xtest.fake_input(client, kind, key)
    client.sync()
