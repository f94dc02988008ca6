"""Typing and pasting into real windows, and everything that gets in their way."""

import asyncio
import gc
import signal
import subprocess
import threading
import time

import pytest
from Xlib import display

from patience import PATIENCE_S, starts
from swictation.errors import InjectError
from swictation.inject.injector import OTHER_WINDOW, Injection, NoWindow, Unknown
from swictation.inject.x11.injector import X11Injector
from swictation.inject.x11.session import prefers_typing

from . import x11
from .cells import SEED, TEXTS, Stage, chosen, eventually
from .field import Field, why_not

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.shared_stage,
    pytest.mark.skipif(bool(x11.missing()), reason=f"{x11.missing()} is not installed"),
]

CELLS = chosen()
LONG = TEXTS["long"]
FOREIGN = "".join(chr(0x4E00 + 7 * n) for n in range(400))
ONE = next((kind for kind in ("gtk3", "qt6", "gtk4") if not why_not(kind)), "")

needs_one = pytest.mark.skipif(not ONE, reason="no toolkit that answers pings is installed")


@pytest.fixture(scope="module")
def stage(stages):
    return stages(Stage)


@pytest.fixture
def field(stage):
    stage.layout("us")
    shown = stage.field(ONE)
    shown.clear()
    return shown


@pytest.mark.parametrize("kind", sorted({cell.field for cell in CELLS}))
def test_each_pair_of_conditions_delivers_exactly(stage, kind):
    if reason := why_not(kind):
        pytest.skip(reason)
    runs = [stage.run(cell) for cell in CELLS if cell.field == kind]
    wrong = [f"{run.cell}: {run.fault}" for run in runs if run.fault]
    assert not wrong, f"CELLS_SEED={SEED}: " + "; ".join(wrong)


@pytest.mark.parametrize(
    ("answers_ping", "newcomers", "typing"),
    [(True, 0, True), (True, 6, True), (True, 7, False), (False, 0, False)],
)
def test_typing_is_preferred_where_it_is_proven_and_cheap(answers_ping, newcomers, typing):
    assert prefers_typing(answers_ping=answers_ping, newcomers=newcomers) is typing


@needs_one
@pytest.mark.parametrize("route", ["type", "paste", "either"])
@pytest.mark.parametrize("text", ["ls\n", "a\tb", "\x1b[A", "bell\x07", "\u2028", "\ud800"])
def test_keys_that_act_are_refused(stage, field, route, text):
    injection = inject(stage, text, route)
    assert injection.outcome == "refused"
    assert injection.sent == 0
    assert field.text() == ""


@needs_one
@pytest.mark.parametrize("route", ["type", "paste"])
def test_newlines_are_written_where_the_user_allows_them(stage, field, route):
    allowing = X11Injector(stage.injector._display, route, allow_newlines=True)
    assert asyncio.run(allowing.inject("one\ntwo\t3")).outcome == "confirmed"
    assert field.settles_on("one\ntwo\t3") == "one\ntwo\t3"


@pytest.mark.skipif(bool(why_not("xterm")), reason="xterm is not installed")
@pytest.mark.parametrize("route", ["type", "paste"])
def test_newlines_never_reach_a_terminal(stage, route):
    stage.layout("us")
    terminal = stage.field("xterm")
    terminal.clear()
    allowing = X11Injector(stage.injector._display, route, allow_newlines=True)
    asyncio.run(allowing.inject("rm x\nls\ty"))
    assert terminal.settles_on("rm x ls y") == "rm x ls y"


@needs_one
@pytest.mark.parametrize("route", ["type", "paste", "either"])
def test_a_modifier_that_stays_down_is_a_refusal(stage, field, route):
    stage.screen.run("xdotool", "keydown", "Shift_L")
    try:
        injection = inject(stage, "hello", route)
    finally:
        stage.screen.run("xdotool", "keyup", "Shift_L")
    assert (injection.outcome, injection.reason) == ("refused", "a modifier key is held")
    assert field.text() == ""


@needs_one
def test_capslock_makes_the_chain_paste(stage, field):
    stage.screen.caps_lock(on=True)
    try:
        assert inject(stage, "hello", "either").outcome == "confirmed"
    finally:
        stage.screen.caps_lock(on=False)
    assert field.settles_on("hello") == "hello"


