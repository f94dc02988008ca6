"""One fork server process, from its start to its end, as the daemon sees it."""

import asyncio
import contextlib
import itertools
import os
import signal
import socket
from typing import NamedTuple, TypeVar

import msgspec

from swictation.errors import ProtocolError, WorkerError
from swictation.worker.child.output import Output
from swictation.worker.protocol.forkserver_messages import (
    FORKSERVER_VERSION,
    Exited,
    Fork,
    Forked,
    ForkFailed,
    ForkServerReady,
    FromForkServer,
    close_all,
    receive,
    send,
)
from swictation.worker.spawn import Child, Ends, end_group, execute

_MODULE = "swictation.worker.forkserver.main"
_ENVIRONMENT = {
    # A process that forks must have no other thread, and two libraries start some on import:
    # NumPy's BLAS, which hardly matters when a GPU computes, and pyarrow, which NeMo imports.
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    # Nor may it touch the GPU: numba, which NeMo imports too, would load the driver's library.
    "NUMBA_DISABLE_CUDA": "1",
}
_FORK_S = 2.0
"""A fork takes a twentieth of this, most of it for the page tables of the imports."""
_STATUS_S = 1.0
"""How long to wait for a worker's exit status: the fork server may have ended, or hang."""
_EXIT_GRACE_S = 1.0
_GONE = "it has ended"

_Result = TypeVar("_Result")


class _Worker(NamedTuple):
    pid: int
    pidfd: int


class ForkServerProcess:
    """One fork server process, from its start to its end."""

    def __init__(self, engine: str, import_s: float) -> None:
        """Start it. Raises OSError."""
        self.engine = engine
        self._numbers = itertools.count(1)
        self._forks: dict[int, asyncio.Future[_Worker | str]] = {}
        """By request: the worker, or why there is none."""
        self._exits: dict[int, asyncio.Future[int | None]] = {}
        """The exit statuses of workers that live, or are not reaped by the daemon yet."""
        self._reason = ""
        self.has_served = False
        """Whether it has forked a worker."""
        self._decided = asyncio.Event()
        """It can fork, or never will."""
        self._over = asyncio.Event()
        self._decoder = msgspec.msgpack.Decoder(FromForkServer)
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, contextlib.ExitStack() as unless_started:
            unless_started.enter_context(self._sock)
            self._output = Output("fork server")
            unless_started.callback(self._output.abandon)
            arguments = (theirs.fileno(), os.getpid(), engine)
            try:
                self._child = execute(
                    _MODULE, arguments, (theirs.fileno(),), self._output.fd, _ENVIRONMENT
                )
            finally:
                os.close(self._output.fd)
            unless_started.pop_all()
        self._output.start()
        self._sock.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._sock, self._read)
        reason = f"its imports took more than {import_s:.0f} s"
        self._timer = loop.call_later(import_s, self.end, reason)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def has_workers(self) -> bool:
        """Whether a worker lives, or is being forked."""
        return bool(self._forks or self._exits)

    def end(self, reason: str) -> None:
        """Kill the process, because of `reason`; all waits for it end."""
        if self._over.is_set():
            return
        self._reason = reason
        self._timer.cancel()
        asyncio.get_running_loop().remove_reader(self._sock)
        self._sock.close()
        if reason:
            self._child.kill()
        for fork in self._forks.values():
            _set(fork, reason or _GONE)
        for exited in self._exits.values():
            _set(exited, None)
        self._over.set()
        self._decided.set()

    async def ended(self) -> str:
        """Wait for the process to end; returns why it did."""
        await self._over.wait()
        status = await self._child.end(_EXIT_GRACE_S)
        await self._output.drained()
        return self._reason or f"its exit status is {status}"

    async def fork(self, ends: Ends) -> Child:
        """Fork a worker that holds copies of `ends`, as soon as everything is imported.

        Raises:
            WorkerError: it cannot be forked.
        """
        number = next(self._numbers)
        fork = self._forks[number] = asyncio.get_running_loop().create_future()
        try:
            await self._decided.wait()
            if self._over.is_set():
                raise WorkerError(self._reason or _GONE)
            forked = await self._request(number, ends, fork)
        except OSError as error:
            raise WorkerError(f"it accepts no requests: {error.strerror}") from error
        except asyncio.CancelledError:
            if fork.done() and not fork.cancelled():  # it was forked just now
                self._refuse(number, fork.result())
            raise
        finally:
            del self._forks[number]
        if isinstance(forked, str):
            raise WorkerError(forked)
        self.has_served = True
        return Child(*forked, lambda: self._reap(number, forked.pid))

    async def _request(
        self, number: int, ends: Ends, fork: "asyncio.Future[_Worker | str]"
    ) -> _Worker | str:
        reason = f"it did not fork within {_FORK_S:.0f} s"
        timer = asyncio.get_running_loop().call_later(_FORK_S, self.end, reason)
        files = (ends.channel.fileno(), ends.detector.fileno(), ends.output)
        try:
            send(self._sock, Fork(number), *files)
            return await fork
        finally:
            timer.cancel()

    async def _reap(self, number: int, pid: int) -> int | None:
        """Return the exit status of a worker that has ended, which only its parent knows."""
        exited = self._exits[number]
        await asyncio.wait({exited}, timeout=_STATUS_S)
        del self._exits[number]
        status = exited.result() if exited.done() else None
        if status is None:
            end_group(pid)  # the fork server did not
        return status

    def _read(self) -> None:
        """Read the next message, or the end of the channel."""
        try:
            message, files = receive(self._sock, self._decoder)
        except BlockingIOError:
            return
        except (ProtocolError, OSError) as error:
            self.end(f"it sent {error}")
            return
        try:
            self._take(message, files)
        finally:
            close_all(files)

    def _take(self, message: FromForkServer | None, files: list[int]) -> None:
        """Handle a message; files that are kept are taken out of `files`."""
        match message:
            case ForkServerReady(version) if version == FORKSERVER_VERSION:
                self._timer.cancel()
                self._decided.set()
            case Forked(number, pid) if len(files) == 1:
                self._exits[number] = asyncio.get_running_loop().create_future()
                forked = _Worker(pid, files.pop())
                if not _set(self._forks.get(number), forked):  # nobody waits for it any more
                    self._refuse(number, forked)
            case ForkFailed(number, reason):
                _set(self._forks.get(number), reason)
                self.end(f"it cannot fork: {reason}")  # nor could it the next time
            case Exited(number, status):
                _set(self._exits.get(number), status)
            case None:
                self.end("")
            case other:
                self.end(f"it sent an unexpected {type(other).__name__}")

    def _refuse(self, number: int, forked: _Worker | str) -> None:
        """End a worker that nobody waits for."""
        self._exits.pop(number, None)
        if isinstance(forked, _Worker):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(forked.pidfd, signal.SIGKILL)
            os.close(forked.pidfd)


def _set(future: "asyncio.Future[_Result] | None", result: _Result) -> bool:
    """Set the result, and say whether anybody waited for it."""
    if future is None or future.done():
        return False
    future.set_result(result)
    return True
