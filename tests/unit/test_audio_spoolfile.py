import errno
import fcntl
import os
import resource
import wave

import pytest

from fakes.signals import numbered
from fakes.spooled import secured
from swictation.audio.spoolfile import SpoolFile

pytestmark = pytest.mark.unit


def is_locked(folder):
    with (folder / "lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_folder_names_boot_and_process_and_is_locked(tmp_path):
    folder = secured(tmp_path / "a" / "spool")
    boot_id, _, pid = folder.path.name.rpartition("-")
    assert len(boot_id) == 36
    assert int(pid) == os.getpid()
    assert is_locked(folder.path)
    folder.close()


def test_an_empty_folder_goes_with_its_process(tmp_path):
    secured(tmp_path).close()
    assert os.listdir(tmp_path) == []


def test_a_folder_with_sound_stays_and_is_no_longer_locked(tmp_path):
    folder = secured(tmp_path)
    file = SpoolFile(folder.path, "000-000000")
    file.write(numbered(0, 100))
    file.finish()
    folder.close()
    assert file.sound.exists()
    assert not is_locked(folder.path)


def test_what_a_dead_process_of_the_same_number_left_is_never_written_over(tmp_path):
    """Process ids return: after a while, and in a container at every start."""
    first = secured(tmp_path)
    left = SpoolFile(first.path, "000-000000")
    left.write(numbered(0, 100))
    left.finish()
    first.close()
    second = secured(tmp_path)
    assert second.path != first.path
    assert is_locked(second.path)
    second.close()
    assert left.sound.exists()


def test_an_empty_folder_that_was_left_is_used_again(tmp_path):
    folder = secured(tmp_path)
    path = folder.path
    folder.close()
    path.mkdir()
    (path / "lock").touch()
    again = secured(tmp_path)
    assert again.path == path
    again.close()


def test_two_folders_at_a_time_are_two(tmp_path):
    first, second = secured(tmp_path), secured(tmp_path)
    assert first.path != second.path
    first.close()
    second.close()
    assert os.listdir(tmp_path) == []


def test_a_place_where_no_folder_can_be_made_is_an_os_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory"):
        secured(tmp_path / "file" / "spool")


def test_closing_a_folder_that_is_gone_is_harmless(tmp_path):
    folder = secured(tmp_path)
    (folder.path / "lock").unlink()
    folder.path.rmdir()
    folder.close()


def test_nothing_is_on_disk_before_the_first_sample(tmp_path):
    file = SpoolFile(tmp_path, "one")
    assert os.listdir(tmp_path) == []
    file.finish()
    file.delete()
    assert os.listdir(tmp_path) == []


def test_the_header_tells_the_length_once_it_is_known(tmp_path):
    file = SpoolFile(tmp_path, "one")
    file.write(numbered(0, 100))
    file.write(numbered(100, 250))
    file.finish()
    with wave.open(str(file.sound)) as sound:
        assert sound.getnframes() == 250
        assert sound.readframes(250) == numbered(0, 250).tobytes()


def test_a_file_that_cannot_be_finished_lets_go_of_it_all_the_same(tmp_path):
    file = SpoolFile(tmp_path, "one")
    file.sound.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        file.write(numbered(0, 100))
    file.finish()
    file.delete()
    assert os.listdir(tmp_path) == []


@pytest.fixture
def synced(monkeypatch):
    """The names of what was synced, in order; it is synced all the same."""
    names, really = [], os.fdatasync

    def note(number):
        names.append(os.path.basename(os.readlink(f"/proc/self/fd/{number}")))
        really(number)

    monkeypatch.setattr("os.fdatasync", note)
    return names


def test_what_is_synced_is_the_sound_and_once_its_name(tmp_path, synced):
    file = SpoolFile(tmp_path, "one")
    file.write(numbered(0, 100))
    file.sync()
    assert synced == ["one.wav", tmp_path.name]
    file.sync()
    assert len(synced) == 2, "nothing new"
    file.write(numbered(100, 200))
    file.finish()
    assert synced[2:] == ["one.wav"]


def test_what_could_not_be_synced_is_written_again(tmp_path, monkeypatch):
    """After an error the kernel takes the lost pages for written."""
    file = SpoolFile(tmp_path, "one")
    file.write(numbered(0, 100))
    file.sync()
    file.write(numbered(100, 200))

    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr("os.fdatasync", fail)
        with pytest.raises(OSError, match="Input/output"):
            file.sync()
    assert file.samples == 100
    file.write(numbered(100, 200))
    file.finish()
    with wave.open(str(file.sound)) as sound:
        assert sound.readframes(300) == numbered(0, 200).tobytes()


def test_a_file_system_that_cannot_sync_is_no_trouble(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("os.fdatasync", fail)
    file = SpoolFile(tmp_path, "one")
    file.write(numbered(0, 100))
    file.finish()
    assert file.samples == 100


def test_a_write_that_is_cut_short_goes_on_at_the_last_whole_sample_and_line(tmp_path):
    file = SpoolFile(tmp_path, "one")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (44 + 2 * 150 + 1, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            file.write(numbered(0, 200))
        with pytest.raises(OSError, match="File too large"):
            file.write_lines([b"a" * 200 + b"\n", b"b" * 200 + b"\n"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.samples == 150
    assert file.sound.stat().st_size == 44 + 2 * 150
    assert file.lines.read_bytes() == b"a" * 200 + b"\n"
    file.write(numbered(150, 200))
    file.write_lines([b"a" * 200 + b"\n", b"b" * 200 + b"\n"])
    file.finish()
    assert file.lines.read_bytes() == b"a" * 200 + b"\n" + b"b" * 200 + b"\n"
    with wave.open(str(file.sound)) as sound:
        assert sound.readframes(300) == numbered(0, 200).tobytes()


def test_where_there_is_no_room_for_a_header_no_file_is_left(tmp_path):
    file = SpoolFile(tmp_path, "one")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            file.write(numbered(0, 200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == []
