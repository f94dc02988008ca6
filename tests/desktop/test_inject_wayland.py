"""Wayland injection into real windows under sway; CELLS_RUNS=n runs each text n times."""

import asyncio
import os
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from itertools import pairwise
from typing import Any

import pytest

from desktop import cells
from desktop import field as fields
from desktop import sway as compositor
from desktop.sway import Sway, WaylandField
from desktop.wayland_stage import Plugged
from patience import PATIENCE_S, starts
from swictation.inject.injector import OTHER_WINDOW, Injection, NoWindow, Target, Unknown
from swictation.inject.unsafe_characters import LONGEST_WORD
from swictation.inject.wayland.chain import METHODS, Method
from swictation.inject.wayland.injector import WaylandInjector

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(compositor.missing()), reason=compositor.missing()),
]

RUNS = max(1, cells.RUNS)
PHRASE = "The quick brown fox jumps over the lazy dog. "
TEXTS = {
    "symbols": "Hello, World! (a_b) /x? \"q\" 'z' ~`@#$%^&*-+={}[]|\\<>;: 0123456789",
    "unicode": "é ß ñ — “x” … 中文 😀 Ελ café naïve",
    "thousand": (PHRASE * 23)[:1000],
    "mixed": ("Größe — “naïve” café, 中文字符 Ελληνικά жизнь 😀👍 2 < 3; " * 20)[:1000],
    "many": "".join(chr(0x4E00 + 7 * n) for n in range(300)),
}
LONG = "".join(f"{n:05d}" for n in range(1600))


@pytest.fixture(scope="module")
def sway() -> Iterator[Sway]:
    with Plugged(Sway()) as running:
        yield running


@pytest.fixture
def show(sway: Sway) -> Iterator[Callable[[str], WaylandField]]:
    shown: list[WaylandField] = []

    def start(kind: str) -> WaylandField:
        reason = "" if kind == "password" else fields.why_not(kind)
        if reason:
            pytest.skip(reason)
        shown.append(WaylandField(kind, sway))
        shown[-1].wait_focused()
        return shown[-1]

    yield start
    for field in shown:
        field.stop()
    sway.forget_clipboard()


def with_injector(
    sway: Sway,
    use: Callable[[WaylandInjector], Coroutine[Any, Any, None]],
    methods: tuple[Method, ...] = METHODS,
) -> None:
    async def run() -> None:
        injector = await WaylandInjector.open(sway.display, methods)
        try:
            await use(injector)
        finally:
            await injector.close()

    asyncio.run(run())


