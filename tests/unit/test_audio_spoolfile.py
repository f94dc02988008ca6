import fcntl
import os
import wave

import pytest

from fakes.signals import numbered
from swictation.audio.spoolfile import SpoolFile, SpoolFolder

pytestmark = pytest.mark.unit


def is_locked(folder):
    with (folder / "lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_folder_names_boot_and_process_and_is_locked(tmp_path):
    folder = SpoolFolder(tmp_path / "a" / "spool")
    boot_id, _, pid = folder.path.name.rpartition("-")
    assert len(boot_id) == 36
    assert int(pid) == os.getpid()
    assert is_locked(folder.path)
    folder.close()


def test_an_empty_folder_goes_with_its_process(tmp_path):
    SpoolFolder(tmp_path).close()
    assert os.listdir(tmp_path) == []


def test_a_folder_with_sound_stays_and_is_no_longer_locked(tmp_path):
    folder = SpoolFolder(tmp_path)
    file = SpoolFile(folder.path, "000-000000")
    file.write(numbered(0, 100))
    file.finish()
    folder.close()
    assert file.sound.exists()
    assert not is_locked(folder.path)


def test_what_a_dead_process_of_the_same_number_left_is_never_written_over(tmp_path):
    """Process ids return: after a while, and in a container at every start."""
    first = SpoolFolder(tmp_path)
    left = SpoolFile(first.path, "000-000000")
    left.write(numbered(0, 100))
    left.finish()
    first.close()
    second = SpoolFolder(tmp_path)
    assert second.path != first.path
    assert is_locked(second.path)
    second.close()
    assert left.sound.exists()


def test_an_empty_folder_that_was_left_is_used_again(tmp_path):
    folder = SpoolFolder(tmp_path)
    path = folder.path
    folder.close()
    path.mkdir()
    (path / "lock").touch()
    again = SpoolFolder(tmp_path)
    assert again.path == path
    again.close()


def test_two_folders_at_a_time_are_two(tmp_path):
    first, second = SpoolFolder(tmp_path), SpoolFolder(tmp_path)
    assert first.path != second.path
    first.close()
    second.close()
    assert os.listdir(tmp_path) == []


def test_a_place_where_no_folder_can_be_made_is_an_os_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory"):
        SpoolFolder(tmp_path / "file" / "spool")


def test_closing_a_folder_that_is_gone_is_harmless(tmp_path):
    folder = SpoolFolder(tmp_path)
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
    with pytest.raises(OSError, match="No space left"):
        file.finish()
    file.finish()
    file.delete()
    assert os.listdir(tmp_path) == []
