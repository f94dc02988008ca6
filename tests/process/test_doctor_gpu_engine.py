"""Whether the engine of the configuration can be had, and can use a GPU."""

from importlib.util import find_spec

import msgspec
import pytest

from swictation import remedies
from swictation.config.settings import Settings
from swictation.doctor import gpu
from swictation.doctor.finding import Subject
from swictation.doctor.model import engine

pytestmark = pytest.mark.process

ASK = ("Canary", "swictation.asr.engines.canary.ask")


def subject(**asr):
    settings = Settings()
    made = Subject(None)
    made.settings = msgspec.structs.replace(
        settings, asr=msgspec.structs.replace(settings.asr, **asr)
    )
    return made


def test_canary_without_its_libraries_is_an_error_with_the_line_that_installs_them():
    if find_spec("torch") and find_spec("nemo"):
        pytest.skip("they are installed")
    (found,) = engine(subject(engine="canary"))
    assert found.level == "error"
    assert "embedded engine takes over" in found.found
    assert found.remedy == remedies.install_command("canary")
    assert list(gpu.engine_gpu(subject(engine="canary"))) == [], "it is told once"


def test_what_torch_says_of_the_card_is_told_with_what_to_do():
    found = gpu.judge_engine(*ASK)
    if found.level == "ok":
        pytest.skip("there is a GPU")
    assert "takes over" in found.found
    assert found.remedy


def test_a_library_that_hangs_is_given_up():
    found = gpu.judge_engine(*ASK, limit_s=0.001)
    assert (found.level, "hangs" in found.found) == ("warning", True)


def test_nobody_is_asked_who_computes_on_the_processor():
    assert list(gpu.engine_gpu(subject(engine="canary", device="cpu"))) == []
    assert list(gpu.engine_gpu(subject())) == []
