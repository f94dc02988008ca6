"""Engines are found by entry point; what is known of them costs no library of theirs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import swictation
from swictation.asr import registry
from swictation.asr.provider import EngineProvider
from swictation.config.settings import DEFAULT_ENGINE, TABLES
from swictation.errors import EngineError

pytestmark = pytest.mark.process

ROOT = Path(swictation.__file__).parent
HEAVY = {"torch", "nemo", "ctranslate2", "faster_whisper", "onnxruntime", "tokenizers", "numpy"}
OURS = ["whisper", "canary"]


def test_the_default_engine_comes_first():
    assert [name for name in registry.PROVIDERS if name in OURS] == OURS


def test_to_know_every_engine_imports_no_library_of_theirs():
    code = (
        "from swictation.models.catalog.catalog import known_models; import sys;"
        f"known_models(); print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", OURS)
def test_no_other_folder_knows_an_engine_by_name(name):
    found = {
        str(path.relative_to(ROOT)): len(named)
        for path in ROOT.rglob("*.py")
        if (named := re.findall(rf"\b{name}\b|{name.capitalize()}\w*", path.read_text()))
        and ROOT / "asr" / "engines" / name not in path.parents
    }
    only = {"config/settings.py": 1} if name == DEFAULT_ENGINE else {}
    assert found == only


@pytest.mark.parametrize("name", OURS)
def test_a_provider_is_named_as_its_entry_point_and_no_other_table(name):
    provider = registry.provider(name)
    assert isinstance(provider, EngineProvider)
    assert provider.name == name
    assert name not in TABLES
    assert {spec.engine for spec in provider.models} == {name}


def test_our_own_engine_without_a_library_is_mended_in_its_folder():
    """Not by pip, which would take whatever an index calls swictation."""
    code = f"""
import sys
sys.modules["ctranslate2"] = None
from swictation.asr import registry
from swictation.asr.engine import EngineSpec
try:
    registry.load(EngineSpec({DEFAULT_ENGINE!r}, "tiny.en", "/nowhere", "en"))
except registry.EngineError as error:
    print(error.message, error.remedy, sep="\\n")
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    message, remedy = done.stdout.splitlines()
    assert "lacks a library that it needs" in message
    assert remedy.endswith("in its folder: make")


def test_an_unknown_engine_is_told_with_those_that_are_there():
    with pytest.raises(EngineError, match=r"Did you mean canary\?") as caught:
        registry.provider("canry")
    assert caught.value.remedy.endswith("swictation config check")
    assert registry.find("canry") is None
