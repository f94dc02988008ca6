from pathlib import Path

import pytest

from swictation.control.bus.wire import BUS_NAME, INTERFACE, PATH
from swictation.doctor.finding import Subject
from swictation.doctor.hotkey import LINES, TOGGLE, desktop, hotkey

pytestmark = pytest.mark.unit

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.fixture(autouse=True)
def no_desktop(monkeypatch):
    for name in ("DISPLAY", "XDG_CURRENT_DESKTOP", "SWAYSOCK", "I3SOCK", "KDE_FULL_SESSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("HYPRLAND_INSTANCE_SIGNATURE", raising=False)


def test_the_lines_of_the_readme_are_these():
    text = README.read_text()
    for name, (where, line) in LINES.items():
        code = line.replace("\n", "\n    ")
        assert f"**{name}**: {where}\n\n    {code}\n" in text


def test_every_line_calls_the_daemon_over_the_bus_without_starting_python():
    assert TOGGLE.split() == ["busctl", "--user", "call", BUS_NAME, PATH, INTERFACE, "Toggle"]
    assert all(TOGGLE in line for _, line in LINES.values())


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("sway", "sway"),
        ("ubuntu:GNOME", "GNOME"),
        ("KDE", "KDE"),
        ("Hyprland", "Hyprland"),
        ("i3", "i3"),
        ("XFCE", "Xfce"),
        ("MATE", ""),
        ("", ""),
    ],
)
def test_the_desktop_is_known_by_its_name(monkeypatch, names, expected):
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", names)
    assert desktop() == expected


def test_a_desktop_without_a_name_is_known_by_its_socket(monkeypatch):
    monkeypatch.setenv("SWAYSOCK", "/run/user/1000/sway-ipc.sock")
    (found,) = hotkey(Subject())
    assert found.found == f"sway: add this to ~/.config/sway/config:\nbindsym $mod+d exec {TOGGLE}"


@pytest.mark.parametrize("name", ["", "openbox"])
def test_a_window_manager_without_settings_gets_the_lines_of_sxhkd(monkeypatch, name):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", name)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    (found,) = hotkey(Subject())
    assert found.found.endswith(f"sxhkd:\nsuper + d\n    {TOGGLE}")


def test_an_unknown_desktop_gets_the_command_alone():
    (found,) = hotkey(Subject())
    assert found.found.splitlines()[1] == TOGGLE
