"""What is said of unproven text as our connection, or the X server, ends."""

import asyncio
import signal
from contextlib import contextmanager

import pytest

from swictation.inject.x11.injector import X11Injector

from . import x11
from .field import Field, why_not
from .unproven import OLD, copied, decided, unproven

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(x11.missing()), reason=f"{x11.missing()} is not installed"),
]


@contextmanager
def shown(kind):
    """A screen of its own, that may be stopped, and a field."""
    if reason := why_not(kind):
        pytest.skip(reason)
    screen = x11.Screen()
    field = Field(kind, screen.environment)
    try:
        field.wait_focused()
        yield screen, field
    finally:
        field.stop()
        screen.close()


def test_nothing_is_left_to_a_key_that_waits_when_the_daemon_ends():
    with shown("tk") as (screen, field):

        async def scene():
            injector = await X11Injector.open(screen.name)
            with copied(screen, OLD):
                field.freeze()
                injection = await unproven(injector, "dictated")
                await injector.close()
                assert injection.proof.result() is False
            field.thaw()

        asyncio.run(scene())
        assert field.settles_on("") == ""


def test_of_keys_that_wait_as_we_leave_nobody_can_know():
    with shown("gtk3") as (screen, field):

        async def scene():
            injector = await X11Injector.open(screen.name, "type")
            field.freeze()
            injection = await injector.inject("typed while it stood")
            assert injection.outcome == "unproven"
            await injector.close()
            assert injection.proof.result() is None
            field.thaw()

        asyncio.run(scene())
        assert field.settles_on("typed while it stood") == "typed while it stood"


@pytest.mark.parametrize(
    ("how", "arrived"), [(signal.SIGKILL, False), (signal.SIGTERM, False), (signal.SIGSTOP, None)]
)
def test_keys_die_with_their_server_but_not_with_our_patience(how, arrived):
    with shown("gtk3") as (screen, field):

        async def scene():
            injector = await X11Injector.open(screen.name, "type")
            field.freeze()
            injection = await injector.inject("typed while it stood")
            assert injection.outcome == "unproven"
            screen.server.send_signal(how)
            if how != signal.SIGSTOP:
                assert await decided(injection.proof) is arrived
            await injector.close()
            assert injection.proof.result() is arrived

        asyncio.run(scene())


def test_a_server_that_throws_us_out_leaves_the_keys_where_they_are():
    with shown("gtk3") as (screen, field):

        async def scene():
            injector = await X11Injector.open(screen.name, "type")
            field.freeze()
            injection = await injector.inject("typed while it stood")
            assert injection.outcome == "unproven"
            own = injector._display._session.connection.own.id
            screen.run("xkill", "-id", str(own))
            assert await decided(injection.proof) is None
            await injector.close()

        asyncio.run(scene())
