"""What a unit does, without a daemon: it gets ready, beats, hangs on demand, and ends when told.

usage: unit_program.py GATE -- waits until the file GATE is there before it says READY=1.
"""

import asyncio
import contextlib
import signal
import sys
import threading
from pathlib import Path

from dbus_fast import RequestNameReply
from dbus_fast.aio import MessageBus

from swictation.daemon import diagnostics, systemd
from swictation.daemon.watchdog import Watchdog

NAME = "io.github.swictation.Swictation1"


async def main(gate: Path) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR2, threading.Event().wait)  # hangs for ever
    diagnostics.on_signal()
    bus = await MessageBus().connect()
    assert await bus.request_name(NAME) is RequestNameReply.PRIMARY_OWNER
    while not gate.exists():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.05)
    interval_s = systemd.watchdog_interval_s()
    assert interval_s is not None
    dog = Watchdog(loop, {}, lambda: systemd.notify("WATCHDOG=1"), interval_s)
    dog.start()
    systemd.status("a unit of a test")
    systemd.notify("READY=1")
    await stop.wait()
    systemd.notify("STOPPING=1")
    dog.stop()
    bus.disconnect()


asyncio.run(main(Path(sys.argv[1])))
