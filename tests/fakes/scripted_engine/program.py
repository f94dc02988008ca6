"""The real program on a scripted engine, as a child process: start it, watch it, end it."""

import json
import os
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fakes.scripted_engine.sound import Scene
from patience import PATIENCE_S, starts
from swictation.config.settings import TABLES, is_fixed

HERE = Path(__file__).parent
LAUNCH = HERE / "launch.py"
"""`python -m swictation` with the constants that were `set`."""
NO_FORKSERVER = 2**24
"""`[worker] nursery_min_available_mib`: no machine has so much. 0: there is always room for one."""


@dataclass(frozen=True)
class Finished:
    """What is left of a run."""

    code: int
    out: str
    err: str
    events: list[dict[str, Any]]

    def named(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """The events of that name with these fields."""
        return [e for e in self.events if e["event"] == event and fields.items() <= e.items()]

    @property
    def is_calm(self) -> bool:
        """Whether stderr holds neither a traceback nor one that was caught, nor a stray thread."""
        alarms = (
            "Traceback",
            "Something unexpected",
            "left running",
            "Exception ignored",
            "this is a bug",
        )
        return not any(alarm in self.err for alarm in alarms)

    @property
    def problems(self) -> list[str]:
        """Why the worker was replaced, in order."""
        return [e["message"] for e in self.named("fault", kind="worker")]

    @property
    def generations(self) -> list[int]:
        """Of the workers that became ready."""
        return [e["generation"] for e in self.named("worker", state="ready")]


class Program:
    """`swictation` with a configuration and a manifest of its own, in a folder."""

    def __init__(self, folder: Path, scene: Scene) -> None:
        self.folder = folder
        self.hear(scene)
        self.manifest = folder / "manifest.json"
        self._constants = folder / "constants.json"
        self.env: dict[str, str] = {}
        self.confident = True
        self.python: list[str] = []
        """Options for the interpreter."""
        self.gpu: dict[str, Any] | None = None
        """What the engine is on a GPU: see `scripted.script.CardScript`."""
        self._faults: list[dict[str, Any]] = []
        self._settings: dict[str, dict[str, object]] = {
            "asr": {"engine": "scripted", "model": str(self.manifest)},
            "worker": {
                "hang_min_s": starts(4),
                "hang_factor": 2.0,
                "nursery_min_available_mib": NO_FORKSERVER,
            },
        }
        self._running: list[Running] = []

    def hear(self, scene: Scene) -> None:
        """Play this from now on."""
        self.scene = scene
        self.sound = scene.write(self.folder / "scene.wav")

    def set(self, table: str, **keys: object) -> None:
        """Settings of the configuration file, and constants that none of them sets."""
        self._settings.setdefault(table, {}).update(keys)

    def fault(self, kind: str, on: str = "decode", **fields: Any) -> None:
        """Order a misdeed: see `scripted.script.Fault`; other fields are the misdeed's own."""
        known = {"times", "generation", "nth", "utterance", "covers", "forced", "device"}
        args = {name: value for name, value in fields.items() if name not in known}
        when = {name: value for name, value in fields.items() if name in known}
        self._faults.append({"kind": kind, "on": on, "args": args, **when})

    def gate(self, name: str, on: str = "decode", **fields: Any) -> Path:
        """A moment at which the engine waits; see `Running.wait_at`."""
        path = self.folder / name
        os.mkfifo(path)
        self.fault("gate", on, path=str(path), **fields)
        return path

    def asked(self) -> list[dict[str, Any]]:
        """What the engine was asked, by all workers, in order."""
        log = self.manifest.with_name(self.manifest.name + ".state") / "requests.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def finals(self) -> list[dict[str, Any]]:
        """The same without what was for display only."""
        return [request for request in self.asked() if not request["partial"]]

    def run(self, *args: str | Path, **popen: Any) -> Finished:
        """Run to the end."""
        return self.start(*args, **popen).finish()

    def play(self, *args: str | Path, **popen: Any) -> Finished:
        """`run --source SCENE --sink stdout` with events."""
        return self.start_playing(*args, **popen).finish()

    def start_playing(self, *args: str | Path, **popen: Any) -> "Running":
        """The same, not waited for."""
        command = ("run", "--source", self.sound, "--sink", "stdout", "--events", "@", *args)
        return self.start(*command, **popen)

    def start(self, *args: str | Path, **popen: Any) -> "Running":
        """Start it; an argument "@" stands for the pipe from which events are read."""
        env = self.prepare()
        command = [sys.executable, *self.python, str(LAUNCH), *map(str, args)]
        running = Running(command, env, self.folder, **popen)
        self._running.append(running)
        return running

    def prepare(self) -> dict[str, str]:
        """Write configuration and manifest; the environment in which they are found."""
        self._write()
        path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH", "")]))
        bin_path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        constants = {"TEST_CONSTANTS": str(self._constants)}
        return {**os.environ, **constants, "PYTHONPATH": path, "PATH": bin_path, **self.env}

    def end(self) -> None:
        """Kill what a failed test left behind."""
        for running in self._running:
            running.end()

    def _write(self) -> None:
        config = Path(os.environ["XDG_CONFIG_HOME"]) / "swictation" / "config.toml"
        config.parent.mkdir(parents=True, exist_ok=True)
        lines: list[str] = []
        for table, keys in self._settings.items():
            lines.append(f"[{table}]")
            lines += [
                f"{key} = {json.dumps(value)}"
                for key, value in keys.items()
                if not _is_constant(table, key)
            ]
        config.write_text("\n".join(lines) + "\n")
        constants = {
            table: {key: value for key, value in keys.items() if _is_constant(table, key)}
            for table, keys in self._settings.items()
            if table in TABLES
        }
        self._constants.write_text(json.dumps(constants))
        words = [word._asdict() for word in self.scene.words]
        manifest = {"words": words, "confident": self.confident, "faults": self._faults}
        if self.gpu is not None:
            manifest["card"] = self.gpu
        self.manifest.write_bytes(msgspec.json.encode(manifest))


def _is_constant(table: str, key: str) -> bool:
    fields = msgspec.structs.fields(TABLES[table]) if table in TABLES else ()  # else an engine's
    return any(field.name == key and is_fixed(field.type) for field in fields)


class Running:
    """A started program, in a session of its own. Its output goes to files, its events here."""

    def __init__(self, command: list[str], env: dict[str, str], folder: Path, **popen: Any) -> None:
        events_fd, theirs = os.pipe()
        self._events_fd = events_fd
        self._unread = b""
        self.events: list[dict[str, Any]] = []
        self._out, self._err = folder / "stdout", folder / "stderr"
        command = [f"/dev/fd/{theirs}" if part == "@" else part for part in command]
        try:
            with self._out.open("wb") as out, self._err.open("wb") as err:
                self.process = subprocess.Popen(
                    command,
                    env=env,
                    start_new_session=True,
                    pass_fds=(theirs,),
                    **{"stdin": subprocess.DEVNULL, "stdout": out, "stderr": err, **popen},
                )
        finally:
            os.close(theirs)

    def wait_for(self, event: str, **fields: object) -> dict[str, Any]:
        """Read events up to the first that fits."""
        while True:
            record = self._next_event()
            assert record is not None, f"it ended without {event} {fields}: {self.errors}"
            if record["event"] == event and fields.items() <= record.items():
                return record

    def wait_at(self, gate: Path) -> "Gate":
        """Wait until the engine stands at `gate`; it goes on when the result is closed."""
        return Gate(gate)

    @property
    def errors(self) -> str:
        """What stands on stderr so far."""
        return self._err.read_text(errors="replace")

    def send(self, number: int) -> None:
        """To the program alone."""
        self.process.send_signal(number)

    def send_group(self, number: int) -> None:
        """To the program and its worker, as a terminal does for Ctrl-C."""
        os.killpg(self.process.pid, number)

    def finish(self) -> Finished:
        """Wait for the end."""
        while self._next_event() is not None:
            pass
        code = self.process.wait(PATIENCE_S)
        self._close()
        out = self._out.read_text(errors="replace")
        return Finished(code, out, self.errors, self.events)

    def end(self) -> None:
        """Kill it with all its children."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._close()

    def _close(self) -> None:
        if self._events_fd >= 0:
            os.close(self._events_fd)
            self._events_fd = -1

    def _next_event(self) -> dict[str, Any] | None:
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._events_fd], [], [], PATIENCE_S)
            assert ready, f"nothing happens any more: {self.errors}"
            chunk = os.read(self._events_fd, 2**16)
            if not chunk:
                return None
            self._unread += chunk
        line, self._unread = self._unread.split(b"\n", 1)
        record = json.loads(line)
        self.events.append(record)
        return record


class Gate:
    """The engine waits here; a context that lets it go on."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._fd = os.open(self._path, os.O_WRONLY)  # waits for the reader

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
