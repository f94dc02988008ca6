"""`swictation model` as a program, on the real catalog and without a network."""

import json
import os
import subprocess
import sys

import pytest

from swictation.models.catalog import CATALOG, choose

pytestmark = pytest.mark.process


@pytest.fixture
def swictation(tmp_path):
    env = {
        **os.environ,
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
    }

    def run(*args):
        command = [sys.executable, "-m", "swictation", "model", *args]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def hollow(tmp_path):
    """The files of tiny.en in the right sizes, full of nothing (and taking no room on disk)."""
    folder = tmp_path / "data/swictation/models/whisper/tiny.en"
    folder.mkdir(parents=True)
    for file in choose("tiny.en", "en").files:
        with (folder / file.name).open("wb") as stream:
            stream.truncate(file.size_bytes)
    return folder


def test_list_shows_every_known_model(swictation):
    done = swictation("list")
    assert done.returncode == 0
    heading, *rows = done.stdout.splitlines()
    assert heading.split()[0] == "NAME"
    assert [row.split()[0] for row in rows] == [spec.name for spec in CATALOG]


def test_list_as_json_has_one_object_a_line(swictation, hollow):
    (hollow / "model.bin").unlink()
    rows = [json.loads(line) for line in swictation("list", "--json").stdout.splitlines()]
    assert [(row["name"], row["installed"]) for row in rows] == [
        ("tiny.en", "damaged"),
        ("base", "no"),
    ]
    assert set(rows[0]) == {"name", "languages", "parameters", "size_mb", "installed", "licence"}


@pytest.mark.parametrize("command", ["path", "verify"])
def test_a_missing_model_is_told_with_its_remedy(swictation, command):
    done = swictation(command, "tiny.en")
    assert (done.returncode, done.stdout) == (1, "")
    assert "  -> swictation model download tiny.en\n" in done.stderr


def test_path_prints_the_folder_alone(swictation, hollow):
    done = swictation("path")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{hollow}\n", "")


def test_a_download_of_what_is_there_says_so_unless_told_to_be_quiet(swictation, hollow):
    assert swictation("download", "auto").stdout == f"tiny.en is already there: {hollow}\n"
    quiet = swictation("download", "--quiet", "tiny.en")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


def test_verify_names_the_files_whose_bytes_are_wrong(swictation, hollow):
    done = swictation("verify")
    assert done.returncode == 1
    for file in choose("tiny.en", "en").files:
        assert f"{file.name} has a wrong sha256" in done.stderr
    assert "  -> swictation model download --force tiny.en\n" in done.stderr


def test_a_download_without_a_network_fails_with_two_lines_and_no_traceback(swictation):
    done = swictation("download", "--quiet", "--language", "de")
    assert (done.returncode, done.stdout) == (1, "")
    error, remedy = done.stderr.splitlines()
    assert "the model base could not be fetched" in error
    assert "Systran/faster-whisper-base" in remedy


def test_an_english_model_for_another_language_is_refused(swictation):
    done = swictation("download", "tiny.en", "--language", "de")
    assert done.returncode == 1
    assert "[asr] model" in done.stderr
