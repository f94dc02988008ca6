"""sd_notify against a real socket, as systemd would hold it."""

import os
import socket
import subprocess
import sys

import pytest

from patience import PATIENCE_S
from swictation.daemon import systemd

pytestmark = pytest.mark.process


@pytest.fixture(params=["file", "abstract"])
def manager(request, monkeypatch, tmp_path):
    """The manager's end of the socket."""
    name = f"swictation-test-{os.getpid()}-{request.node.name[:20]}"
    is_file = request.param == "file"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify") if is_file else f"\0{name}")
        receiver.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify") if is_file else f"@{name}")
        yield receiver


def test_a_message_arrives_whole(manager):
    systemd.notify("READY=1")
    assert manager.recv(4096) == b"READY=1"


def test_a_status_stays_one_line_so_that_it_cannot_hold_another_assignment(manager):
    systemd.status("fetching\ntiny.en:\nWATCHDOG=trigger  3 %")
    assert manager.recv(4096) == b"STATUS=fetching tiny.en: WATCHDOG=trigger 3 %"


@pytest.mark.parametrize("address", [None, "", "/no/such/socket", "vsock:2:1", "/" + "x" * 300])
def test_without_a_manager_nothing_happens(monkeypatch, address):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.notify("READY=1")


def test_a_manager_that_does_not_read_is_not_waited_for_long(manager):
    manager.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for _ in range(3):  # far more than its queue takes, were it for ever
        systemd.notify("X" * 1000)


@pytest.mark.parametrize(
    ("limit_us", "meant_for", "interval_s"),
    [
        ("20000000", "me", 10.0),
        ("20000000", None, 10.0),
        ("20000000", "1", None),
        ("0", "me", None),
        ("soon", "me", None),
        (None, None, None),
    ],
)
def test_the_interval_is_half_of_what_systemd_allows_this_process(
    monkeypatch, limit_us, meant_for, interval_s
):
    own = {"me": str(os.getpid())}
    for name, value in {"WATCHDOG_USEC": limit_us, "WATCHDOG_PID": meant_for}.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, own.get(value, value))
    assert systemd.watchdog_interval_s() == interval_s


def is_unit(stderr, **environment):
    """What a process of its own says with that stderr and environment."""
    known = ("SYSTEMD_EXEC_PID", "JOURNAL_STREAM", "INVOCATION_ID")
    clean = {name: value for name, value in os.environ.items() if name not in known}
    code = "from swictation.daemon.systemd import is_unit; print(is_unit())"
    command = ["sh", "-c", f'{environment.pop("before", "")} exec "$@"', "sh", sys.executable]
    done = subprocess.run(
        [*command, "-c", code],
        env={**clean, **environment},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        check=True,
    )
    return done.stdout.strip() == "True"


def test_it_is_a_unit_where_systemd_executed_it_or_its_stderr_is_the_journals(tmp_path):
    with (tmp_path / "journal").open("w") as journal:
        at = os.fstat(journal.fileno())
        stream = f"{at.st_dev}:{at.st_ino}"
        assert is_unit(journal, JOURNAL_STREAM=stream)
        assert is_unit(journal, before="SYSTEMD_EXEC_PID=$$; export SYSTEMD_EXEC_PID;")
        assert not is_unit(journal)


def test_what_is_typed_into_a_terminal_that_is_a_unit_is_none(tmp_path):
    with (tmp_path / "terminal").open("w") as terminal:
        assert not is_unit(
            terminal, SYSTEMD_EXEC_PID="1", JOURNAL_STREAM="1:2", INVOCATION_ID="a" * 32
        )
