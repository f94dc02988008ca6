"""A notification server on a thread of its own, for tests that wait elsewhere."""

import asyncio
import threading
from typing import Self

from fakes.notifications import NotificationServer


class Notified:
    """`summaries`: what a user was told so far, the last one last."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._server = NotificationServer()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._server.start(self._address))
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def summaries(self) -> list[str]:
        return [summary for _, summary, _, _ in self._server.sent]

    @property
    def all(self) -> list[str]:
        """Summary and body of each."""
        return [f"{summary}\n{body}" for _, summary, body, _ in self._server.sent]

    def _run(self, coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)
