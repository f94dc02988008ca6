"""One generation of the worker: a child process, its channel, its output, its death."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys

import psutil

from swictation.vad.remote import RemoteDetector
from swictation.worker import channel
from swictation.worker.messages import FromWorker, ToWorker

_LOGGED_LINES = 100
_LINE_CHARACTERS = 300
_EXIT_GRACE_S = 2.0
_OUTPUT_GRACE_S = 1.0
_MIB = 2**20
_WRITE_BACKLOG_BYTES = 4 * 2**20

_ENVIRONMENT = {
    # Threads that spin while they wait would take a core from the user's other programs.
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
    # oneDNN keeps compiled code for each of the last 1024 shapes, and each utterance has a length
    # of its own: over 100 MiB an hour. glibc would keep a heap for each thread, and what was freed.
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "16",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**20),
    "MALLOC_TRIM_THRESHOLD_": str(2**24),
    "HF_HUB_OFFLINE": "1",
    "PYTHONUNBUFFERED": "1",
}

_log = logging.getLogger(__name__)


class WorkerProcess:
    """A running child. Everything is called on the run loop's thread."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self._lines = 0
        self._killed_for = ""
        self.was_killed = False
        """Whether somebody else ended it with SIGKILL: the kernel, short of memory, or a user."""

    async def start(self) -> None:
        """Start the child and connect to it. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ear, their_ear = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with contextlib.ExitStack() as unless_started, theirs, their_ear:
            unless_started.enter_context(ours)
            unless_started.enter_context(ear)
            self._child = subprocess.Popen(
                [
                    # -P: what lies in the folder somebody stands in must not be imported.
                    *(sys.executable, "-P", "-m", "swictation.worker.child"),
                    *(str(theirs.fileno()), str(os.getpid()), str(their_ear.fileno())),
                ],
                pass_fds=(theirs.fileno(), their_ear.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, **_ENVIRONMENT},
                process_group=0,  # whatever it starts ends with it; Ctrl-C is not for it
            )
            unless_started.pop_all()
        self.detector = RemoteDetector(ear)
        """Its detector, once it is ready and if `EngineSpec.detector` names one."""
        ours.setblocking(False)
        self._reader, self._writer = await asyncio.open_connection(sock=ours)
        self._output = asyncio.create_task(self._pump_output())

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    @property
    def rss_mib(self) -> float:
        """The child's resident memory; 0 once it has gone."""
        try:
            return psutil.Process(self.pid).memory_info().rss / _MIB
        except psutil.Error:
            return 0.0

    def send(self, message: ToWorker) -> None:
        """Queue `message`; a worker that does not take its messages is killed, never waited for."""
        if self._writer.transport.get_write_buffer_size() > _WRITE_BACKLOG_BYTES:
            self.kill("it no longer takes its messages")
            return
        self._writer.write(channel.encode(message))

    async def receive(self) -> FromWorker | None:
        """Its next message; None when it is gone. Raises ProtocolError."""
        return await channel.read(self._reader)

    def kill(self, reason: str) -> None:
        """End it at once, because of `reason`; `receive` then sees the end."""
        self._killed_for = self._killed_for or reason
        self._kill()

    def _kill(self) -> None:
        """Without `Popen.kill`, which may reap it: then nobody could wait for it any more."""
        if self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child.pid, signal.SIGKILL)

    async def close(self) -> str:
        """Wait for its end, killing what does not end by itself; says how it ended."""
        self.detector.close()
        with contextlib.suppress(OSError):
            self._writer.close()
        status = await self._wait()
        with contextlib.suppress(TimeoutError):  # somebody else may hold its end of the pipe
            await asyncio.wait_for(self._output, _OUTPUT_GRACE_S)
        if self._killed_for:
            return self._killed_for
        self.was_killed = status == -signal.SIGKILL
        if status < 0:
            return f"it was ended by {signal.Signals(-status).name}"
        return f"it exited with {status}" if status else ""

    async def _wait(self) -> int:
        """Its exit status, through a pidfd: no thread and no polling."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        fd = os.pidfd_open(self._child.pid)
        loop.add_reader(fd, ended.set)
        try:
            try:
                await asyncio.wait_for(ended.wait(), _EXIT_GRACE_S)
            except TimeoutError:
                self._kill()
                await ended.wait()
        finally:
            loop.remove_reader(fd)
            os.close(fd)
        with contextlib.suppress(ProcessLookupError):  # it is not reaped: its group is still its
            os.killpg(self._child.pid, signal.SIGKILL)
        return self._child.wait()

    async def _pump_output(self) -> None:
        """What it prints goes to the log, line by line, as long as it is not a flood."""
        assert self._child.stdout is not None
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), self._child.stdout
        )
        try:
            while chunk := await reader.read(2**16):
                for line in chunk.decode(errors="replace").splitlines():
                    self._note(line[:_LINE_CHARACTERS].strip())
        finally:
            transport.close()

    def _note(self, line: str) -> None:
        if not line:
            return
        self._lines += 1
        if self._lines <= _LOGGED_LINES:
            _log.info("worker %d: %s", self.generation, line)
        elif self._lines == _LOGGED_LINES + 1:
            _log.warning("worker %d prints too much: the rest is not logged", self.generation)
