import os
import subprocess

import msgspec
import pytest

from fakes.signals import numbered
from fakes.spooled import secured
from swictation.audio.spoolfile import SpoolFile
from swictation.doctor.finding import Subject
from swictation.doctor.orphaned_audio import Leftover, find, orphaned_audio
from swictation.paths import spool_dir

pytestmark = pytest.mark.unit


def keep(folder, name, seconds, *, finished=True):
    file = SpoolFile(folder, name)
    file.write(numbered(0, round(seconds * 16_000)))
    if finished:
        file.finish()
    return file


@pytest.fixture
def living():
    folder = secured(spool_dir())
    yield folder
    folder.close()


@pytest.fixture
def dead():
    """The folder of a process that died while somebody spoke."""
    folder = spool_dir() / "some-boot-4711"
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    return folder


def test_without_a_spool_nothing_is_left_over():
    assert find(spool_dir()) == []
    (found,) = orphaned_audio(Subject())
    assert (found.level, found.remedy) == ("ok", "")


def test_what_a_living_process_keeps_is_not_left_over(living):
    keep(living.path, "000-000000", 1.0)
    assert find(spool_dir()) == []


def test_looking_does_not_take_the_lock_away(living):
    find(spool_dir())
    keep(living.path, "000-000000", 1.0)
    assert find(spool_dir()) == []


def test_the_sound_of_a_dead_process_is_found_and_measured(dead):
    keep(dead, "000-000000", 2.0)
    keep(dead, "000-000001", 1.5)
    assert find(spool_dir()) == [Leftover(dead, 2, 3.5)]


def test_a_file_that_was_never_finished_is_measured_by_its_size(dead):
    growing = keep(dead, "000-000000", 4.0, finished=False)
    assert find(spool_dir()) == [Leftover(dead, 1, 4.0)]
    growing.finish()


def test_an_empty_folder_is_no_matter(dead):
    assert find(spool_dir()) == []


def test_a_folder_without_a_lock_belongs_to_nobody(dead):
    (dead / "lock").unlink()
    keep(dead, "000-000000", 1.0)
    assert len(find(spool_dir())) == 1


def test_every_folder_is_told_with_its_length_its_path_and_what_to_type(dead):
    keep(dead, "000-000000", 90.0)
    other = dead.with_name("some boot-12")
    other.mkdir()
    keep(other, "000-000000", 1.0)
    by_name = [found for found in orphaned_audio(Subject()) if found.level == "warning"]
    assert len(by_name) == 2
    assert f"1.0 s of sound (1 utterance) without its text in {other}" in by_name[0].found
    assert f"swictation transcribe '{other}'/*.wav" in by_name[0].remedy
    assert "1.5 min of sound (1 utterance)" in by_name[1].found


def test_strangers_in_the_spool_are_left_alone(dead):
    (spool_dir() / "notes.txt").write_text("mine")
    assert find(spool_dir()) == []


# --- not all that lies there is sound ------------------------------------------------------------


def cut(dead):
    path = dead / "000-000009.wav"
    path.write_bytes(b"RIFF")
    return path


def empty(dead):
    path = dead / "000-000009.wav"
    path.touch()
    return path


def header_alone(dead):
    keep(dead, "000-000009", 0.0)
    return dead / "000-000009.wav"


def damaged(dead):
    path = keep(dead, "000-000009", 1.0).sound
    with path.open("r+b") as file:
        file.write(bytes(44))
    return path


def link(dead):
    path = dead / "000-000009.wav"
    path.symlink_to("/etc/passwd")
    return path


def hanging_link(dead):
    path = dead / "000-000009.wav"
    path.symlink_to("/nowhere")
    return path


def folder(dead):
    path = dead / "000-000009.wav"
    path.mkdir()
    return path


def pipe(dead):
    path = dead / "000-000009.wav"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("kind", [cut, empty, header_alone, link, hanging_link, pipe])
