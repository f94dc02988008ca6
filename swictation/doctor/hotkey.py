"""The line that binds a key, for each desktop. It calls the bus, because Python starts slowly.

The README shows the same lines; a test holds them equal.
"""

import os
from collections.abc import Iterator

from swictation.control.bus.wire import BUS_NAME, INTERFACE, PATH
from swictation.doctor.finding import Finding, Subject

TOGGLE = f"busctl --user call {BUS_NAME} {PATH} {INTERFACE} Toggle"

LINES: dict[str, tuple[str, str]] = {
    "sway": ("~/.config/sway/config", f"bindsym $mod+d exec {TOGGLE}"),
    "Hyprland": ("~/.config/hypr/hyprland.conf", f"bind = SUPER, D, exec, {TOGGLE}"),
    "i3": ("~/.config/i3/config", f"bindsym $mod+d exec --no-startup-id {TOGGLE}"),
    "GNOME": ("Settings, Keyboard, View and Customize Shortcuts, Custom Shortcuts", TOGGLE),
    "KDE": ("System Settings, Keyboard, Shortcuts, Add New, Command or Script", TOGGLE),
    "Xfce": ("Settings, Keyboard, Application Shortcuts, Add", TOGGLE),
    "other X11": ("~/.config/sxhkd/sxhkdrc, and start sxhkd", f"super + d\n    {TOGGLE}"),
}
"""For each desktop: where the line goes, and the line."""

_SIGNS = {
    "SWAYSOCK": "sway",
    "HYPRLAND_INSTANCE_SIGNATURE": "Hyprland",
    "I3SOCK": "i3",
    "KDE_FULL_SESSION": "KDE",
}


def hotkey(_: Subject) -> Iterator[Finding]:
    """Report the line for this desktop."""
    name = desktop()
    if name in LINES:
        where, line = LINES[name]
        yield Finding("hotkey", "ok", f"{name}: add this to {where}:\n{line}")
    else:
        found = f"in your desktop's shortcut settings, bind a key to:\n{TOGGLE}"
        yield Finding("hotkey", "ok", found)


def desktop() -> str:
    """The name of this desktop, as in LINES, or ""."""
    names = os.environ.get("XDG_CURRENT_DESKTOP", "").lower().split(":")
    for name in LINES:
        if name.lower() in names:
            return name
    by_sign = next((name for sign, name in _SIGNS.items() if os.environ.get(sign)), "")
    return by_sign or ("other X11" if _is_bare_window_manager(names) else "")


def _is_bare_window_manager(names: list[str]) -> bool:
    """Such as openbox: no desktop, whose settings could bind a key."""
    is_x11 = bool(os.environ.get("DISPLAY")) and not os.environ.get("WAYLAND_DISPLAY")
    return is_x11 and names[-1] in ("", "openbox", "fluxbox", "icewm", "bspwm", "awesome", "dwm")
