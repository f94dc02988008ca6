"""The misdeeds. Each returns (and the answer is then a good one), raises, or never comes back.

Some need the channel to the daemon: it is the only stream socket that a worker has.
"""

import ctypes
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from scripted.script import Fault
from swictation.errors import EngineError
from swictation.types import Capabilities, Hypothesis
from swictation.worker.protocol.channel import encode
from swictation.worker.protocol.messages import PROTOCOL_VERSION, Answer, LoadFailed, Pong, Ready

if TYPE_CHECKING:
    from fakes.ledger import Ledger

_MIB = 2**20
_PR_GET_DUMPABLE = 3
_held: list[bytearray] = []


def commit(fault: Fault, generation: int, number: int = 0, ledger: "Ledger | None" = None) -> None:
    """Do it. `number`: of the request that is being answered; `ledger`: of an engine on a GPU.

    With an argument `gate` it first waits there: see `_gate`.
    """
    args = dict(fault.args)
    if gate := args.pop("gate", None):
        _gate(gate)
    _DEEDS[fault.kind](generation=generation, number=number, ledger=ledger, **args)


def channel(kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """The worker's channel, or the one of its detector, found among its open files."""
    files = [fd for fd in map(int, os.listdir("/proc/self/fd")) if _is_socket(fd)]
    socks = [socket.socket(fileno=os.dup(fd)) for fd in files]
    found = [sock for sock in socks if sock.type == kind]
    assert len(found) == 1, f"a worker has one such socket, not {found}"
    return found[0]


def _is_socket(fd: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError:  # listdir's own, closed by now
        return False


def _hang(**_: Any) -> NoReturn:
    while True:
        signal.pause()


def _raise(text: str = "broken", **_: Any) -> NoReturn:
    raise RuntimeError(text)


def _load_error(message: str, remedy: str = "", **_: Any) -> NoReturn:
    raise EngineError(message, remedy)


def _exit(code: int = 139, **_: Any) -> NoReturn:
    os._exit(code)


def _signal(number_of: int = signal.SIGKILL, **_: Any) -> None:
    os.kill(os.getpid(), number_of)


def _wait(seconds: float, **_: Any) -> None:
    threading.Event().wait(seconds)


def _gate(path: str, **_: Any) -> None:
    """Tell a test through a FIFO that this moment is reached; go on when it closes its end."""
    with open(path, "rb") as fifo:
        fifo.read()


def _ready(version: int = PROTOCOL_VERSION) -> bytes:
    caps = Capabilities(device="paper", languages=(), forced_prefix=True)
    return encode(Ready(version, os.getpid(), caps, 0.0))


def _ready_and_die(**_: Any) -> NoReturn:
    channel().sendall(_ready())
    os._exit(139)


def _ready_and_hang(**_: Any) -> NoReturn:
    channel().sendall(_ready())
    _hang()


def _wrong_version(**_: Any) -> NoReturn:
    channel().sendall(_ready(PROTOCOL_VERSION + 1))
    _hang()


def _send(hex_bytes: str, count: int = 1, then: str = "hang", **_: Any) -> None:
    """Raw bytes to the daemon; `then` answer or hang."""
    channel().sendall(bytes.fromhex(hex_bytes) * count)
    if then == "hang":
        _hang()


def _oversize(**_: Any) -> NoReturn:
    channel().sendall(struct.pack(">I", 2**31) + b"x" * 1000)
    _hang()


def _half_a_message(number: int, **_: Any) -> NoReturn:
    whole = encode(Answer(number, Hypothesis(" half", True), 0.0))
    channel().sendall(whole[: len(whole) // 2])
    _hang()


def _flood_answers(count: int = 5000, **_: Any) -> None:
    stray = encode(Answer(10**9, Hypothesis(" stray", True), 0.0))
    channel().sendall(stray * count)


def _flood_pongs(**_: Any) -> NoReturn:
    sock = channel()
    while True:
        sock.sendall(encode(Pong()) * 100)
        threading.Event().wait(0.05)


def _babble(**_: Any) -> None:
    """Work well, and send what nobody asked for beside it."""
    threading.Thread(target=_flood_pongs, daemon=True).start()


def _answer_twice(number: int, text: str, **_: Any) -> None:
    """An answer of its own, and then the good one as a second."""
    channel().sendall(encode(Answer(number, Hypothesis(text, True), 0.0)))


def _late_load_failed(message: str, **_: Any) -> NoReturn:
    channel().sendall(encode(LoadFailed(message)))
    _hang()


def _print(mib: float = 4.0, line: str = "nothing to see here", **_: Any) -> None:
    text = line + "\n"
    sys.stdout.write(text * round(mib * _MIB / len(text)))
    sys.stdout.flush()


def tell_dumpable(**_: Any) -> None:
    """Print what the kernel says of this process's memory, for `run -v` to log."""
    sys.stdout.write(f"dumpable: {ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE)}\n")
    sys.stdout.flush()


def _grow(mib: int, **_: Any) -> None:
    _held.append(bytearray(b"x") * (mib * _MIB))


def _close_channel(**_: Any) -> NoReturn:
    """Hang up and live on."""
    channel().shutdown(socket.SHUT_RDWR)
    _hang()


def _leave_a_child(**_: Any) -> NoReturn:
    """Die while a process of its own still holds its output."""
    subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL)
    os.kill(os.getpid(), signal.SIGKILL)
    _hang()


def _oom(ledger: "Ledger", **_: Any) -> NoReturn:
    """As if others had taken what was free a moment ago."""
    raise ledger.refusal(2**31)


def _cuda(ledger: "Ledger", code: int = 719, **_: Any) -> NoReturn:
    """The context is dead: this call fails, and each one after it."""
    ledger.poison(code)
    ledger.launch()
    raise AssertionError("a poisoned GPU works")


def _leak(ledger: "Ledger", mib: float, **_: Any) -> None:
    """Never given back."""
    ledger.malloc(mib)


_DEEDS: dict[str, Callable[..., None]] = {
    "raise": _raise,
    "load-error": _load_error,
    "hang": _hang,
    "exit": _exit,
    "signal": _signal,
    "wait": _wait,
    "gate": _gate,
    "ready-and-die": _ready_and_die,
    "ready-and-hang": _ready_and_hang,
    "wrong-version": _wrong_version,
    "send": _send,
    "oversize": _oversize,
    "half-a-message": _half_a_message,
    "flood-answers": _flood_answers,
    "flood-pongs": _flood_pongs,
    "babble": _babble,
    "answer-twice": _answer_twice,
    "late-load-failed": _late_load_failed,
    "print": _print,
    "tell-dumpable": tell_dumpable,
    "grow": _grow,
    "close-channel": _close_channel,
    "leave-a-child": _leave_a_child,
    "oom": _oom,
    "cuda": _cuda,
    "leak": _leak,
}
