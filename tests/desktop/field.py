"""A real window with a text field: says that it has the focus, and what it holds."""

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

FIELDS = Path(__file__).parent / "fields"
SYSTEM_PYTHON = "/usr/bin/python3"
KINDS = ("gtk3", "gtk4", "qt6", "tk", "xterm", "chromium")
ODD_KINDS = ("canvas", "deaf", "xterm-sh")
"""A Tk canvas and a GTK window that take no text, and a real shell: nothing is to be read."""
OWN = ("qt6", "raw")
"""They need packages of ours."""
_PROBES = {
    "gtk3": "import gi; gi.require_version('Gtk', '3.0'); from gi.repository import Gtk",
    "gtk4": "import gi; gi.require_version('Gtk', '4.0'); from gi.repository import Gtk",
    "tk": "import tkinter",
}


def why_not(kind: str) -> str:
    """Why this field cannot be shown here, or ""."""
    kind = {
        "canvas": "tk",
        "tktwice": "tk",
        "watcher": "gtk4",
        "late": "gtk3",
        "deaf": "gtk3",
        "hanging": "gtk3",
        "xterm-sh": "xterm",
    }.get(kind, kind)
    if kind in _PROBES:
        command = [SYSTEM_PYTHON, "-c", _PROBES[kind]]
        done = subprocess.run(
            command, check=False, capture_output=True, env=os.environ | {"DISPLAY": ""}
        )
        known = not done.returncode or b"display" in done.stderr
        return "" if known else f"{kind} is not installed"
    if kind == "qt6":
        import importlib.util

        return "" if importlib.util.find_spec("PySide6") else "PySide6-Essentials is not installed"
    return "" if shutil.which(kind) else f"{kind} is not installed"


class Hung(Exception):
    """The field answers no order: it hangs, or it has died."""


