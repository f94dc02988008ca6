"""How much of what the compositor sent is still unread in its clients' sockets: sock_diag(7).

No protocol reports whether a window reads its events. The kernel does, to everybody: the socket of
a stopped or busy window does not drain. Kernels without CONFIG_UNIX_DIAG do not report it.
"""

import math
import os
import re
import socket
import struct
import time
from collections.abc import Callable

from swictation.inject import proc
from swictation.inject.wayland.client.connection import IN_TEXT_S, Connection

LARGEST = 48 * 1024
"""Bytes that one client may have unread; other senders may add to it."""
LARGEST_PIECE = 9 * 1024
"""Bytes that one word takes of it, at most."""
BETWEEN_LOOKS = 4
"""The most pieces that are sent before checking which socket has them."""
BLIND_PIECES = 40
"""The most pieces of a text that are sent if the kernel does not report what is read."""
TAKES_S = 2.0
"""A window that has not read its events for this long is busy."""
LONGEST_S = 5.0
"""So is one that reads them but has not finished after this long."""
POLL_S = 0.01

Unread = dict[int, int]
"""Bytes of memory that one client's unread events take, by the socket's inode."""

_SOCK_DIAG = 4
_DIAG_BY_FAMILY = 20
_DONE, _ERROR = 3, 2
_REQUEST_DUMP = 0x301
_SHOW_NAME, _SHOW_PEER, _SHOW_RQLEN = 0x1, 0x4, 0x10
_NAME, _PEER, _RQLEN, _SHUTDOWN = 0, 2, 4, 6
_ESTABLISHED = 1
_ANSWER_S = 0.5


class Backlog:
    """Looks at the clients of one compositor. For one thread."""

    def __init__(self, address: str) -> None:
        """`address`: the path of the socket on which the compositor listens."""
        self._address = address.encode()
        self._peers: dict[int, int] = {}

    def unread(self) -> Unread | None:
        """All clients, those that have read everything with 0; None if it is unknown now."""
        try:
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as link:
                link.settimeout(_ANSWER_S)
                link.send(_request())
                found = self._receive(link)
        except (OSError, struct.error):
            return None
        return found

    def owners(self, sockets: set[int]) -> frozenset[int]:
        """The processes at the other end of `sockets`, according to the last look."""
        wanted = {f"socket:[{self._peers[one]}]" for one in sockets if one in self._peers}
        return holders(wanted)

    def _receive(self, link: socket.socket) -> Unread:
        found: Unread = {}
        self._peers = {}
        while True:
            data, at = link.recv(1 << 18), 0
            while at < len(data):
                length, kind = struct.unpack_from("=IH", data, at)
                if kind == _ERROR:
                    raise OSError("the kernel does not report it")
                if kind == _DONE:
                    return found
                self._note(data[at + 16 : at + length], found)
                at += (length + 3) & ~3

    def _note(self, message: bytes, found: Unread) -> None:
        state, inode = struct.unpack_from("=xxBxI", message)
        parts = dict(_attributes(message[16:]))
        is_alive = state == _ESTABLISHED and not any(parts.get(_SHUTDOWN, b""))
        if is_alive and parts.get(_NAME, b"").rstrip(b"\0") == self._address:
            found[inode] = struct.unpack("=II", parts[_RQLEN])[1]
            if _PEER in parts:
                self._peers[inode] = struct.unpack("=I", parts[_PEER])[0]


