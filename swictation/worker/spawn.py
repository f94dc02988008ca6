"""How a child comes to be: by exec, here; a fork server forks it (`worker.forkserver`)."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

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
    "ORT_DISABLE_TELEMETRY": "1",
    "PYTHONUNBUFFERED": "1",
}
_NONE: Mapping[str, str] = {}
_LEAST_PRIORITY = 19


class Ends(NamedTuple):
    """What a worker is given of the daemon's; the daemon closes its own copies."""

    channel: socket.socket
    detector: socket.socket
    output: int
    """A pipe, for all that it prints."""

    def close(self) -> None:
        """Its copies are the only ones from now on."""
        self.channel.close()
        self.detector.close()
        os.close(self.output)


class Child:
    """A process that was started for us; its parent may be another process."""

    def __init__(self, pid: int, pidfd: int, reap: Callable[[], Awaitable[int | None]]) -> None:
        """Own `pidfd`.

        Args:
            pid: its process id.
            pidfd: which names it even when it has gone and its id is another's.
            reap: called once when it has ended: ends its group, and tells its exit status (None: it
                cannot be known).
        """
        self.pid = pid
        self._pidfd = pidfd
        self._reap = reap

    def kill(self) -> None:
        """End it at once. Never reaps it: then nobody could wait for it any more."""
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def end(self, grace_s: float) -> int | None:
        """Wait for its end, killing what does not end by itself; its exit status if that is known.

        To be called once. Through the pidfd: no thread and no polling.
        """
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(self._pidfd, ended.set)
        try:
            try:
                await asyncio.wait_for(ended.wait(), grace_s)
            except TimeoutError:
                self.kill()
                await ended.wait()
        finally:
            loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        return await self._reap()


Spawn = Callable[[Ends], Awaitable[Child]]
"""Has a worker born that holds copies of the ends. Raises OSError."""


async def by_exec(ends: Ends) -> Child:
    """A worker from nothing: see `Spawn`."""
    channel, detector = ends.channel.fileno(), ends.detector.fileno()
    arguments = (channel, os.getpid(), detector)
    return execute("swictation.worker.child.worker", arguments, (channel, detector), ends.output)


async def by_exec_in_the_background(ends: Ends) -> Child:
    """The same, for work that nobody waits for: whatever else wants the processor comes first."""
    child = await by_exec(ends)
    with contextlib.suppress(OSError):  # it may have ended
        os.setpriority(os.PRIO_PROCESS, child.pid, _LEAST_PRIORITY)
    return child


def execute(
    module: str,
    arguments: Sequence[int | str],
    pass_fds: Sequence[int],
    output: int,
    environment: Mapping[str, str] = _NONE,
) -> Child:
    """Run a module of ours in a process and a group of its own. Raises OSError."""
    process = subprocess.Popen(
        # -P: what lies in the folder somebody stands in must not be imported.
        [sys.executable, "-P", "-m", module, *map(str, arguments)],
        pass_fds=pass_fds,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, **_ENVIRONMENT, **environment},
        process_group=0,  # whatever it starts ends with it; Ctrl-C is not for it
    )
    try:
        pidfd = os.pidfd_open(process.pid)
    except OSError:
        process.kill()
        process.wait()
        raise

    async def reap() -> int:
        end_group(process.pid)  # it is not reaped: its group is still its
        return process.wait()

    return Child(process.pid, pidfd, reap)


def end_group(pid: int) -> None:
    """End what a child has left behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