@needs_one
def test_without_a_focused_window_nothing_is_sent(stage):
    stage.leave()
    assert asyncio.run(stage.injector.focus()) == NoWindow()
    injection = inject(stage, "hello")
    assert (injection.outcome, injection.reason) == ("refused", "no window has the focus")


@needs_one
def test_a_window_that_hangs_for_long_is_a_refusal_before_the_first_key(stage, field):
    field.freeze()
    try:
        injection = inject(stage, "déjà", "paste")
    finally:
        field.thaw()
    assert (injection.outcome, injection.reason) == ("refused", "the window does not answer")
    assert field.settles_on("") == ""


@needs_one
def test_a_window_that_hangs_under_the_keys_gets_the_part_that_is_told(stage, field):
    inject(stage, "Z", "type")
    field.freeze()
    try:
        injection = inject(stage, LONG, "type")
    finally:
        field.thaw()
    assert injection.outcome == "unproven"
    assert injection.reason == "the window does not answer"
    assert field.settles_on("Z" + LONG[: injection.sent]) == "Z" + LONG[: injection.sent]


@needs_one
def test_what_was_not_mapped_is_not_taken_for_mapped(stage, field):
    """A window that hangs before the first key: the plan for the keymap is not carried out."""
    field.freeze()
    refused = inject(stage, "ŵŷŕĝ", "type")
    assert (refused.outcome, refused.reason) == ("refused", "the window does not answer")
    field.thaw()
    assert inject(stage, "ŵŷŕĝ", "type").outcome == "confirmed"
    assert field.settles_on("ŵŷŕĝ") == "ŵŷŕĝ"


@needs_one
def test_text_stops_where_the_focus_moves(stage, field):
    """No key is lost or doubled: the two windows together hold what was sent."""
    thief: list[Field] = []
    timer = threading.Timer(0.05, lambda: thief.append(Field(ONE, stage.screen.environment)))
    timer.start()
    injection = inject(stage, FOREIGN + LONG * 8, "type")
    timer.join()
    try:
        thief[0].wait_focused()
        assert injection.outcome == "partial"
        assert injection.reason == "the focus moved to another window"
        text = (FOREIGN + LONG * 8)[: injection.sent]
        first = field.settles_on(text)
        second = thief[0].settles_on(text[len(first) :])
        assert first + second == text
        assert second == ""
        assert injection.confirmed == injection.sent
    finally:
        thief[0].stop()
        stage.leave()


@needs_one
@pytest.mark.parametrize("route", ["type", "paste", "either"])
def test_text_for_a_window_that_has_lost_the_focus_goes_nowhere(stage, field, route):
    injector = stage.by(route)
    target = asyncio.run(injector.focus())
    thief = Field(ONE, stage.screen.environment)
    try:
        thief.wait_focused()
        injection = asyncio.run(injector.inject("for the first", target))
        assert injection == Injection("refused", reason=OTHER_WINDOW)
        assert (field.settles_on(""), thief.settles_on("")) == ("", "")
    finally:
        thief.stop()
    field.wait_focused()
    assert asyncio.run(injector.inject("for the first", target)).outcome == "confirmed"
    assert field.settles_on("for the first") == "for the first"


@needs_one
@pytest.mark.parametrize("route", ["type", "paste"])
def test_a_window_that_is_closed_ends_it_at_once(stage, field, route):
    timer = threading.Timer(0.1, field.process.kill)
    timer.start()
    injection = inject(stage, FOREIGN + LONG * 8, "type") if route == "type" else None
    while injection is None or injection.outcome == "confirmed":
        injection = inject(stage, LONG, route)
    timer.join()
    stage.leave()
    assert injection.outcome in ("partial", "refused")


@needs_one
@pytest.mark.parametrize("old", ["", "something old — 旧", "x" * 150_000])
def test_the_clipboard_is_given_back(stage, field, old):
    keeper = copy(stage, old)
    try:
        assert inject(stage, "dictated", "paste").outcome == "confirmed"
        assert field.settles_on("dictated") == "dictated"
        assert eventually(stage.clipboard, old) == old
    finally:
        keeper.kill()
        keeper.wait()


@needs_one
def test_pastes_in_a_row_give_back_what_was_there_before_the_first(stage, field):
    keeper = copy(stage, "precious")
    try:
        for word in ("one ", "two ", "three "):
            assert inject(stage, word, "paste").outcome == "confirmed"
        assert field.settles_on("one two three ") == "one two three "
        assert eventually(stage.clipboard, "precious") == "precious"
    finally:
        keeper.kill()
        keeper.wait()


