"""Injectors by name: this program's own, and those that other packages bring."""

import asyncio

import pytest

from fakes.installed import install
from swictation.asr.registry import PROVIDERS
from swictation.config.injectors import BUILT_IN, chain_fault, plug_ins
from swictation.config.load import load
from swictation.config.settings import InjectSettings, Settings
from swictation.doctor.checks import configuration
from swictation.doctor.finding import Subject
from swictation.doctor.window import window
from swictation.errors import ConfigError, InjectError
from swictation.inject import registry
from swictation.inject.desktop import DesktopInjector
from swictation.inject.injector import Injection, Target, Unknown
from swictation.inject.registry import openers

pytestmark = pytest.mark.unit

SETTINGS = InjectSettings()
PAPER = """
from swictation.inject.injector import BasicInjector, Injection, InjectorCapabilities, Unknown
from swictation.errors import InjectError

class Paper(BasicInjector):
    lost = ""
    name = "paper"
    capabilities = InjectorCapabilities()
    written = []

    async def inject(self, text, into=None):
        self.written.append(text)
        return Injection("typed", sent=len(text))

    async def focus(self):
        return Unknown()

async def open_paper(settings):
    return Paper()

class Clumsy(Paper):
    async def inject(self, text, into=None):
        raise ValueError(text)
    async def focus(self):
        raise ValueError("no focus")
    async def close(self):
        raise ValueError("never closed")

async def open_clumsy(settings):
    return Clumsy()

async def open_raising(settings):
    raise ValueError("out of paper")

async def open_bare(settings):
    return object()

class Mute(Paper):
    is_mute = False
    @property
    def lost(self):
        if self.is_mute:
            raise ValueError("a secret")
        return ""
    async def inject(self, text, into=None):
        self.is_mute = True
        return Injection("typed", sent=len(text))

class Vague(Paper):
    capabilities = None

class Coy(Paper):
    @property
    def capabilities(self):
        raise ValueError("ask later")

async def open_mute(settings):
    return Mute()

async def open_vague(settings):
    return Vague()

async def open_coy(settings):
    return Coy()

async def open_absent(settings):
    raise InjectError("no paper here")
"""
NAMES = ("paper", "clumsy", "mute", "raising", "bare", "vague", "coy", "absent")


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """A package that brings injectors."""
    points = {name: f"paper_injector:open_{name}" for name in NAMES}
    install(tmp_path, "paper_injector", PAPER, {"swictation.injectors": points})
    monkeypatch.syspath_prepend(tmp_path)


def open_one(name):
    return asyncio.run(openers((name,), SETTINGS)[name]())


@pytest.mark.parametrize("name", ["x12", "", "Wayland", "std out"])
def test_an_unknown_name_is_an_error_that_says_which_there_are(name):
    with pytest.raises(ConfigError) as raised:
        openers(("none", name), SETTINGS)
    assert f'"{name}" must be one of "wayland", "x11"' in raised.value.message
    assert "plug-in" in raised.value.message or "did you mean" in raised.value.message
    assert raised.value.remedy


def test_what_was_meant_is_told():
    assert chain_fault(("x11-past",)).endswith('did you mean "x11-paste"?')


def test_each_built_in_name_has_its_opener():
    assert tuple(registry._BUILT_IN) == BUILT_IN
    assert open_one("none").name == "none"
    assert open_one("stdout").name == "stdout"


@pytest.mark.usefixtures("plug_in")
def test_a_plug_in_is_opened_by_its_name():
    injector = open_one("paper")
    assert asyncio.run(injector.inject("Hello")) == Injection("typed", sent=5)
    assert asyncio.run(injector.focus()) == Unknown()


@pytest.mark.usefixtures("plug_in")
def test_configuration_and_doctor_know_a_plug_in(tmp_path, monkeypatch):
    file = tmp_path / "config.toml"
    file.write_text('[inject]\nchain = ["paper", "x11"]\n')
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert load(file, PROVIDERS).settings.inject.chain == ("paper", "x11")
    subject = Subject(config=file)
    assert [found.level for found in configuration(subject)] == ["ok"]
    (found,) = window(subject)
    assert found.level == "ok"
    assert "text goes by paper" in found.found
    assert "it cannot tell windows apart" in found.found
    assert plug_ins() == sorted(NAMES)


