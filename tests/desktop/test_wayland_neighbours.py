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
from desktop.busy_wayland import Desk
from desktop.sway import Sway, WaylandField
from desktop.test_inject_wayland import listed, target, with_injector
from patience import PATIENCE_S
from swictation.inject.injector import Target
from swictation.inject.wayland import data_control, paster
from swictation.inject.wayland.injector import WaylandInjector

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(compositor.missing()), reason=compositor.missing()),
]


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


@pytest.fixture
def show(desk):
    shown: list[WaylandField] = []

    def start(kind: str, *options: str) -> WaylandField:
        if reason := fields.why_not(kind):
            pytest.skip(reason)
        shown.append(WaylandField(kind, desk.sway, *options))
        shown[-1].wait_focused()
        return shown[-1]

    yield start
    for field in shown:
        field.stop()


async def in_front(injector: WaylandInjector, behind: WaylandField) -> Target:
    """The focused window, once that is not the one `behind`: GTK 4 says it before it is so."""
    while (found := await target(injector)).app == f"{behind.kind}.py":
        await asyncio.sleep(0.02)
    return found


def test_a_window_that_hangs_behind_another_does_not_prove_or_disprove_one_that_hangs_too(
    desk, show
):
    behind = show("gtk3")
    field = show("foot")

    async def use(injector: WaylandInjector) -> None:
        into = await in_front(injector, behind)
        behind.freeze()
        field.freeze()
        await asyncio.to_thread(desk.press_another_keyboard)
        result = await injector.inject("word é ", into)
        assert result.outcome == "unproven"
        assert result.proof is not None
        assert not result.proof.done()
        field.thaw()  # the other goes on hanging
        assert await asyncio.wait_for(result.proof, PATIENCE_S)
        assert await asyncio.to_thread(field.settles_on, "word é ") == "word é "

    try:
        with_injector(desk.sway, use, ("type",))
    finally:
        behind.thaw()


def test_a_terminal_of_another_name_gets_keys_only(desk, show):
    field = show("foot", "--app-id=dropdown")
    texts = [f"{number} é more " for number in range(40)]

    async def use(injector: WaylandInjector) -> None:
        into = await target(injector, tells=True)
        for text in texts:
            assert (await injector.inject(text, into)).outcome == "typed"
        said = "".join(texts)
        assert await asyncio.to_thread(field.settles_on, said) == said

    with_injector(desk.sway, use)


def test_what_was_meant_for_the_only_window_is_not_said_to_be_there_when_it_has_gone(desk, show):
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

    with_injector(desk.sway, use, ("type",))


def copy(sway: Sway, name: str) -> "subprocess.Popen[bytes]":
    """Somebody copies `name`, of a type of its own, which tells it apart without being read."""
    owner = sway.spawn("wl-copy", "-f", "-t", f"text/{name}", name)
    while f"text/{name}" not in listed(sway).decode():
        threading.Event().wait(0.02)
    return owner


def test_what_is_copied_while_the_old_clipboard_is_being_read_stays(desk, show, monkeypatch):
    monkeypatch.setattr(data_control, "READ_S", PATIENCE_S)
    sway = desk.sway
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


@pytest.mark.parametrize(("gives_up_s", "arrives"), [(PATIENCE_S, True), (0.0, False)])
def test_a_window_that_hangs_over_a_key_it_has_read_never_gets_the_old_clipboard(
    desk, show, tmp_path, monkeypatch, gives_up_s, arrives
):
    hangs = tmp_path / "hangs"
    monkeypatch.setenv("FIELD_HANGS", str(hangs))
    monkeypatch.setattr(paster, "GIVES_UP_S", gives_up_s)
    field = show("hanging")
    desk.copy()

    async def use(injector: WaylandInjector) -> None:
        into = await target(injector)
        field.freeze()
        result = await injector.inject("said ", into)
        assert result.proof is not None
        hangs.touch()
        field.thaw()  # it reads all that waits, and hangs over the first of it
        await asyncio.wait([result.proof], timeout=2.0)
        hangs.unlink()
        assert await asyncio.wait_for(result.proof, PATIENCE_S) is arrives
        expected = "said " if arrives else ""
        assert await asyncio.to_thread(field.settles_on, expected) == expected
        assert await asyncio.to_thread(desk.pasted_in_the_end) == desk.old

    with_injector(desk.sway, use, ("paste",))


@pytest.mark.parametrize(("kind", "route"), [("foot", "type"), ("gtk4", "type"), ("gtk3", "paste")])
def test_a_reload_of_sway_takes_no_letter_from_us(desk, show, kind, route):
    sway = desk.sway
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
