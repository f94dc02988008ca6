"""Short sounds at start, stop and degradation. They are off unless the user asks for them.

Each one starts a player of the sound system, so that the daemon opens no output itself.
"""

import asyncio
import contextlib
import logging
import shutil
from asyncio.subprocess import DEVNULL
from importlib.resources import as_file, files
from typing import Literal

Cue = Literal["start", "stop", "degraded"]

PLAYERS = (("pw-play",), ("paplay",), ("aplay", "-q"))
"""The first one that is installed is used."""
LONGEST_S = 5.0
"""A player that takes longer (the server is frozen) is killed."""

_log = logging.getLogger(__name__)


class Cues:
    """Plays one sound at a time: a newer one stops an older one.

    Used on the run loop's thread; never raises, never makes its caller wait.
    """

    def __init__(self) -> None:
        self._player = next((each for each in PLAYERS if shutil.which(each[0])), None)
        self._wanted: Cue | None = None
        self._has_news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def play(self, cue: Cue) -> None:
        """Start to play."""
        if self._player is None:
            return
        self._wanted = cue
        self._has_news.set()
        if self._task is None:
            self._task = asyncio.create_task(self._play_all(*self._player), name="cues")

    async def stop(self) -> None:
        """Stop; no player is left behind."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _play_all(self, *player: str) -> None:
        while True:
            await self._has_news.wait()
            self._has_news.clear()
            with as_file(files("swictation") / "assets" / f"{self._wanted}.wav") as path:
                try:
                    await self._play(*player, str(path))
                except OSError as error:
                    _log.info("no sound: %s: %s", player[0], error.strerror)

    async def _play(self, *command: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        played = asyncio.create_task(process.wait())
        news = asyncio.create_task(self._has_news.wait())
        try:
            await asyncio.wait(
                {played, news}, timeout=LONGEST_S, return_when=asyncio.FIRST_COMPLETED
            )
            if process.returncode:
                _log.info("no sound: %s ended with %d", command[0], process.returncode)
        finally:
            news.cancel()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await played
