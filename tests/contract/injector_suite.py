"""What each injector owes: what is said about a text is what became of it.

Not collected itself: test_injector.py (here) and desktop/test_injectors.py run it over theirs.
"""

import asyncio

import pytest

from desktop.cells import TEXTS, eventually
from swictation.inject.injector import (
    OTHER_WINDOW,
    Injection,
    Injector,
    NoWindow,
    Target,
    Unknown,
)

OTHER = Target("elsewhere", "")


class Case:
    """An injector, what it has written so far, and what the clipboard holds (None: there is none).

    Where nobody can look, what was written is what was wanted.
    """

    def __init__(self, injector, written, clipboard=None, run=asyncio.run):
        """`run`: an `asyncio.Runner`'s, if the injector belongs to one event loop."""
        self.injector: Injector = injector
        self.written = written
        self.clipboard = clipboard
        self.run = run

    def target(self) -> Target:
        """The window with the focus, which the injector has to know."""
        if not self.injector.capabilities.knows_focus:
            pytest.skip("it does not know the focus")
        focused = self.run(self.injector.focus())
        assert isinstance(focused, Target)
        return focused

    def inject(self, text, into=None):
        return self.run(self.injector.inject(text, into))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_arrives_as_it_is(case, text):
    injection = case.inject(text)
    assert injection.outcome in ("confirmed", "typed"), injection
    assert injection.sent == len(text)
    assert injection.confirmed == (len(text) if injection.outcome == "confirmed" else 0)
    assert case.written(text) == text


def test_pieces_arrive_in_order_and_once(case):
    pieces = ["One", ", zwei", " — 三", ".", " Four 😀"] * 2
    outcomes = {case.inject(piece).outcome for piece in pieces}
    assert outcomes <= {"confirmed", "typed"}
    assert case.written("".join(pieces)) == "".join(pieces)


def test_nothing_is_delivered_at_once(case):
    assert case.inject("").outcome in ("confirmed", "typed")
    assert case.written("") == ""


def test_the_target_has_the_same_id_while_it_has_the_focus(case):
    first = case.target()
    case.inject("x")
    assert case.target() == first


def test_flush_has_nothing_to_say(case):
    assert case.run(case.injector.flush()) is None


def test_a_text_for_the_window_with_the_focus_arrives(case):
    target = case.target()
    assert case.inject("hier — ", target).outcome in ("confirmed", "typed")
    assert case.written("hier — ") == "hier — "


def test_a_text_for_another_window_is_refused_and_nothing_is_sent(case):
    case.target()
    assert case.inject("not for you", OTHER) == Injection("refused", reason=OTHER_WINDOW)
    if case.clipboard is None:
        assert case.written("") == ""
    else:
        case.inject("fence")
        assert case.written("fence") == "fence"


def test_an_offered_text_stays_on_the_clipboard(case):
    offered = case.run(case.injector.offer("offered — 供"))
    assert offered == (case.clipboard is not None)
    if not offered:
        return
    assert case.clipboard() == "offered — 供"
    for word in ("one ", "two 二 "):
        assert case.inject(word).outcome in ("confirmed", "typed")
    assert case.written("one two 二 ") == "one two 二 "
    assert eventually(case.clipboard, "offered — 供") == "offered — 供"


@pytest.mark.parametrize("text", ["", "ls\n", "\x1b[A"])
def test_what_is_never_typed_is_not_offered_either(case, text):
    assert case.run(case.injector.offer(text)) is False


def test_an_injector_in_use_is_not_lost(case):
    assert case.injector.lost == ""


def test_it_is_the_whole_port(case):
    assert isinstance(case.injector, Injector)


def test_what_it_says_of_itself_is_so(case):
    can = case.injector.capabilities
    focused = case.run(case.injector.focus())
    injection = case.inject("so it is")
    assert isinstance(focused, Target | NoWindow if can.knows_focus else Unknown)
    assert can.confirms or injection.outcome != "confirmed"
    if isinstance(focused, Target) and not can.knows_password:
        assert focused.is_password is None
    if not can.clipboard:
        assert case.run(case.injector.offer("offered")) is False
    if not can.keys and can.confirms:  # stdout and the like do not judge what they are given
        assert case.inject("one\ntwo").outcome == "refused"
