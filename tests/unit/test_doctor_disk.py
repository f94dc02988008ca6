import os
import subprocess

import pytest

from swictation.config.settings import Settings, SpoolSettings
from swictation.doctor import disk
from swictation.doctor.finding import Subject
from swictation.models.store.store import ModelLocation

pytestmark = pytest.mark.unit

REMEDY = "free some room"


def spool(**settings):
    (found,) = disk.spool(Subject(settings=Settings(spool=SpoolSettings(**settings))))
    return found


def test_enough_room_is_fine(tmp_path):
    found = disk.judge("spool disk", tmp_path, 200, "", 200, REMEDY)
    assert (found.level, found.remedy) == ("ok", "")


def test_too_little_room_is_a_warning(tmp_path):
    found = disk.judge("spool disk", tmp_path, 100_000_000, "", 115_000_000, REMEDY)
    assert (found.level, found.remedy) == ("warning", REMEDY)
    assert "100 MB free" in found.found
    assert "115 MB needed" in found.found


def test_a_full_disk_is_an_error_whose_remedy_is_room(tmp_path):
    found = disk.judge("spool disk", tmp_path, 0, "no space left on device", 1, REMEDY)
    assert (found.level, found.remedy) == ("error", REMEDY)


def test_a_folder_that_cannot_be_written_is_an_error_that_shows_where_to_look(tmp_path):
    found = disk.judge("spool disk", tmp_path / "a b" / "c", 0, "permission denied", 1, REMEDY)
    assert found.level == "error"
    assert str(tmp_path) in found.remedy
    assert "permission denied" in found.found


def test_the_shown_command_can_be_typed_even_if_the_folder_has_a_space(tmp_path):
    folder = tmp_path / "a b"
    folder.mkdir()
    found = disk.judge("spool disk", folder, 0, "permission denied", 1, REMEDY)
    command = found.remedy.partition(": ")[2]
    assert subprocess.run(command, shell=True, check=True, capture_output=True).stdout


def test_a_probe_leaves_nothing_behind_and_makes_no_folder(tmp_path):
    free, fault = disk.probe(tmp_path / "not" / "there" / "yet")
    assert free > 0
    assert fault == ""
    assert os.listdir(tmp_path) == []


def test_a_file_in_the_way_is_a_fault(tmp_path):
    (tmp_path / "file").touch()
    assert disk.probe(tmp_path / "file" / "spool") == (0, "not a directory")


def test_a_place_where_nothing_can_be_written_is_a_fault():
    assert disk.probe(disk.nearest(disk.Path("/proc/swictation/spool")))[1]


def test_a_link_to_nowhere_is_a_fault(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert disk.probe(tmp_path / "link")[1] == "no such file or directory"


def test_the_nearest_folder_is_the_one_that_is_there(tmp_path):
    assert disk.nearest(tmp_path) == tmp_path
    assert disk.nearest(tmp_path / "a" / "b") == tmp_path


def test_the_spool_needs_room_for_as_many_minutes_as_it_may_keep():
    assert spool(max_minutes=1.0).level == "ok"


def test_without_a_spool_no_room_is_needed():
    found = spool(enabled=False)
    assert found.level == "ok"
    assert "memory only" in found.found


def test_a_model_that_is_there_needs_no_more_room(tmp_path):
    (found,) = disk.models(Subject(model=ModelLocation("tiny.en", tmp_path)))
    assert found.level == "ok"
