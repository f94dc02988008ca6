"""The command line in a locale that is not UTF-8."""

import json
import os
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""As close to a locale of old as every machine has."""


def swictation(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "swictation", *map(str, arguments)],
        env=os.environ | ASCII | environment,
        capture_output=True,
        check=False,
    )


def test_a_file_whose_name_the_locale_lacks_is_transcribed(sample, tmp_path, whisper_model):
    path = tmp_path / "Übung 中.flac"
    shutil.copy(sample, path)
    done = swictation("transcribe", "--json", path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["file"] == str(path)


def test_a_model_in_a_folder_whose_name_the_locale_lacks_is_loaded(sample, tmp_path, whisper_model):
    models = tmp_path / "Größe 中" / "swictation" / "models" / "whisper"
    models.mkdir(parents=True)
    (models / "tiny.en").symlink_to(whisper_model)
    done = swictation("transcribe", sample, XDG_DATA_HOME=str(tmp_path / "Größe 中"))
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_the_terminal_cannot_show_is_escaped():
    done = swictation("transcribe", "/nowhere/Übung 中.wav", PYTHONIOENCODING="iso-8859-1")
    assert done.returncode == 1
    assert b"/nowhere/\xdcbung \\u4e2d.wav does not exist." in done.stderr
