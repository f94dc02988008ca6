"""Frames and their answers as records of fixed size, one a packet (SOCK_SEQPACKET).

Request: a number, whether to forget what was heard before, FRAME_SAMPLES int16. Answer: the same
number, a float32. Little endian. Daemon and worker have the same version, so it is not sent.
"""

import struct

import numpy as np

from swictation.types import FRAME_SAMPLES, Samples

_REQUEST = struct.Struct(f"<Q?{2 * FRAME_SAMPLES}s")
_ANSWER = struct.Struct("<Qf")

LARGEST_BYTES = _REQUEST.size


def request(number: int, samples: Samples, *, forgets: bool) -> bytes:
    """Ask about `samples`: int16 (FRAME_SAMPLES,)."""
    return _REQUEST.pack(number, forgets, samples.tobytes())


def read_request(packet: bytes) -> tuple[int, bool, Samples]:
    """Number, whether to forget, samples. Raises ValueError: it is no request."""
    if len(packet) != _REQUEST.size:
        raise ValueError(f"a request of {len(packet)} bytes")
    number, forgets, pcm = _REQUEST.unpack(packet)
    return number, forgets, np.frombuffer(pcm, np.int16)


def answer(number: int, probability: float) -> bytes:
    """The probability of speech in the frame of request `number`."""
    return _ANSWER.pack(number, probability)


def read_answer(packet: bytes) -> tuple[int, float]:
    """Number and probability, not checked. Raises ValueError: it is no answer."""
    if len(packet) != _ANSWER.size:
        raise ValueError(f"an answer of {len(packet)} bytes")
    return _ANSWER.unpack(packet)
