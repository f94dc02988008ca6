import asyncio
import fcntl
import os

import pytest

from swictation.config.load import Loaded
from swictation.config.settings import Settings
from swictation.daemon.app import Daemon, Options
from swictation.daemon.single_instance import single_instance
from swictation.errors import AlreadyRunning
from swictation.paths import daemon_lock_files

pytestmark = pytest.mark.unit


@pytest.fixture
def other():
    """Another process's lock."""
    files = []

    def hold(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.append(path.open("a+"))
        fcntl.flock(files[-1], fcntl.LOCK_EX)
        return files[-1]

    yield hold
    for file in files:
        file.close()


def test_the_places_are_the_runtime_folder_and_the_state_folder(own_folders):
    first, second = daemon_lock_files()
    assert first == own_folders / "runtime" / "swictation" / "daemon.lock"
    assert second == own_folders / "state" / "swictation" / "daemon.lock"


@pytest.mark.parametrize("value", ["", "relative", "/nonexistent"])
def test_without_a_runtime_folder_it_is_the_state_folder(monkeypatch, own_folders, value):
    monkeypatch.setenv("XDG_RUNTIME_DIR", value)
    assert daemon_lock_files() == (own_folders / "state" / "swictation" / "daemon.lock",)


@pytest.mark.parametrize("number", [0, 1])
def test_whoever_holds_one_of_them_keeps_others_out(other, number):
    file = other(daemon_lock_files()[number])
    file.write("4711\n")
    file.flush()
    with pytest.raises(AlreadyRunning, match="process 4711"), single_instance(*daemon_lock_files()):
        pass


def test_both_are_held_and_free_again(other):
    with single_instance(*daemon_lock_files()):
        for path in daemon_lock_files():
            assert path.read_text() == f"{os.getpid()}\n"
            with path.open() as file, pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with single_instance(*daemon_lock_files()):
        pass


def test_one_place_that_cannot_be_written_is_left_out(tmp_path, caplog):
    (tmp_path / "file").touch()
    good = tmp_path / "good" / "lock"
    with single_instance(tmp_path / "file" / "lock", good):
        assert good.exists()
    assert caplog.records == []


def test_without_any_place_it_goes_on_and_warns(tmp_path, caplog):
    (tmp_path / "file").touch()
    with single_instance(tmp_path / "file" / "lock"):
        pass
    assert "no lock is possible at" in caplog.text


def test_what_stands_in_a_lock_is_not_believed_if_it_is_no_number(other, tmp_path):
    file = other(tmp_path / "lock")
    file.write("rm -r ~\n")
    file.flush()
    with pytest.raises(AlreadyRunning) as refused, single_instance(tmp_path / "lock"):
        pass
    assert "rm" not in refused.value.message + refused.value.remedy


def test_a_second_daemon_leaves_the_events_of_the_first_as_they_are(tmp_path, other):
    path = tmp_path / "events.jsonl"
    path.write_text("what was said")
    path.chmod(0o600)
    other(daemon_lock_files()[0])
    second = Daemon(Options(lambda: Loaded(Settings(), (), None), ("none",), events=path))
    with pytest.raises(AlreadyRunning):
        asyncio.run(second.run())
    assert path.read_text() == "what was said"
