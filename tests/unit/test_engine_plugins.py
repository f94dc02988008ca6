"""Engines of other packages that are broken in one way or another: none takes others along."""

import asyncio
import types
from pathlib import Path

import pytest

from fakes.installed import install
from swictation.asr import registry
from swictation.asr.engine import EngineSpec
from swictation.asr.provider import EngineProvider
from swictation.asr.registry import GROUP, PROVIDERS
from swictation.cli.model import group
from swictation.clock import SimClock
from swictation.config.load import load
from swictation.config.settings import AsrSettings, Settings
from swictation.daemon.engine_manager import EngineManager
from swictation.daemon.fetching import Fetching
from swictation.dictation.degraded import CPU_ENGINE, NO_ENGINE, Degradations
from swictation.dispatcher import Dispatcher
from swictation.errors import ConfigError, EngineError, ModelError
from swictation.models.catalog.catalog import choose, known_models, knows_models
from swictation.models.store.store import ModelLocation

pytestmark = pytest.mark.unit

SOURCE = """
from typing import Annotated
import msgspec
from swictation.asr.provider import EngineProvider
from swictation.config.rules import Rule

class Table(msgspec.Struct, frozen=True):
    speed: Annotated[int, msgspec.Meta(ge=0, description="how fast")] = 5
    pitch: Annotated[int, msgspec.Meta(ge=0, description="how high")] = 5

def burst(*_):
    raise ValueError("a secret")

class Raising(EngineProvider):
    def __init__(self, name):
        raise ValueError("no licence")

class Other(EngineProvider):
    def __init__(self):
        pass

class Tableless(EngineProvider):
    settings = None

class Needy(EngineProvider):
    class settings(msgspec.Struct):
        speed: int

class Bare(EngineProvider):
    models = None
    rules = None

class Strict(EngineProvider):
    settings = Table
    rules = (Rule((("strict", "speed"),), "speed must be 7", lambda _: False),)

class Bursting(EngineProvider):
    settings = Table
    rules = (Rule((("bursting", "speed"),), "never told", burst),)

class Astray(EngineProvider):
    settings = Table
    rules = (Rule((("elsewhere", "speed"),), "never told", lambda _: False),)

class Clumsy(EngineProvider):
    def options(self, settings):
        burst()

class Picky(EngineProvider):
    def unavailable(self):
        burst()
    def forecast_call(self, *_):
        burst()
"""
UNUSABLE = ("raising", "other", "tableless", "needy")
KINDS = (*UNUSABLE, "bare", "strict", "bursting", "astray", "clumsy", "picky")


@pytest.fixture(autouse=True)
def plug_ins(tmp_path, monkeypatch):
    """A package that brings all of them."""
    site = tmp_path / "site"
    site.mkdir()
    points = {name: f"odd_engines:{name.capitalize()}" for name in KINDS}
    install(site, "odd_engines", SOURCE, {GROUP: points})
    monkeypatch.syspath_prepend(site)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "config.toml"


@pytest.mark.parametrize("name", UNUSABLE)
def test_one_that_cannot_be_made_is_an_error_that_says_what_to_do(name):
    with pytest.raises(EngineError, match=f"The engine {name} cannot be used") as caught:
        registry.provider(name)
    assert caught.value.remedy.endswith("pip uninstall odd_engines")
    assert registry.find(name) is None


def test_all_others_are_found_in_a_walk():
    assert set(PROVIDERS) & set(KINDS) == set(KINDS) - set(UNUSABLE)
    assert {spec.engine for spec in known_models()} >= {"whisper"}
    assert not knows_models("bare")
    assert choose("auto", "en").engine == "whisper"


@pytest.mark.parametrize("name", UNUSABLE)
def test_the_table_of_a_broken_engine_is_an_error_only_where_one_insists(file, name):
    file.write_text(f"\n[{name}]\nspeed = 1\n")
    found = load(file, PROVIDERS)
    assert found.settings == Settings()
    (warning,) = found.warnings
    assert warning.startswith(f"{file}:2: [{name}]: The engine {name} cannot be used")
    with pytest.raises(ConfigError, match=f"toml:2: \\[{name}\\]: The engine {name} cannot be"):
        load(file, PROVIDERS, registry.names())