class Field:
    """Started and focused when the constructor returns."""

    def __init__(self, kind: str, environment: dict[str, str]) -> None:
        self.kind = kind
        self.focused = threading.Event()
        self._answers: queue.Queue[dict] = queue.Queue()
        self._number = 0
        self._is_settled = False
        self._folder = tempfile.mkdtemp(prefix="field-")
        self._orders: queue.Queue[dict] = queue.Queue()
        self._server: ThreadingHTTPServer | None = None
        self._socket: socket.socket | None = None
        environment = environment | {
            "FIELD_SOCKET": f"{self._folder}/socket",
            "PYTHONPATH": str(FIELDS),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._environment = environment
        self._log = open(f"{self._folder}/log", "w")  # noqa: SIM115
        command = self._browser() if kind == "chromium" else self._command()
        listener = None
        if kind != "chromium":
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(environment["FIELD_SOCKET"])
            listener.listen(1)
            listener.settimeout(30)
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdout=self._log,
            stderr=self._log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        if listener:
            self._socket, _ = listener.accept()
            listener.close()
            threading.Thread(target=self._read, args=(self._socket,), daemon=True).start()

    def wait_focused(self, timeout: float = 90) -> None:
        """Until the field says so and the server agrees; clicks on it now and then.

        After a storm of remappings openbox is busy for a while: it binds its keys anew each time.
        """
        start = clicked = time.monotonic()
        while not (self._server_agrees() and (self._is_xterm or self.focused.is_set())):
            now = time.monotonic()
            assert now - start < timeout, f"{self.kind} never got the focus: {self.log()}"
            if now - clicked > 2:
                clicked = now
                self._xdotool(
                    "search", "--onlyvisible", "--name", f"field {self.kind}", "windowactivate"
                )
            threading.Event().wait(0.02)
        if self.kind == "chromium" and not self._is_settled:
            threading.Event().wait(1.0)  # a new page has the focus a while before it gets keys
        self._is_settled = True

    @property
    def _is_xterm(self) -> bool:
        return self.kind.startswith("xterm")

    def _server_agrees(self) -> bool:
        # GTK 4 says it a moment before it is so; xterm says when it changes only.
        return f"field {self.kind}" in self._xdotool("getwindowfocus", "getwindowname")

    def _xdotool(self, *arguments: str) -> str:
        done = subprocess.run(
            ["xdotool", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def log(self) -> str:
        return Path(f"{self._folder}/log").read_text(errors="replace")[-2000:]

    def text(self) -> str:
        return self._order("text")

    def clear(self) -> None:
        assert self._order("clear") == ""

    def do(self, order: str) -> str:
        """Something that only this kind of field knows."""
        return self._order(order)

    def settles_on(self, wanted: str, quiet: float = 0.7) -> str:
        """What it holds: as soon as that is `wanted`, else when it stays the same for a while."""
        last, since = None, time.monotonic()
        while True:
            held = self.text()
            if held != last:
                last, since = held, time.monotonic()
            if held == wanted or time.monotonic() - since > quiet:
                return held
            threading.Event().wait(0.02)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)
        for page in self._pages():
            with suppress(psutil.Error):
                page.resume()

    def freeze_page(self) -> None:
        """Of a browser the process of the page alone; of others all there is."""
        for page in self._pages():
            with suppress(psutil.Error):
                page.suspend()
        if self.kind != "chromium":
            self.freeze()

    def thaw_all_but_page(self) -> None:
        """Of a browser: it reads what its window gets."""
        pages = self._pages()
        browser = psutil.Process(self.process.pid)
        for process in {browser, *browser.children(recursive=True)}.difference(pages):
            with suppress(psutil.Error):
                process.resume()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _pages(self) -> list[psutil.Process]:
        if self.kind != "chromium" or self.process.poll() is not None:
            return []
        pages = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if "--type=renderer" in " ".join(child.cmdline()):
                    pages.append(child)
        return pages

    def stop(self) -> None:
        self.thaw()
        self._signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.process.wait()
        if self._server:
            self._orders.put({})  # whoever waits for an order goes
            self._server.shutdown()
            self._server.server_close()
        if self._socket:
            self._socket.close()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _signal(self, number: int) -> None:
        # The browser's processes share its session, xterm alone is the X client.
        with suppress(ProcessLookupError):
            if self.kind == "chromium" or number in (signal.SIGTERM, signal.SIGKILL):
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)

    def _order(self, do: str, timeout: float = 15) -> str:
        self._number += 1
        order = {"do": do, "number": self._number}
        if self._socket:
            self._socket.sendall(json.dumps(order).encode() + b"\n")
        else:
            self._orders.put(order)
        end = time.monotonic() + timeout
        while True:
            try:
                answer = self._answers.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise Hung(
                    f"{self.kind} does not answer: {self.process.poll()} {self.log()}"
                ) from None
            if answer["number"] == self._number:
                return answer["text"]

    def _heard(self, message: dict) -> None:
        if message["event"] == "focus":
            self.focused.set()
        elif message["event"] == "blur":
            self.focused.clear()
        else:
            self._answers.put(message)

    def _read(self, link: socket.socket) -> None:
        with suppress(OSError, ValueError), link.makefile(encoding="utf-8") as lines:
            for line in lines:
                self._heard(json.loads(line))

    def _command(self) -> list[str]:
        if self._is_xterm:
            program = [SYSTEM_PYTHON, str(FIELDS / "terminal.py")]
            if self.kind == "xterm-sh":
                beside = f"{SYSTEM_PYTHON} {FIELDS / 'beside.py'}"
                program = ["sh", "-c", f"{beside} & exec sh"]
            return [
                "xterm",
                "-class",
                self._environment.get("XTERM_CLASS", "XTerm"),
                "-name",
                self._environment.get("XTERM_CLASS", "xterm"),
                "-u8",
                "-fa",
                "DejaVu Sans Mono",
                "-fs",
                "9",
                "-T",
                f"field {self.kind}",
                "-e",
                *program,
            ]
        python = str(Path(os.sys.executable)) if self.kind in OWN else SYSTEM_PYTHON
        return [python, str(FIELDS / f"{self.kind}.py")]

    def _browser(self) -> list[str]:
        field = self

        class Page(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None: ...

            def do_GET(self) -> None:
                if self.path == "/next":
                    try:
                        body = json.dumps(field._orders.get(timeout=20)).encode()
                    except queue.Empty:
                        body = b"{}"
                else:
                    body = (FIELDS / "page.html").read_bytes()
                with suppress(OSError):
                    self.send_response(200)
                    self.send_header("Content-Type", "text/html")
                    self.end_headers()
                    self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                field._heard(json.loads(body))
                with suppress(OSError):
                    self.send_response(204)
                    self.end_headers()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return [
            "chromium",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--no-default-browser-check",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--password-store=basic",
            "--ozone-platform=x11",
            f"--user-data-dir={self._folder}/profile",
            f"--app=http://127.0.0.1:{self._server.server_port}/",
        ]
