"""The commands that errors name, on machines of several kinds."""

import ast
import os
import re
import sys
from pathlib import Path

import pytest

from swictation import remedies
from swictation.daemon import systemd

pytestmark = pytest.mark.unit


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with systemctl, and nothing else."""
    (tmp_path / "bin").mkdir()
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.write_text("")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def start_systemd(machine: Path) -> None:
    (machine / "systemd").mkdir()
    (machine / "systemd" / "private").write_text("")


def install_service(machine: Path) -> None:
    unit = machine / "config" / "systemd" / "user" / "swictation.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("")


def test_no_remedy_names_systemd_where_there_is_none(machine):
    install_service(machine)
    running = remedies.already_running("4711")
    told = f"{remedies.start()} {remedies.restart()} {remedies.read_log()} {running.remedy}"
    assert not [word for word in ("systemctl", "journalctl", "service") if word in told]
    assert remedies.start().endswith(": swictation run")


def test_where_systemd_has_no_service_yet_it_can_be_installed(machine):
    start_systemd(machine)
    assert remedies.start().startswith("swictation service install  # or, ")
    assert "systemctl" not in remedies.restart()


def test_a_service_is_started_and_read_by_systemd(machine):
    start_systemd(machine)
    install_service(machine)
    assert remedies.start() == "systemctl --user start swictation"
    assert remedies.restart() == "systemctl --user restart swictation"
    assert remedies.read_log().startswith("journalctl --user -u swictation")
    running = remedies.already_running("4711")
    assert running.remedy.endswith("systemctl --user stop swictation  # or: kill 4711")


def test_where_path_lacks_the_program_its_own_path_is_told(machine, monkeypatch):
    program = machine / "my programs" / "swictation"
    program.parent.mkdir()
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.chdir(machine / "bin")
    told = remedies.typeable("swictation status; or: systemctl --user restart swictation")
    assert told == f"'{program}' status; or: systemctl --user restart swictation"
    monkeypatch.chdir(machine)
    assert remedies.typeable("swictation status") == "'my programs/swictation' status"
    assert remedies.typeable("swictation status", anywhere=True) == f"'{program}' status"


def test_where_path_has_it_its_name_will_do(machine):
    program = machine / "bin" / "swictation"
    program.write_text("")
    program.chmod(0o755)
    assert remedies.typeable("swictation status") == "swictation status"


@pytest.fixture
def lost_folder(machine, monkeypatch):
    """The program runs in a folder that is deleted, and PATH lacks it."""
    program = machine / "swictation"
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(program)])
    gone = machine / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    return program


@pytest.mark.parametrize("anywhere", [True, False])
def test_in_a_folder_that_is_deleted_the_whole_path_is_told(lost_folder, anywhere):
    told = remedies.typeable("swictation status", anywhere=anywhere)
    assert told == f"{lost_folder} status"


def test_the_program_is_looked_for_once(lost_folder):
    first = remedies.typeable("swictation status", anywhere=True)
    lost_folder.unlink()
    assert remedies.typeable("swictation status", anywhere=True) == first


def test_a_place_that_cannot_be_looked_at_holds_no_systemd(machine, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/" + "n" * 256)
    assert remedies.start().endswith(": swictation run")
    start_systemd(machine)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(machine))
    monkeypatch.setenv("XDG_CONFIG_HOME", "/" + "n" * 256)
    assert remedies.start().startswith("swictation service install  # or, ")


def test_a_daemon_in_a_terminal_is_not_the_service_that_is_installed(machine, monkeypatch):
    start_systemd(machine)
    install_service(machine)
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    monkeypatch.setenv("SYSTEMD_EXEC_PID", "1")
    assert systemd.how_to_restart() == "end it with Ctrl-C and start it again"
    monkeypatch.setenv("SYSTEMD_EXEC_PID", str(os.getpid()))
    assert systemd.how_to_restart() == "systemctl --user restart swictation"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("mmap failed"),
    ],
)
def test_short_memory_is_told_from_a_damaged_model(error):
    assert remedies.is_out_of_memory(error)
    assert not remedies.is_out_of_memory(RuntimeError("File model.bin is incomplete"))


def test_every_command_of_ours_gets_its_path_and_no_sentence_does(lost_folder):
    from swictation.cli.main import cli

    assert set(remedies.COMMANDS) == set(cli.commands or cli.list_commands(None))
    for command in remedies.COMMANDS:
        told = f"swictation was updated while it ran -> swictation {command}."
        assert remedies.typeable(told) == (
            f"swictation was updated while it ran -> {lost_folder} {command}."
        )


_COMMAND = r"(?:swictation|systemctl|journalctl|kill) [\w-]"
_JOINED = re.compile(rf"{_COMMAND}[^:#`]*(?:; |, )(?:or|then)\b")


def test_no_line_to_paste_joins_commands_by_words():
    sources = Path(remedies.__file__).parent.rglob("*.py")
    found = [
        (path.name, node.value)
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if "\n" not in node.value and _JOINED.search(node.value)
    ]
    assert not found


def test_by_a_link_to_it_the_program_is_the_same(tmp_path, monkeypatch):
    program = Path(sys.executable).with_name("swictation")
    link = tmp_path / "swictation"
    link.symlink_to(program)
    monkeypatch.setattr(sys, "argv", [str(link)])
    assert remedies.this_program() == (str(program),)
