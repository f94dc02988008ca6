"""Whether the program was changed while it runs."""

import os
from pathlib import Path

import psutil
import pytest

from swictation import build

pytestmark = pytest.mark.unit


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only module of a program that lies elsewhere."""
    monkeypatch.setattr(build, "_ROOT", tmp_path)
    path = tmp_path / "deep" / "module.py"
    path.parent.mkdir()
    path.touch()
    return path


@pytest.mark.parametrize(("after_s", "is_updated"), [(-60, False), (60, True)])
def test_a_module_that_is_younger_than_the_process_is_an_update(module, after_s, is_updated):
    began_s = psutil.Process().create_time()
    os.utime(module, (began_s + after_s, began_s + after_s))
    assert build.was_updated_under(os.getpid()) == is_updated


def test_a_process_that_is_gone_runs_no_old_code(module):
    assert not build.was_updated_under(2**22 + 1)
