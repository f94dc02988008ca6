"""Serves the user's clipboard after the daemon's end. See `inject.clipboard_keeper`."""

import asyncio
from collections.abc import Callable

from swictation.inject.clipboard_keeper import Kept
from swictation.inject.wayland.client.connection import Connection
from swictation.inject.wayland.data_control import Clipboard

_ANSWER_S = 3.0


def offer(kept: Kept, ready: Callable[[], None], display: str, *types: str) -> None:
    """Own the clipboard of `display`, "" for the environment's, until somebody else copies.

    Returns without `ready` if somebody already has: the content has other types than `types`.
    Raises WireError.
    """
    asyncio.run(_offer(kept, ready, display, list(types)))


async def _offer(kept: Kept, ready: Callable[[], None], display: str, types: list[str]) -> None:
    connection, over = Connection(display or None), asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.call_soon_threadsafe(over.set)

    def own() -> bool:
        clipboard = Clipboard.on(connection, connection.display.bind_seat())
        connection.barrier()
        if clipboard is None or clipboard.types not in ([], types):
            return False
        clipboard.hold(kept, end)
        connection.barrier()
        return True

    connection.at_end(end)
    await connection.open(_ANSWER_S)
    if await connection.call(own, _ANSWER_S):
        ready()
        await over.wait()
    await connection.close()
