"""The names that `[inject] chain` may hold: this program's own, and those of installed plug-ins."""

from collections.abc import Iterable

from swictation.config.render import did_you_mean, shortened, toml_value
from swictation.shown import printable

BUILT_IN = ("wayland", "x11", "x11-type", "x11-paste", "clipboard", "stdout", "none")
NEED_DISPLAY = frozenset(BUILT_IN) - {"stdout", "none"}

GROUP = "swictation.injectors"
"""The entry points of plug-ins: see docs/injector.md."""


def chain_fault(chain: Iterable[str]) -> str:
    """What is wrong with the first unknown name; "" if all are known."""
    others = [name for name in chain if name not in BUILT_IN]
    if not others:
        return ""  # the usual case: reading what is installed takes 30 ms
    known = (*BUILT_IN, *plug_ins())
    unknown = next((name for name in others if name not in known), None)
    if unknown is None:
        return ""
    hint = did_you_mean(unknown, known) or ", or an installed plug-in's name"
    choices = ", ".join(map(toml_value, known))
    return f"{shortened(toml_value(unknown))} must be one of {choices}{hint}"


def load_fault(chain: Iterable[str]) -> str:
    """Say which plug-in of `chain` cannot be imported, and why; "" if all can."""
    from importlib.metadata import entry_points

    for name in chain:
        if name in BUILT_IN:
            continue
        for entry in entry_points(group=GROUP, name=name):
            try:
                entry.load()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - others' code
                said = printable(f"{entry.value}: {type(error).__name__}: {error}")
                return f"{shortened(toml_value(name))} cannot be imported: {said}"
    return ""


def plug_ins() -> list[str]:
    """The names of the injectors that other packages bring."""
    from importlib.metadata import entry_points

    return sorted(entry_points(group=GROUP).names - set(BUILT_IN))