def test_an_engine_without_rules_has_a_table_all_the_same(file):
    file.write_text("[bare]\n")
    assert load(file, PROVIDERS).warnings == ()


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("", "1: [strict] speed = 5: speed must be 7"),
        ("pitch = 3\n", "1: [strict] speed = 5: speed must be 7"),
        ("speed = 3\n", "2: [strict] speed = 3: speed must be 7"),
    ],
)
def test_a_rule_is_told_whether_or_not_the_file_sets_a_key_of_it(file, rows, told):
    file.write_text(f"[strict]\n{rows}")
    with pytest.raises(ConfigError) as caught:
        load(file, PROVIDERS)
    assert caught.value.message.splitlines()[1:] == [f"{file}:{told}"]


@pytest.mark.parametrize(
    ("name", "table", "kind"),
    [("bursting", "bursting", "ValueError"), ("astray", "elsewhere", "KeyError")],
)
def test_a_rule_that_cannot_be_checked_is_an_error_only_where_one_insists(file, name, table, kind):
    file.write_text(f"[{name}]\nspeed = 3\n")
    (warning,) = load(file, PROVIDERS).warnings
    assert warning.endswith(f"[{table}]: a rule of its engine cannot be checked: {kind}")
    with pytest.raises(ConfigError, match="a rule of its engine cannot be checked"):
        load(file, PROVIDERS, registry.names())


def problem_of(engine, device="auto", on_there=lambda _: None):
    """What is told of that engine while its model is looked for."""

    async def have():
        told = asyncio.get_running_loop().create_future()
        settings = Settings(asr=AsrSettings(engine=engine, model="/a/model", device=device))
        fetching = Fetching(settings, on_there, lambda _: None, told.set_result)
        fetching.start()
        try:
            return await asyncio.wait_for(told, 10)
        finally:
            await fetching.stop()

    return asyncio.run(have())


def test_an_engine_that_fails_at_its_model_is_told_with_where_but_not_what_it_said(caplog):
    problem = problem_of("clumsy", "cuda")
    assert problem.message == "the engine clumsy failed: ValueError"
    assert "swictation config path" in problem.remedy
    (message,) = caplog.messages
    assert message.startswith("the engine clumsy failed: ValueError at ")
    assert "odd_engines.py:" in message.rpartition(" > ")[2]
    assert "secret" not in caplog.text


def test_one_that_fails_at_its_forecast_is_told():
    assert problem_of("picky", "cuda").message == "the engine picky failed: ValueError"


def test_what_fails_once_the_model_is_there_is_told():
    def on_there(model):
        registry.provider("clumsy").options(model)

    assert problem_of("bare", on_there=on_there).message == "the engine bare failed: ValueError"


def test_to_convert_a_model_without_an_engine_that_can_is_told(monkeypatch):
    whisper = registry.provider("whisper")
    monkeypatch.setattr(registry, "PROVIDERS", {"whisper": whisper})
    with pytest.raises(ModelError, match="None of the engines installed here converts") as caught:
        group._convertible("/a/model.nemo")
    assert caught.value.remedy
    with pytest.raises(ModelError, match="needs no conversion") as caught:
        group._convertible("tiny.en")
    assert caught.value.remedy == "swictation model list"


def test_a_model_at_which_the_engine_fails_leaves_the_spare_serving():
    degradations, events = Degradations(SimClock()), Dispatcher()
    crew = types.SimpleNamespace(has_standby=True, is_ready=False, serves=("", ""))
    shop = types.SimpleNamespace(
        settings=Settings(asr=AsrSettings(engine="clumsy", device="cuda", cpu_engine="whisper")),
        context=types.SimpleNamespace(degradations=degradations, events=events),
        executor=lambda *_: types.SimpleNamespace(),
    )
    engines = EngineManager(shop, crew)
    with pytest.raises(ValueError, match="a secret"):
        engines._on_model(ModelLocation("m", Path("/m")))
    engines._on_model_problem(ModelError("the engine clumsy failed: ValueError"))
    assert degradations.has(CPU_ENGINE)
    assert not degradations.has(NO_ENGINE)


def test_what_an_engine_has_not_written_is_told_as_an_error_with_its_remedy(tmp_path):
    toy = EngineProvider("toy")
    with pytest.raises(EngineError, match="the engine toy has no `load`"):
        toy.load(EngineSpec("toy", "", "cpu", "en"))
    with pytest.raises(ModelError, match=r"the engine toy cannot unpack \.zip files"):
        toy.unpack(tmp_path / "model.zip", tmp_path, lambda *_: None)
