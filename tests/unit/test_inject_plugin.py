"""A plug-in that breaks its contract: it is named, its text is doubtful, the daemon goes on."""

import asyncio
import importlib
from functools import partial
from importlib.metadata import EntryPoint
from threading import Event, Thread

import msgspec
import pytest

from fakes.installed import install
from fakes.typist import Typist
from patience import PATIENCE_S
from swictation.config.settings import InjectSettings
from swictation.control.status import InjectorStatus
from swictation.errors import InjectError
from swictation.events import Injected, TextDoubted
from swictation.inject import plugin
from swictation.inject.desktop import DesktopInjector
from swictation.inject.injector import Injection, NoWindow, Target, Unknown
from swictation.inject.registry import openers

pytestmark = pytest.mark.unit

DIARY = """
from swictation.inject.injector import BasicInjector, Injection, InjectorCapabilities, Unknown

class Diary(BasicInjector):
    name = "diary"
    lost = ""
    capabilities = InjectorCapabilities()
    does = {}

    async def inject(self, text, into=None):
        return await self.act("inject", Injection("typed", sent=len(text)))
    async def focus(self):
        return await self.act("focus", Unknown())
    async def offer(self, text):
        return await self.act("offer", False)
    async def flush(self):
        return await self.act("flush", None)

    async def act(self, method, otherwise):
        does = self.does.get(method, otherwise)
        return await does() if callable(does) else does

class Knowing(Diary):
    capabilities = InjectorCapabilities(knows_focus=True)

class Late(Diary):
    lost = "the diary is full"

class Unsure(Diary):
    lost = None

class Plain(Diary):
    def inject(self, text, into=None):
        return Injection("typed", sent=len(text))

async def open_diary(settings):
    return Diary()
async def open_knowing(settings):
    return Knowing()
async def open_late(settings):
    return Late()
async def open_unsure(settings):
    return Unsure()
async def open_plain(settings):
    return Plain()
def open_sync(settings):
    return Diary()
async def open_never(settings):
    import asyncio
    await asyncio.Event().wait()
async def open_leaving(settings):
    raise SystemExit(1)
"""
NAMES = ("diary", "knowing", "late", "unsure", "plain", "sync", "never", "leaving")
SEE = ": see docs/injector.md"


class Diary:
    """The installed plug-in; `does` is what its methods return, or run."""

    def __init__(self, does):
        self.does = does

    def open(self, name="diary"):
        return asyncio.run(openers((name,), InjectSettings())[name]())


@pytest.fixture
def diary(tmp_path, monkeypatch):
    points = {name: f"diary_injector:open_{name}" for name in NAMES}
    install(tmp_path, "diary_injector", DIARY, {"swictation.injectors": points})
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("diary_injector")
    monkeypatch.setattr(module.Diary, "does", {})
    return Diary(module.Diary.does)


async def gives_up():
    raise asyncio.CancelledError


async def leaves():
    raise SystemExit(2)


def never_decided(outcome, **fields):
    async def answer():
        return Injection(outcome, **fields)

    return answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("a secret", "returned str, not an Injection"),
        (True, "returned bool, not an Injection"),
        (None, "returned None, not an Injection"),
        (Injection("ok"), "returned an Injection that is none of confirmed, typed, refused, "),
        (Injection(["typed"]), "returned an Injection that is none of confirmed, typed, "),
        (Injection("refused", reason=None), "an Injection whose reason is None, not a str"),
        (Injection("refused", reason="\udc80"), "an Injection whose reason is no text in UTF-8"),
        (Injection("typed", sent=99), "an Injection with more characters than the text has"),
        (Injection("partial", sent="5"), "an Injection with more characters than the text has"),
        (Injection("partial", confirmed=-1), "with more characters than the text has"),
        (Injection("unproven", sent=2), "returned an unproven Injection without a proof"),
        (Injection("unproven", sent=2, proof=True), "whose proof is bool, not a Future"),
        (gives_up, "raised CancelledError"),
        (leaves, "raised SystemExit"),
    ],
)
def test_a_wrong_outcome_is_named_and_its_text_is_doubtful(diary, answer, said):
    diary.does["inject"] = answer

    async def use():
        injector = DesktopInjector(openers(("diary",), InjectSettings()))
        await injector.start()
        typist = Typist(injector=injector)
        async with asyncio.timeout(PATIENCE_S):
            await typist.hear(0, "A secret.")
        (told,) = typist.named(Injected)
        assert told.outcome == "partial"
        assert told.reason.startswith("the plug-in diary: inject ")
        assert said in told.reason
        assert "secret" not in told.reason
        assert injector.lost == told.reason
        assert [doubted.reason for doubted in typist.named(TextDoubted)] == [told.reason]
        shown = InjectorStatus("diary", told.outcome, told.reason)
        assert msgspec.json.decode(msgspec.json.encode(shown), type=InjectorStatus) == shown
        await typist.delivery.stop()
        await injector.close()

    asyncio.run(use())


