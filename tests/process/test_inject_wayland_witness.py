"""What is seen of other processes: what they have not read, and who reads a pipe."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from swictation.inject.wayland.backlog import Backlog, grown
from swictation.inject.wayland.witness import Key, Watchers, readers_of

pytestmark = pytest.mark.process

CLIENT = """
import socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
for size in sys.stdin:
    print(len(link.recv(int(size), socket.MSG_WAITALL)), flush=True)
"""
READER = ("sh", "-c", "read line")


class Client:
    """A process that reads from a socket what it is told to."""

    def __init__(self, address: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CLIENT, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def read(self, size: int) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(b"%d\n" % size)
        self.process.stdin.flush()
        assert int(self.process.stdout.readline()) == size

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        yield listening


def test_what_a_client_has_not_read_is_seen_until_it_has_or_leaves(
    server: socket.socket, tmp_path: Path
) -> None:
    client = Client(tmp_path / "socket")
    link, _ = server.accept()
    inode = os.fstat(link.fileno()).st_ino
    backlog = Backlog(str(tmp_path / "socket"))
    before = backlog.unread()
    if before is None:
        pytest.skip("this kernel does not tell (CONFIG_UNIX_DIAG)")
    assert before == {inode: 0}
    link.sendall(b"x" * 100)
    assert set(grown(before, backlog.unread())) == {inode}
    assert backlog.owners({inode}) == {client.process.pid}
    client.read(100)
    assert backlog.unread() == {inode: 0}
    link.sendall(b"x")
    client.end()
    assert not backlog.unread()
    link.close()


def test_an_address_at_which_nobody_listens_has_no_clients(tmp_path: Path) -> None:
    assert Backlog(str(tmp_path / "nothing")).unread() == {}


class Reader:
    """A process that holds the reading end of a pipe."""

    def __init__(self, *command: str) -> None:
        end, self.fd = os.pipe()
        self.process = subprocess.Popen(command or READER, stdin=end)
        os.close(end)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)
        self.process.wait()


def test_who_reads_a_pipe_is_seen_and_who_writes_it_is_not() -> None:
    with Reader() as reader:
        writer = subprocess.Popen(("sleep", "60"), stdout=reader.fd)
        assert readers_of(reader.fd) == {reader.process.pid}
        writer.kill()
        writer.wait()


def test_only_who_was_there_before_the_key_and_never_read_unasked_has_it(tmp_path: Path) -> None:
    backlog = Backlog(str(tmp_path / "nothing"))
    watchers = Watchers()
    with Reader("sleep", "0.01") as watcher, Reader() as window:
        watchers.meet(readers_of(watcher.fd))
        threading.Event().wait(0.02)  # the clock by which processes start has a hundredth
        key = Key(backlog, watchers)
        assert key.is_answered_by(readers_of(window.fd))
        assert not key.is_answered_by(readers_of(watcher.fd))
        assert not key.is_answered_by(frozenset())
        with Reader() as late:
            assert not key.is_answered_by(readers_of(late.fd))


def test_who_reads_for_one_that_reads_unasked_has_no_key_either(tmp_path: Path) -> None:
    watchers = Watchers()
    with Reader("sh", "-c", "read line; cat; :") as manager:
        watchers.meet(readers_of(manager.fd))
        os.write(manager.fd, b"x\n")
        while len(readers := readers_of(manager.fd)) < 2:
            threading.Event().wait(0.01)
        threading.Event().wait(0.02)
        key = Key(Backlog(str(tmp_path / "nothing")), watchers)
        for reader in readers:
            assert not key.is_answered_by(frozenset({reader}))


def test_while_the_key_lies_unread_only_its_window_can_have_it(
    server: socket.socket, tmp_path: Path
) -> None:
    client = Client(tmp_path / "socket")
    link, _ = server.accept()
    backlog = Backlog(str(tmp_path / "socket"))
    if backlog.unread() is None:
        pytest.skip("this kernel does not tell (CONFIG_UNIX_DIAG)")
    with Reader() as other:
        threading.Event().wait(0.02)
        key = Key(backlog, Watchers())
        link.sendall(b"key")
        key.passed_on()
        assert key.unread_in()
        assert not key.is_answered_by(readers_of(other.fd))
        assert key.is_answered_by(frozenset({client.process.pid}))
        client.read(3)
        assert not key.unread_in()
        assert key.is_answered_by(readers_of(other.fd))
    client.end()
    link.close()


def test_a_key_behind_a_backlog_waits_until_less_is_left_than_it_takes(
    server: socket.socket, tmp_path: Path
) -> None:
    client = Client(tmp_path / "socket")
    link, _ = server.accept()
    backlog = Backlog(str(tmp_path / "socket"))
    if backlog.unread() is None:
        pytest.skip("this kernel does not tell (CONFIG_UNIX_DIAG)")
    link.sendall(b"earlier")
    key = Key(backlog, Watchers())
    link.sendall(b"key")
    key.passed_on()
    client.read(7)
    assert key.unread_in()
    client.read(3)
    assert not key.unread_in()
    link.sendall(b"later")
    assert not key.unread_in()
    client.end()
    link.close()