def test_what_is_no_sound_is_named_with_what_to_do_and_left_out(dead, kind):
    good = keep(dead, "000-000000", 2.0)
    bad = kind(dead)
    told = list(orphaned_audio(Subject()))
    assert [found.level for found in told] == ["warning", "warning"]
    assert "2.0 s of sound (1 utterance)" in told[0].found
    assert str(good.sound) in told[0].remedy
    assert str(bad) not in told[0].remedy
    assert str(bad) in told[1].found
    assert str(bad) in told[1].remedy
    done = subprocess.run(told[1].remedy.split(" && ")[0], shell=True, check=False)
    assert done.returncode == 0
    left = list(orphaned_audio(Subject()))
    assert len(left) == 1, "with what it says done, it is well"
    assert "2.0 s of sound" in left[0].found


def test_a_damaged_header_costs_no_sound(dead):
    keep(dead, "000-000000", 2.0)
    damaged(dead)
    (told,) = orphaned_audio(Subject())
    assert "3.0 s of sound (2 utterances)" in told.found
    assert told.remedy.startswith("swictation transcribe ")


def test_a_folder_in_place_of_a_sound_is_named(dead):
    bad = folder(dead)
    (told,) = orphaned_audio(Subject())
    assert str(bad) in told.found
    assert "is a folder" in told.found


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root: it becomes nobody")
def test_what_may_not_be_read_is_named(dead):
    keep(dead, "000-000000", 2.0)
    theirs = keep(dead, "000-000001", 1.0).sound
    theirs.chmod(0o600)
    (dead / "000-000000.wav").chmod(0o644)
    for parent in (dead, *dead.parents):
        if parent.stat().st_mode & 0o005 != 0o005:
            parent.chmod(0o755)
    os.seteuid(65534)
    try:
        told = list(orphaned_audio(Subject()))
    finally:
        os.seteuid(0)
    assert "cannot be read" in told[1].found
    assert "sudo chown" in told[1].remedy
    assert str(theirs) not in told[0].remedy


def test_a_link_to_a_folder_is_not_followed(dead):
    keep(dead, "000-000000", 1.0)
    (dead.with_name("link")).symlink_to(dead)
    assert len(find(spool_dir())) == 1


def note(file, *records):
    file.write_lines([msgspec.json.encode(record) + b"\n" for record in records])


ASIDE, OFFERED = {"set-aside": {"is_tried_again": True}}, {"offered": {}}
SAID = {"intent": {"n": 1, "text": "secret words"}}


def test_what_a_living_process_has_set_aside_is_named_with_its_length_and_path(living):
    keep(living.path, "000-000000", 1.0)
    file = keep(living.path, "000-000001", 2.5)
    note(file, SAID, ASIDE)
    (found,) = orphaned_audio(Subject())
    assert (found.level, found.remedy) == ("warning", "swictation retry")
    assert f"2.5 s of sound on which the engine died, set aside in {file.sound}" in found.found
    assert "secret" not in found.found


def test_what_a_file_being_transcribed_has_set_aside_is_transcribed_by_hand(living):
    file = keep(living.path, "000-000001", 1.0)
    note(file, {"set-aside": {"is_tried_again": False}})
    (found,) = orphaned_audio(Subject())
    assert found.remedy == f"swictation transcribe {file.sound}"


@pytest.mark.parametrize("records", [[SAID], [ASIDE, OFFERED], [ASIDE, OFFERED, SAID]])
def test_what_has_its_text_or_will_have_it_is_not(living, records):
    note(keep(living.path, "000-000001", 1.0), *records)
    assert [found.level for found in orphaned_audio(Subject())] == ["ok"]


def test_notes_that_are_cut_or_strange_are_no_reason_to_fail(living):
    file = keep(living.path, "000-000001", 1.0)
    file.lines.write_bytes(b'\xff{"set-aside": 7}\n{"set-aside": {}}\n{"intent": {"n"')
    (found,) = orphaned_audio(Subject())
    assert found.level == "warning"


def test_the_notes_of_a_sound_that_is_gone_are_no_matter(living):
    file = keep(living.path, "000-000001", 1.0)
    note(file, ASIDE)
    file.sound.unlink()
    assert [found.level for found in orphaned_audio(Subject())] == ["ok"]


def test_a_dead_process_is_named_once_whatever_it_had_set_aside(dead):
    note(keep(dead, "000-000001", 1.0), ASIDE)
    assert len(list(orphaned_audio(Subject()))) == 1
