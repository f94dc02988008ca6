"""Messages on a socket, each a length of four bytes and then msgpack."""

import asyncio
import socket
import struct

import msgspec

from swictation.errors import ProtocolError
from swictation.worker.protocol.messages import FromWorker, ToWorker

_LENGTH = struct.Struct(">I")
MAX_TO_WORKER_BYTES = 4 * 2**20
MAX_FROM_WORKER_BYTES = 2**20

_encoder = msgspec.msgpack.Encoder()
_to_worker = msgspec.msgpack.Decoder(ToWorker)
_from_worker = msgspec.msgpack.Decoder(FromWorker)


def encode(message: ToWorker | FromWorker) -> bytes:
    """Encode a message, with its length in front."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def receive(sock: socket.socket) -> ToWorker | None:
    """Read the daemon's next message, in the worker; None at the end of the stream.

    Raises:
        ProtocolError: the message is too long or cannot be decoded.
    """
    head = _read_exactly(sock, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > MAX_TO_WORKER_BYTES:
        raise ProtocolError(f"a message of {length} bytes")
    body = _read_exactly(sock, length)
    if body is None:
        return None
    try:
        return _to_worker.decode(body)
    except msgspec.DecodeError as error:
        raise ProtocolError(f"a message that makes no sense: {error}") from error


async def read(reader: asyncio.StreamReader) -> FromWorker | None:
    """Read the worker's next message, in the daemon; None at the end of the stream.

    Raises:
        ProtocolError: the message is too long or cannot be decoded.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > MAX_FROM_WORKER_BYTES:
            raise ProtocolError(f"a message of {length} bytes")
        return _from_worker.decode(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except msgspec.DecodeError as error:
        raise ProtocolError(f"a message that makes no sense: {error}") from error


def _read_exactly(sock: socket.socket, count: int) -> bytes | None:
    chunks = bytearray()
    while len(chunks) < count:
        chunk = sock.recv(min(count - len(chunks), 2**18))
        if not chunk:
            return None
        chunks += chunk
    return bytes(chunks)
