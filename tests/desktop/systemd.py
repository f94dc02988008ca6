"""A real `systemd --user` of an ordinary user, with a bus of its own, where none has been booted.

It lives in a mount namespace, for which one has to be root; nothing of the machine is touched but
a cgroup, which goes with it. Everything inside runs as nobody: to root all would be allowed.
"""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from desktop.sway import NOBODY
from fakes.signals import eventually
from swictation.paths import models_dir

ROOT = Path(__file__).resolve().parents[2]
_MODELS = models_dir()
_MANAGER = "/lib/systemd/systemd"
_NAMESPACE = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system  # how programs know of a booted systemd
mkdir /run/kept; number=0
for path in {needed}; do mkdir /run/kept/$((++number)); mount --bind $path /run/kept/$number; done
for path in {closed}; do mount -t tmpfs -o mode=755 tmpfs $path; done
number=0
for path in {needed}; do mkdir -p $path; mount --move /run/kept/$((++number)) $path; done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
cgroup=/sys/fs/cgroup/swictation-$$
mkdir $cgroup $cgroup/user
chown -R {uid}:{uid} $cgroup
bash -c 'echo $$ > $0/user/cgroup.procs; exec "$@"' $cgroup "$@" || true
find $cgroup -depth -type d -exec rmdir {{}} +
"""


def missing() -> str:
    """Why there can be no such manager here, or ""."""
    names = ("systemctl", "dbus-daemon", "unshare", "nsenter", "setpriv", "busctl")
    absent = [name for name in names if shutil.which(name) is None]
    absent += [_MANAGER] if not os.access(_MANAGER, os.X_OK) else []
    if absent:
        return f"not installed: {', '.join(absent)}"
    if os.getuid() != 0:
        return "a systemd --user of its own needs root (unshare -m)"
    mount = ["unshare", "-m", "mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        return "cgroup2 cannot be mounted here"
    return ""


def _namespace() -> str:
    """Roots' own folders are closed to nobody: what lies in them and is needed is mounted alone."""
    closed: set[Path] = set()
    needed: list[Path] = []
    for path in (Path(sys.base_prefix), ROOT, _MODELS):
        shut = [folder for folder in path.parents if folder.exists() and _is_closed(folder)]
        if shut and path.exists():
            closed.add(shut[-1])
            needed.append(path)
    words = {"closed": " ".join(map(str, closed)), "needed": " ".join(map(str, needed))}
    return _NAMESPACE.format(uid=NOBODY, **words)


def _is_closed(folder: Path) -> bool:
    return not folder.stat().st_mode & stat.S_IXOTH


def _as_nobody() -> list[str]:
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


class UserManager:
    """Starts at once; `stop` it. `home` belongs to the user inside."""

    def __init__(self) -> None:
        # Not below pytest's folders: those are closed to all others.
        self.home = Path(tempfile.mkdtemp(prefix="swictation-", dir="/tmp"))
        self.units = self.home / "config/systemd/user"
        self.services = self.home / "data/dbus-1/services"
        runtime = self.home / "runtime"
        runtime.mkdir(mode=0o700)
        for folder in (self.home, runtime):
            os.chown(folder, NOBODY, NOBODY)
        self.environment = {
            "HOME": str(self.home),
            "USER": "nobody",
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TMPDIR": str(runtime),
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus",
        }
        self._log = (self.home / "log").open("wb")
        self._inside = [
            "unshare", "-m", "bash", "-c", _namespace(), "bash",
            *_as_nobody(), _MANAGER, "--user", "--log-target=console",
        ]  # fmt: skip
        self._write_bus_unit()
        self._mask_sound_servers()
        self.process = self._spawn(self._inside)
        if not eventually(self._runs):
            told = (self.home / "log").read_text()
            self.stop()
            raise RuntimeError(f"systemd --user did not start: {told}")
        self.systemctl("start", "dbus.service")  # else the first test to use it would leave it

    def run(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """A program of that user, to its end."""
        enter = ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", f"--wd={self.home}"]
        return subprocess.run(
            [*enter, *_as_nobody(), *command],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def systemctl(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self.run("systemctl", "--user", *words)

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.systemctl("show", unit, f"--property={name}", "--value").stdout.strip()

    def write(self, path: Path, text: str) -> None:
        """A file of that user."""
        for folder in reversed(path.parents):
            if not folder.exists():
                folder.mkdir()
                os.chown(folder, NOBODY, NOBODY)
        path.write_text(textwrap.dedent(text))
        os.chown(path, NOBODY, NOBODY)

    def log(self) -> str:
        """What the manager and its units wrote."""
        return (self.home / "log").read_text(errors="replace")

    def stop(self) -> None:
        """End the manager with all that it started."""
        if self.process.poll() is None:
            self.systemctl("exit")
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def _spawn(self, command: list[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            command, env=self.environment, cwd=self.home, stdout=self._log, stderr=self._log
        )

    def _runs(self) -> bool:
        said = self.systemctl("is-system-running").stdout.strip()
        return said in ("running", "degraded") and (self.home / "runtime/bus").exists()

    def _mask_sound_servers(self) -> None:
        """Those of the machine would start here when they like, and write into `home`."""
        for name in ("pulseaudio", "pipewire", "pipewire-pulse", "wireplumber"):
            for kind in ("service", "socket"):
                (self.units / f"{name}.{kind}").symlink_to("/dev/null")

    def _write_bus_unit(self) -> None:
        """The bus as distributions start it; theirs may not be installed."""
        service = """
            [Service]
            ExecStart=/usr/bin/dbus-daemon --session --address=systemd: --nofork --nopidfile \\
                --systemd-activation
            ExecReload=/usr/bin/busctl --user call org.freedesktop.DBus /org/freedesktop/DBus \\
                org.freedesktop.DBus ReloadConfig
        """
        socket = """
            [Socket]
            ListenStream=%t/bus
        """
        self.write(self.units / "dbus.service", service)
        self.write(self.units / "dbus.socket", socket)
        wants = self.units / "sockets.target.wants"
        self.write(wants / "x", "")
        (wants / "x").unlink()
        (wants / "dbus.socket").symlink_to("../dbus.socket")
