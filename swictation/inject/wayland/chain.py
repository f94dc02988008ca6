"""Which methods to try, in which order: pure, so that the rule can be read and tested."""

from typing import Literal

import msgspec

Method = Literal["commit", "paste", "type"]
METHODS: tuple[Method, ...] = ("commit", "paste", "type")

_TERMINALS = """
alacritty blackbox com.mitchellh.ghostty com.raggesi.blackbox contour cool-retro-term
deepin-terminal eterm foot footclient ghostty gnome-terminal-server guake havoc kgx kitty konsole
lxterminal mate-terminal mlterm org.codeberg.dnkl.foot org.contourterminal.contour org.gnome.console
org.gnome.ptyxis org.gnome.terminal org.kde.konsole org.kde.yakuake org.wezfurlong.wezterm ptyxis
qterminal rio rxvt sakura st st-256color terminator terminology termite tilix tilda urxvt uxterm
wezterm wezterm-gui weston-terminal xfce4-terminal xterm yakuake
"""
TERMINALS = frozenset(_TERMINALS.split())
"""Names in lower case, as windows give them; X11's under Xwayland are among them."""

_CHROMIUM = "brave chrom codium cursor discord edge electron obsidian opera slack teams vivaldi"
"""Parts of the names of what is built on Chromium; and there is Visual Studio Code, `code`."""


class Situation(msgspec.Struct, frozen=True, gc=False):
    """What is known before anything is sent."""

    field: Literal["answers", "mute", "secret", "none", "taken", "unsupported"]
    """What has the focus, as the input method sees it. A field "answers" when it tells what stands
    in it; "taken": another input method owns the seat."""
    terminal: bool
    """Whether the window with the focus is a terminal."""
    window: bool | None
    """Whether a window has the focus; None where the compositor does not tell."""
    clipboard: bool
    """Whether it may be used now."""
    keyboard: bool


class Plan(msgspec.Struct, frozen=True, gc=False):
    """Methods to try until one has not refused; with none of them, why."""

    methods: tuple[Method, ...]
    reason: str = ""


def plan(situation: Situation, allowed: tuple[Method, ...] = METHODS) -> Plan:
    """What to try. A later method is tried only if the earlier surely sent nothing.

    A terminal gets no paste key: a late one would run a line of somebody else's clipboard. Nor a
    commit that it does not confirm: foot drops 1 in 10, what comes as it redraws.
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
        return Plan(methods)
    if terminal:
        return Plan((), "a terminal takes text as keys only, and there is no way to press them")
    if "commit" in allowed and situation.field == "taken":
        return Plan((), "another input method owns the seat")
    return Plan((), "no text field is active" if allowed == ("commit",) else "no way to send text")


def is_terminal(app: str) -> bool:
    """By the window's name for its application."""
    return app.lower() in TERMINALS


def is_chromium(app: str) -> bool:
    """Whether it is built on Chromium, by the window's name for its application.

    There keys lose all but 16 bits of a character (seen in 156), and a paste reads the clipboard
    twice: first to look, then for the text.
    """
    return app.lower() == "code" or any(part in app.lower() for part in _CHROMIUM.split())
