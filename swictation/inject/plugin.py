"""An injector of another package, kept from taking the daemon down with it."""

import asyncio
import inspect
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from swictation.config.settings import InjectSettings
from swictation.errors import InjectError
from swictation.inject.injector import (
    Focused,
    Injection,
    Injector,
    InjectorCapabilities,
    NoWindow,
    Outcome,
    Target,
    Unknown,
)
from swictation.shown import printable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")
U = TypeVar("U")

_PORT = [name for name in vars(Injector) if not name.startswith("_")]
_CONTRACT = "see docs/injector.md"
_OUTCOMES: tuple[str, ...] = get_args(Outcome)
_PATIENCE_S = 30.0
"""An answer that takes longer never comes."""
_LAST_WAIT_S = 1.0
"""The same of `flush` and `close`: the daemon's end does not wait."""
_OPENS_S = 10.0


class _ContractBroken(Exception):
    """What the plug-in did, without any of the text."""


_OTHERS = (Exception, SystemExit)
"""What others' code may raise. Only our own main ends the program."""


def opener(
    entry: "EntryPoint", opens_s: float = _OPENS_S
) -> Callable[[InjectSettings], Awaitable[Injector]]:
    """What opens the injector of `entry`. Its module is imported only then."""

    async def open_plug_in(settings: InjectSettings) -> Injector:
        try:
            injector = await _answer(entry.name, "", lambda: entry.load()(settings), opens_s)
            return _guarded(entry.name, injector)
        except InjectError as error:  # its words are an author's, and may be anything
            raise InjectError(printable(str(error.message)), printable(error.remedy)) from error
        except _ContractBroken as error:
            raise InjectError(f"{entry.value} {error}: {_CONTRACT}") from error
        except _OTHERS as error:
            said = printable(f"{entry.value}: {type(error).__name__}: {error}")
            raise InjectError(said) from error

    return open_plug_in


def _guarded(name: str, injector: Any) -> "GuardedInjector":  # noqa: ANN401 - others'
    """Raises _ContractBroken, and InjectError if it is lost already."""
    if missing := [each for each in _PORT if not hasattr(injector, each)]:
        raise _ContractBroken(f"has no {', '.join(missing)}")
    if not isinstance(injector.capabilities, InjectorCapabilities):
        raise _ContractBroken("has capabilities that are no InjectorCapabilities")
    guarded = GuardedInjector(name, injector)
    if lost := guarded.lost:
        raise InjectError(lost)
    return guarded


async def _answer(name: str, method: str, call: Callable[[], Awaitable[T]], limit_s: float) -> T:
    """What it answers; `method` is "" while it is opened. `at_work` knows this function's frame.

    Raises:
        _ContractBroken: it is not async, or takes longer than `limit_s`.
        Exception: the plug-in's own.
    """
    limit = asyncio.timeout(limit_s)
    try:
        async with limit:
            answer = call()
            if not inspect.isawaitable(answer):
                raise _ContractBroken("must be async")
            return await answer
    except TimeoutError:
        if limit.expired():
            raise _ContractBroken(f"did not answer within {limit_s:g} s") from None
        raise
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task and not task.cancelling():  # nobody cancels us: what it waited for was cancelled
            raise _ContractBroken("raised CancelledError") from None
        raise


def at_work() -> str:
    """Whose code the main thread runs now, such as "the plug-in diary: inject"; else ""."""
    stacks = sys._current_frames()  # pyright: ignore[reportPrivateUsage]
    frame = stacks.get(threading.main_thread().ident or 0)
    while frame:
        if frame.f_code is _answer.__code__:
            return f"the plug-in {frame.f_locals['name']}: {frame.f_locals['method'] or 'opening'}"
        frame = frame.f_back
    return ""


