import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, method

from fakes.bus import PrivateBus, until
from fakes.client import client, run
from fakes.controls import daemon
from fakes.notifications import NotificationServer
from patience import PATIENCE_S
from swictation.control.bus.wire import BUS_NAME, INTERFACE, PATH
from swictation.control.status import AudioStatus, Degraded, Held, QuarantineStatus
from swictation.errors import NothingRecorded

pytestmark = pytest.mark.process

TESTS = Path(__file__).resolve().parent.parent
CLI = (sys.executable, "-m", "swictation")


async def swictation(*arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *CLI, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


class Follower:
    """A running `status --follow`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def next(self) -> dict[str, object]:
        assert self.process.stdout
        line = await self.process.stdout.readline()
        assert line, "it ended"
        return json.loads(line)

    async def next_state(self) -> object:
        return (await self.next())["alt"]


@asynccontextmanager
async def follower() -> AsyncIterator[Follower]:
    process = await asyncio.create_subprocess_exec(
        *CLI, "status", "--follow", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield Follower(process)
    finally:
        if process.returncode is None:
            process.kill()
        _, err = await process.communicate()
        assert err == b""


def test_commands_print_the_state_that_follows(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in:
            assert await swictation("toggle") == (0, "listening\n", "")
            assert await swictation("stop") == (0, "idle\n", "")
            assert await swictation("record", "start") == (0, "listening\n", "")
            assert await swictation("record", "cancel") == (0, "idle\n", "")
            stand_in.held = 2
            assert await swictation("paste-last") == (0, "typed 2 texts\n", "")

    run(test)


def test_what_the_daemon_refuses_is_told_with_its_remedy(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon():
            told = "swictation: There is no text to type.\n  -> speak first\n"
            assert await swictation("paste-last") == (1, "", told)

    run(test)


def test_a_retry_says_what_came_of_it(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in:
            told = "swictation: Nothing is set aside.\n"
            assert await swictation("retry") == (1, "", told)
            stand_in.retried = 2
            code, out, err = await swictation("retry")
            assert (code, err) == (0, "")
            assert out == "2 texts held; to type them: swictation paste-last\n"
            stand_in.retried = 0
            assert (await swictation("retry"))[1] == "no words were recognised in it\n"

    run(test)


def test_what_is_set_aside_is_named_with_its_path(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in:
            one = QuarantineStatus("/spool/000-000003.wav", 4.5, "waits")
            stand_in.change(quarantined=(one,))
            _, out, _ = await swictation("status")
            told = "4.5 s of speech in /spool/000-000003.wav: the engine died on it each time"
            assert f"set aside   {told}\n  -> swictation retry\n" in out
            stand_in.change(quarantined=(one,) * 6)
            _, out, _ = await swictation("status")
            assert out.count("000-000003.wav") == 4
            assert "and 2 more, see: swictation doctor" in out
            _, out, _ = await swictation("status", "--json")
            assert len(json.loads(out)["set_aside"]) == 6

    run(test)


def test_capture_prints_the_utterance_or_ends_with_5(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in:
            asked = asyncio.create_task(swictation("capture"))
            await until(lambda: stand_in.captured)
            assert stand_in.captured
            stand_in.captured.set_result("héllo 😀")
            assert await asked == (0, "héllo 😀\n", "")

            stand_in.captured = None
            asked = asyncio.create_task(swictation("capture"))
            await until(lambda: stand_in.captured)
            assert stand_in.captured
            stand_in.captured.set_exception(NothingRecorded("Nobody spoke."))
            assert await asked == (5, "", "swictation: Nobody spoke.\n")

    run(test)


def test_a_capture_that_is_interrupted_is_broken_off_in_the_daemon_too(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in:
            process = await asyncio.create_subprocess_exec(*CLI, "capture")
            await until(lambda: stand_in.captured)
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130
            await stand_in.was_broken_off.wait()

    run(test)


COMMANDS = ("toggle", "start", "stop", "cancel", "capture", "status", "paste-last", "retry")


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_daemon_the_exit_code_is_3(session_bus: PrivateBus, command: str):
    code, out, err = asyncio.run(swictation(command))
    assert (code, out) == (3, "")
    assert err.startswith("swictation: The daemon is not running.\n  -> ")
    assert "swictation run" in err


def test_without_a_bus_the_exit_code_is_3(session_bus: PrivateBus, monkeypatch: pytest.MonkeyPatch):
    session_bus.kill()
    code, _, err = asyncio.run(swictation("status", "--json"))
    assert code == 3
    assert "nothing answers at the session bus" in err
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    code, _, err = asyncio.run(swictation("status"))
    assert code == 3
    assert "There is no session bus" in err


def test_the_bus_is_found_in_the_runtime_folder_too(
    session_bus: PrivateBus, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")

    async def test() -> None:
        async with daemon():
            assert await swictation("toggle") == (0, "listening\n", "")

    run(test)


def test_asking_starts_nobody_but_a_toggle_does(session_bus: PrivateBus):
    stand_in = f"/usr/bin/env PYTHONPATH={TESTS} {sys.executable} -m fakes.controls"
    (session_bus.services / "swictation.service").write_text(
        f"[D-BUS Service]\nName={BUS_NAME}\nExec={stand_in}\n"
    )

    async def test() -> None:
        async with client(session_bus) as peer:
            await peer.bus.ask_bus("ReloadConfig", "")
        assert (await swictation("status"))[0] == 3
        assert (await swictation("stop"))[0] == 3
        assert await swictation("toggle") == (0, "listening\n", "")
        code, out, _ = await swictation("status", "--json")
        assert code == 0
        process = psutil.Process(json.loads(out)["pid"])
        process.terminate()
        await until(lambda: not process.is_running() or process.status() == "zombie")

    run(test)


def test_where_notifications_are_shown_status_does_not_speak_of_them(session_bus: PrivateBus):
    async def test() -> None:
        server = NotificationServer()
        await server.start(session_bus.address)
        async with daemon() as stand_in:
            stand_in.change(held=Held(1, "screen locked"))
            _, out, _ = await swictation("status")
            assert "1 text (screen locked)" in out
            assert "notifications" not in out
        await server.stop()

    run(test)


def test_model_list_marks_the_model_of_the_running_daemon(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in:
            stand_in.change(model="base")
            _, out, _ = await swictation("model", "list")
            assert "\nbase*" in out
            assert "\ntiny.en " in out
            assert "*: the running daemon uses it." in out

    run(test)


def test_status_is_for_people(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in:
            stand_in.change(
                degraded=Degraded("cpu", "the GPU is full", 130.0),
                held=Held(1, "screen locked"),
                audio=AudioStatus(source="Built-in", level_dbfs=-31.4, health="ok"),
                uptime_s=7500.0,
                version="0.1.0",
            )
            code, out, err = await swictation("status")
            assert (code, err) == (0, "")
            assert out == (
                "state       idle\n"
                "degraded    cpu, for 2 min: the GPU is full\n"
                "  -> swictation doctor\n"
                "model       whisper small.en, int8, on the CPU\n"
                "microphone  Built-in, ok, -31 dBFS\n"
                "held        1 text (screen locked)\n"
                "  -> swictation paste-last\n"
                "            no program here shows notifications: held text is reported only"
                " here\n"
                f"up          2 h 5 min, process {os.getpid()}, version 0.1.0\n"
            )

    run(test)


def test_following_shows_each_change_through_restarts_of_the_daemon(session_bus: PrivateBus):
    async def test() -> None:
        async with follower() as seen:
            assert await seen.next_state() == "stopped"
            async with daemon() as stand_in:
                assert await seen.next_state() == "idle"
                stand_in.toggle()
                assert await seen.next_state() == "listening"
                stand_in.change(degraded=Degraded("cpu", "the GPU is full", 0.0))
                assert (await seen.next())["class"] == ["listening", "degraded"]
            assert await seen.next_state() == "stopped"
            async with daemon():
                assert await seen.next_state() == "idle"

    run(test)


def test_following_outlives_the_bus(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon(), follower() as seen:
            assert await seen.next_state() == "idle"
            session_bus.kill()
            assert await seen.next_state() == "stopped"
            session_bus.start()
            assert await seen.next_state() == "idle"

    run(test)


def test_following_a_killed_daemon(session_bus: PrivateBus):
    async def test() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "fakes.controls", cwd=TESTS, stdout=subprocess.PIPE
        )
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
        async with follower() as seen:
            assert await seen.next_state() == "idle"
            process.kill()
            await process.communicate()
            assert await seen.next_state() == "stopped"

    run(test)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_following_ends_cleanly_by_a_signal(session_bus: PrivateBus, number: signal.Signals):
    async def test() -> None:
        async with follower() as seen:
            assert await seen.next_state() == "stopped"
            seen.process.send_signal(number)
            assert await seen.process.wait() == 0

    run(test)


def test_following_ends_when_its_reader_has_gone_even_if_nothing_changes(session_bus: PrivateBus):
    read, write = os.pipe()
    process = subprocess.Popen([*CLI, "status", "--follow"], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    with os.fdopen(read) as lines:
        assert json.loads(lines.readline())["alt"] == "stopped"
    assert process.communicate(timeout=PATIENCE_S) == (None, b"")
    assert process.returncode == 0


def test_a_hung_daemon_is_told_from_none(session_bus: PrivateBus):
    async def test() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "fakes.controls", cwd=TESTS, stdout=subprocess.PIPE
        )
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGSTOP)
        code, _, err = await swictation("status")
        process.kill()
        await process.communicate()
        assert code == 1
        assert "did not answer within 5 s" in err

    run(test)


def test_a_daemon_of_an_unknown_version_is_named_so(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in:
            stand_in.change(state="meditating")
            code, _, err = await swictation("status")
            assert code == 1
            assert "another version" in err

    run(test)


class _Stranger(ServiceInterface):
    """A daemon whose methods answer something else."""

    def __init__(self) -> None:
        super().__init__(INTERFACE)

    @method(name="PasteLast")
    def paste_last(self) -> "s":  # noqa: F821 - a D-Bus signature
        return "two"

    @method(name="Retry")
    def retry(self) -> "":  # noqa: F722 - a D-Bus signature
        pass


@pytest.mark.parametrize("command", ["paste-last", "retry"])
def test_an_answer_that_is_no_number_is_another_version(session_bus: PrivateBus, command: str):
    async def test() -> None:
        bus = await MessageBus(bus_address=session_bus.address).connect()
        bus.export(PATH, _Stranger())
        await bus.request_name(BUS_NAME)
        code, out, err = await swictation(command)
        bus.disconnect()
        assert (code, out) == (1, "")
        assert "another version" in err
        assert "Traceback" not in err

    run(test)
