"""The file of `--events` holds text: it is its user's alone, or it is not written."""

import asyncio
import contextlib
import fcntl
import json
import os
import shlex
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from swictation.clock import MonotonicClock
from swictation.daemon.eventlog import EventLog
from swictation.errors import UsageError
from swictation.facts import TextCommitted

pytestmark = pytest.mark.unit

STRANGER = 4242
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "e v.jsonl"


@contextlib.contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def spoken(text="spoken", number=1) -> TextCommitted:
    return TextCommitted(0, number, text, 0.0, 0.0)


def write(path) -> str:
    """Note an event there; what the file then holds."""
    log = EventLog(path, MonotonicClock())
    try:
        log.on_fact(spoken())
    finally:
        log.close()
    return path.read_text() if path.is_file() else ""


def refusal(path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        EventLog(path, MonotonicClock())
    return caught.value


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o277, 0o777])
def test_a_new_file_is_its_users_alone_whatever_the_umask(path, mask):
    with umask(mask):
        write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "spoken" in path.read_text()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_read_is_refused_untouched_until_the_command_is_typed(path, mode):
    path.write_text("what was there")
    path.chmod(mode)
    told = refusal(path)
    assert "others may read it" in told.message
    assert told.remedy == f"chmod 600 {shlex.quote(str(path))}"
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("what was there", mode)
    subprocess.run(["sh", "-c", told.remedy], check=True)
    assert "spoken" in write(path)
    assert "there" not in path.read_text()


def test_a_link_to_a_file_is_refused_with_its_name(tmp_path, path):
    precious = tmp_path / "authorized_keys"
    precious.write_text("a key")
    precious.chmod(0o600)
    path.symlink_to(precious)
    assert refusal(path).remedy == f"name the file itself: --events {precious}"
    assert precious.read_text() == "a key"


def test_a_link_that_leads_nowhere_makes_no_file(tmp_path, path):
    path.symlink_to(tmp_path / "elsewhere")
    assert "cannot be written: No such file" in refusal(path).message
    assert not (tmp_path / "elsewhere").exists()


@needs_root
def test_a_file_of_another_user_is_refused(path):
    path.write_text("")
    path.chmod(0o600)
    os.chown(path, STRANGER, -1)
    assert "could read what you say" in refusal(path).message


def test_a_pipe_of_ones_own_is_written_to(path):
    os.mkfifo(path, 0o600)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(path)
        assert b"spoken" in os.read(reader, 4096)
    finally:
        os.close(reader)


def test_a_pipe_that_others_may_read_is_refused_and_not_waited_for(path):
    os.mkfifo(path)
    path.chmod(0o644)
    assert refusal(path).remedy == f"chmod 600 {shlex.quote(str(path))}"


def test_a_terminal_of_ones_own_is_written_to(path):
    ours, theirs = os.openpty()
    try:
        os.chmod(os.ttyname(theirs), 0o620)  # so that write(1) works
        path.symlink_to(os.ttyname(theirs))
        write(path)
        assert b"spoken" in os.read(ours, 4096)
        os.chmod(os.ttyname(theirs), 0o644)
        assert "others may read it" in refusal(path).message
    finally:
        os.close(ours)
        os.close(theirs)


def test_nowhere_is_no_secret(path):
    path.symlink_to(os.devnull)
    assert write(path) == ""


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_other_devices_are_refused(path, device):
    path.symlink_to(device)
    assert "not a file, a pipe or a terminal" in refusal(path).message


def test_a_folder_is_refused(tmp_path):
    assert "not a file, a pipe or a terminal" in refusal(tmp_path).message


def stalled_pipe(path) -> int:
    """A pipe with room for a page, and its reader, which does not read."""
    os.mkfifo(path, 0o600)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    return reader


def read_all(reader) -> bytes:
    os.set_blocking(reader, True)
    with os.fdopen(reader, "rb") as file:
        return file.read()


def test_a_reader_that_stands_still_is_not_waited_for_and_gets_all_when_it_goes_on(path):
    reader = stalled_pipe(path)

    async def dictate() -> None:
        log = EventLog(path, MonotonicClock())
        for number in range(1000):
            log.on_fact(spoken(number=number))
        came = b""
        while came.count(b"\n") < 1000:  # the loop alone passes them on
            try:
                came += os.read(reader, 1 << 16)
            except BlockingIOError:
                await asyncio.sleep(0)
        assert [json.loads(line)["n"] for line in came.splitlines()] == list(range(1000))
        log.close()

    asyncio.run(dictate())
    assert read_all(reader) == b""


def test_at_the_end_a_reader_that_reads_gets_the_rest(path):
    reader = stalled_pipe(path)
    log = EventLog(path, MonotonicClock())
    for _ in range(1000):
        log.on_fact(spoken())
    with ThreadPoolExecutor(1) as pool:
        came = pool.submit(read_all, reader)
        log.close()
        assert came.result().count(b"\n") == 1000


def test_at_the_end_a_reader_that_stands_still_is_left_and_it_is_told(path, caplog):
    reader = stalled_pipe(path)
    log = EventLog(path, MonotonicClock())
    for _ in range(1000):
        log.on_fact(spoken())
    log.close()
    assert "bytes of the events" in caplog.text
    os.close(reader)


def test_what_waits_for_a_reader_has_a_bound(path, caplog):
    reader = stalled_pipe(path)
    log = EventLog(path, MonotonicClock())
    while log.has_reader:
        log.on_fact(spoken("spoken" * 10_000))
    assert caplog.messages == ["events are no longer written: nobody reads them"]
    log.on_fact(spoken())
    log.close()
    os.close(reader)


def test_a_reader_that_goes_away_while_lines_wait_is_told(path, caplog):
    reader = stalled_pipe(path)

    async def dictate() -> None:
        log = EventLog(path, MonotonicClock())
        log.on_fact(spoken("spoken" * 1000))
        os.close(reader)
        while log.has_reader:
            await asyncio.sleep(0)
            log.on_fact(spoken())
        log.close()

    asyncio.run(dictate())
    assert caplog.messages == ["events are no longer written: Broken pipe"]
