"""Which method is tried, and when none is."""

import itertools

import msgspec
import pytest

from swictation.inject.wayland.chain import Plan, Situation, is_chromium, plan
from swictation.inject.wayland.terminal import is_terminal

pytestmark = pytest.mark.unit

ALL = Situation(field="answers", terminal=False, window=True, clipboard=True, keyboard=True)


def but(**changes: object) -> Situation:
    return msgspec.structs.replace(ALL, **changes)


@pytest.mark.parametrize(
    ("situation", "methods"),
    [
        (ALL, ("commit", "paste", "type")),
        (but(field="mute"), ("commit", "paste", "type")),
        (but(field="none"), ("paste", "type")),
        (but(field="taken"), ("paste", "type")),
        (but(field="unsupported", clipboard=False), ("type",)),
        (but(window=False), ("commit", "paste", "type")),
        (but(field="none", window=None), ("paste", "type")),
        (but(terminal=True), ("commit", "type")),
        (but(terminal=True, keyboard=False), ("commit",)),
        (but(field="mute", terminal=True), ("type",)),
        (but(field="none", terminal=True), ("type",)),
    ],
)
def test_the_surest_method_comes_first(situation: Situation, methods: tuple[str, ...]) -> None:
    assert plan(situation).methods == methods


@pytest.mark.parametrize(
    ("situation", "reason"),
    [
        (but(field="secret"), "a password field has the focus"),
        (but(field="none", window=False), "no window has the focus"),
        (but(field="taken", keyboard=False), "another input method owns the seat"),
        (but(field="none", keyboard=False), "no way to send text"),
        (but(field="mute", terminal=True, keyboard=False), "a terminal takes text as keys only"),
    ],
)
def test_nothing_is_tried_and_the_reason_told(situation: Situation, reason: str) -> None:
    assert plan(situation).methods == ()
    assert plan(situation).reason.startswith(reason)


def test_a_password_field_is_never_written_to() -> None:
    flags = itertools.product((True, False), repeat=4)
    for terminal, window, clipboard, keyboard in flags:
        situation = Situation("secret", terminal, window, clipboard, keyboard)
        assert plan(situation).methods == ()


def test_a_terminal_never_gets_a_paste_key() -> None:
    for field in ("answers", "mute", "none", "taken", "unsupported"):
        situation = but(field=field, terminal=True)
        assert "paste" not in plan(situation).methods
        assert plan(situation, ("paste",)).methods == ()


def test_only_what_is_allowed_is_tried() -> None:
    assert plan(ALL, ("type",)) == Plan(("type",))
    assert plan(but(field="none"), ("commit",)) == Plan((), "no text field is active")


@pytest.mark.parametrize("app", ["foot", "Alacritty", "org.gnome.Terminal", "kitty"])
def test_terminals_are_known_by_name(app: str) -> None:
    assert is_terminal(app)


def test_what_is_built_on_chromium_is_known_by_name() -> None:
    assert all(map(is_chromium, ["chromium", "google-chrome", "code", "Slack", "chrome-x-Default"]))
    assert not any(map(is_chromium, ["firefox", "foot", "org.gnome.TextEditor", "decode"]))


def test_keys_are_blind_only_where_a_window_tells_nothing_and_its_paste_has_failed() -> None:
    assert plan(but(field="none", clipboard=False)).is_blind
    assert not plan(but(field="none", terminal=True)).is_blind
    assert not plan(ALL).is_blind
    assert not plan(but(field="none"), ("type",)).is_blind
