"""What the user had copied outlives the daemon that served it meanwhile."""

import asyncio
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import psutil
import pytest
from Xlib import X, display
from Xlib.protocol import event

from swictation.inject.x11.injector import X11Injector
from swictation.inject.x11.thread import DisplayThread

from . import x11
from .cells import eventually
from .field import Field, why_not
from .unproven import OLD, clipboard, copied

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(x11.missing()), reason=f"{x11.missing()} is not installed"),
    pytest.mark.skipif(bool(why_not("tk")), reason="Tk is not installed"),
]

DICTATED = "dictated"


@pytest.fixture
def screen():
    screen = x11.Screen()
    yield screen
    screen.close()


def paste_and_close(screen, then=lambda injector: None):
    """A whole life of an injector, in which the user had copied something before."""
    field = Field("tk", screen.environment)
    try:
        field.wait_focused()
        injector = asyncio.run(X11Injector.open(screen.name))
        with copied(screen, OLD):
            assert asyncio.run(injector.inject(DICTATED)).outcome == "confirmed"
            assert eventually(lambda: clipboard(screen), OLD) == OLD
        then(injector)
        asyncio.run(injector.close())
    finally:
        field.stop()


def keepers(screen):
    wanted = {"swictation.inject.clipboard_keeper", screen.name}
    running = psutil.process_iter(["cmdline"])
    return [process for process in running if wanted <= set(process.info["cmdline"] or ())]


def test_what_the_user_had_copied_stays_until_something_else_is_copied(screen):
    paste_and_close(screen)
    assert clipboard(screen) == OLD
    mine = keepers(screen)
    assert len(mine) == 1
    assert OLD not in " ".join(mine[0].cmdline()) + str(mine[0].environ())
    assert mine[0].rlimit(psutil.RLIMIT_CORE) == (0, 0)
    with copied(screen, "a new copy"):
        assert clipboard(screen) == "a new copy"
        mine[0].wait(10)
    assert clipboard(screen) == ""


def test_a_keeper_ends_with_its_server(screen):
    paste_and_close(screen)
    mine = keepers(screen)
    screen.close()
    for keeper in mine:
        keeper.wait(10)


def test_a_dictated_text_is_never_left(screen):
    paste_and_close(screen, lambda injector: asyncio.run(injector.offer("held, dictated")))
    assert clipboard(screen) == ""


def test_under_systemd_it_gets_a_scope_of_its_own(screen, tmp_path, monkeypatch):
    program = tmp_path / "systemd-run"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said\nshift 5\nexec "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("INVOCATION_ID", "1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    paste_and_close(screen)
    assert clipboard(screen) == OLD
    said = (tmp_path / "said").read_text()
    assert said.startswith("--user --scope --collect --quiet -- ")
    assert OLD not in said


def test_a_clipboard_manager_is_asked_first(screen):
    manager = Manager(screen.name)
    try:
        paste_and_close(screen)
        assert clipboard(screen) == ""
        assert "UTF8_STRING" in manager.asked
    finally:
        manager.close()


def test_it_is_left_in_time_where_manager_and_systemd_hang(screen, tmp_path, monkeypatch):
    program = tmp_path / "systemd-run"
    program.write_text("#!/bin/sh\nexec sleep 100\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("INVOCATION_ID", "1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    manager = Manager(screen.name, answers=False)
    ended = []
    sever = DisplayThread.sever
    monkeypatch.setattr(DisplayThread, "sever", lambda thread: (ended.append(1), sever(thread)))
    try:
        paste_and_close(screen)
        assert not ended, "the display was severed before the clipboard was left to anybody"
        assert clipboard(screen) == OLD
    finally:
        manager.close()


def test_a_keeper_that_nobody_waits_for_takes_nothing(screen):
    with copied(screen, OLD) as owner:
        window = display.Display(screen.name)
        owns = window.get_selection_owner(window.intern_atom("CLIPBOARD")).id
        screen.server.send_signal(signal.SIGSTOP)
        command = [
            sys.executable,
            "-m",
            "swictation.inject.clipboard_keeper",
            "x11",
            screen.name,
            str(owns),
        ]
        started = psutil.Popen(command, stdin=subprocess.PIPE)
        try:
            started.stdin.write(msgspec.msgpack.encode({"UTF8_STRING": b"kept"}))
            started.stdin.close()
            assert eventually(lambda: str(len(started.children())), "1") == "1"
            (late,) = started.children()
        finally:
            started.kill()  # as one does who waits no longer
            started.wait()
            screen.server.send_signal(signal.SIGCONT)
        late.wait(10)
        window.close()
        owner.kill()
        assert eventually(lambda: clipboard(screen), "") == ""


def test_a_keeper_is_as_private_as_a_worker(screen):
    paste_and_close(screen)
    (mine,) = keepers(screen)
    assert Path(f"/proc/{mine.pid}/coredump_filter").read_text().strip("0\n") == ""
    assert "Umask:\t0077" in Path(f"/proc/{mine.pid}/status").read_text()


class Manager:
    """Says that it has saved what it is asked to, and notes the targets."""

    def __init__(self, name, *, answers=True):
        self._answers = answers
        self._display = display.Display(name)
        self.asked = set()
        self._selection = self._display.intern_atom("CLIPBOARD_MANAGER")
        self._own = self._display.screen().root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
        self._own.set_selection_owner(self._selection, X.CurrentTime)
        self._display.sync()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self):
        killer = display.Display(self._display.get_display_name())
        taker = killer.screen().root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
        taker.set_selection_owner(self._selection, X.CurrentTime)
        killer.sync()
        self._thread.join(10)
        killer.close()
        self._display.close()

    def _run(self):
        while (happened := self._display.next_event()).type != X.SelectionClear:
            if happened.type != X.SelectionRequest or not self._answers:
                continue
            wish = happened.requestor.get_full_property(happened.property, X.AnyPropertyType)
            self.asked |= {self._display.get_atom_name(atom) for atom in wish.value}
            happened.requestor.send_event(
                event.SelectionNotify(
                    time=happened.time,
                    requestor=happened.requestor,
                    selection=happened.selection,
                    target=happened.target,
                    property=happened.property,
                )
            )
            self._display.flush()


def test_what_was_copied_before_a_text_was_offered_is_back_after_our_end(screen):
    injector = asyncio.run(X11Injector.open(screen.name))
    with copied(screen, OLD):
        assert asyncio.run(injector.offer("held"))
        assert asyncio.run(injector.offer("held and more"))
    assert clipboard(screen) == "held and more"
    asyncio.run(injector.close())
    assert eventually(lambda: clipboard(screen), OLD) == OLD
