"""Starts a child process by exec. The other way is a fork server (`worker.forkserver`)."""

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
    # oneDNN keeps compiled code for each of the last 1024 shapes, and each utterance has another
    # length: over 100 MiB an hour. glibc would keep a heap for each thread, and freed memory.
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
    """The worker's ends of its channels; the daemon closes its copies after the start."""

    channel: socket.socket
    detector: socket.socket
    output: int
    """A pipe for what the worker prints."""

    def close(self) -> None:
        """Close the daemon's copies."""
        self.channel.close()
        self.detector.close()
        os.close(self.output)


class Child:
    """A process that was started for us; its parent may be the fork server."""

    def __init__(self, pid: int, pidfd: int, reap: Callable[[], Awaitable[int | None]]) -> None:
        """Own `pidfd`.

        Args:
            pid: the process id.
            pidfd: refers to the process even after its id is reused.
            reap: called once after its end: ends its group and returns its exit status (None: it
                cannot be known).
        """
        self.pid = pid
        self._pidfd = pidfd
        self._reap = reap

    def kill(self) -> None:
        """Kill the process. It is not reaped here, so that `end` can wait for it."""
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def end(self, grace_s: float) -> int | None:
        """Wait for its end, or kill it after `grace_s`; returns its exit status, if known.

        To be called once. It waits on the pidfd, without a thread or polling.
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
"""Starts a worker that holds copies of the ends. Raises OSError."""


async def by_exec(ends: Ends) -> Child:
    """Start a worker by exec: see `Spawn`."""
    channel, detector = ends.channel.fileno(), ends.detector.fileno()
    arguments = (channel, os.getpid(), detector)
    return execute("swictation.worker.child.worker", arguments, (channel, detector), ends.output)


async def by_exec_in_the_background(ends: Ends) -> Child:
    """Start a worker by exec, at the lowest priority, for work that nobody waits for."""
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
    """Run one of our modules in its own process and process group. Raises OSError."""
    process = subprocess.Popen(
        # -P: nothing from the working directory is imported.
        [sys.executable, "-P", "-m", module, *map(str, arguments)],
        pass_fds=pass_fds,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, **_ENVIRONMENT, **environment},
        process_group=0,  # what it starts ends with it; Ctrl-C does not reach it
    )
    try:
        pidfd = os.pidfd_open(process.pid)
    except OSError:
        process.kill()
        process.wait()
        raise

    async def reap() -> int:
        end_group(process.pid)  # not reaped yet, so the group is still this child's
        return process.wait()

    return Child(process.pid, pidfd, reap)


def end_group(pid: int) -> None:
    """Kill the processes that a child has left behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
