"""The fork server: `python -m swictation.worker.forkserver.main FD PARENT ENGINE`.

It imports what an engine needs, once, and forks workers on request, which then need not import it.
It computes nothing and touches no GPU, because neither a context nor a thread would survive a fork.
It dies with the daemon, and its workers die with it.
"""

import contextlib
import gc
import logging
import os
import select
import socket
import sys
import traceback
from importlib import import_module
from typing import NoReturn

import msgspec

from swictation.asr.registry import provider
from swictation.worker.child import worker
from swictation.worker.child.begin import begin
from swictation.worker.protocol.forkserver_messages import (
    FORK_FILES,
    FORKSERVER_VERSION,
    Exited,
    Fork,
    Forked,
    ForkFailed,
    ForkServerReady,
    close_all,
    receive,
    send,
)
from swictation.worker.spawn import end_group

_EXIT_PROTOCOL = 2
_EXIT_TOUCHED = 4
_CUDA_FILE = "/dev/nvidia-uvm"
"""Open in a process that has initialised CUDA; asking NVML does not open it."""

_log = logging.getLogger(__name__)


def main(channel_fd: int, parent_pid: int, engine: str) -> int:
    """Serve the daemon at the other end of `channel_fd`; returns the exit status."""
    begin(parent_pid)
    with socket.socket(fileno=channel_fd) as sock:
        for module in provider(engine).preload:
            import_module(module)
        if _has_touched_a_gpu():
            _log.error("the fork server of %s has initialised CUDA, so it cannot fork", engine)
            return _EXIT_TOUCHED
        # Collected and frozen here, so that no collection in a worker copies these pages.
        gc.collect()
        gc.freeze()
        send(sock, ForkServerReady(FORKSERVER_VERSION))
        return _ForkServer(sock).run()


class _ForkServer:
    """Handles fork requests and reaps workers, on the only thread there is."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._workers: dict[int, tuple[int, int]] = {}
        """By pidfd: the number of the request, and the process id."""

    def run(self) -> int:
        """Serve until the daemon closes the channel; returns the exit status."""
        decoder = msgspec.msgpack.Decoder(Fork)
        while True:
            for fd in self._readable():
                if fd in self._workers:
                    self._reap(fd)
                    continue
                request, files = receive(self._sock, decoder)
                if request is None:
                    return 0
                if len(files) != FORK_FILES:
                    return _EXIT_PROTOCOL
                self._fork(request, files)
                close_all(files)

    def _readable(self) -> list[int]:
        """Wait for the channel, or for the pidfds of workers that have ended."""
        poll = select.poll()
        for fd in (self._sock.fileno(), *self._workers):
            poll.register(fd, select.POLLIN)
        return [fd for fd, _ in poll.poll()]

    def _fork(self, request: Fork, files: list[int]) -> None:
        if threads := _other_threads():
            send(self._sock, ForkFailed(request.number, f"it has other threads: {threads}"))
            return
        forkserver = os.getpid()
        _flush()
        try:
            pid = os.fork()
        except OSError as error:
            send(self._sock, ForkFailed(request.number, f"fork: {error.strerror}"))
            return
        if pid == 0:
            self._be_worker(forkserver, *files)
        pidfd = os.pidfd_open(pid)  # not reaped yet, so the id is still this worker's
        self._workers[pidfd] = (request.number, pid)
        send(self._sock, Forked(request.number, pid), pidfd)

    def _be_worker(self, forkserver: int, channel: int, detector: int, output: int) -> NoReturn:
        """Run the worker in the fork, which keeps only the fork server's memory. Never returns."""
        status = 1
        try:
            os.setpgid(0, 0)  # what it starts ends with it
            self._sock.close()
            close_all(self._workers)
            for standard in (1, 2):
                os.dup2(output, standard)
            os.close(output)
            status = worker.main(channel, forkserver, detector)
        except BaseException as error:  # noqa: BLE001 - as the interpreter does
            traceback.print_exception(error)
        finally:
            _flush()
            os._exit(status)

    def _reap(self, pidfd: int) -> None:
        number, pid = self._workers.pop(pidfd)
        os.close(pidfd)
        end_group(pid)
        _, status = os.waitpid(pid, 0)
        send(self._sock, Exited(number, os.waitstatus_to_exitcode(status)))


def _other_threads() -> str:
    """The names of all other threads, from the kernel: libraries start some unseen."""
    names: list[str] = []
    for task in os.listdir("/proc/self/task"):
        if int(task) != os.getpid():
            with open(f"/proc/self/task/{task}/comm") as file:
                names.append(file.read().strip())
    return ", ".join(names)


def _has_touched_a_gpu() -> bool:
    for fd in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{fd}") == _CUDA_FILE:
                return True
        except FileNotFoundError:  # the one that listdir used, closed by now
            continue
    return False


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # the other end is closed
            stream.flush()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
