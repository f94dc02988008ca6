"""Windows under sway that are stopped, closed or left while they are spoken to."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from desktop import busy_wayland, cells
from desktop import field as fields
from desktop import sway as compositor
from desktop.busy_wayland import Desk, Speaker, focused, shown
from desktop.sway import WaylandField, end
from patience import PATIENCE_S
from swictation.inject.injector import Injection
from swictation.inject.wayland import paster
from swictation.inject.wayland.chain import METHODS, Method
from swictation.inject.wayland.injector import WaylandInjector

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(bool(compositor.missing()), reason=compositor.missing()),
]

SOME = [("gtk4-paste", "3", "before", "watched"), ("foot-all", "3", "after", "watched")]


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()  # a Chromium that starts after an input method has ended shows no window
    yield desk
    desk.close()


@pytest.mark.parametrize(
    "cell", busy_wayland.chosen(cells.SEED) if cells.RUNS else SOME, ids="-".join
)
def test_what_is_said_to_a_stopped_window_arrives_once_or_is_told(
    desk: Desk, cell: tuple[str, ...]
) -> None:
    if reason := fields.why_not(cell[0].partition("-")[0]):
        pytest.skip(reason)
    assert busy_wayland.fault(desk, cell, cells.SEED) == ""


@pytest.mark.parametrize("name", ["gtk3-paste", "gtk3-all", "foot-all"])
@pytest.mark.parametrize("closed_after_s", [0.5, 4.0])
def test_what_a_window_had_not_taken_when_it_was_killed_has_not_arrived(
    desk: Desk, name: str, closed_after_s: float
) -> None:
    kind, _, way = name.partition("-")

    async def use() -> None:
        window = await asyncio.to_thread(shown, desk, kind)
        await asyncio.to_thread(desk.copy)
        injector = await WaylandInjector.open(desk.sway.display, busy_wayland.WAYS[way])
        into = await focused(injector, tells=name == "gtk3-all")
        speaker = Speaker(injector, into)
        await speaker.say("before ")
        window.freeze()
        threading.Timer(closed_after_s, window.process.kill).start()
        for text in ("one ", "two ", "three "):
            await speaker.say(text)
        account = await speaker.account()
        assert account.arrived == "before "
        assert account.held() == "one two three "
        assert await asyncio.to_thread(desk.pasted_in_the_end) == desk.old
        await injector.close()

    asyncio.run(use())
    desk.leave()


def on_two_windows(desk: Desk, use, methods: tuple[Method, ...]) -> None:
    """Call `use` with a frozen gtk3 that was sent "one" by paste, and a gtk4 in the foreground."""

    async def run() -> None:
        first = await asyncio.to_thread(shown, desk, "gtk3")
        await asyncio.to_thread(desk.copy)
        injector = await WaylandInjector.open(desk.sway.display, methods)
        into = await focused(injector, tells=False)
        first.freeze()
        try:
            sent = await injector.inject("one", into)
            assert sent.outcome == "unproven"
            assert (await injector.inject("two", into)).outcome == "refused"
            assert not await injector.offer("two")
            second = await asyncio.to_thread(WaylandField, "gtk4", desk.sway)
            await asyncio.to_thread(second.wait_focused)
            while (await focused(injector, tells=False)).id == into.id:
                await asyncio.sleep(0.05)
            try:
                await use(injector, sent, first, second)
            finally:
                await asyncio.to_thread(second.stop)
        finally:
            first.thaw()
            await injector.close()

    asyncio.run(run())


def test_a_text_on_offer_is_kept_for_its_key_while_others_are_typed_elsewhere(desk: Desk) -> None:
    async def use(
        injector: WaylandInjector, sent: Injection, first: WaylandField, second: WaylandField
    ) -> None:
        assert (await injector.inject("elsewhere")).outcome == "typed"
        assert await asyncio.to_thread(second.settles_on, "elsewhere") == "elsewhere"
        # Somebody pastes by hand in the other window: that proves nothing.
        assert await asyncio.to_thread(desk.pasted) == "one"
        assert sent.proof
        assert not sent.proof.done()
        await asyncio.to_thread(second.stop)
        first.thaw()
        assert await asyncio.wait_for(sent.proof, PATIENCE_S)
        assert await asyncio.to_thread(first.settles_on, "one") == "one"
        assert await asyncio.to_thread(desk.pasted_in_the_end) == desk.old

    on_two_windows(desk, use, ("paste", "type"))


def test_a_key_without_a_fetch_keeps_the_clipboard_until_its_window_is_gone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paster, "GIVES_UP_S", 14.0)

    async def use(
        injector: WaylandInjector, sent: Injection, first: WaylandField, _second: WaylandField
    ) -> None:
        first.thaw()  # it comes to its key without the focus
        assert sent.proof
        arrived = await asyncio.wait_for(sent.proof, PATIENCE_S)
        expected = "one" if arrived else ""
        assert await asyncio.to_thread(first.settles_on, expected) == expected
        if not arrived:
            assert await asyncio.to_thread(desk.pasted) == ""
            assert (await injector.inject("more")).outcome == "typed"
            assert await asyncio.to_thread(desk.pasted) == ""
            await asyncio.to_thread(first.stop)
        assert await asyncio.to_thread(desk.pasted_in_the_end) == desk.old

    on_two_windows(desk, use, ("paste", "type"))


def test_a_text_that_is_withdrawn_goes_elsewhere_and_never_to_its_window(desk: Desk) -> None:
    async def use(
        injector: WaylandInjector, sent: Injection, first: WaylandField, second: WaylandField
    ) -> None:
        await injector.withdraw()
        assert sent.proof
        assert sent.proof.done()
        assert not sent.proof.result()
        assert (await injector.inject("one")).outcome == "typed"
        assert await asyncio.to_thread(second.settles_on, "one") == "one"
        assert await asyncio.to_thread(desk.pasted) == ""
        await asyncio.to_thread(second.stop)
        first.thaw()
        assert await asyncio.to_thread(desk.pasted_in_the_end) == desk.old
        assert await asyncio.to_thread(first.settles_on, "") == ""

    on_two_windows(desk, use, ("paste", "type"))


def test_what_the_user_copies_meanwhile_stays_and_the_text_has_not_arrived(desk: Desk) -> None:
    async def use(
        injector: WaylandInjector, sent: Injection, _first: WaylandField, second: WaylandField
    ) -> None:
        owner = desk.sway.spawn("wl-copy", "-f", "mine")
        assert sent.proof
        assert not await asyncio.wait_for(sent.proof, PATIENCE_S)
        assert (await injector.inject("more")).outcome == "typed"
        assert await asyncio.to_thread(second.settles_on, "more") == "more"
        assert not await injector.offer("more")
        assert await asyncio.to_thread(desk.pasted) == "mine"
        end(owner)

    on_two_windows(desk, use, ("paste", "type"))


def test_a_window_that_takes_no_paste_key_has_not_taken_the_text(desk: Desk) -> None:
    async def use() -> None:
        window = await asyncio.to_thread(shown, desk, "gtk3")
        await asyncio.to_thread(desk.copy)
        deaf = await asyncio.to_thread(WaylandField, "deaf", desk.sway)
        injector = await WaylandInjector.open(desk.sway.display, ("paste", "type"))
        with desk.managers("watched"):
            await asyncio.to_thread(deaf.wait_focused)
            into = await focused(injector, tells=False)
            sent = await injector.inject("one", into)
            assert sent.outcome == "unproven"
            assert await asyncio.to_thread(desk.pasted) == "one"
            assert sent.proof
            assert not sent.proof.done()
            await injector.withdraw()
            assert sent.proof.result() is False
            # Keys that it reads and drops would prove nothing.
            assert (await injector.inject("two", into)).outcome == "refused"
            await asyncio.to_thread(deaf.stop)
            assert await asyncio.to_thread(desk.pasted_in_the_end) == desk.old
        await injector.close()
        assert window.text() == ""

    asyncio.run(use())


@pytest.mark.parametrize("has_offered", [False, True])
def test_what_the_user_had_copied_is_there_after_the_end(desk: Desk, has_offered: bool) -> None:
    async def use() -> None:
        await asyncio.to_thread(shown, desk, "gtk3")
        await asyncio.to_thread(desk.copy)
        injector = await WaylandInjector.open(desk.sway.display, ("paste",))
        await focused(injector, tells=False)
        assert (await injector.inject("said")).outcome == "confirmed"
        if has_offered:
            assert await injector.offer("held")
        await injector.close()
        assert await asyncio.to_thread(desk.pasted) == desk.old

    asyncio.run(use())
    owner = desk.sway.spawn("wl-copy", "-f", "another")
    assert cells.eventually(desk.pasted, "another") == "another"
    end(owner)


def test_with_a_text_on_offer_nothing_is_left_behind_for_its_key(desk: Desk) -> None:
    async def use() -> None:
        window = await asyncio.to_thread(shown, desk, "gtk3")
        await asyncio.to_thread(desk.copy)
        injector = await WaylandInjector.open(desk.sway.display, ("paste",))
        into = await focused(injector, tells=False)
        window.freeze()
        sent = await injector.inject("said", into)
        await injector.close()
        assert sent.proof
        assert not await asyncio.wait_for(sent.proof, PATIENCE_S)
        assert await asyncio.to_thread(desk.pasted) == ""
        window.thaw()
        assert await asyncio.to_thread(window.settles_on, "", 1.5) == ""

    asyncio.run(use())


def test_minutes_of_speech_into_a_stopped_window_do_not_kill_it(desk: Desk) -> None:
    text = "every word of this is said to a window that does not listen "

    async def use(kind: str, methods: tuple[Method, ...]) -> None:
        window = await asyncio.to_thread(shown, desk, kind)
        injector = await WaylandInjector.open(desk.sway.display, methods)
        into = await focused(injector, tells=kind != "foot")
        window.freeze()
        speaker = Speaker(injector, into)
        for _ in range(3):
            await speaker.say(text * 40)
        window.thaw()
        account = await speaker.account()
        assert window.process.poll() is None
        assert await asyncio.to_thread(window.settles_on, account.arrived, 2.0) == account.arrived
        assert account.said == text * 120
        await injector.close()

    for kind in ("foot", "gtk4"):
        asyncio.run(use(kind, METHODS))
