"""What a model takes: kept from an earlier time, or from the table, with the reason."""

import hashlib
import json
import shlex
import sys
from pathlib import Path

import pytest

from fakes.made_nemo import config
from swictation import remedies
from swictation.asr.engines.canary.memory.plans import compute, kept, known, table
from swictation.asr.engines.canary.provider import CanaryProvider
from swictation.asr.memory_plan import MemoryPlan
from swictation.config.settings import Settings
from swictation.models.catalog.catalog import named

pytestmark = pytest.mark.unit

PLAN = {"precision": "fp16", "weights_mib": 1.0, "buffer_mib": 2.0, "activation_mib": 3.0}
SPEC = named("canary-1b-flash")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model_config.yaml").write_bytes(config())
    sha256 = hashlib.sha256(config()).hexdigest()
    told = {"config_sha256": sha256, "plans": {"5": [PLAN]}}
    (tmp_path / "plan.json").write_text(json.dumps(told))
    return tmp_path


@pytest.fixture
def no_extra(monkeypatch):
    """Neither torch nor NeMo can be found, whatever this environment has."""
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.path_importer_cache", {})


def test_what_was_computed_before_is_kept_for_that_buffer(folder):
    assert known(folder, 5.0, SPEC.name) == (MemoryPlan("fp16", 1.0, 2.0, 3.0),)
    assert kept(folder, 10.0) == ()
    assert known(folder, 10.0, SPEC.name) == table(SPEC.name)


def test_another_configuration_makes_what_was_kept_void(folder):
    (folder / "model_config.yaml").write_bytes(config(sample_rate=8000))
    assert kept(folder, 5.0) == ()


@pytest.mark.parametrize("text", ["", "{}", "[1]"])
def test_a_broken_file_is_as_none(folder, text):
    (folder / "plan.json").write_text(text)
    assert kept(folder, 5.0) == ()


def test_without_the_extra_nobody_computes_it(folder, no_extra):
    canary = CanaryProvider("canary")
    options = canary.options(Settings())
    assert canary.forecast_call(folder.parent, SPEC.name, options) == ()
    assert known(folder, 10.0, "mine") == ()


def test_where_it_cannot_be_computed_nothing_is_kept(folder):
    (folder / "model_config.yaml").write_bytes(b"target: another")
    compute(folder, 10.0)
    assert kept(folder, 10.0) == ()


def test_how_to_install_an_extra_is_told_as_this_checkout_needs_it():
    command = remedies.install_command("canary")
    checkout = Path(remedies.__file__).parents[1]
    if Path(sys.prefix) == checkout / ".venv":
        assert command == f"make -C {checkout} canary"
    else:
        assert " -m pip install " in command
        assert "[canary]'" in command


def test_a_package_is_installed_by_the_extra_that_brings_it():
    assert remedies.install_command_for("silero-vad") == remedies.install_command("canary")
    command = remedies.install_command_for("silero")
    assert command == f"{shlex.quote(sys.executable)} -m pip install silero"


def test_what_the_makefile_does_not_install_is_not_asked_of_it():
    assert "[plot]'" in remedies.install_command("plot")
