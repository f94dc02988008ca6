"""The last line of a run says what was skipped and how to have it: of a run of its own."""

import subprocess
import sys

import pytest

from patience import PATIENCE_S

pytestmark = pytest.mark.process

TESTS = """
import pytest
def test_passes(): pass
@pytest.mark.slow
def test_costs_much(): pass
@pytest.mark.desktop
def test_needs_windows(): pytest.skip("xterm is not installed")
@pytest.mark.gpu
def test_needs_a_gpu(): pytest.skip("no NVIDIA GPU")
def test_needs_root(): pytest.skip("needs root")
"""
CONFTEST = """
from left_out import LeftOut
def pytest_configure(config):
    config.pluginmanager.register(LeftOut(config))
"""


@pytest.fixture
def last_line(tmp_path):
    """`last_line(*options)` of a run over a few tests."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n slow\n desktop\n gpu\n")

    def run(*options):
        command = [sys.executable, "-m", "pytest", "-q", *options, str(tmp_path)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            env={"PYTHONPATH": ":".join(sys.path)},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()[-1]

    return run


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_tier_says_what_it_leaves_out(last_line, workers):
    told = last_line("-m", "not (slow or desktop or gpu)", *workers)
    assert told.startswith("skipped: ")
    assert set(told.removeprefix("skipped: ").split("), ")) == {
        "1 slow test (make test-all",
        "1 window test (make test-desktop",
        "1 GPU test (make test-all, with an NVIDIA GPU",
        "1 test (needs root)",
    }


def test_what_was_asked_for_and_cannot_run_says_why(last_line):
    assert last_line("-m", "desktop").endswith("1 test (xterm is not installed)")


def test_what_a_user_leaves_out_he_knows(last_line):
    assert last_line("-k", "passes") == "skipped: nothing"
