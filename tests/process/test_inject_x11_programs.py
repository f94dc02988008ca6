"""What /proc tells of the program behind a window."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from swictation.inject.terminals import holds_terminal
from swictation.inject.x11.programs import answers_for_itself, is_busy

pytestmark = pytest.mark.process

OPENS_ONE = "import os, sys; pair = os.openpty(); print(flush=True); sys.stdin.read()"
WAITS = "import sys; print(flush=True); sys.stdin.read()"
THINKS = "print(flush=True)\nwhile True: pass"


@contextlib.contextmanager
def running(*command: str) -> Iterator[int]:
    """A Python program that has said a line; its process."""
    process = subprocess.Popen(
        [sys.executable, "-S", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout
    try:
        process.stdout.readline()
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def test_a_terminal_is_known_by_its_pseudo_terminal():
    with running("-c", OPENS_ONE) as pid:
        assert holds_terminal(pid)


@pytest.mark.parametrize(("kind", "is_one"), [("--type=utility", True), ("a-shell", False)])
def test_an_editor_that_is_a_browser_has_its_terminals_in_a_process_beside_its_pages(kind, is_one):
    """What else a program has started, a file manager say, does not make a terminal of it."""
    start = "import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', *sys.argv[1:]])"
    with running("-c", start, OPENS_ONE, kind) as pid:
        assert holds_terminal(pid) is is_one


def test_who_waits_is_not_busy():
    with running("-c", THINKS) as pid:
        assert is_busy(pid)
    with running("-c", WAITS) as pid:
        while is_busy(pid):
            os.sched_yield()


def test_an_input_method_that_has_the_keys_first_proves_nothing(tmp_path):
    """It brings the key back after the toolkit has answered the ping."""
    for name in ("libgtk-3.so.0", "im-ibus.so"):
        (tmp_path / name).write_bytes(b"\0" * 4096)
    maps = "import mmap, sys\nfiles = [open(name, 'r+b') for name in sys.argv[1:]]\n"
    maps += f"kept = [mmap.mmap(file.fileno(), 0) for file in files]\n{WAITS}"
    toolkit, method = str(tmp_path / "libgtk-3.so.0"), str(tmp_path / "im-ibus.so")
    with running("-c", maps, toolkit) as pid:
        assert answers_for_itself(pid)
    with running("-c", maps, toolkit, method) as pid:
        assert not answers_for_itself(pid)