class GuardedInjector:
    """Keeps the port's promises for it. One that breaks any of them is lost, and opened anew."""

    def __init__(self, name: str, injector: Injector, patience_s: float = _PATIENCE_S) -> None:
        self.name = name
        self.capabilities: InjectorCapabilities = injector.capabilities
        self._injector = injector
        self._patience_s = patience_s
        self._failure = ""

    @property
    def lost(self) -> str:
        """See `Injector.lost`."""
        if not self._failure:
            try:
                lost: object = self._injector.lost
                _must_be_text("is", lost)
                return printable(str(lost))
            except _OTHERS as error:
                self._note("lost", error)
        return self._failure

    async def inject(self, text: str, into: Target | None = None) -> Injection:
        """See `Injector.inject`; if it fails, nobody knows how much it has sent."""

        def check(answer: object) -> None:
            _check_injection(answer, text)

        injection = await self._ask(
            "inject", lambda: self._injector.inject(text, into), None, check
        )
        return injection or Injection("partial", sent=len(text), reason=self._failure)

    async def offer(self, text: str) -> bool:
        """See `Injector.offer`."""
        return await self._ask("offer", lambda: self._injector.offer(text), False, _check_offer)

    async def withdraw(self) -> None:
        """See `Injector.withdraw`."""
        await self._ask("withdraw", self._injector.withdraw, None)

    async def flush(self) -> None:
        """See `Injector.flush`."""
        await self._ask("flush", self._injector.flush, None)

    async def focus(self) -> Focused:
        """See `Injector.focus`."""
        return await self._ask("focus", self._injector.focus, Unknown(), self._check_focus)

    async def close(self) -> None:
        """See `Injector.close`."""
        await self._ask("close", self._injector.close, None)

    async def _ask(
        self,
        method: str,
        call: Callable[[], Awaitable[T]],
        otherwise: U,
        check: Callable[[object], None] = lambda _: None,
    ) -> T | U:
        try:
            limit_s = _LAST_WAIT_S if method in {"flush", "close"} else self._patience_s
            answer = await _answer(self.name, method, call, limit_s)
            check(answer)
            return answer
        except _OTHERS as error:
            self._note(method, error)
            return otherwise

    def _check_focus(self, answer: object) -> None:
        if not isinstance(answer, Target | NoWindow | Unknown):
            raise _returned(answer, "a Target, NoWindow or Unknown")
        if not isinstance(answer, Target):
            return
        if not self.capabilities.knows_focus:
            raise _ContractBroken("returned a Target, but its capabilities lack knows_focus")
        _must_be_text("returned a Target whose id is", answer.id)
        _must_be_text("returned a Target whose app is", answer.app)

    def _note(self, method: str, error: BaseException) -> None:
        """An exception's words are not told: they may quote the text."""
        if isinstance(error, _ContractBroken):
            what = f"{error}: {_CONTRACT}"
        else:
            what = f"raised {type(error).__name__}{_place(error)}"
        self._failure = f"the plug-in {self.name}: {method} {what}"


def _check_injection(answer: object, text: str) -> None:
    if not isinstance(answer, Injection):
        raise _returned(answer, "an Injection")
    if answer.outcome not in _OUTCOMES:
        raise _ContractBroken(f"returned an Injection that is none of {', '.join(_OUTCOMES)}")
    if not (_is_count(answer.sent, len(text)) and _is_count(answer.confirmed, len(text))):
        raise _ContractBroken("returned an Injection with more characters than the text has")
    _must_be_text("returned an Injection whose reason is", answer.reason)
    proof: object = answer.proof
    if not (proof is None or asyncio.isfuture(proof)):
        raise _ContractBroken(f"returned an Injection whose proof is {_kind(proof)}, not a Future")
    if proof is None and answer.outcome == "unproven":
        raise _ContractBroken("returned an unproven Injection without a proof")


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and 0 <= value <= most


def _check_offer(answer: object) -> None:
    if not isinstance(answer, bool):
        raise _returned(answer, "True or False")


def _must_be_text(what: str, value: object) -> None:
    if not isinstance(value, str):
        raise _ContractBroken(f"{what} {_kind(value)}, not a str")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _ContractBroken(f"{what} no text in UTF-8") from None


def _returned(answer: object, wanted: str) -> _ContractBroken:
    return _ContractBroken(f"returned {_kind(answer)}, not {wanted}")


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _place(error: BaseException) -> str:
    """Where in the plug-in's file it was raised, such as " (diary.py:12)"."""
    frames = [(each.filename, each.lineno) for each in traceback.extract_tb(error.__traceback__)]
    theirs = [each for each in frames if each[0] != __file__]
    lines = [line for file, line in theirs if file == theirs[0][0]]
    return f" ({Path(theirs[0][0]).name}:{lines[-1]})" if theirs else ""