class Pace:
    """Limits what a window has unread to what the compositor tolerates. For one text.

    A client whose socket is full is disconnected: 208 KiB, of which each piece takes at least 2.
    """

    def __init__(self, connection: Connection, backlog: Backlog) -> None:
        self._connection = connection
        self._backlog = backlog
        self._before = backlog.unread()
        self._last = self._before or {}
        self._left = BLIND_PIECES
        self._room = self._unseen = 0
        self._watched: set[int] = set()
        """The sockets in which a piece was seen: the window's, and rarely another one as well."""
        self.has_lost_one = False
        """Whether a client that may have had a piece unread has left."""

    @property
    def is_known(self) -> bool:
        """Whether it is known what has been read."""
        return bool(self._before)  # we are one of them ourselves

    def has_room(self) -> bool:
        """Wait a little until another piece may be sent: False when there is no room for it."""
        if not self.is_known:
            self._left -= 1
            return self._left >= 0
        if not self._room and self._shrinks_to(LARGEST - LARGEST_PIECE, self._grown):
            self._room = 1
        return self._room > 0

    def sent(self) -> None:
        """Right after a piece for which there was room. Raises WireError."""
        if not self.is_known:
            return
        self._unseen += 1
        self._room -= 1
        if not self._room:
            self.see()

    def see(self) -> None:
        """See which socket has the last pieces; also after the very last one. Raises WireError.

        Only the window with the focus gets them. What all clients get is sent `aside`.
        """
        if not self._unseen:
            return
        self._connection.barrier(IN_TEXT_S)  # the compositor serves its clients in turn
        before = self._last
        now = self._look()
        self._unseen = 0
        self.has_lost_one |= not before.keys() <= now.keys()
        reached = set(grown(before, now))
        if reached:
            self._watched = self._watched & reached or self._watched | reached
        largest = max(grown(self._before, now).values(), default=0)
        self._room = min(BETWEEN_LOOKS, max(0, LARGEST - largest) // LARGEST_PIECE)

    def aside(self, send: Callable[[], None]) -> None:
        """Send what all clients get, a keymap, without counting it as a piece. Raises WireError."""
        self.see()
        send()
        self._connection.barrier(IN_TEXT_S)
        self._connection.barrier(IN_TEXT_S)
        self._look()
        self._room = 0

    def wait_read(self) -> bool:
        """Wait a little until all that was sent is read; True also if that is not known."""
        return self._shrinks_to(0, self._unread_pieces)

    def is_read(self) -> bool:
        """Whether all that was sent is read by now."""
        unread = self._backlog.unread() or {}
        return all(unread.get(one) == 0 for one in self._watched)

    def is_gone(self) -> bool:
        """Whether it never will be read: the client that had it unread has left."""
        unread = self._backlog.unread()
        if unread is None or self._watched.issubset(unread):
            return False
        return not any(unread.get(one) for one in self._watched)

    def is_surely_unread(self) -> bool:
        """Whether something is unread, or was when its reader left, and it is certain where."""
        return len(self._watched) == 1 and not self.is_read()

    def _look(self) -> Unread:
        now = self._backlog.unread()
        if now is not None:
            self.has_lost_one |= any(self._last.get(o) and o not in now for o in self._watched)
            self._last = now
        return self._last

    def _grown(self) -> Unread:
        return grown(self._before, self._look())

    def _unread_pieces(self) -> Unread:
        return {one: size for one, size in self._look().items() if one in self._watched}

    def _shrinks_to(self, size: int, unread: Callable[[], Unread]) -> bool:
        """Wait until no client has more than that unread; while it decreases, within limits."""
        least, since_s = math.inf, (began_s := time.monotonic())
        while (largest := max(unread().values(), default=0)) > size:
            now_s = time.monotonic()
            if largest < least:
                least, since_s = largest, now_s
            if now_s - since_s > TAKES_S or now_s - began_s > LONGEST_S:
                return False
            self._connection.wait(lambda: False, POLL_S)
        return True


def grown(before: Unread | None, now: Unread | None) -> Unread:
    """The clients that have more to read `now`."""
    before = before or {}
    return {one: size for one, size in (now or {}).items() if size > before.get(one, 0)}


def holders(wanted: set[str]) -> frozenset[int]:
    """The other processes that have one of the files open: "pipe:[7]", "socket:[8]"."""
    pids = {int(name) for name in os.listdir("/proc") if name.isdigit()} - {os.getpid()}
    return frozenset(pid for pid in pids if wanted and _has_open(pid, wanted))


def _has_open(pid: int, wanted: set[str]) -> bool:
    return any(name in wanted and _reads(pid, fd) for fd, name in proc.open_files(pid))


def _reads(pid: int, fd: str) -> bool:
    """Whether it is open for reading: the compositor has the pipe's other end for a moment."""
    flags = re.search(r"^flags:\s*(\d+)", proc.read(pid, f"fdinfo/{fd}"), re.MULTILINE)
    return flags is not None and int(flags[1], 8) & os.O_ACCMODE != os.O_WRONLY


def _request() -> bytes:
    shown = _SHOW_NAME | _SHOW_PEER | _SHOW_RQLEN
    body = struct.pack("=BBHIII8x", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, shown)
    return struct.pack("=IHHII", 16 + len(body), _DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + body


def _attributes(data: bytes) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        found.append((kind, data[at + 4 : at + length]))
        at += max(4, (length + 3) & ~3)
    return found
