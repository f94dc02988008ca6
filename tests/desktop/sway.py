"""A sway without a screen, for tests: up, down, programs inside it. It refuses root.

As root everything inside runs as nobody, so that no account has to be made.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from desktop.field import FIELDS, SYSTEM_PYTHON, Field

NOBODY = 65534
CONFIG = """
output HEADLESS-1 resolution 1024x768
default_border none
focus_on_window_activation focus
xwayland disable
swaybg_command -
"""


def missing() -> str:
    """Why there can be no sway here, or ""."""
    absent = [name for name in ("sway", "swaymsg", "setpriv") if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


class Sway:
    """Starts at once; `stop` it."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="sway"))
        self._wrapper: list[str] = []
        if os.getuid() == 0:
            os.chown(self.directory, NOBODY, NOBODY)
            self._wrapper = [
                "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
            ]  # fmt: skip
        self.environment = {
            "HOME": str(self.directory),
            "XDG_RUNTIME_DIR": str(self.directory),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "GDK_BACKEND": "wayland",
            "QT_QPA_PLATFORM": "wayland",
            "NO_AT_BRIDGE": "1",
            "SWAYSOCK": str(self.directory / "ipc"),
        }
        config = self.directory / "config"
        ready = self.directory / "ready"
        os.mkfifo(ready, 0o666)
        os.chmod(ready, 0o666)
        config.write_text(CONFIG + f"exec echo $WAYLAND_DISPLAY > {ready}\n")
        reader = os.open(ready, os.O_RDONLY | os.O_NONBLOCK)
        self._log = (self.directory / "log").open("wb")
        self.process = self.spawn(
            "sway", "-c", str(config),
            WLR_BACKENDS="headless", WLR_LIBINPUT_NO_DEVICES="1", WLR_RENDERER="pixman",
        )  # fmt: skip
        if not select.select([reader], [], [], 20)[0]:
            self.stop()
            raise RuntimeError("sway did not start")
        self.display = str(self.directory / os.read(reader, 100).decode().strip())
        os.close(reader)
        self.environment["WAYLAND_DISPLAY"] = self.display

    def spawn(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """A program inside, as the ordinary user."""
        return subprocess.Popen(
            [*self._wrapper, *command],
            env={**self.environment, **environment},
            stdout=self._log,
            stderr=self._log,
            cwd=self.directory,
            start_new_session=True,
        )

    def output(self, *command: str) -> bytes:
        """What a program inside says; it has to end by itself."""
        return subprocess.run(
            [*self._wrapper, *command],
            env=self.environment, cwd=self.directory, check=True, timeout=20, capture_output=True,
        ).stdout  # fmt: skip

    def message(self, *command: str) -> Any:
        """`swaymsg`'s answer."""
        return json.loads(self.output("swaymsg", "-r", *command) or "null")

    def focus(self, pid: int) -> None:
        """Give the focus to a window of that process, if there is one."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.message(f"[pid={pid}]", "focus")

    def focused(self) -> dict[str, Any] | None:
        """The focused window's node in sway's tree."""
        nodes = [self.message("-t", "get_tree")]
        while nodes:
            node = nodes.pop()
            if node.get("focused") and node.get("pid"):
                return node
            nodes += node["nodes"] + node["floating_nodes"]
        return None

    def forget_clipboard(self) -> None:
        """Clear it; until whoever was left behind to serve it has ended."""
        deadline = time.monotonic() + 60
        while any(map(self._is_keeper, psutil.process_iter(["cmdline"]))):
            assert time.monotonic() < deadline, "a keeper stays"
            self.output("wl-copy", "--clear")  # one that is slow to start has it only now
            threading.Event().wait(0.1)

    def _is_keeper(self, process: psutil.Process) -> bool:
        command = process.info["cmdline"] or []
        return "swictation.inject.clipboard_keeper" in command and self.display in command

    def screenshot(self, path: Path) -> None:
        """A PNG of the whole output."""
        path.write_bytes(self.output("grim", "-"))

    def stop(self) -> None:
        """End sway and all that lives in it."""
        end(self.process)
        self._log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program of `spawn` with all its children."""
    for number in (signal.SIGCONT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        if number == signal.SIGTERM:
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                continue
    process.wait(10)


class WaylandField(Field):
    """A field that talks Wayland, and foot, which talks nothing else."""

    def __init__(self, kind: str, sway: Sway, *options: str) -> None:
        """`options`: of foot."""
        self._sway = sway
        self._options = options
        super().__init__(kind, os.environ | sway.environment)

    def wait_focused(self, timeout: float = 30) -> None:
        # foot's program hears of changes of the focus only, and foot has it before that.
        deadline = time.monotonic() + timeout
        look_s = time.monotonic() + 3
        while not self._has_focus():
            if time.monotonic() > look_s:  # a new window is not always given it: one clicks then
                self._sway.focus(self.process.pid)
                look_s += 1
            assert time.monotonic() < deadline, f"{self.kind} never got the focus: {self.log()}"
            threading.Event().wait(0.05)
        if self.kind == "chromium":
            # Its page has the focus a good while before its window pastes.
            threading.Event().wait(1.0)

    def stop(self) -> None:
        self._orders.put({})  # whoever waits for the next order in vain
        super().stop()

    def _has_focus(self) -> bool:
        if self.kind != "foot":
            return self.focused.is_set()
        node = self._sway.focused()
        return node is not None and node["pid"] == self.process.pid

    def _command(self) -> list[str]:
        if self.kind == "foot":
            return ["foot", *self._options, SYSTEM_PYTHON, str(FIELDS / "terminal.py")]
        if self.kind in ("password", "deaf", "hanging"):
            return [SYSTEM_PYTHON, str(Path(__file__).with_name(f"{self.kind}_field.py"))]
        return super()._command()

    def _browser(self) -> list[str]:
        ime = ["--enable-wayland-ime", "--wayland-text-input-version=3"]
        command = [part.replace("=x11", "=wayland") for part in super()._browser()]
        return [*command[:-1], *ime, command[-1]]
