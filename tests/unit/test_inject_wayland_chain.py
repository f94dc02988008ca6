"""Which method is tried, and when none is."""

import itertools

import msgspec
import pytest

from swictation.inject.wayland.chain import Plan, Situation, is_chromium, is_terminal, plan

pytestmark = pytest.mark.unit

ALL = Situation(
    field="answers", terminal=False, window=True, clipboard=True, keyboard=True, wtype=True
)


def but(**changes: object) -> Situation:
    return msgspec.structs.replace(ALL, **changes)


@pytest.mark.parametrize(
    ("situation", "methods"),
    [
        (ALL, ("commit", "paste", "type", "wtype")),
        (but(field="mute"), ("commit", "paste", "type", "wtype")),
        (but(field="mute", terminal=True), ("paste", "type", "commit", "wtype")),
        (but(field="none"), ("paste", "type", "wtype")),
        (but(field="taken"), ("paste", "type", "wtype")),
        (but(field="unsupported", clipboard=False), ("type", "wtype")),
        (but(field="none", keyboard=False), ("wtype",)),
        (but(window=False), ("commit", "paste", "type", "wtype")),
        (but(field="none", window=None), ("paste", "type", "wtype")),
    ],
)
def test_the_surest_method_comes_first(situation: Situation, methods: tuple[str, ...]) -> None:
    assert plan(situation) == Plan(methods)


@pytest.mark.parametrize(
    ("situation", "reason"),
    [
        (but(field="secret"), "a password field has the focus"),
        (but(field="none", window=False), "no window has the focus"),
        (but(field="taken", keyboard=False, wtype=False), "another input method owns the seat"),
        (but(field="none", keyboard=False, wtype=False), "no way to send text"),
    ],
)
def test_nothing_is_tried_and_the_reason_told(situation: Situation, reason: str) -> None:
    assert plan(situation) == Plan((), reason)


def test_a_password_field_is_never_written_to() -> None:
    flags = itertools.product((True, False), repeat=5)
    for terminal, window, clipboard, keyboard, wtype in flags:
        situation = Situation("secret", terminal, window, clipboard, keyboard, wtype)
        assert plan(situation).methods == ()


def test_only_what_is_allowed_is_tried() -> None:
    assert plan(ALL, ("type",)) == Plan(("type",))
    assert plan(but(field="none"), ("commit",)) == Plan((), "no text field is active")


@pytest.mark.parametrize("app", ["foot", "Alacritty", "org.gnome.Terminal", "kitty"])
def test_terminals_are_known_by_name(app: str) -> None:
    assert is_terminal(app)


def test_what_is_built_on_chromium_is_known_by_name() -> None:
    assert all(map(is_chromium, ["chromium", "google-chrome", "code", "Slack", "chrome-x-Default"]))
    assert not any(map(is_chromium, ["firefox", "foot", "org.gnome.TextEditor", "decode"]))