async def target(injector: WaylandInjector, *, tells: bool = False) -> Target:
    """The focused window; with `tells`, once its text field is known."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await injector.focus()
            if isinstance(found, Target) and (not tells or found.is_password is not None):
                return found
            await asyncio.sleep(0.02)


async def held(field: WaylandField, wanted: str) -> str:
    return await asyncio.to_thread(field.settles_on, wanted, 3.0)


@pytest.mark.parametrize("route", ["commit", "paste", "type", "any"])
@pytest.mark.parametrize("kind", ["foot", "gtk3", "gtk4", "qt6", "chromium"])
def test_a_text_arrives_exactly(
    sway: Sway, show: Callable[[str], WaylandField], kind: str, route: Method
) -> None:
    if kind == "foot" and route in ("commit", "paste"):
        pytest.skip("a terminal takes text as keys only")
    methods = METHODS[:3] if route == "any" else (route,)

    async def use(injector: WaylandInjector) -> None:
        field = await asyncio.to_thread(show, kind)
        await target(injector, tells=route == "commit")
        for _ in range(RUNS):
            for name, text in TEXTS.items():
                if kind == "chromium" and route == "type" and max(text) > "\uffff":
                    assert (await injector.inject(text)).outcome == "refused"
                    continue
                await asyncio.to_thread(field.clear)
                result = await injector.inject(text)
                assert await held(field, text) == text, (name, result)
                assert result.sent == len(text), result
                if result.proof is not None:  # a browser that is slow to take what it has read
                    assert await asyncio.wait_for(result.proof, 60) is not False
                if kind != "chromium":  # it answers its input method most times, not always
                    assert result.outcome == expected(route, kind), result

    with_injector(sway, use, methods)


def expected(route: str, kind: str = "") -> str:
    """Nobody confirms keys."""
    return "typed" if route == "type" or kind == "foot" else "confirmed"


@pytest.mark.parametrize("route", ["commit", "paste", "type"])
def test_texts_in_quick_succession_arrive_in_order(
    sway: Sway, show: Callable[[str], WaylandField], route: Method
) -> None:
    async def use(injector: WaylandInjector) -> None:
        field = await asyncio.to_thread(show, "gtk3")
        await target(injector, tells=route == "commit")
        texts = [f"{number} é word " for number in range(40)]
        for text in texts:
            assert (await injector.inject(text)).outcome == expected(route)
        assert await held(field, "".join(texts)) == "".join(texts)

    with_injector(sway, use, (route,))


@pytest.mark.parametrize("route", ["commit", "paste", "type"])
def test_a_window_frozen_for_a_second_has_the_text_afterwards(
    sway: Sway, show: Callable[[str], WaylandField], route: Method
) -> None:
    async def use(injector: WaylandInjector) -> None:
        field = await asyncio.to_thread(show, "gtk3")
        await target(injector, tells=route == "commit")
        for _ in range(RUNS):
            await asyncio.to_thread(field.clear)
            field.freeze()
            threading.Timer(1.0, field.thaw).start()
            result = await injector.inject(TEXTS["thousand"])
            assert await held(field, TEXTS["thousand"]) == TEXTS["thousand"]
            assert result.outcome == expected(route)

    with_injector(sway, use, (route,))


@pytest.mark.parametrize("how", ["closed", "moved"])
def test_the_rest_stays_here_when_the_focus_goes_elsewhere(
    sway: Sway, show: Callable[[str], WaylandField], how: str
) -> None:
    async def use(injector: WaylandInjector) -> None:
        under = await asyncio.to_thread(show, "gtk4")
        first = await target(injector)
        for _ in range(RUNS):
            field = await asyncio.to_thread(show, "gtk3")
            while (await target(injector)).id == first.id:
                await asyncio.sleep(0.02)
            injecting = asyncio.create_task(injector.inject(LONG))
            await asyncio.sleep(0.5)
            if how == "closed":
                field.process.kill()
            else:
                await asyncio.to_thread(sway.message, "focus", "left")
            result = await injecting
            elsewhere = await asyncio.to_thread(under.text)
            assert result.outcome == "partial" or not await result.proof
            assert 0 < result.sent < len(LONG)
            assert elsewhere == "" or elsewhere in LONG
            assert len(elsewhere) <= LONGEST_WORD
            await asyncio.to_thread(under.clear)
            await asyncio.to_thread(field.stop)

    with_injector(sway, use, ("type",))


@pytest.mark.parametrize("route", ["commit", "paste", "type"])
def test_text_for_a_window_that_has_lost_the_focus_goes_nowhere(
    sway: Sway, show: Callable[[str], WaylandField], route: Method
) -> None:
    async def use(injector: WaylandInjector) -> None:
        field = await asyncio.to_thread(show, "gtk3")
        meant = await target(injector, tells=route == "commit")
        thief = await asyncio.to_thread(show, "gtk4")
        while (await target(injector, tells=route == "commit")).id == meant.id:
            await asyncio.sleep(0.02)
        result = await injector.inject("for the first", meant)
        assert result == Injection("refused", reason=OTHER_WINDOW)
        assert await held(field, "") == ""
        assert await held(thief, "") == ""

    with_injector(sway, use, (route,))


def test_a_password_field_is_told_and_refused_by_every_method(
    sway: Sway, show: Callable[[str], WaylandField]
) -> None:
    async def use(injector: WaylandInjector) -> None:
        field = await asyncio.to_thread(show, "password")
        assert (await target(injector, tells=True)).is_password
        result = await injector.inject("secret")
        assert result == Injection("refused", reason="a password field has the focus")
        assert await held(field, "") == ""

    with_injector(sway, use)


def test_where_another_input_method_owns_the_seat_text_is_pasted(
    sway: Sway, show: Callable[[str], WaylandField]
) -> None:
    async def use(other: WaylandInjector) -> None:
        field = await asyncio.to_thread(show, "gtk3")
        await target(other, tells=True)
        late = await WaylandInjector.open(sway.display, ("commit",))
        result = await late.inject("x")
        assert result == Injection("refused", reason="another input method owns the seat")
        await late.close()
        late = await WaylandInjector.open(sway.display)
        assert (await late.inject("pasted")).outcome == "confirmed"
        assert await held(field, "pasted") == "pasted"
        await other.close()
        async with asyncio.timeout(PATIENCE_S):
            while (await target(late)).is_password is None:
                await asyncio.sleep(0.02)
        assert (await late.inject(" and committed")).outcome == "confirmed"
        assert await held(field, "pasted and committed") == "pasted and committed"
        await late.close()

    with_injector(sway, use)


@pytest.mark.parametrize("text", ["a\nb", "a\tb", "\x1b[A", "a\u2028b"])
def test_control_characters_are_refused(sway: Sway, text: str) -> None:
    async def use(injector: WaylandInjector) -> None:
        result = await injector.inject(text)
        assert result.outcome == "refused"
        assert "control character" in result.reason

    with_injector(sway, use)


@pytest.mark.parametrize(("kind", "arrives"), [("gtk3", "one\ntwo"), ("foot", "one two")])
def test_newlines_are_written_where_the_user_allows_them_but_in_a_terminal(
    sway: Sway, show: Callable[[str], WaylandField], kind: str, arrives: str
) -> None:
    async def use() -> None:
        injector = await WaylandInjector.open(sway.display, METHODS[:3], allow_newlines=True)
        field = await asyncio.to_thread(show, kind)
        await target(injector)
        assert (await injector.inject("one\ntwo")).outcome == expected("any", kind)
        assert await held(field, arrives) == arrives
        await injector.close()

    asyncio.run(use())


def test_without_a_window_nothing_is_sent(sway: Sway) -> None:
    async def use(injector: WaylandInjector) -> None:
        assert await injector.focus() == NoWindow()
        result = await injector.inject("x")
        assert result == Injection("refused", reason="no window has the focus")

    with_injector(sway, use)


def test_the_clipboard_is_marked_as_a_secret_and_given_back(
    sway: Sway, show: Callable[[str], WaylandField]
) -> None:
    picture = os.urandom(300_000)
    (sway.directory / "picture").write_bytes(picture)

    async def use(injector: WaylandInjector) -> None:
        await asyncio.to_thread(show, "gtk3")
        await target(injector)
        owner = sway.spawn("sh", "-c", "exec wl-copy -f -t image/png < picture")
        async with asyncio.timeout(PATIENCE_S):
            while b"image/png" not in await asyncio.to_thread(listed, sway):
                await asyncio.sleep(0.02)
        for _ in range(2):
            assert (await injector.inject("words")).outcome == "confirmed"
            during = await asyncio.to_thread(listed, sway)
            assert b"x-kde-passwordManagerHint" in during
            assert b"image/png" not in during
            await injector.flush()
            assert await asyncio.to_thread(listed, sway) == b"image/png\n"
            back = await asyncio.to_thread(sway.output, "wl-paste", "-t", "image/png")
            assert back == picture
        compositor.end(owner)

    with_injector(sway, use, ("paste",))


def test_a_clipboard_that_cannot_be_kept_is_not_touched(
    sway: Sway, show: Callable[[str], WaylandField]
) -> None:
    async def use(injector: WaylandInjector) -> None:
        field = await asyncio.to_thread(show, "gtk3")
        await target(injector)
        owner = sway.spawn("wl-copy", "-f", "precious")
        async with asyncio.timeout(PATIENCE_S):
            while b"text/plain" not in await asyncio.to_thread(listed, sway):
                await asyncio.sleep(0.02)
        os.killpg(owner.pid, 19)
        assert await injector.inject("typed instead") == Injection("typed", sent=13)
        os.killpg(owner.pid, 18)
        assert await held(field, "typed instead") == "typed instead"
        assert await asyncio.to_thread(sway.output, "wl-paste", "-n") == b"precious"
        compositor.end(owner)

    with_injector(sway, use, ("paste", "type"))


def listed(sway: Sway) -> bytes:
    try:
        return sway.output("wl-paste", "-l")
    except subprocess.CalledProcessError:
        return b""


@pytest.mark.parametrize("signal_number", [9, 19], ids=["killed", "frozen"])
def test_a_compositor_that_is_gone_or_hangs_never_blocks_the_run_loop(signal_number: int) -> None:
    async def use(injector: WaylandInjector, sway: Sway) -> None:
        field = await asyncio.to_thread(WaylandField, "foot", sway)
        await asyncio.to_thread(field.wait_focused)
        await target(injector)
        beats: list[float] = []

        async def beat() -> None:
            while True:
                beats.append(time.monotonic())
                await asyncio.sleep(0.01)

        beating = asyncio.create_task(beat())
        os.kill(sway.process.pid, signal_number)
        result = await injector.inject("x")
        assert result.outcome == "refused"
        assert await injector.focus() == Unknown()
        await injector.flush()
        await injector.close()
        beating.cancel()
        assert max((b - a for a, b in pairwise(beats)), default=0.0) < starts(8)
        assert injector.lost
        assert (await injector.inject("x")).outcome == "refused"
        field.stop()

    async def run(sway: Sway) -> None:
        await use(await WaylandInjector.open(sway.display), sway)

    before = threading.enumerate()
    alone = Sway()
    try:
        asyncio.run(run(alone))
    finally:
        alone.stop()
    assert "wayland" not in [t.name for t in threading.enumerate() if t not in before]
