"""What `make` says where nothing is to be made."""

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not shutil.which("make"), reason="make is not installed"),
]

MAKEFILE = Path(__file__).parents[2] / "Makefile"


def make(folder, *goals):
    shutil.copy(MAKEFILE, folder)
    (folder / "pyproject.toml").touch()
    return subprocess.run(
        ["make", *goals], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def install(folder, python):
    program = folder / ".venv" / "bin" / "swictation"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!{python}\n")


def test_a_folder_that_was_moved_is_told_with_what_to_type(tmp_path):
    install(tmp_path, tmp_path / "where it was" / "python")
    done = make(tmp_path, "run", "--dry-run")
    assert (done.returncode, done.stdout) == (2, "")
    assert "this folder was moved" in done.stderr
    assert "make clean run" in done.stderr
    assert make(tmp_path, "clean", "run", "--dry-run").returncode == 0


def test_a_folder_that_was_not_moved_is_left_alone(tmp_path):
    install(tmp_path, "/bin/sh")
    assert make(tmp_path, "run", "--dry-run").returncode == 0


@pytest.mark.parametrize("goal", ["help", "install"])
def test_what_there_is_to_make_is_told(tmp_path, goal):
    done = make(tmp_path, goal)
    assert done.returncode == 0
    for word in ("make run", "make test", "make canary", "service install"):
        assert word in done.stdout
