"""Windows under sway beside which others hang, that go by other names, that end, that are busy."""

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest

from desktop import field as fields
from desktop import sway as compositor
from desktop.sway import Sway, WaylandField
from desktop.test_inject_wayland import listed, target, with_injector
from swictation.inject.injector import Target
from swictation.inject.wayland import data_control, paster
from swictation.inject.wayland.connection import Connection
from swictation.inject.wayland.injector import WaylandInjector
from swictation.inject.wayland.keyboard import Keyboard

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.timeout(180),
    pytest.mark.skipif(bool(compositor.missing()), reason=compositor.missing()),
]

PATIENCE_S = 30


class Typist:
    """Who sits at the seat: a keyboard of its own, with a keymap of its own."""

    def __init__(self, sway: Sway) -> None:
        self._connection = Connection(sway.display)
        self.sway = sway
        asyncio.run(self._sit_down())

    async def _sit_down(self) -> None:
        await self._connection.open(PATIENCE_S)
        await self._connection.call(self._take_keyboard, PATIENCE_S)

    def _take_keyboard(self) -> None:
        keyboard = Keyboard.on(self._connection, self._connection.display.bind_seat())
        assert keyboard is not None
        self._keyboard = keyboard
        self._connection.barrier()

    async def type(self, text: str) -> None:
        await self._connection.call(lambda: self._keyboard.type(text, lambda: True), PATIENCE_S)

    def leave(self) -> None:
        asyncio.run(self._connection.close())


@pytest.fixture(scope="module")
def typist() -> Iterator[Typist]:
    sway = Sway()
    typist = Typist(sway)
    yield typist
    typist.leave()
    sway.stop()


@pytest.fixture
def show(typist):
    shown: list[WaylandField] = []

    def start(kind: str, cls: type[WaylandField] = WaylandField) -> WaylandField:
        if reason := fields.why_not(kind):
            pytest.skip(reason)
        shown.append(cls(kind, typist.sway))
        shown[-1].wait_focused()
        return shown[-1]

    yield start
    for field in shown:
        field.stop()
    typist.sway.forget_clipboard()


class Foot(WaylandField):
    """As people have it who tell their windows apart by names of their own."""

    def _command(self) -> list[str]:
        foot, *program = super()._command()
        return [foot, "--app-id=dropdown", *program]


async def in_front(injector: WaylandInjector, behind: WaylandField) -> Target:
    """The focused window, once that is not the one `behind`: GTK 4 says it before it is so."""
    while (found := await target(injector)).app == f"{behind.kind}.py":
        await asyncio.sleep(0.02)
    return found


@pytest.mark.parametrize(
    ("kind", "route", "outcome"),
    [("foot", "type", "typed"), ("gtk4", "type", "typed"), ("gtk4", "paste", "confirmed")],
)
def test_a_window_that_hangs_behind_the_one_with_the_focus_is_no_matter(
    typist, show, kind, route, outcome
):
    behind = show("gtk3")
    field = show(kind)

    async def use(injector: WaylandInjector) -> None:
        into = await in_front(injector, behind)
        behind.freeze()
        said = ""
        for number in range(4):
            await typist.type(f"ü{number} ")  # all clients of the seat get this keyboard's keymap
            said += f"ü{number} word{number} é "
            result = await injector.inject(f"word{number} é ", into)
            assert result.outcome == outcome, result
            assert await asyncio.to_thread(field.settles_on, said) == said

    try:
        with_injector(typist.sway, use, (route,))
    finally:
        behind.thaw()


def test_a_window_that_hangs_behind_another_does_not_prove_or_disprove_one_that_hangs_too(
    typist, show
):
    behind = show("gtk3")
    field = show("foot")

    async def use(injector: WaylandInjector) -> None:
        into = await in_front(injector, behind)
        behind.freeze()
        field.freeze()
        await typist.type("ü")
        result = await injector.inject("word é ", into)
        assert result.outcome == "unproven"
        assert result.proof is not None
        assert not result.proof.done()
        field.thaw()  # the other goes on hanging
        assert await asyncio.wait_for(result.proof, PATIENCE_S)
        assert await asyncio.to_thread(field.settles_on, "üword é ") == "üword é "

    try:
        with_injector(typist.sway, use, ("type",))
    finally:
        behind.thaw()


