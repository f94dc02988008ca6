"""Windows that were told to take a text and have not taken it: what tests of them share."""

import asyncio
import subprocess
import time
from contextlib import contextmanager

import pytest

from .cells import eventually
from .field import Field, why_not

GUARD_S = 120
OLD = "what the user had copied"


def field_of(stage, kind):
    if reason := why_not(kind):
        pytest.skip(reason)
    field = stage.field(kind)
    field.clear()
    return field


@contextmanager
def beside(stage, kind):
    """Another program's window, with the focus."""
    other = Field(kind, stage.screen.environment)
    try:
        other.wait_focused()
        other.clear()
        yield other
    finally:
        other.stop()


@contextmanager
def copied(screen, text, selection="clipboard"):
    """Another program owns it meanwhile."""
    keeper = subprocess.Popen(
        ["xclip", "-i", "-quiet", "-selection", selection],
        env=screen.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    keeper.stdin.write(text.encode())
    keeper.stdin.close()
    assert eventually(lambda: clipboard(screen, selection), text) == text
    try:
        yield keeper
    finally:
        keeper.kill()
        keeper.wait()


def clipboard(screen, selection="clipboard"):
    command = ["xclip", "-o", "-selection", selection]
    return subprocess.run(
        command, env=screen.environment, capture_output=True, text=True, check=False
    ).stdout


def pasting(stage):
    return stage.by("paste")


async def unproven(injector, text):
    injection = await injector.inject(text)
    assert injection.outcome == "unproven", injection
    assert (injection.sent, injection.confirmed) == (len(text), 0)
    assert injection.proof is not None
    return injection


def decided(proof):
    return asyncio.wait_for(proof, GUARD_S)


async def until(confirms, tried):
    """Injects `tried` until that is confirmed: what the window owed is settled by then."""
    end_s = time.monotonic() + GUARD_S
    while (injection := await confirms(tried)).outcome != "confirmed":
        assert injection.outcome == "refused"
        assert time.monotonic() < end_s, injection
        await asyncio.sleep(0.05)


@contextmanager
def frozen_at_the_key(injector, field):
    """The window stops as soon as the server has the paste key: it pinged fine before."""
    desk = injector._display._session
    press = desk._keyboard.press

    def pressing(*arguments, **options):
        field.freeze()
        return press(*arguments, **options)

    desk._keyboard.press = pressing
    try:
        yield
    finally:
        desk._keyboard.press = press
