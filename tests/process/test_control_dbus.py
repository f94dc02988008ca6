import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from dbus_fast import DBusError

from fakes.bus import PrivateBus, until
from fakes.client import Client, client, need, run, shell
from fakes.controls import StandIn, daemon
from swictation.control.bus.connection import MAX_UNSENT, connect
from swictation.control.bus.wire import (
    BUS_NAME,
    ERROR_FAILED,
    ERROR_NOTHING_RECORDED,
    INTERFACE,
    PATH,
)
from swictation.control.status import Degraded, decode
from swictation.errors import AlreadyRunning, BusError, NothingRecorded

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
SYSTEM_PYTHON = "/usr/bin/python3"


def test_methods_answer_with_the_state_that_follows(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon(), client(session_bus) as peer:
            assert await peer.ask("Toggle") == "listening"
            assert await peer.ask("Toggle") == "idle"
            assert await peer.ask("Start") == "listening"
            assert await peer.ask("Stop") == "idle"
            assert await peer.ask("Cancel") == "idle"
            assert decode(await peer.ask("Status")).state == "idle"

    run(test)


def test_an_error_keeps_its_kind_its_message_and_its_remedy(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in, client(session_bus) as peer:
            with pytest.raises(DBusError) as raised:
                await peer.ask("PasteLast")
            assert raised.value.type == ERROR_FAILED
            assert raised.value.text == "There is no text to type.\nspeak first"

            asked = asyncio.create_task(peer.ask("Capture"))
            await until(lambda: stand_in.captured)
            assert stand_in.captured
            stand_in.captured.set_exception(NothingRecorded("Nothing was recorded."))
            with pytest.raises(DBusError) as raised:
                await asked
            assert raised.value.type == ERROR_NOTHING_RECORDED

    run(test)


def test_a_bug_becomes_an_error_without_its_traceback(
    session_bus: PrivateBus, caplog: pytest.LogCaptureFixture
):
    async def test() -> None:
        async with daemon() as stand_in, client(session_bus) as peer:
            stand_in.held = "none"  # type: ignore[assignment]
            with pytest.raises(DBusError) as raised:
                await peer.ask("PasteLast")
            assert "\n" not in raised.value.text

            del stand_in.now
            with pytest.raises(DBusError) as raised:
                await peer.ask("Status")
            assert raised.value.type == ERROR_FAILED
            assert raised.value.text == "Something unexpected went wrong: AttributeError."

    run(test)
    assert "Traceback" in caplog.text


def test_capture_returns_what_was_said_to_the_one_who_asked(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in, client(session_bus) as peer, client(session_bus) as other:
            await other.listen()
            asked = asyncio.create_task(peer.ask("Capture"))
            await until(lambda: stand_in.captured)
            assert stand_in.captured
            stand_in.captured.set_result("héllo 中文 😀")
            assert await asked == "héllo 中文 😀"
            await until(lambda: len(other.heard_of("PropertiesChanged")) == 2)
            assert "héllo" not in str(other.heard)

    run(test)


def test_a_capture_whose_caller_left_is_broken_off(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in:
            async with client(session_bus) as peer:
                asked = asyncio.create_task(peer.ask("Capture"))
                await until(lambda: stand_in.captured)
            await stand_in.was_broken_off.wait()
            assert stand_in.now.state == "idle"
            with pytest.raises((EOFError, OSError)):
                await asked

    run(test)


def test_properties_change_once_for_each_change(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in, client(session_bus) as peer:
            await peer.listen()
            stand_in.change(uptime_s=1.0)
            stand_in.change(uptime_s=2.0, device="cuda")
            stand_in.change(uptime_s=3.0, device="cuda")
            stand_in.change(degraded=Degraded("cpu", "the GPU is full", 0.1))
            stand_in.change(degraded=Degraded("cpu", "the GPU is full", 0.7))
            stand_in.change(state="listening", last_error="the worker died")
            await until(lambda: len(peer.heard_of("PropertiesChanged")) == 3)
            changes = [
                {name: each.value for name, each in body[1].items()}
                for body in peer.heard_of("PropertiesChanged")
            ]
            assert changes == [
                {"Device": "cuda"},
                {"Degraded": "cpu: the GPU is full"},
                {"State": "listening", "LastError": "the worker died"},
            ]

    run(test)


def test_status_changed_is_sent_for_each_change_but_seldom(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in, client(session_bus) as peer:
            await peer.listen()
            for number in range(1000):
                stand_in.change(last_error=f"number {number}")
            stand_in.change(uptime_s=5.0)
            await until(lambda: len(peer.heard_of("StatusChanged")) == 2)
            assert decode(await peer.ask("Status")).last_error == "number 999"

    run(test)


def test_text_goes_to_subscribers_alone_and_only_if_they_ask_for_it(session_bus: PrivateBus):
    async def test() -> None:
        async with (
            daemon() as stand_in,
            client(session_bus) as reader,
            client(session_bus) as watcher,
            client(session_bus) as stranger,
        ):
            await stranger.listen()
            await reader.ask("Subscribe", "b", True)
            await watcher.ask("Subscribe", "b", False)
            assert stand_in.with_text == [1, 1]
            stand_in.service.partial(7, "the quick")
            stand_in.service.committed(7, "The quick fox.")
            await until(lambda: reader.heard_of("Committed") and watcher.heard_of("Committed"))
            assert reader.heard == [
                ("Partial", [7, "the quick"]),
                ("Committed", [7, "The quick fox."]),
            ]
            assert watcher.heard == [("Partial", [7, ""]), ("Committed", [7, ""])]

            await reader.ask("Unsubscribe")
            stand_in.service.committed(8, " Jumps.")
            await until(lambda: len(watcher.heard_of("Committed")) == 2)
            assert stand_in.with_text == [1, 1, 0]
            await stranger.ask("Status")
            assert "quick" not in str(stranger.heard)
            assert len(reader.heard) == 2

    run(test)


def test_a_subscriber_that_leaves_is_forgotten(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in:
            async with client(session_bus) as peer:
                await peer.ask("Subscribe", "b", True)
            await until(lambda: stand_in.with_text == [1, 0])

    run(test)


def test_the_number_of_subscribers_is_bounded(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in:
            peers = [Client(await connect(session_bus.address)) for _ in range(33)]
            for peer in peers[:32]:
                await peer.ask("Subscribe", "b", False)
            with pytest.raises(DBusError, match="32 subscribers"):
                await peers[32].ask("Subscribe", "b", False)
            await peers[0].bus.close()
            await until(lambda: len(stand_in.with_text) == 33)
            await peers[32].ask("Subscribe", "b", False)
            for peer in peers[1:]:
                await peer.bus.close()

    run(test)


def test_a_second_daemon_is_refused_with_the_process_of_the_first(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon():
            second = StandIn()
            with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}") as raised:
                await second.service.start()
            assert f"kill {os.getpid()}" in raised.value.remedy
            assert not second.service.is_connected

    run(test)


def test_without_a_bus_the_start_says_so(session_bus: PrivateBus):
    session_bus.kill()

    async def test() -> None:
        with pytest.raises(BusError, match="cannot be reached"):
            await StandIn().service.start()

    run(test)


def test_a_restart_of_the_bus_is_outlived(session_bus: PrivateBus):
    async def test() -> None:
        async with daemon() as stand_in:
            async with client(session_bus) as peer:
                await peer.ask("Subscribe", "b", True)
                asked = asyncio.create_task(peer.ask("Capture"))
                await until(lambda: stand_in.captured)
                session_bus.kill()
                await until(lambda: not stand_in.service.is_connected)
                with pytest.raises((EOFError, OSError)):
                    await asked
            await stand_in.was_broken_off.wait()
            await until(lambda: stand_in.with_text == [1, 0])
            stand_in.service.committed(1, "nobody hears this")
            stand_in.change(state="transcribing")

            session_bus.start()
            await until(lambda: stand_in.service.is_connected)
            async with client(session_bus) as peer:
                await peer.listen()
                assert decode(await peer.ask("Status")).state == "transcribing"
                assert await peer.ask("Stop") == "idle"
                await until(lambda: peer.heard_of("PropertiesChanged"))
                assert not peer.heard_of("Committed")

    run(test)


def test_a_bus_that_does_not_read_costs_signals_but_no_memory_and_no_connection(
    session_bus: PrivateBus,
):
    async def test() -> None:
        async with daemon() as stand_in, client(session_bus) as peer:
            await peer.ask("Subscribe", "b", True)
            bus = stand_in.service._link.bus
            assert bus is not None
            with session_bus.frozen():
                for number in range(5000):
                    stand_in.service.partial(number, "x" * number)
                assert bus.unsent == MAX_UNSENT
            assert await peer.ask("Toggle") == "listening"
            assert stand_in.service._link.bus is bus
            assert bus.unsent == 0
            numbers = [number for number, _ in peer.heard_of("Partial")]
            assert MAX_UNSENT <= len(numbers) < 5000
            assert numbers == list(range(len(numbers)))

    run(test)


def test_busctl_can_toggle_ask_and_read(session_bus: PrivateBus):
    need("busctl", "systemd")

    async def test() -> None:
        async with daemon():
            call = ("busctl", "--user", "call", BUS_NAME, PATH, INTERFACE)
            assert await shell(*call, "Toggle") == 's "listening"\n'
            state = await shell(
                "busctl", "--user", "get-property", BUS_NAME, PATH, INTERFACE, "State"
            )
            assert state == 's "listening"\n'
            told = await shell(*call, "PasteLast")
            assert "There is no text to type." in told
            tree = await shell("busctl", "--user", "introspect", BUS_NAME, PATH, INTERFACE)
            rows = [tuple(line.split()[:4]) for line in tree.splitlines()[1:]]
            assert (".PasteLast", "method", "-", "u") in rows
            assert (".Subscribe", "method", "b", "-") in rows
            assert (".Committed", "signal", "us", "-") in rows

    run(test)


def test_gdbus_can_toggle_and_introspect(session_bus: PrivateBus):
    need("gdbus", "libglib2.0-bin")

    async def test() -> None:
        async with daemon():
            where = ("--session", "--dest", BUS_NAME, "--object-path", PATH)
            told = await shell("gdbus", "call", *where, "--method", f"{INTERFACE}.Toggle")
            assert told == "('listening',)\n"
            told = await shell("gdbus", "introspect", *where)
            assert "readonly s State = 'listening';" in told

    run(test)


PYDBUS = """
from gi.repository import GLib
from pydbus import SessionBus
daemon = SessionBus().get("io.github.swictation.Swictation1")
loop = GLib.MainLoop()
changes = []
def changed(interface, properties, gone):
    changes.append(properties["State"])
    if len(changes) == 2:
        loop.quit()
daemon.PropertiesChanged.connect(changed)
print(daemon.Toggle(), daemon.State, daemon.Toggle())
loop.run()
print(changes)
"""


def need_pydbus() -> None:
    found = subprocess.run([SYSTEM_PYTHON, "-c", "import pydbus"], capture_output=True, check=False)
    if found.returncode:
        pytest.skip("pydbus is missing (package python3-pydbus)")


def test_a_pydbus_client_can_toggle_and_hear_of_it(session_bus: PrivateBus):
    need_pydbus()

    async def test() -> None:
        async with daemon():
            told = await shell(SYSTEM_PYTHON, "-c", PYDBUS)
            assert told == "listening listening idle\n['listening', 'idle']\n"

    run(test)


def test_the_example_of_the_documentation_prints_the_text_as_it_comes(session_bus: PrivateBus):
    need_pydbus()
    example = (ROOT / "docs" / "dbus.md").read_text().split("```python\n")[1].split("```")[0]

    async def test() -> None:
        async with daemon() as stand_in:
            process = await asyncio.create_subprocess_exec(
                SYSTEM_PYTHON, "-uc", example, stdout=subprocess.PIPE
            )
            assert process.stdout
            await until(lambda: stand_in.with_text == [1])
            stand_in.service.partial(1, "the quick")
            stand_in.service.committed(1, "The quick fox.")
            assert await process.stdout.readline() == b"... the quick\n"
            assert await process.stdout.readline() == b"==> The quick fox.\n"
            process.kill()
            await process.communicate()
            await until(lambda: stand_in.with_text == [1, 0])

    run(test)


@pytest.mark.slow
def test_ten_thousand_status_calls_leave_the_process_as_it_was(session_bus: PrivateBus):
    async def test() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "fakes.controls",
            cwd=ROOT / "tests",
            stdout=subprocess.PIPE,
        )
        assert process.stdout
        assert await process.stdout.readline() == b"ready\n"
        async with client(session_bus) as peer:

            async def ask(times: int) -> None:
                for _ in range(times):
                    await peer.ask("Status")

            await ask(2000)  # until pools and caches are full
            before = psutil.Process(process.pid).memory_info().rss
            await ask(10_000)
            grown = psutil.Process(process.pid).memory_info().rss - before
        process.terminate()
        assert await process.wait() == 0
        assert grown < 1_000_000

    asyncio.run(test())
