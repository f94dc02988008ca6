"""Whether an engine, which anybody may have written, has and answers what its port promises.

What is told of it names types and attributes, never a value: that may be dictated text.
"""

import functools
import inspect
from typing import Any

import msgspec

from swictation.types import Capabilities, Hypothesis

_PORT = ("capabilities", "decode", "close")


class WrongAnswer(Exception):
    """`decode` returned no answer; the text says what it returned, without a value of it."""


def missing(engine: Any) -> str:  # noqa: ANN401 - it may be anything
    """What a loaded engine lacks of its port, in words; "": nothing."""
    name = type(engine).__name__
    if lacks := [each for each in _PORT if not hasattr(engine, each)]:
        return f"its `load` returned {name}, which has no {', '.join(lacks)}"
    if fault := _unlike(engine.capabilities, Capabilities):
        return f"its capabilities are {fault}"
    if not _takes_two(engine.decode):
        return f"{name}.decode cannot be called with (request, waveform)"
    return ""


def checked(answer: object) -> Hypothesis:
    """The same. Raises WrongAnswer."""
    if isinstance(answer, Hypothesis) and not _wrong_field(answer):
        return answer
    raise WrongAnswer(f"decode returned {_unlike(answer, Hypothesis)}")


def _unlike(value: object, kind: type[msgspec.Struct]) -> str:
    """How `value` differs from a sound `kind`; "": not at all."""
    if not isinstance(value, kind):
        return f"{_name(type(value))}, not a {kind.__name__}"
    fault = _wrong_field(value)
    return fault and f"a {kind.__name__} whose {fault}"


def _wrong_field(values: msgspec.Struct) -> str:
    """The first field that does not hold what its type says, or that no message can hold."""
    for name, kind in _fields(type(values)):
        value = getattr(values, name)
        try:
            value = msgspec.convert(value, kind)
        except (msgspec.ValidationError, TypeError):
            return f"{name} is {_name(type(value))}, not {_name(kind)}"
        try:
            msgspec.msgpack.encode(value)
        except (TypeError, ValueError, OverflowError):
            return f"{name} cannot be written as UTF-8 text or a number of 64 bits"
    return ""


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, object], ...]:
    return tuple((field.name, field.type) for field in msgspec.structs.fields(kind))


def _name(kind: Any) -> str:  # noqa: ANN401 - a type, or one of typing's
    """Such as str, numpy.bool, str | None."""
    if not isinstance(kind, type):
        return str(kind).replace("typing.", "")
    is_builtin = kind.__module__ == "builtins"
    return kind.__qualname__ if is_builtin else f"{kind.__module__}.{kind.__qualname__}"


def _takes_two(call: object) -> bool:
    if not callable(call):
        return False
    try:
        signature = inspect.signature(call)
    except ValueError:
        return True  # written in C: it does not tell
    try:
        signature.bind(None, None)
    except TypeError:
        return False
    return True
