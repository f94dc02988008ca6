"""The messages between daemon and fork server: one msgpack message in a packet, with its files."""

import array
import os
import socket
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from swictation.errors import ProtocolError

FORKSERVER_VERSION = 2
FORK_FILES = 3
"""How many files go with a `Fork`: the worker's channel, its detector's, and its output pipe."""

_LARGEST_BYTES = 2**12
_INT_BYTES = array.array("i").itemsize


class Fork(msgspec.Struct, frozen=True, tag=True):
    """Fork a worker that holds the files sent with this message."""

    number: int
    """Of the request; no two have the same."""


class ForkServerReady(msgspec.Struct, frozen=True, tag=True):
    """Everything is imported; requests are handled from now on."""

    version: int


class Forked(msgspec.Struct, frozen=True, tag=True):
    """The worker of that request lives; its pidfd is the file sent with this message."""

    number: int
    pid: int


class ForkFailed(msgspec.Struct, frozen=True, tag=True):
    """The worker of that request could not be forked, for this reason."""

    number: int
    reason: str


class Exited(msgspec.Struct, frozen=True, tag=True):
    """The worker of that request has ended; `status` is as in `subprocess.Popen.returncode`."""

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
    """Receive the next message and its files, which the caller then owns; None at the end.

    Raises:
        ProtocolError: it cannot be decoded, or not all of its files arrived.
        OSError: there is none yet, or the other side has ended.
    """
    # `socket.recv_fds` passes no flags: a process started meanwhile would inherit the files.
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
    """Close the files that came with a message."""
    for fd in files:
        os.close(fd)
