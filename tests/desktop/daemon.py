"""The whole product on a desk of its own: bus, sound server, screen and the daemon itself."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

from desktop.sound import VirtualMicrophone
from fakes.bus import PrivateBus
from fakes.scripted_engine.program import LAUNCH
from patience import PATIENCE_S
from swictation.control.bus.client import ask
from swictation.control.bus.connection import FAILURES, connect

_ANSWER_S = 5.0
_SILENCE_S = 2.0


class QuietDesk:
    """A bus, and a sound server that is down. `environment` is for all that run on it."""

    def __init__(
        self, folder: Path, environment: dict[str, str], bus: PrivateBus | None = None
    ) -> None:
        self.folder = folder
        (folder / "bus").mkdir(parents=True, exist_ok=True)
        self.bus = bus or PrivateBus(folder / "bus")
        self.microphone = VirtualMicrophone(folder / "sound")
        self.environment = {
            **os.environ,
            **environment,
            **self.microphone.env,
            "DBUS_SESSION_BUS_ADDRESS": self.bus.address,
            "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent",
        }

    def __enter__(self) -> Self:
        self.bus.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bus.kill()


class Desk(QuietDesk):
    """Bus and sound; windows come from elsewhere."""

    def __enter__(self) -> Self:
        super().__enter__()
        self.microphone.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.microphone.kill()
        super().__exit__()


class Daemon:
    """`swictation run` in a process, started by the constructor."""

    def __init__(
        self,
        desk: QuietDesk,
        *options: str,
        notes: bool = True,
        program: tuple[str, ...] = (str(LAUNCH),),
        **more: str,
    ) -> None:
        """Without `notes` there are no events: who reads them gets partials, which cost.

        `program`: what Python is told to run.
        """
        self._environment = desk.environment | more
        self.events_file = desk.folder / "events.jsonl"
        self.events_file.unlink(missing_ok=True)
        self.log_file = desk.folder / "daemon.log"
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, *program, "run", "-v"),
                    *(["--events", str(self.events_file)] if notes else []),
                    *options,
                ],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        return self.process.pid

    def end(self) -> int:
        """Ask it to end, and wait; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def swictation(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run another command of the program beside it."""
        return subprocess.run(
            [sys.executable, "-m", "swictation", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def tell(self, *arguments: str) -> str:
        """A command that has to succeed; what it prints."""
        done = self.swictation(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stderr}\n{self.log()}"
        return done.stdout.strip()

    def status(self) -> dict:
        """What `status --json` says, without a process for each look; {} while nobody answers."""
        try:
            return json.loads(asyncio.run(self._told()))
        except FAILURES:
            return {}

    async def _told(self) -> str:
        async with asyncio.timeout(_ANSWER_S):
            bus = await connect(self._environment["DBUS_SESSION_BUS_ADDRESS"])
            try:
                return str(await ask(bus, "Status"))
            finally:
                await bus.close()

    def wait_until(self, is_so, what: str = "", patience_s: float = PATIENCE_S) -> dict:
        """Ask for the status until `is_so(status)`."""
        deadline_s = time.monotonic() + patience_s
        while True:
            status = self.status()
            if status and is_so(status):
                return status
            assert self.process.poll() is None, f"the daemon ended: {self.log()}"
            late = f"{what or is_so}: {status}\n{self.log()}"
            assert time.monotonic() < deadline_s, late
            threading.Event().wait(0.1)

    def wait_ready(self) -> dict:
        return self.wait_until(lambda status: status["ready"], "ready")

    def wait_idle(self, patience_s: float = PATIENCE_S) -> dict:
        """All that was said is text."""
        return self.wait_until(lambda status: status["state"] == "idle", "idle", patience_s)

    def events(self, name: str = "") -> list[dict]:
        """What it noted so far."""
        lines = self.events_file.read_bytes().splitlines() if self.events_file.exists() else []
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                break  # it is being written
        return [event for event in found if not name or event["event"] == name]

    def wait_event(self, name: str, count: int = 1, patience_s: float = PATIENCE_S) -> list[dict]:
        deadline_s = time.monotonic() + patience_s
        while len(found := self.events(name)) < count:
            assert self.process.poll() is None, f"the daemon ended: {self.log()}"
            assert time.monotonic() < deadline_s, f"no {name}: {self.log()}"
            threading.Event().wait(0.05)
        return found

    @property
    def committed(self) -> str:
        """All text it reported as committed."""
        return "".join(event["text"] for event in self.events("commit"))

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")[-4000:]