def test_a_wrong_type_leads_to_the_contract(diary):
    injector = diary.open()
    diary.does["inject"] = "ok"
    asyncio.run(injector.inject("Hello."))
    assert injector.lost == f"the plug-in diary: inject returned str, not an Injection{SEE}"


def test_an_exception_is_told_with_its_line_and_without_its_words(diary):
    async def fails():
        raise ValueError("a secret")

    injector = diary.open()
    diary.does["inject"] = fails
    asyncio.run(injector.inject("a secret"))
    line = 1 + DIARY.splitlines().index("        return await does() if callable(does) else does")
    said = f"the plug-in diary: inject raised ValueError (diary_injector.py:{line})"
    assert injector.lost == said


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("diary", None, f"returned None, not a Target, NoWindow or Unknown{SEE}"),
        ("diary", "editor", f"returned str, not a Target, NoWindow or Unknown{SEE}"),
        ("diary", Target("1", ""), "returned a Target, but its capabilities lack knows_focus"),
        ("knowing", Target(1, ""), f"returned a Target whose id is int, not a str{SEE}"),
        ("knowing", Target("1", None), f"returned a Target whose app is None, not a str{SEE}"),
    ],
)
def test_a_wrong_focus_is_named_and_unknown(diary, name, answer, said):
    injector = diary.open(name)
    diary.does["focus"] = answer
    assert asyncio.run(injector.focus()) == Unknown()
    assert said in injector.lost
    assert injector.lost.startswith(f"the plug-in {name}: focus ")


@pytest.mark.parametrize("answer", [Target("1", "vi"), NoWindow(), Unknown()])
def test_a_right_focus_is_handed_on(diary, answer):
    injector = diary.open("knowing")
    diary.does["focus"] = answer
    assert asyncio.run(injector.focus()) == answer
    assert injector.lost == ""


def test_a_wrong_offer_is_named_and_false(diary):
    injector = diary.open()
    diary.does["offer"] = "yes"
    assert asyncio.run(injector.offer("x")) is False
    assert "offer returned str, not True or False" in injector.lost


def test_a_method_that_is_not_async_is_named(diary):
    injector = diary.open("plain")
    assert asyncio.run(injector.inject("x")).outcome == "partial"
    assert injector.lost == f"the plug-in plain: inject must be async{SEE}"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sync", f"diary_injector:open_sync must be async{SEE}"),
        ("late", "the diary is full"),
        ("unsure", f"the plug-in unsure: lost is None, not a str{SEE}"),
        ("leaving", "diary_injector:open_leaving: SystemExit: 1"),
    ],
)
def test_what_cannot_be_used_from_the_start_does_not_open(diary, name, said):
    with pytest.raises(InjectError) as raised:
        diary.open(name)
    assert raised.value.message == said


async def never():
    await asyncio.Event().wait()


@pytest.mark.parametrize("method", ["inject", "focus", "flush"])
def test_an_answer_that_never_comes_is_not_waited_for(diary, method):
    diary.does[method] = never
    module = importlib.import_module("diary_injector")
    injector = plugin.GuardedInjector("diary", module.Diary(), patience_s=0.01)
    ask = {
        "inject": partial(injector.inject, "x"),
        "focus": injector.focus,
        "flush": injector.flush,
    }

    async def use():
        async with asyncio.timeout(PATIENCE_S):
            await ask[method]()

    asyncio.run(use())
    assert injector.lost.startswith(f"the plug-in diary: {method} did not answer within ")


@pytest.mark.usefixtures("diary")
def test_one_that_never_opens_is_not_waited_for():
    entry = EntryPoint("never", "diary_injector:open_never", "swictation.injectors")
    with pytest.raises(InjectError, match="did not answer within 0"):
        asyncio.run(plugin.opener(entry, opens_s=0.01)(InjectSettings()))


def test_who_cancels_is_obeyed(diary):
    diary.does["inject"] = never
    injector = diary.open()

    async def use():
        task = asyncio.create_task(injector.inject("x"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(use())
    assert injector.lost == ""


def test_one_that_blocks_the_run_loop_is_named(diary):
    is_in, may_go, seen = Event(), Event(), []

    async def blocks():
        is_in.set()
        may_go.wait(PATIENCE_S)

    def look():
        is_in.wait(PATIENCE_S)
        seen.append(plugin.at_work())
        may_go.set()

    watch = Thread(target=look)
    watch.start()
    diary.does["inject"] = blocks
    asyncio.run(diary.open().inject("x"))
    watch.join()
    assert seen == ["the plug-in diary: inject"]
    assert plugin.at_work() == ""
