"""A virtual X screen with a window manager, up and down."""

import ctypes
import ctypes.util
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress


def missing() -> str:
    """The program that is not installed and needed, or ""."""
    return next((p for p in ("Xvfb", "openbox", "setxkbmap", "xdotool") if not shutil.which(p)), "")


def own_name() -> str:
    """A display that stays free while its server is down: other tests count theirs from 0."""
    return f":{10_000 + os.getpid() % 40_000}"


class Screen:
    """Xvfb picks a free display number itself, but for a `name`. `environment` is for clients."""

    def __init__(self, name: str = "") -> None:
        read, write = os.pipe()
        self.server = subprocess.Popen(
            [
                "Xvfb",
                *([name] if name else []),
                "-displayfd",
                str(write),
                "-screen",
                "0",
                "1024x768x24",
                "-nolisten",
                "tcp",
                "-noreset",
            ],
            pass_fds=(write,),
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as pipe:
            self.name = f":{int(pipe.readline())}"
        self.environment = os.environ | {
            "DISPLAY": self.name,
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "GDK_BACKEND": "x11",
            "QT_QPA_PLATFORM": "xcb",
            "NO_AT_BRIDGE": "1",
            "GTK_A11Y": "none",
            "GTK_USE_PORTAL": "0",
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",  # or each toolkit launches a bus that stays
            "GTK_IM_MODULE": "gtk-im-context-simple",
        }
        self.environment.pop("WAYLAND_DISPLAY", None)
        self.manager = subprocess.Popen(
            ["openbox"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._library = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        self._library.XOpenDisplay.restype = ctypes.c_void_p
        try:
            self._wait_for_manager()
        except BaseException:
            self.close()
            raise

    def run(self, *command: str) -> str:
        """Run a client and return what it prints."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=20, check=True
        )
        return done.stdout

    def layout(self, name: str) -> None:
        """Set a layout; "us+ru" has ru as its active second group."""
        self.run("setxkbmap", "-layout", name.replace("+", ","))
        self.lock_group(name.count("+"))

    def lock_group(self, group: int) -> None:
        """Make one of the layouts the active one."""
        display = self._library.XOpenDisplay(self.name.encode())
        assert display
        self._library.XkbLockGroup(ctypes.c_void_p(display), 0x100, group)
        self._library.XSync(ctypes.c_void_p(display), 0)
        self._library.XCloseDisplay(ctypes.c_void_p(display))

    def caps_lock(self, *, on: bool) -> None:
        """Lock or unlock Lock."""
        display = self._library.XOpenDisplay(self.name.encode())
        assert display
        self._library.XkbLockModifiers(ctypes.c_void_p(display), 0x100, 2, 2 if on else 0)
        self._library.XSync(ctypes.c_void_p(display), 0)
        self._library.XCloseDisplay(ctypes.c_void_p(display))

    def close(self) -> None:
        """End window manager and server."""
        for process in (self.manager, self.server):
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in (self.manager, self.server):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _wait_for_manager(self) -> None:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with suppress(subprocess.CalledProcessError):
                if "window id" in self.run("xprop", "-root", "_NET_SUPPORTING_WM_CHECK"):
                    return
        raise RuntimeError("openbox did not start")
