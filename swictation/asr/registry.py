"""Engines are found by entry point, so that one may come from another package."""

import functools
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from swictation.asr.engine import Engine, EngineSpec
from swictation.asr.provider import EngineProvider
from swictation.config.render import closest
from swictation.config.settings import DEFAULT_ENGINE
from swictation.errors import EngineError
from swictation.gpu.effects import MemoryForecast
from swictation.remedies import pip

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "swictation.engines"
CONTRACT = "what an engine has to offer: docs/engine.md"


class Providers(Mapping[str, EngineProvider]):
    """Of all engines that are installed, by name, the default one first.

    `[]` raises EngineError for one whose provider is broken; a walk leaves it out: see `broken`.
    """

    def __getitem__(self, name: str) -> EngineProvider:
        return _provider(entries()[name])

    def __iter__(self) -> Iterator[str]:
        bad = broken()
        return (name for name in entries() if name not in bad)

    def __len__(self) -> int:
        return sum(1 for _ in self)


PROVIDERS = Providers()


def entries() -> "dict[str, EntryPoint]":
    """The entry points by name, the default engine's first, whether or not they can be loaded."""
    return _entries(tuple(sys.path))


def names() -> list[str]:
    """The engines that are installed, whether or not they can be loaded."""
    return sorted(entries())


def broken() -> dict[str, EngineError]:
    """The engines that are installed and cannot be used, and what to do about it."""
    found: dict[str, EngineError] = {}
    for name, entry in entries().items():
        try:
            _provider(entry)
        except EngineError as error:
            found[name] = error
    return found


def provider(name: str) -> EngineProvider:
    """The provider of the engine `name`.

    Raises:
        EngineError: there is none, or it is broken.
    """
    if entry := entries().get(name):
        return _provider(entry)
    known = names()
    meant = closest(name, known)
    hint = f" Did you mean {meant}?" if meant else ""
    raise EngineError(
        f"There is no engine called {name!r}, only {', '.join(known)}.{hint}",
        "correct --engine, or in the configuration [asr] engine and cpu_engine: "
        "swictation config check",
    )


def find(name: str) -> EngineProvider | None:
    """The same; None where there is none that can be used."""
    try:
        return PROVIDERS.get(name)
    except EngineError:
        return None


def is_for_gpu(name: str) -> bool:
    """Whether the engine `name` is made for a GPU."""
    found = find(name)
    return found is not None and found.is_for_gpu


def memory_forecast(spec: EngineSpec) -> MemoryForecast | None:
    """What `spec` will take of the GPU, as far as its engine can tell before it is loaded."""
    found = find(spec.engine) if spec.device == "cuda" else None
    return found.memory_forecast(spec) if found else None


def unpacker(path: str) -> EngineProvider | None:
    """Whose engine takes apart the archive of that name; None: it is no archive."""
    return next(
        (
            each
            for each in PROVIDERS.values()
            if each.archive_ending and path.endswith(each.archive_ending)
        ),
        None,
    )


def load(spec: EngineSpec) -> Engine:
    """Load the engine that `spec` names. Imports its libraries: worker only.

    Raises:
        EngineError: there is none, its libraries are missing, or it cannot be loaded.
        Exception: whatever the engine raises.
    """
    engine = provider(spec.engine)
    try:
        return engine.load(spec)
    except ImportError as error:
        if reason := engine.unavailable():
            raise reason from error
        raise EngineError(
            f"The engine {spec.engine} is installed without a library that it needs: {error}.",
            _again(_package(spec.engine)),
        ) from error


def _provider(entry: "EntryPoint") -> EngineProvider:
    """Raises EngineError: it is broken, or made for another version."""
    package = _package(entry.name)
    try:
        kind: object = entry.load()
        if isinstance(kind, type) and issubclass(kind, EngineProvider):
            found = kind(entry.name)
            msgspec.structs.fields(found.settings())  # raises where that is no table
            return found
    except Exception as error:  # another's module may raise anything
        raise EngineError(
            f"The engine {entry.name} cannot be used: {entry.value} is not there, or is broken"
            f" ({type(error).__name__}: {error}).",
            _again(package),
        ) from error
    raise EngineError(
        f"The engine {entry.name} is not made for this version: {entry.value} is no"
        " EngineProvider.",
        f"update {package}; {CONTRACT}",
    )


def _again(package: str) -> str:
    if package == "swictation":
        return "it was updated without being installed again; in its folder: make"
    return f"install {package} again, or remove it: {pip('uninstall')} {package}"


def _package(name: str) -> str:
    """The name of the package that brings the engine."""
    found = entries()[name].dist
    return found.name if found else name


@functools.lru_cache(maxsize=1)
def _entries(path: tuple[str, ...]) -> "dict[str, EntryPoint]":
    """`path`: where packages are looked for; it takes milliseconds."""
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.name, entry)
    order = sorted(found, key=lambda name: (name != DEFAULT_ENGINE, name))
    return {name: found[name] for name in order}
