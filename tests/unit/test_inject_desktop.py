"""Which injector of a chain is used, and when another is tried."""

import asyncio
import io
from functools import partial

import pytest

from swictation.clock import SimClock
from swictation.errors import InjectError
from swictation.inject.desktop import DesktopInjector
from swictation.inject.injector import (
    Injection,
    NoWindow,
    Target,
)
from swictation.inject.none import NoneInjector
from swictation.inject.stdout import StdoutInjector

pytestmark = pytest.mark.unit


class Bench:
    """Opens what works here by name, and notes what was asked for and told."""

    def __init__(self, *chain, **works):
        self.works, self.asked, self.changes = works, [], 0
        self.clock = SimClock()
        self.injector = DesktopInjector(
            {name: partial(self.open, name) for name in chain},
            retry_s=5.0,
            on_change=self.changed,
            clock=self.clock,
        )

    async def open(self, name):
        self.asked.append(name)
        if name not in self.works:
            raise InjectError(f"no {name} here")
        return self.works[name]

    def changed(self):
        self.changes += 1


def run(work):
    return asyncio.run(work)


async def started(bench):
    await bench.injector.start()
    await bench.injector.close()


def test_the_first_of_the_chain_that_opens_is_used():
    bench = Bench("wayland", "x11", "none", x11=NoneInjector(), none=NoneInjector())

    async def use():
        await bench.injector.start()
        assert bench.injector.name == "x11"
        assert bench.injector.why == "wayland: no wayland here"
        assert bench.injector.lost == ""
        assert await bench.injector.inject("x") == Injection("typed", sent=1)
        await bench.injector.close()

    run(use())
    assert bench.asked == ["wayland", "x11"]
    assert bench.changes == 1


def test_without_any_all_is_refused_with_what_each_said():
    bench = Bench("wayland", "x11")

    async def use():
        await bench.injector.start()
        assert bench.injector.name == ""
        assert await bench.injector.focus() == NoWindow()
        assert not await bench.injector.offer("x")
        told = "wayland: no wayland here; x11: no x11 here"
        assert await bench.injector.inject("x") == Injection("refused", reason=told)
        await bench.injector.close()

    run(use())
    assert bench.asked == ["wayland", "x11"], "tried again too soon"


def test_what_one_said_would_help_is_told_wherever_its_reason_is():
    async def fails():
        raise InjectError("no diary", "buy one")

    async def use():
        injector = DesktopInjector({"diary": fails})
        await injector.start()
        said = "diary: no diary -> buy one"
        assert (injector.lost, injector.why) == (said, said)
        assert (await injector.inject("x")).reason == said
        assert injector.failures["diary"].remedy == "buy one"
        await injector.close()

    run(use())


def test_an_injection_tries_again_once_the_last_try_is_old_enough():
    bench = Bench("x11")

    async def use():
        await bench.injector.start()
        bench.works["x11"] = NoneInjector()
        bench.clock.advance(4.9)
        assert (await bench.injector.inject("x")).outcome == "refused"
        bench.clock.advance(0.1)
        assert (await bench.injector.inject("x")).outcome == "typed"
        await bench.injector.close()

    run(use())
    assert bench.changes == 2


def test_one_that_is_lost_is_replaced_by_the_next_that_opens():
    first, sink = NoneInjector(), io.StringIO()
    bench = Bench("x11", "stdout", x11=first, stdout=StdoutInjector(sink))

    async def use():
        await bench.injector.start()
        first.lost = "the X server is gone"
        del bench.works["x11"]
        assert bench.injector.lost == "the X server is gone"
        bench.clock.advance(5.0)
        assert (await bench.injector.inject("here")).outcome == "typed"
        assert (bench.injector.name, bench.injector.lost) == ("stdout", "")
        await bench.injector.close()

    run(use())
    assert sink.getvalue() == "here"


def test_a_text_for_a_window_is_handed_on_with_it():
    bench = Bench("none", none=NoneInjector())

    async def use():
        await bench.injector.start()
        assert (await bench.injector.inject("x", Target("y", ""))).outcome == "refused"
        await bench.injector.close()

    run(use())


def test_a_try_before_each_text_is_made_once_for_all():
    bench = Bench("x11")

    async def use():
        await bench.injector.start()
        bench.clock.advance(5.0)
        await asyncio.gather(*(bench.injector.inject("x") for _ in range(5)))
        await bench.injector.close()

    run(use())
    assert bench.asked == ["x11", "x11"]


def test_after_close_nothing_is_opened_again():
    bench = Bench("x11", x11=NoneInjector())

    async def use():
        await bench.injector.start()
        await bench.injector.close()
        bench.clock.advance(100.0)
        assert (await bench.injector.inject("x")).outcome == "refused"

    run(use())
    assert bench.asked == ["x11"]


def test_the_clipboard_is_opened_last_wherever_it_stands():
    bench = Bench("clipboard", "wayland", "x11")
    run(started(bench))
    assert bench.asked == ["wayland", "x11", "clipboard"]
