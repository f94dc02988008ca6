import pytest

from swictation.config.settings import InjectSettings, Settings
from swictation.doctor.finding import Subject
from swictation.doctor.window import judge, window, window_system
from swictation.errors import InjectError
from swictation.inject.injector import InjectorCapabilities

pytestmark = pytest.mark.unit

KNOWS = InjectorCapabilities(knows_focus=True)
CHAIN = ("wayland", "x11", "clipboard")


@pytest.fixture(autouse=True)
def no_display(monkeypatch):
    for name in ("WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)


def test_the_first_way_of_the_chain_that_opens_is_named():
    found = judge("Wayland (wayland-1)", CHAIN, "wayland", {}, KNOWS)
    assert (found.level, found.remedy) == ("ok", "")
    assert found.found == "Wayland (wayland-1): text goes by wayland, the first of [inject] chain"


def test_why_those_before_it_do_not_work_is_told():
    said = {"wayland": InjectError("Wayland: no display"), "x11-type": InjectError("no ping")}
    found = judge("X11 (:0)", CHAIN, "x11", said, KNOWS)
    assert found.level == "ok"
    why = "since not by wayland: no display, nor by x11-type: no ping"
    assert found.found == f"X11 (:0): text goes by x11, {why}"


@pytest.mark.parametrize(
    ("system", "name", "level", "told"),
    [
        ("Wayland (wayland-0) and X11 (:0)", "x11", "warning", "only into X11 programs"),
        ("Wayland (wayland-0)", "clipboard", "warning", "only be put on the clipboard"),
        ("Wayland (wayland-0)", "", "error", "no injector of [inject] chain works here"),
    ],
)
def test_what_types_nowhere_or_not_everywhere_says_which_session_would_do(
    system, name, level, told
):
    failures = {"wayland": InjectError("the compositor has neither")}
    found = judge(system, CHAIN, name, failures, KNOWS)
    assert found.level == level
    assert told in found.found
    assert "neither" in found.found
    assert found.remedy


def test_a_plug_in_says_itself_what_helps():
    failures = {"diary": InjectError("no diary", "buy one")}
    alone = judge("X11 (:0)", ("diary",), "", failures, KNOWS)
    assert alone.remedy == "buy one"
    beside = judge("X11 (:0)", ("diary", *CHAIN), "", failures, KNOWS)
    assert beside.remedy.startswith("buy one; or log in to an X11 (Xorg) session")
    silent = judge("X11 (:0)", ("diary",), "", {"diary": InjectError("no diary")}, KNOWS)
    assert "[inject] chain" in silent.remedy
    assert "X11" not in silent.remedy


def test_one_who_wants_the_clipboard_alone_is_not_warned():
    assert judge("X11 (:0)", ("clipboard",), "clipboard", {}, KNOWS).level == "ok"


def test_without_a_display_one_is_sent_to_a_desktop():
    (found,) = window(Subject())
    assert found.level == "warning"
    assert "swictation doctor" in found.remedy


def test_a_chain_that_needs_no_display_is_fine_without_one():
    settings = Settings(inject=InjectSettings(chain=("none",)))
    (found,) = window(Subject(settings=settings))
    assert found.level == "ok"


def test_both_systems_are_named(monkeypatch):
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-3")
    monkeypatch.setenv("DISPLAY", ":4")
    assert window_system() == "Wayland (wayland-3) and X11 (:4)"