def test_without_its_package_the_name_is_refused_with_its_line(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('[inject]\n\nchain = ["paper", "x11"]\n')
    with pytest.raises(ConfigError) as raised:
        load(file, PROVIDERS)
    assert 'config.toml:3: [inject] chain = ["paper", "x11"]: "paper" must' in raised.value.message


@pytest.mark.usefixtures("plug_in")
def test_the_doctor_tells_why_a_plug_in_is_not_used(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    settings = Settings(inject=InjectSettings(chain=("absent", "none")))
    (found,) = window(Subject(settings=settings))
    assert found.found.endswith("absent: no paper here")


@pytest.mark.usefixtures("plug_in")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("raising", "paper_injector:open_raising: ValueError: out of paper"),
        ("bare", "paper_injector:open_bare has no name, lost, capabilities, inject"),
        ("vague", "paper_injector:open_vague has capabilities that are no InjectorCapabilities"),
        ("coy", "paper_injector:open_coy: ValueError: ask later"),
        ("absent", "no paper here"),
    ],
)
def test_a_plug_in_that_does_not_open_leaves_the_chain_to_the_next(name, said):
    async def use():
        injector = DesktopInjector(openers((name, "none"), SETTINGS))
        await injector.start()
        assert injector.name == "none"
        assert injector.why.startswith(f"{name}: {said}")
        await injector.close()

    asyncio.run(use())


@pytest.mark.usefixtures("plug_in")
def test_a_plug_in_that_raises_takes_nobody_along_and_tells_no_text():
    injector = open_one("clumsy")
    injection = asyncio.run(injector.inject("a secret"))
    assert (injection.outcome, injection.sent, injection.confirmed) == ("partial", 8, 0)
    assert injector.lost == injection.reason
    assert injector.lost.startswith("the plug-in clumsy: inject raised ValueError (paper_")
    assert asyncio.run(injector.focus()) == Unknown()
    asyncio.run(injector.close())


@pytest.mark.usefixtures("plug_in")
def test_a_plug_in_that_cannot_say_whether_it_is_lost_is_lost():
    async def use():
        injector = DesktopInjector(openers(("mute",), SETTINGS))
        await injector.start()
        assert (await injector.inject("x")).outcome == "typed"
        assert injector.lost.startswith("the plug-in mute: lost raised ValueError (paper_")
        assert (await injector.inject("x")).outcome == "refused"
        await injector.close()

    asyncio.run(use())


@pytest.mark.usefixtures("plug_in")
def test_one_that_does_not_know_the_focus_is_not_asked_for_a_window():
    async def use():
        injector = DesktopInjector(openers(("paper",), SETTINGS))
        await injector.start()
        assert (await injector.inject("x", Target("x11:0x1", ""))).outcome == "refused"
        assert (await injector.inject("x")).outcome == "typed"
        assert not await injector.offer("x")
        await injector.close()

    asyncio.run(use())


def test_a_plug_in_cannot_stand_in_for_our_own(tmp_path, monkeypatch):
    install(tmp_path, "paper_injector", PAPER, {registry.GROUP: {"none": "paper_injector:Paper"}})
    monkeypatch.syspath_prepend(tmp_path)
    assert open_one("none").capabilities.knows_focus
    assert plug_ins() == []


def test_the_default_chain_looks_at_nothing_that_is_installed(monkeypatch):
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: pytest.fail("it looked"))
    assert chain_fault(Settings().inject.chain) == ""
    assert openers(Settings().inject.chain, SETTINGS)


@pytest.mark.usefixtures("plug_in")
def test_an_opener_that_finds_nothing_here_says_so_in_its_words():
    with pytest.raises(InjectError, match="no paper here"):
        open_one("absent")
