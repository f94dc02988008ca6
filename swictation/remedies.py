"""The commands that errors name: each works on this machine when it is pasted."""

import contextlib
import errno
import functools
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import msgspec

from swictation.errors import AlreadyRunning
from swictation.paths import units_dir

SPARE_MEMORY = "end a program that can be spared: ps -eo rss,pid,comm --sort=-rss | head"

UNIT = "swictation.service"
START = "systemctl --user start swictation"
RESTART = "systemctl --user restart swictation"
RESTART_FAILED = f"systemctl --user reset-failed swictation && {RESTART}"
"""systemd refuses to start what has failed too often, until that is forgotten."""
READ_LOG = "journalctl --user -u swictation -n 20"
"""These need the service: see `has_service`."""

_SYSTEM_UNITS = ("/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user")
COMMANDS = (
    *("run", "toggle", "start", "stop", "cancel", "capture", "status", "paste-last", "retry"),
    *("record", "transcribe", "model", "config", "vram", "doctor", "service", "completion"),
)
_CALL = re.compile(rf"(?<![\w/.-])swictation (?=(?:{'|'.join(COMMANDS)})(?![\w-])|--?[a-z])")
"""One of our commands; not a sentence that begins with our name."""
_NO_MEMORY = (
    "bad_alloc",
    "allocate memory",
    "mmap failed",
    "out of memory",
    "start new thread",
    "failed to map segment",
)
"""What C++ libraries say when there is none left."""


def this_program() -> tuple[str, ...]:
    """The words that start this installation, by absolute path."""
    beside = Path(sys.executable).with_name("swictation")
    for path in (Path(sys.argv[0]), beside):
        found = shutil.which(path) if path.name == "swictation" else None
        if found:  # by a link to it, as in ~/.local/bin, it is the same program
            is_link = beside.is_file() and os.path.samefile(found, beside)
            return (str(beside if is_link else Path(found).absolute()),)
    return (sys.executable, "-m", "swictation")


def typeable(remedy: str, *, anywhere: bool = False) -> str:
    """A remedy as it can be typed: with the path of this program where PATH lacks `swictation`.

    The path is relative where that is shorter, unless it is typed `anywhere`.
    """
    words = _to_type(os.environ.get("PATH"), sys.argv[0])
    if not words:
        return remedy
    first, *others = words
    if not anywhere:
        with contextlib.suppress(OSError):  # the folder that it is in may be deleted
            near = os.path.relpath(first)
            first = first if near.startswith("..") else near
    program = shlex.join([first, *others])
    return _CALL.sub(lambda _: f"{program} ", remedy)


@functools.lru_cache(maxsize=1)
def _to_type(path: str | None, started_as: str) -> tuple[str, ...]:
    """This program's words; () where PATH has it. Looked up once: the run loop asks, too."""
    del started_as
    return () if shutil.which("swictation", path=path) else this_program()


def noted(command: str, note: str) -> str:
    """A command and what else may be done: to a shell, where all is pasted, that is a comment."""
    return f"{command}  # {note}"


def pip(words: str) -> str:
    """The pip command of the Python that runs this."""
    return f"{shlex.quote(sys.executable)} -m pip {words}"


def has_systemctl() -> bool:
    """Whether this machine has systemd's program."""
    return shutil.which("systemctl") is not None


def has_systemd() -> bool:
    """Whether systemd runs for this user: by its socket, without asking it."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    is_there = bool(runtime) and os.path.exists(os.path.join(runtime, "systemd", "private"))
    return is_there and has_systemctl()


def has_service() -> bool:
    """Whether the daemon is installed as a service of the user's systemd."""
    places = (units_dir(), *_SYSTEM_UNITS)  # a folder may be closed to us: Path.exists would raise
    return has_systemd() and any(os.path.exists(os.path.join(place, UNIT)) for place in places)


def start() -> str:
    """How to start a daemon that does not run."""
    if has_service():
        return START
    if has_systemd():
        return noted("swictation service install", "or, in a terminal: swictation run")
    return "in a terminal of your desktop: swictation run"


def restart() -> str:
    """How to restart a daemon that runs."""
    if has_service():
        return RESTART
    return "end it (Ctrl-C in its terminal), then: swictation run"


def already_running(pid: str) -> AlreadyRunning:
    """The error that another daemon runs, and how to stop it. `pid`: "" where it is not known."""
    who = f" (process {pid})" if pid else ""
    kill = f"kill {pid}" if pid else "end that process"
    stop = noted("systemctl --user stop swictation", f"or: {kill}") if has_service() else kill
    return AlreadyRunning(
        f"swictation is already running{who}: a second one would type every word twice.",
        f"to stop that one: {stop}",
    )


def read_log() -> str:
    """How to read why a daemon ended."""
    if has_service():
        return READ_LOG
    return "see why, in a terminal of your desktop: swictation run"


def is_out_of_memory(error: Exception) -> bool:
    """Whether the machine had too little memory, and nothing else is wrong."""
    if isinstance(error, MemoryError) or getattr(error, "errno", 0) == errno.ENOMEM:
        return True
    return any(sign in str(error).lower() for sign in _NO_MEMORY)


def install_command(extra: str) -> str:
    """The command that installs the extra; from a checkout, for that checkout.

    In the checkout's own environment its Makefile does it, which keeps pip from choosing another
    torch.
    """
    folder = _checkout()
    if folder and Path(sys.prefix) == Path(folder, ".venv") and _is_made(folder, extra):
        return f"make -C {shlex.quote(folder)} {extra}"
    what = f"-e '{folder}[{extra}]'" if folder else f"'swictation[{extra}]'"
    return pip(f"install {what}")


def install_command_for(package: str) -> str:
    """The command that installs a package: by the extra that brings it and what belongs to it."""
    from importlib import metadata

    brings = re.compile(rf"{re.escape(package)}(?![\w-]).*; *extra == ['\"]([\w-]+)['\"]")
    found = map(brings.match, metadata.requires("swictation") or ())
    extra = next((it[1] for it in found if it), "")
    return install_command(extra) if extra else pip(f"install {package}")


def _is_made(folder: str, extra: str) -> bool:
    """Whether the Makefile has a target for the extra."""
    try:
        return f"\n{extra}:" in Path(folder, "Makefile").read_text(encoding="utf-8")
    except OSError:
        return False


def _checkout() -> str:
    """The folder of an editable installation; "" where it is another kind."""
    from importlib import metadata  # takes 20 ms and is hardly ever needed

    # Not only the first: in the checkout itself there is one more, of the build.
    for found in metadata.distributions(name="swictation"):
        if origin_json := found.read_text("direct_url.json"):
            origin: Any = msgspec.json.decode(origin_json)
            is_editable = origin.get("dir_info", {}).get("editable")
            return unquote(urlparse(str(origin["url"])).path) if is_editable else ""
    return ""
