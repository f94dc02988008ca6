"""What is told where no worker can be kept alive."""

import pytest

from swictation.errors import EngineError
from swictation.worker import pool

pytestmark = pytest.mark.unit


def told(reason, error=None):
    return pool.gave_up(reason, error, "restart it").on_one_line


@pytest.fixture
def updated(monkeypatch):
    monkeypatch.setattr(pool, "was_updated_under", lambda _: True)


@pytest.mark.parametrize("error", [None, EngineError("no such setting.", "swictation doctor")])
def test_after_an_update_a_restart_is_asked_for_whatever_the_new_worker_says(updated, error):
    said = "no such setting" if error else "it exited with 2"
    assert told("it exited with 2", error) == (
        "swictation was updated while it ran, and the new engine does not fit the old daemon "
        f"({said}). -> restart it"
    )


@pytest.mark.parametrize(
    "line",
    [
        "/usr/bin/python: No module named swictation.worker.child",
        "ModuleNotFoundError: No module named 'swictation.worker.decoder'",
        "ImportError: cannot import name 'Ready' from 'swictation.worker.protocol' (/a/b.py)",
    ],
)
def test_a_module_that_was_renamed_leaves_no_younger_file_but_the_worker_says_so(line):
    assert told(f"it exited with 1, and said last: {line}").endswith("-> restart it")


def test_otherwise_the_engine_is_what_dies(monkeypatch):
    monkeypatch.setattr(pool, "was_updated_under", lambda _: False)
    assert told("it hung").endswith("-> swictation doctor")
    assert told("it hung", EngineError("no GPU", "nvidia-smi")) == "no GPU -> nvidia-smi"