def test_a_terminal_of_another_name_gets_keys_only(typist, show):
    field = show("foot", Foot)
    texts = [f"{number} é more " for number in range(40)]

    async def use(injector: WaylandInjector) -> None:
        into = await target(injector, tells=True)
        for text in texts:
            assert (await injector.inject(text, into)).outcome == "typed"
        said = "".join(texts)
        assert await asyncio.to_thread(field.settles_on, said) == said

    with_injector(typist.sway, use)


def test_what_was_meant_for_the_only_window_is_not_said_to_be_there_when_it_has_gone(typist, show):
    field = show("foot")
    text = "".join(f"word{number} é " for number in range(2000))

    async def use(injector: WaylandInjector) -> None:
        into = await target(injector)
        injecting = asyncio.create_task(injector.inject(text, into))
        while not await asyncio.to_thread(field.text):
            await asyncio.sleep(0.01)
        field.kill()
        result = await injecting
        assert 0 < result.sent < len(text), result
        assert result.outcome == "partial" or (result.proof and not await result.proof), result

    with_injector(typist.sway, use, ("type",))


def copy(sway: Sway, name: str) -> "subprocess.Popen[bytes]":
    """Somebody copies `name`, of a type of its own, which tells it apart without being read."""
    owner = sway.spawn("wl-copy", "-f", "-t", f"text/{name}", name)
    while f"text/{name}" not in listed(sway).decode():
        threading.Event().wait(0.02)
    return owner


def test_what_is_copied_while_the_old_clipboard_is_being_read_stays(typist, show, monkeypatch):
    monkeypatch.setattr(data_control, "READ_S", PATIENCE_S)
    sway = typist.sway
    field = show("gtk3")
    owners = []

    def copy_another() -> None:
        owners.append(copy(sway, "second"))
        os.killpg(owners[0].pid, signal.SIGCONT)

    async def use(injector: WaylandInjector) -> None:
        into = await target(injector)
        await injector.inject("first ", into)  # the focus has come to rest
        await injector.flush()
        owners.append(await asyncio.to_thread(copy, sway, "first"))
        os.killpg(owners[0].pid, signal.SIGSTOP)
        injecting = asyncio.create_task(injector.inject("said ", into))
        await asyncio.to_thread(copy_another)
        result = await injecting
        await injector.flush()
        assert b"text/second" in await asyncio.to_thread(listed, sway), result
        assert await asyncio.to_thread(field.settles_on, "first said ") == "first said "

    with_injector(sway, use, ("paste", "type"))
    for owner in owners:
        compositor.end(owner)


def test_a_window_that_hangs_over_a_key_it_has_read_never_gets_the_old_clipboard(
    typist, show, tmp_path, monkeypatch
):
    hangs = tmp_path / "hangs"
    monkeypatch.setenv("FIELD_HANGS", str(hangs))
    monkeypatch.setattr(paster, "LATE_S", 0.0)
    field = show("hanging")
    owner = typist.sway.spawn("wl-copy", "-f", "old")

    async def use(injector: WaylandInjector) -> None:
        into = await target(injector)
        async with asyncio.timeout(PATIENCE_S):
            while b"text/plain" not in await asyncio.to_thread(listed, typist.sway):
                await asyncio.sleep(0.02)
        field.freeze()
        result = await injector.inject("said ", into)
        assert result.proof is not None
        hangs.touch()
        field.thaw()  # it reads all that waits, and hangs over the first of it
        await asyncio.wait([result.proof], timeout=4 * paster.LOOK_S)
        hangs.unlink()
        assert await asyncio.wait_for(result.proof, PATIENCE_S)
        assert await asyncio.to_thread(field.settles_on, "said ") == "said "

    with_injector(typist.sway, use, ("paste",))
    compositor.end(owner)


@pytest.mark.parametrize(("kind", "route"), [("foot", "type"), ("gtk4", "type"), ("gtk3", "paste")])
def test_a_reload_of_sway_takes_no_letter_from_us(typist, show, kind, route):
    sway = typist.sway
    field = show(kind)

    async def use(injector: WaylandInjector) -> None:
        into = await target(injector)
        said = ""
        for number in range(3):
            said += f"word{number} — é "
            await injector.inject(f"word{number} — é ", into)
            assert await asyncio.to_thread(field.settles_on, said) == said
            await asyncio.to_thread(sway.message, "reload")

    config = sway.directory / "config"
    before = config.read_text()
    config.write_text(f"{before}\ninput * xkb_layout ru\n")
    try:
        with_injector(sway, use, (route,))
    finally:
        config.write_text(before)
        sway.message("reload")