@needs_one
def test_a_clipboard_that_cannot_be_kept_is_left_alone(stage, field):
    """Too long for one request: its owner would send it in parts."""
    keeper = copy(stage, "y" * 2_000_000)
    try:
        refused = inject(stage, "dictated", "paste")
        assert refused.outcome == "refused"
        assert refused.reason == "the clipboard's content cannot be kept"
        assert inject(stage, FOREIGN[:20], "either").outcome == "confirmed"
        assert field.settles_on(FOREIGN[:20]) == FOREIGN[:20]
        assert stage.clipboard() == "y" * 2_000_000
    finally:
        keeper.kill()
        keeper.wait()


@needs_one
def test_the_dictated_text_asks_clipboard_histories_to_forget_it(stage, field):
    assert inject(stage, "secret", "paste").outcome == "confirmed"
    hint = stage.screen.run(
        "xclip", "-o", "-selection", "clipboard", "-t", "x-kde-passwordManagerHint"
    )
    assert hint == "secret"


@needs_one
def test_the_keycodes_are_given_back_empty():
    screen = x11.Screen()
    window = Field(ONE, screen.environment)
    try:
        window.wait_focused()
        before = empty_keycodes(screen)
        injector = asyncio.run(X11Injector.open(screen.name, "type"))
        assert asyncio.run(injector.inject("中文 😀 Ελ")).outcome == "confirmed"
        assert empty_keycodes(screen) < before
        asyncio.run(injector.close())
        assert empty_keycodes(screen) == before
        assert asyncio.run(injector.inject("x")).outcome == "refused"
        assert asyncio.run(injector.focus()) == Unknown()
    finally:
        window.stop()
        screen.close()


# python-xlib leaves the socket of a connection that failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_display_is_an_error_that_says_so():
    with pytest.raises(InjectError, match="no X server"):
        asyncio.run(X11Injector.open(":4321"))
    gc.collect()


@needs_one
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_server_that_dies_or_hangs_never_blocks(how):
    screen = x11.Screen()
    window = Field(ONE, screen.environment)
    window.wait_focused()
    injector = asyncio.run(X11Injector.open(screen.name, "type"))
    timer = threading.Timer(1.0, screen.server.send_signal, [how])
    timer.start()
    try:
        text = LONG * 20
        longest_s, injection = asyncio.run(watched(injector.inject(text)))
        assert injection.outcome in ("partial", "unproven")
        assert 0 < injection.sent < len(text)
        assert longest_s < starts(8), "the run loop was blocked"
        assert asyncio.run(injector.inject("more")).outcome == "refused"
        assert bool(injector.lost) == (how == signal.SIGKILL)
        if how == signal.SIGSTOP:
            screen.server.send_signal(signal.SIGCONT)
            held = text[: injection.sent]
            assert window.settles_on(held) == held
            last = eventually(lambda: asyncio.run(injector.inject("!")).outcome, "confirmed")
            assert last == "confirmed"
            assert window.settles_on(held + "!") == held + "!"
            screen.server.send_signal(signal.SIGSTOP)
    finally:
        timer.join()
        asyncio.run(asyncio.wait_for(injector.close(), PATIENCE_S))
        assert not [t for t in threading.enumerate() if t is injector._display._thread]
        screen.close()
        window.stop()


def inject(stage, text, route="either"):
    return asyncio.run(stage.by(route).inject(text))


async def watched(work):
    """The result, and the longest time for which the loop did not turn."""
    longest_s = 0.0
    task = asyncio.ensure_future(work)
    while not task.done():
        before_s = time.monotonic()
        await asyncio.wait({task}, timeout=0.02)
        longest_s = max(longest_s, time.monotonic() - before_s)
    return longest_s, task.result()


def copy(stage, text):
    """Another program owns the clipboard (xclip, in the foreground)."""
    keeper = subprocess.Popen(
        ["xclip", "-i", "-quiet", "-selection", "clipboard"],
        env=stage.screen.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    keeper.stdin.write(text.encode())
    keeper.stdin.close()
    assert eventually(stage.clipboard, text) == text
    return keeper


def empty_keycodes(screen):
    client = display.Display(screen.name)
    try:
        info = client.display.info
        count = info.max_keycode - info.min_keycode + 1
        rows = client.get_keyboard_mapping(info.min_keycode, count)
        return {info.min_keycode + n for n, row in enumerate(rows) if not any(row)}
    finally:
        client.close()
