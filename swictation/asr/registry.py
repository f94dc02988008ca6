"""Engines are found by entry point, so that one may come from another package."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from swictation.asr.engine import Load
from swictation.config.render import closest
from swictation.errors import EngineError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

EMBEDDED = "whisper"
"""Every installation has it, and it is not made for a card: known without a look at what is
installed, which takes 30 ms of the start."""

GROUP = "swictation.engines"
CARD_GROUP = "swictation.card_engines"
"""Names, again, of those engines that belong on a card where `[asr] device` is auto."""

NURSERY_GROUP = "swictation.nurseries"
"""Of an engine's name, a function that imports all that it needs and touches no device."""


def names() -> list[str]:
    """The engines that are installed, whether or not they can be loaded."""
    return sorted({entry.name for entry in _entries(GROUP)})


def is_for_card(name: str) -> bool:
    """Whether the engine `name` is made for a card."""
    return name != EMBEDDED and any(entry.name == name for entry in _entries(CARD_GROUP))


def has_nursery(name: str) -> bool:
    """Whether what the engine `name` needs can be imported apart from it, once for many workers."""
    return any(entry.name == name for entry in _entries(NURSERY_GROUP))


def preload(name: str) -> None:
    """Import all that the engine `name` needs, which may be much: nursery only.

    Raises:
        LookupError: nobody says what that is.
        Exception: anything; its workers would not fare better.
    """
    for entry in _entries(NURSERY_GROUP):
        if entry.name == name:
            entry.load()()
            return
    raise LookupError(f"no {NURSERY_GROUP} for {name!r}")


def find(name: str) -> "EntryPoint":
    """The entry point of the engine `name`.

    Raises:
        EngineError: there is none.
    """
    for entry in _entries(GROUP):
        if entry.name == name:
            return entry
    known = names()
    meant = closest(name, known)
    hint = f" Did you mean {meant}?" if meant else ""
    raise EngineError(
        f"There is no engine called {name!r}, only {', '.join(known)}.{hint}",
        "correct --engine, or in the configuration [asr] engine and cpu_engine: "
        "swictation config check",
    )


def loader(name: str) -> Load:
    """The function that loads the engine `name`. Imports its libraries: worker only.

    Raises:
        EngineError: there is none, or its libraries are missing.
    """
    try:
        return find(name).load()
    except ImportError as error:
        raise EngineError(
            f"The engine {name!r} is installed without its libraries: {error}.",
            f"python -m pip install 'swictation[{name}]'",
        ) from error


def _entries(group: str) -> "Iterable[EntryPoint]":
    from importlib.metadata import entry_points

    return entry_points(group=group)
