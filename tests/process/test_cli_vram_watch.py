"""`swictation vram watch` and the GPU in `swictation status`, as programs beside a daemon."""

import asyncio
import os
import pty
import signal
import subprocess
import sys

import msgspec
import pytest

from fakes.bus import until
from fakes.client import run, shell
from fakes.controls import daemon
from fakes.shown_card import CARD
from swictation.gpu.status import BreakerStatus, DetectorPlace

pytestmark = pytest.mark.process

_SWICTATION = (sys.executable, "-m", "swictation")
_WATCH = (*_SWICTATION, "vram", "watch")

BANNED = msgspec.structs.replace(
    CARD,
    asr_placement="cpu",
    vad_placement=DetectorPlace("cpu", "cpu", "no worker serves on the GPU"),
    breaker=BreakerStatus("dead", 3, 3, "3 workers died in ten minutes", is_banned=True),
)


class Terminal:
    """A program on a terminal of its own; `told` is what it wrote so far."""

    def __init__(self, *command: str, **more: str) -> None:
        own, theirs = pty.openpty()
        environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "40"}
        environment.pop("NO_COLOR", None)
        self.process = subprocess.Popen(
            command, env=environment | more, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        os.set_blocking(own, False)
        self._fd = own
        self.told = ""

    def has_told(self, words: str) -> bool:
        self._read()
        return words in self.told

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        self._read()
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait(60)
        os.close(self._fd)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._fd, 2**16)
            except OSError:  # nothing there, or nobody any more
                return
            if not data:
                return
            self.told += data.decode(errors="replace")


@pytest.fixture
def terminals():
    """Makes them, and leaves none behind."""
    made: list[Terminal] = []

    def make(*command: str, **more: str) -> Terminal:
        made.append(Terminal(*command, **more))
        return made[-1]

    yield make
    for terminal in made:
        terminal.close()


def test_once_it_prints_this_moment(session_bus):
    async def test() -> None:
        async with daemon() as stand_in:
            stand_in.change(vram=CARD)
            told = await shell(*_WATCH, "--once")
            assert "NORMAL for 12 s" in told
            assert "▒ others 1024, █ ours 2048, ░ free 1024 of 4096 MiB" in told
            assert "\x1b" not in told

    run(test)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_live_it_follows_the_card_and_the_daemon_until_it_is_ended(session_bus, terminals, number):
    async def test() -> None:
        async with daemon() as stand_in:
            stand_in.change(vram=CARD)
            terminal = terminals(*_WATCH)
            await until(lambda: terminal.has_told("NORMAL"))
            stand_in.change(vram=msgspec.structs.replace(CARD, level="EMERGENCY", free_mib=50.0))
            await until(lambda: terminal.has_told("EMERGENCY"))
            assert terminal.has_told("\x1b[1;31mE")
            stand_in.now = msgspec.structs.replace(
                stand_in.now, vram=msgspec.structs.replace(CARD, free_mib=777.0)
            )
            await until(lambda: terminal.has_told("777"))  # a figure alone is no signal
        await until(lambda: terminal.has_told("swictation is not running"))
        assert await asyncio.to_thread(terminal.end, number) == 0
        assert "Traceback" not in terminal.told

    run(test)


def test_without_colours_the_levels_are_letters(session_bus, terminals):
    async def test() -> None:
        async with daemon() as stand_in:
            stand_in.change(vram=msgspec.structs.replace(CARD, level="CRITICAL", free_mib=400.0))
            terminal = terminals(*_WATCH, NO_COLOR="1")
            await until(lambda: terminal.has_told("CRITICAL"))
            assert await asyncio.to_thread(terminal.end, signal.SIGINT) == 0
            assert "\x1b[31m" not in terminal.told
            assert terminal.told.count("C") >= 2 + terminal.told.count("CRITICAL")

    run(test)


def test_a_daemon_without_a_card_says_so(session_bus):
    async def test() -> None:
        async with daemon():
            assert "no engine is set to compute on a GPU" in await shell(*_WATCH, "--once")

    run(test)


def test_without_a_daemon_it_is_one_clear_error(session_bus):
    done = subprocess.run([*_WATCH, "--once"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 2
    assert "swictation run" in done.stderr


def test_without_a_terminal_it_names_what_works_there(session_bus):
    done = subprocess.run([*_WATCH], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--once" in done.stderr


def test_status_shows_the_card_in_two_lines_and_how_a_ban_ends(session_bus):
    async def test() -> None:
        async with daemon() as stand_in:
            assert "GPU" not in await shell(*_SWICTATION, "status")
            stand_in.change(vram=CARD)
            told = await shell(*_SWICTATION, "status")
            assert "GPU         NORMAL: others 1024, ours 2048, free 1024 of 4096 MiB\n" in told
            assert "            speech and detector on the GPU\n" in told
            stand_in.change(vram=BANNED)
            told = await shell(*_SWICTATION, "status")
            assert "3 workers died in ten minutes; to try again:" in told
            assert "swictation vram reset" in told

    run(test)


def test_a_bar_hears_of_levels_and_moves_but_not_of_figures(session_bus):
    async def test() -> None:
        async with daemon() as stand_in:
            stand_in.change(vram=CARD)
            follower = await asyncio.create_subprocess_exec(
                *_SWICTATION, "status", "--follow", stdout=subprocess.PIPE
            )
            assert follower.stdout
            line = await follower.stdout.readline()
            assert b"GPU: NORMAL; speech and detector on the GPU" in line
            stand_in.change(vram=msgspec.structs.replace(CARD, free_mib=900.0))
            moved = DetectorPlace("cpu", "cpu", "the GPU is at WARNING")
            stand_in.change(
                vram=msgspec.structs.replace(CARD, level="WARNING", vad_placement=moved)
            )
            line = await follower.stdout.readline()
            assert b"GPU: WARNING; speech on the GPU, detector on the CPU" in line
            follower.terminate()
            assert await follower.wait() == 0

    run(test)
