"""One generation of the worker: a child process, its channel, its output, its end."""

import asyncio
import contextlib
import signal
import socket

import psutil

from swictation.types import MIB
from swictation.vad.remote import RemoteDetector
from swictation.worker.child.output import Output
from swictation.worker.protocol import channel
from swictation.worker.protocol.messages import FromWorker, Ready, ToWorker
from swictation.worker.spawn import Child, Ends, Spawn, by_exec

_EXIT_GRACE_S = 2.0
_EXITED = "it exited with"
SAID = ", and said last: "
"""Joins how a worker ended that never became ready to the last line that it printed."""
_WRITE_BACKLOG_BYTES = 4 * 2**20


class WorkerProcess:
    """A child that runs, or is about to. All methods are called on the run loop's thread."""

    def __init__(self, generation: int, spawn: Spawn = by_exec) -> None:
        self.generation = generation
        self._spawn = spawn
        self._child: Child | None = None
        self._killed_for = ""
        self.was_killed = False
        """Whether the kernel, short of memory, or a user killed it with SIGKILL."""

    async def start(self) -> None:
        """Begin to start the child, which may take a while, and open its channel. Raises OSError.

        Messages that are sent before the child runs wait in the channel.
        """
        with contextlib.ExitStack() as unless_started:
            ours, theirs = map(unless_started.enter_context, socket.socketpair())
            pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            detector_end, their_detector_end = map(unless_started.enter_context, pair)
            self._output = Output(f"worker {self.generation}")
            unless_started.pop_all()
        self.detector = RemoteDetector(detector_end)
        """The worker's speech detector, once it is ready, if `EngineSpec.detector` names one."""
        ends = Ends(theirs, their_detector_end, self._output.fd)
        self._starting = asyncio.create_task(self._spawn_child(ends))
        self._starting.add_done_callback(lambda _: ends.close())
        self._output.start()
        ours.setblocking(False)
        self._reader, self._writer = await asyncio.open_connection(sock=ours)

    @property
    def pid(self) -> int | None:
        """The child's process id; None until it is started."""
        return self._child.pid if self._child else None

    @property
    def rss_mib(self) -> float:
        """The child's resident memory; 0 without one."""
        try:
            return psutil.Process(self.pid).memory_info().rss / MIB if self.pid else 0.0
        except psutil.Error:
            return 0.0

    def send(self, message: ToWorker) -> None:
        """Queue `message`. A worker that does not read its messages is killed, not waited for."""
        if self._writer.transport.get_write_buffer_size() > _WRITE_BACKLOG_BYTES:
            self.kill("it no longer reads its messages")
            return
        self._writer.write(channel.encode(message))

    async def receive(self) -> FromWorker | None:
        """Return the next message; None if it has ended or never started. Raises ProtocolError."""
        if self._child is None:
            await asyncio.wait({self._starting})
        message = await channel.read(self._reader) if self._child else None
        if isinstance(message, Ready):
            self._output.forget()
        return message

    def kill(self, reason: str) -> None:
        """Kill the child, because of `reason`; `receive` then sees the end."""
        self._killed_for = self._killed_for or reason
        self._starting.cancel()  # if that is still possible
        if self._child:
            self._child.kill()

    async def close(self) -> str:
        """Wait for the child to end, or kill it after a grace period; returns how it ended."""
        self.detector.close()
        with contextlib.suppress(OSError):
            self._writer.close()
        ending = await self._ending()
        await self._output.drained()
        last_line = self._output.last_line
        if not self._killed_for and last_line and ending.startswith(_EXITED):
            ending += f"{SAID}{last_line}"  # after a signal it would be the end of a stack
        return self._killed_for or ending

    async def _ending(self) -> str:
        self._starting.cancel()
        await asyncio.wait({self._starting})
        if self._child is None:
            error = None if self._starting.cancelled() else self._starting.exception()
            return f"it cannot be started: {getattr(error, 'strerror', error)}"
        status = await self._child.end(_EXIT_GRACE_S)
        if self._killed_for:
            return ""
        self.was_killed = status in (None, -signal.SIGKILL)
        if status is None:
            return "it died with its fork server"
        if status < 0:
            return f"it was ended by {signal.Signals(-status).name}"
        return f"{_EXITED} {status}" if status else ""

    async def _spawn_child(self, ends: Ends) -> None:
        self._child = await self._spawn(ends)
