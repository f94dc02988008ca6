"""What the daemon is told of an exception in an engine: kind and place, never its text.

That may hold dictated words. An exception to it is `EngineError`: what an engine deliberately says
to the user.
"""

import traceback
from collections.abc import Iterator

from swictation.errors import EngineError
from swictation.types import AllocatorFigures, FailureKind
from swictation.worker.child.contract import WrongAnswer
from swictation.worker.protocol.messages import Failed

_MOST_FRAMES = 30
"""Of each exception, the innermost."""
_MOST_LINKED = 5


def failed(
    number: int,
    error: BaseException,
    engine: object,
    kind: FailureKind = "other",
    figures: AllocatorFigures | None = None,
) -> Failed:
    """What to send of `error`, which `engine` raised at request `number`."""
    if isinstance(error, WrongAnswer):
        return Failed(number, f"its engine's {error}", kind, figures)
    name, where = type(error).__name__, _where(error, engine)
    reason = f"its engine raised {name}{where and f' at {where}'}"
    message = remedy = ""
    if isinstance(error, EngineError):
        message, remedy = str(error.message), str(error.remedy)
        reason = f"{message} -> {remedy}" if remedy else message
    return Failed(number, reason, kind, figures, message, remedy, tuple(_stack(error)))


def _where(error: BaseException, engine: object) -> str:
    """File and line of the innermost frame of the engine's own package; "": there is none."""
    package = type(engine).__module__.partition(".")[0]
    own = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package
    ]
    return own[-1] if own else ""


def _stack(error: BaseException) -> Iterator[str]:
    """Lines for the log: places of `error`, and of those that it was raised from or during."""
    one: BaseException | None = error
    for _ in range(_MOST_LINKED):
        if one is None:
            return
        yield type(one).__name__ if one is error else f"after {type(one).__name__}"
        frames = list(traceback.walk_tb(one.__traceback__))[-_MOST_FRAMES:]
        for frame, line in frames:
            yield f"  {frame.f_code.co_filename}:{line} in {frame.f_code.co_name}"
        one = one.__cause__ or one.__context__
