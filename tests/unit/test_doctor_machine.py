import pytest

from swictation.config.settings import AsrSettings, Settings
from swictation.doctor.finding import Subject
from swictation.doctor.machine import judge_memory, judge_python, memory, python
from swictation.models.store.store import ModelLocation

pytestmark = pytest.mark.unit

REQUIRED = ">=3.11,<3.14"


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 9), (3, 13, 1)])
def test_a_python_that_the_package_is_made_for_is_fine(version):
    assert judge_python(version, REQUIRED).level == "ok"


def test_the_order_in_which_the_metadata_name_the_bounds_does_not_matter():
    assert judge_python((3, 12, 0), "<3.14,>=3.11").level == "ok"


def test_an_older_python_is_an_error_and_a_newer_one_a_warning():
    old, new = judge_python((3, 10, 2), REQUIRED), judge_python((3, 14, 0), REQUIRED)
    assert (old.level, new.level) == ("error", "warning")
    assert old.found == "3.10.2: swictation is made for >=3.11,<3.14"
    assert "python3.11" in old.remedy


def test_the_python_that_runs_these_tests_is_fine():
    assert [finding.level for finding in python(Subject())] == ["ok"]


@pytest.mark.parametrize(("weights", "needed"), [(75_537_502, 351), (145_217_532, 490)])
def test_an_engine_needs_room_for_its_weights_and_for_itself(weights, needed):
    assert judge_memory(needed, weights).level == "ok"
    scarce = judge_memory(needed - 1, weights)
    assert scarce.level == "warning"
    assert f"{needed - 1} MiB available, the engine takes about {needed}" in scarce.found
    assert scarce.remedy


def test_the_weights_of_the_model_that_was_found_are_what_counts(tmp_path):
    with (tmp_path / "model.bin").open("wb") as file:
        file.truncate(2**40)  # takes no room on disk
    (found,) = memory(Subject(model=ModelLocation("huge", tmp_path)))
    assert found.level == "warning"


def test_without_a_model_the_one_to_be_downloaded_counts():
    settings = Settings(asr=AsrSettings(model="base"))
    (found,) = memory(Subject(settings=settings))
    assert "takes about 49" in found.found
    (found,) = memory(Subject(settings=Settings(asr=AsrSettings(model="/my/own"))))
    assert "takes about 200" in found.found
