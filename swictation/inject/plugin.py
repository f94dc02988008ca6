"""An injector of another package, kept from taking the daemon down with it."""

from collections.abc import Awaitable, Callable
from importlib.metadata import EntryPoint
from typing import TypeVar

from swictation.config.settings import InjectSettings
from swictation.errors import InjectError
from swictation.inject.injector import (
    Focused,
    Injection,
    Injector,
    InjectorCapabilities,
    Target,
    Unknown,
)

T = TypeVar("T")
U = TypeVar("U")

_PORT = [name for name in vars(Injector) if not name.startswith("_")]
_CONTRACT = "see docs/injector.md"


def opener(entry: EntryPoint) -> Callable[[InjectSettings], Awaitable[Injector]]:
    """The opener of the injector that `entry` names. Its module is imported when that is called."""

    async def open_plug_in(settings: InjectSettings) -> Injector:
        try:
            injector = await entry.load()(settings)
            if missing := [name for name in _PORT if not hasattr(injector, name)]:
                raise InjectError(f"{entry.value} has no {', '.join(missing)}: {_CONTRACT}")
            if not isinstance(injector.capabilities, InjectorCapabilities):
                message = f"{entry.value}: its capabilities are not an InjectorCapabilities"
                raise InjectError(f"{message}: {_CONTRACT}")
            return GuardedInjector(entry.name, injector)
        except (InjectError, OSError):
            raise
        except Exception as error:
            raise InjectError(f"{entry.value}: {type(error).__name__}: {error}") from error

    return open_plug_in


class GuardedInjector:
    """Keeps the port's promise that nothing raises: after an error the plug-in counts as lost."""

    def __init__(self, name: str, injector: Injector) -> None:
        self.name = name
        self.capabilities: InjectorCapabilities = injector.capabilities
        self._injector = injector
        self._failure = ""

    @property
    def lost(self) -> str:
        """See `Injector.lost`."""
        if not self._failure:
            try:
                return self._injector.lost
            except Exception as error:  # noqa: BLE001 - others' code
                self._note("lost", error)
        return self._failure

    async def inject(self, text: str, into: Target | None = None) -> Injection:
        """See `Injector.inject`; after an error nobody knows how much was sent."""
        injection = await self._ask("inject", lambda: self._injector.inject(text, into), None)
        return injection or Injection("partial", sent=len(text), reason=self._failure)

    async def offer(self, text: str) -> bool:
        """See `Injector.offer`."""
        return await self._ask("offer", lambda: self._injector.offer(text), False)

    async def withdraw(self) -> None:
        """See `Injector.withdraw`."""
        await self._ask("withdraw", self._injector.withdraw, None)

    async def flush(self) -> None:
        """See `Injector.flush`."""
        await self._ask("flush", self._injector.flush, None)

    async def focus(self) -> Focused:
        """See `Injector.focus`."""
        return await self._ask("focus", self._injector.focus, Unknown())

    async def close(self) -> None:
        """See `Injector.close`."""
        await self._ask("close", self._injector.close, None)

    async def _ask(self, method: str, call: Callable[[], Awaitable[T]], otherwise: U) -> T | U:
        try:
            return await call()
        except Exception as error:  # noqa: BLE001 - others' code
            self._note(method, error)
            return otherwise

    def _note(self, method: str, error: Exception) -> None:
        """Record the error by its type alone: its message may quote the text."""
        self._failure = f"the plug-in's {method} raised {type(error).__name__}"
