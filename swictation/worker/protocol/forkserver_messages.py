"""What daemon and fork server say to each other: one msgpack message a packet, with its files."""

import array
import os
import socket
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from swictation.errors import ProtocolError

FORKSERVER_VERSION = 2
FORK_FILES = 3
"""That go with a `Fork`: the worker's channel, its detector's, and the pipe for what it prints."""

_LARGEST_BYTES = 2**12
_INT_BYTES = array.array("i").itemsize


class Fork(msgspec.Struct, frozen=True, tag=True):
    """Have a worker born that holds the files beside this message."""

    number: int
    """Of the order: no two have the same."""


class ForkServerReady(msgspec.Struct, frozen=True, tag=True):
    """All is imported: orders are obeyed from now on."""

    version: int


class Forked(msgspec.Struct, frozen=True, tag=True):
    """The worker of that order lives; its pidfd is the file beside this message."""

    number: int
    pid: int


class ForkFailed(msgspec.Struct, frozen=True, tag=True):
    """There is none, and why."""

    number: int
    reason: str


class Exited(msgspec.Struct, frozen=True, tag=True):
    """The worker of that order has ended: as `subprocess.Popen.returncode` tells it."""

    number: int
    status: int


FromForkServer = ForkServerReady | Forked | ForkFailed | Exited

_encoder = msgspec.msgpack.Encoder()
_Message = TypeVar("_Message")


def send(sock: socket.socket, message: Fork | FromForkServer, *files: int) -> None:
    """Send `message` and copies of `files`. Raises OSError."""
    socket.send_fds(sock, [_encoder.encode(message)], files)


def receive(
    sock: socket.socket, decoder: msgspec.msgpack.Decoder[_Message]
) -> tuple[_Message | None, list[int]]:
    """The next message and its files, which are then the caller's; None at the end.

    Raises:
        ProtocolError: it makes no sense, or its files did not all arrive.
        OSError: there is none yet, or the other side is gone.
    """
    # `socket.recv_fds` hands no flags on: a process started meanwhile would inherit the files.
    space = socket.CMSG_SPACE(FORK_FILES * _INT_BYTES)
    packet, ancillary, flags, _ = sock.recvmsg(_LARGEST_BYTES, space, socket.MSG_CMSG_CLOEXEC)
    files = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            files.frombytes(data[: len(data) - len(data) % _INT_BYTES])
    if not packet:
        return None, list(files)
    try:
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise ProtocolError("a message that did not arrive whole")
        return decoder.decode(packet), list(files)
    except (msgspec.DecodeError, ProtocolError) as error:
        close_all(files)
        raise ProtocolError(str(error)) from error


def close_all(files: Iterable[int]) -> None:
    """Let go of what came with a message."""
    for fd in files:
        os.close(fd)
