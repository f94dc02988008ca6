"""Fetches a missing model in the background, in a process of its own that can be killed."""

import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
import traceback
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable

from swictation.asr.registry import find
from swictation.backoff import Backoff
from swictation.config.settings import Settings
from swictation.errors import ModelError, SwictationError
from swictation.models.catalog.catalog import named
from swictation.models.fetch import model_request
from swictation.models.store.store import ModelLocation
from swictation.remedies import noted
from swictation.shown import shortened
from swictation.worker.engine_choice import wants_gpu

FIRST_RETRY_S, LONGEST_RETRY_S = 10.0, 600.0
_LINE_CHARACTERS = 2000
"""A message with its remedy, whole paths in both, has about 500."""
_PREFIX = re.compile(r"^swictation: ")
_REMEDY = re.compile(r"^ *-> ")

_log = logging.getLogger(__name__)


def find_model(settings: Settings) -> ModelLocation:
    """Where the model of the settings is. May ask the GPU. Raises ModelError."""
    return model_request.find(model_request.resolve(settings))


class Fetching:
    """Finds or downloads the model of the settings, and tries until that works."""

    def __init__(
        self,
        settings: Settings,
        on_there: Callable[[ModelLocation], None],
        on_progress: Callable[[str], None],
        on_problem: Callable[[SwictationError], None],
    ) -> None:
        self._settings = settings
        self._on_there = on_there
        self._on_progress = on_progress
        self._on_problem = on_problem
        self._task: asyncio.Task[None] | None = None
        self.fetched = ""
        """What is being fetched now, such as "base, 148 MB"; "" while nothing is."""

    def start(self) -> None:
        """Look for it now; fetch it in the background if it is missing."""
        self.look_again(self._settings)

    def look_again(self, settings: Settings) -> None:
        """Find or fetch the model of these settings instead; work under way ends first."""
        before, self._settings = self._task, settings
        if before:
            before.cancel()
        self._task = asyncio.create_task(self._ensure(before), name="fetching")

    async def stop(self) -> None:
        """End a download that is under way; the next one clears what is half there."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _ensure(self, before: asyncio.Task[None] | None) -> None:
        if before:
            await asyncio.gather(before, return_exceptions=True)
        retry, last_message = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S), ""
        while True:
            try:
                request = await asyncio.to_thread(model_request.resolve, self._settings)
                if name := model_request.unread(request):
                    await self._run("swictation", "model", "verify", name)  # so `missing` knows
                if name := model_request.missing(request):
                    model_request.need_engine(request)
                    await self._fetch(name)
                model = await asyncio.to_thread(model_request.find, request)
                await self._plan(model)
                self._on_there(model)
                return
            except SwictationError as error:
                problem = error
            except OSError as error:
                problem = ModelError(f"The model cannot be searched for: {error}.")
            except Exception as error:  # noqa: BLE001 - an engine may come from another package
                problem = self._engine_failed(error)
            if problem.message != last_message:  # repeated ones are no news
                self._on_problem(problem)
                last_message = problem.message
            await asyncio.sleep(retry.failed(asyncio.get_running_loop().time()))

    def _engine_failed(self, error: Exception) -> ModelError:
        """Log where it failed, without its message: that may hold anything."""
        message = f"the engine {self._settings.asr.engine} failed: {type(error).__name__}"
        frames = traceback.extract_tb(error.__traceback__)
        where = " > ".join(f"{frame.filename}:{frame.lineno}" for frame in frames)
        _log.error("%s at %s", message, where)
        remedy = noted("swictation doctor", "or set another [asr] engine: swictation config path")
        return ModelError(message, remedy)

    async def _plan(self, model: ModelLocation) -> None:
        """Compute once how much GPU memory the model takes; the engine keeps the result."""
        settings = self._settings
        provider = find(settings.asr.engine)
        if provider is None or not wants_gpu(settings):
            return
        if call := provider.forecast_call(model.path, model.name, provider.options(settings)):
            await self._run(*call)

    async def _fetch(self, name: str) -> None:
        """Download the model. Raises ModelError."""
        spec = named(name)
        self.fetched = f"{name}, {spec.size_bytes / 1e6:.0f} MB" if spec else name
        try:
            returncode, said = await self._run("swictation", "model", "download", name)
        finally:
            self.fetched = ""
        if returncode:
            remedy = f"swictation model download {name}"
            if said and _REMEDY.match(said[-1]):
                remedy = _REMEDY.sub("", said.pop())
            raise ModelError(_PREFIX.sub("", said[-1]) if said else "the download failed", remedy)

    async def _run(self, module: str, *arguments: str) -> tuple[int, list[str]]:
        """Run one of our modules; its exit status and last lines. Kills it when cancelled."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", module, *arguments),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            start_new_session=True,
        )
        said: list[str] = []
        try:
            assert process.stderr is not None
            async for line in process.stderr:
                text = line.decode(errors="replace").strip()
                said = [*said[-3:], shortened(text, _LINE_CHARACTERS)]
                self._on_progress(said[-1])
            return await process.wait(), said
        finally:
            await _end(process)


async def _end(process: Process) -> None:
    """Kill a download and everything it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
