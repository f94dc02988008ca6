"""Which methods to try, in which order: pure, so that the rule can be read and tested."""

from typing import Literal

import msgspec

Method = Literal["commit", "paste", "type"]
METHODS: tuple[Method, ...] = ("commit", "paste", "type")

_CHROMIUM = "brave chrom codium cursor discord edge electron obsidian opera slack teams vivaldi"
"""Parts of the names of programs built on Chromium. Another one is Visual Studio Code, `code`."""


class Situation(msgspec.Struct, frozen=True, gc=False):
    """What is known before anything is sent."""

    field: Literal["answers", "mute", "secret", "none", "taken", "unsupported"]
    """What has the focus, as the input method sees it. A field "answers" if it reports its content;
    "taken": another input method owns the seat."""
    terminal: bool
    """Whether the window with the focus is a terminal."""
    window: bool | None
    """Whether a window has the focus; None if the compositor does not say."""
    clipboard: bool
    """Whether it may be used now."""
    keyboard: bool


class Plan(msgspec.Struct, frozen=True, gc=False):
    """Methods to try until one does not refuse; if there are none, why."""

    methods: tuple[Method, ...]
    reason: str = ""
    is_blind: bool = False
    """Whether only keys are left for a window that reports nothing and is no terminal."""


def plan(situation: Situation, allowed: tuple[Method, ...] = METHODS) -> Plan:
    """Choose what to try. A later method is tried only if the earlier ones sent nothing.

    A terminal gets no paste key: a late one would run a line of somebody else's clipboard. It
    gets no commit that it does not confirm either: foot drops 1 in 10, those during a redraw.
    """
    if situation.field == "secret":
        return Plan((), "a password field has the focus")
    terminal, mute = situation.terminal, situation.field == "mute"
    commits = situation.field == "answers" or (mute and not terminal)
    if situation.window is False and not commits:
        return Plan((), "no window has the focus")
    able: dict[Method, bool] = {
        "commit": commits,
        "paste": situation.clipboard and situation.keyboard and not terminal,
        "type": situation.keyboard,
    }
    methods: tuple[Method, ...] = tuple(m for m in METHODS if m in allowed and able[m])
    if methods:
        tells = terminal or commits or "paste" not in allowed
        return Plan(methods, is_blind=not tells)
    if terminal:
        return Plan((), "a terminal takes text as keys only, and there is no way to press them")
    if "commit" in allowed and situation.field == "taken":
        return Plan((), "another input method owns the seat")
    return Plan((), "no text field is active" if allowed == ("commit",) else "no way to send text")


def is_chromium(app: str) -> bool:
    """Whether it is built on Chromium, by the window's name for its application.

    Keys lose all but 16 bits of a character there (seen in 156), and a paste reads the clipboard
    twice: first to look, then for the text.
    """
    return app.lower() == "code" or any(part in app.lower() for part in _CHROMIUM.split())
