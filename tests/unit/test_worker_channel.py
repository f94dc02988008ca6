import asyncio
import socket
import struct
import threading

import msgspec
import pytest

from swictation.asr.engine import EngineSpec
from swictation.errors import ProtocolError
from swictation.types import Capabilities, DecodeRequest, Hypothesis
from swictation.worker.protocol import channel
from swictation.worker.protocol.messages import (
    PROTOCOL_VERSION,
    Answer,
    Decode,
    Failed,
    Load,
    LoadFailed,
    Order,
    Ping,
    Pong,
    Ready,
    Shutdown,
)

pytestmark = pytest.mark.unit

TO_WORKER = [
    Load(PROTOCOL_VERSION, EngineSpec("whisper", "tiny.en", "/a b", "en", {"beam": 5})),
    Decode(DecodeRequest(7, 2, 100, 900, " forced tëxt", partial=True), bytes(range(256)) * 5000),
    Ping(),
    Shutdown(),
]
FROM_WORKER = [
    Ready(PROTOCOL_VERSION, 4711, Capabilities("cpu", ("en",), forced_prefix=True), 0.25),
    LoadFailed("no such model", "swictation model download"),
    Answer(7, Hypothesis(" wörds.", confident=True, dropped="", score=-0.2, cpu_s=0.1), 12.5),
    Failed(7, "RuntimeError"),
    Pong(),
]


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def received(sock, data):
    """What the worker makes of `data`, which may be more than the socket holds at once."""
    ours, theirs = sock
    writer = threading.Thread(target=lambda: (ours.sendall(data), ours.close()))
    writer.start()
    try:
        return channel.receive(theirs)
    finally:
        while theirs.recv(2**16):
            pass
        writer.join()


def read(*pieces):
    """The messages that the daemon makes of these bytes, however they arrive."""

    async def run():
        reader = asyncio.StreamReader()
        for piece in pieces:
            reader.feed_data(piece)
        reader.feed_eof()
        messages = []
        while message := await channel.read(reader):
            messages.append(message)
        return messages

    return asyncio.run(run())


@pytest.mark.parametrize("message", TO_WORKER, ids=lambda m: type(m).__name__)
def test_every_message_reaches_the_worker_as_it_was(ends, message):
    assert received(ends, channel.encode(message)) == message


@pytest.mark.parametrize("message", FROM_WORKER, ids=lambda m: type(m).__name__)
def test_every_message_reaches_the_daemon_as_it_was(message):
    assert read(channel.encode(message)) == [message]


def test_messages_arrive_one_after_the_other(ends):
    ours, theirs = ends
    orders = [Order(str(number)) for number in range(50)]
    ours.sendall(b"".join(map(channel.encode, orders)))
    assert [channel.receive(theirs) for _ in range(50)] == orders


def test_a_message_may_arrive_byte_by_byte():
    data = channel.encode(FROM_WORKER[2]) + channel.encode(Pong())
    assert read(*(data[at : at + 1] for at in range(len(data)))) == [FROM_WORKER[2], Pong()]


def test_a_message_survives_a_socket_between_two_event_loops_ends(ends):
    ours, theirs = ends

    async def run():
        ours.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=ours)
        loop = asyncio.get_running_loop()
        writer.write(channel.encode(TO_WORKER[1]))
        heard = await loop.run_in_executor(None, channel.receive, theirs)
        await loop.run_in_executor(None, theirs.sendall, channel.encode(FROM_WORKER[2]))
        said = await channel.read(reader)
        writer.close()
        await writer.wait_closed()
        return heard, said

    assert asyncio.run(run()) == (TO_WORKER[1], FROM_WORKER[2])


def test_the_end_of_the_stream_is_none_on_both_sides(ends):
    assert received(ends, b"") is None
    assert read() == []


@pytest.mark.parametrize("cut", [1, 3, 4, 9])
def test_a_stream_that_ends_within_a_message_is_none_on_both_sides(ends, cut):
    assert received(ends, channel.encode(TO_WORKER[0])[:cut]) is None
    assert read(channel.encode(FROM_WORKER[0])[:cut]) == []


def test_a_connection_that_breaks_is_none_to_the_daemon():
    async def run():
        reader = asyncio.StreamReader()
        reader.set_exception(ConnectionResetError())
        return await channel.read(reader)

    assert asyncio.run(run()) is None


GARBAGE = [
    b"",
    b"\xc1",
    b"hello, this is a library that prints",
    msgspec.msgpack.encode({"type": "Unheard"}),
    msgspec.msgpack.encode({"type": "Load", "version": "one"}),
    msgspec.msgpack.encode([1, 2, 3]),
    msgspec.msgpack.encode({"type": "Answer", "number": 1}),
    msgspec.msgpack.encode({"type": "Decode", "request": None, "pcm": b""}),
]


@pytest.mark.parametrize("body", GARBAGE)
def test_what_makes_no_sense_is_a_protocol_error_on_both_sides(ends, body):
    framed = struct.pack(">I", len(body)) + body
    with pytest.raises(ProtocolError, match="makes no sense"):
        received(ends, framed)
    with pytest.raises(ProtocolError, match="makes no sense"):
        read(framed)


def test_neither_side_takes_messages_that_are_meant_for_the_other(ends):
    with pytest.raises(ProtocolError):
        received(ends, channel.encode(FROM_WORKER[0]))
    with pytest.raises(ProtocolError):
        read(channel.encode(TO_WORKER[0]))


def test_a_length_beyond_the_limit_is_refused_before_anything_is_read(ends):
    with pytest.raises(ProtocolError, match="4194305 bytes"):
        received(ends, struct.pack(">I", channel.MAX_TO_WORKER_BYTES + 1))
    with pytest.raises(ProtocolError, match="1048577 bytes"):
        read(struct.pack(">I", channel.MAX_FROM_WORKER_BYTES + 1))


def test_text_that_a_library_prints_is_an_impossible_length():
    with pytest.raises(ProtocolError, match="bytes"):
        read(b"Loading weights: 100%\n")


def test_the_longest_utterance_fits_into_a_message():
    longest_s = 25.0 + 3.0 + 2.0  # cap, hang-over, pre-roll: each at its greatest
    request = DecodeRequest(1, 1, 0, round(longest_s * 16_000), "x" * 10_000)
    encoded = channel.encode(Decode(request, bytes(2 * request.last_sample)))
    assert len(encoded) < channel.MAX_TO_WORKER_BYTES
