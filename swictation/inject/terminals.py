"""Recognises terminals, which get text as keys only, never by a paste key."""

from swictation.inject import proc
from swictation.inject.pages import pages_of

_NAMES = """
alacritty blackbox com.mitchellh.ghostty com.raggesi.blackbox contour cool-retro-term
deepin-terminal eterm foot footclient ghostty gnome-terminal gnome-terminal-server guake havoc kgx
kitty konsole lxterminal mate-terminal mlterm org.codeberg.dnkl.foot
org.contourterminal.contour org.gnome.console org.gnome.ptyxis org.gnome.terminal org.kde.konsole
org.kde.yakuake org.wezfurlong.wezterm ptyxis qterminal rio rxvt sakura st st-256color terminator
terminology termite tilda tilix urxvt uxterm wezterm wezterm-gui weston-terminal xfce4-terminal
xterm yakuake
"""
TERMINALS = frozenset(_NAMES.split())
"""Names in lower case, as windows give them."""


def holds_terminal(pid: int) -> bool:
    """Whether the process holds the master of a pseudo-terminal, as only terminals do.

    In an editor built on a browser, a child process beside those of the pages holds it.
    """
    return any(
        name.endswith("/ptmx")
        for each in (pid, *pages_of(pid))
        for _, name in proc.open_files(each)
    )
