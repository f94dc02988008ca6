"""One cell: the real session, real worker processes, a made-up GPU; something befalls them."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from fakes.eventlines import as_lines
from fakes.nvml.card import DRIVER_NOT_LOADED, GPU_IS_LOST, FakeCard
from fakes.scripted_engine.program import NO_FORKSERVER
from fakes.scripted_engine.sound import Scene, make_scene
from faults.plan import DECODES, DEEDS, HANGS, Cell
from patience import PATIENCE_S, starts
from swictation.config.settings import (
    AsrSettings,
    Settings,
    VramSettings,
    WorkerSettings,
)
from swictation.daemon.files import FileSession
from swictation.dictation.stream import Outcome
from swictation.inject.none import NoneInjector
from swictation.models.store.store import ModelLocation
from swictation.worker.forkserver import process

DESKTOP_MIB = 400.0
BROWSER_MIB = 1600.0
_BLOCK = 1600
_SQUEEZE_MIB = 1250.0
"""Makes the GPU CRITICAL with our worker on it."""


@dataclass
class Result:
    """What became of a cell."""

    cell: Cell
    scene: Scene
    outcome: Outcome
    events: list[tuple[float, str, dict[str, Any]]]
    begun_s: float = 0.0
    """When something befell them."""

    @property
    def commits(self) -> list[str]:
        return [str(fields["text"]) for _, name, fields in self.events if name == "commit"]

    @property
    def is_whole(self) -> bool:
        """Nothing lost, nothing doubled, in order, nothing set aside."""
        text = "".join(self.commits).strip()
        kept = not self.outcome.lost_samples and not self.outcome.quarantined
        return kept and text == self.scene.text == self.outcome.text.strip()

    @property
    def resumed_s(self) -> float | None:
        """From the fault to the next words."""
        times = [at_s for at_s, name, _ in self.events if name == "commit" and at_s > self.begun_s]
        return min(times) - self.begun_s if times else None


@dataclass
class Watch:
    """Notes facts by the names of `--events`."""

    seen: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, event: str, fields: dict[str, object]) -> None:
        self.seen.append((time.monotonic(), event, dict(fields)))
        self._news.set()

    async def until(self, event: str, **wanted: object) -> dict[str, Any]:
        """The first event of that name with these fields, past ones included."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for _, name, fields in self.seen:
                    if name == event and wanted.items() <= fields.items():
                        return fields
                self._news.clear()
                await self._news.wait()


class Played:
    """A source that waits until it may begin."""

    can_wait = True
    name = "scene"

    def __init__(self, samples: NDArray[np.int16]) -> None:
        self._samples = samples
        self.go = Event()
        self.go_on = Event()

    def run(self, deliver: Callable[[Any], None], stop: Event) -> None:
        half = len(self._samples) // 2
        for part, may in ((self._samples[:half], self.go), (self._samples[half:], self.go_on)):
            may.wait(PATIENCE_S)
            for first in range(0, len(part), _BLOCK):
                if stop.is_set():
                    return
                deliver(part[first : first + _BLOCK])

    def play(self) -> None:
        """All of it."""
        self.go.set()
        self.go_on.set()


class Run:
    """A cell that is being run."""

    def __init__(self, cell: Cell, folder: Path, card: FakeCard, *, forks: bool = False) -> None:
        self.cell = cell
        self.forks = forks
        self.gpu = card
        self.scene = make_scene(1, 2, 1)
        self.gate = folder / "gate"
        self.manifest = folder / "manifest.json"
        self.watch = Watch()
        self.begun_s = 0.0
        os.mkfifo(self.gate)
        card.set_hidden(DESKTOP_MIB)
        words = [word._asdict() for word in self.scene.words]
        script = {"words": words, "faults": self._faults(), "card": {}}
        self.manifest.write_bytes(msgspec.json.encode(script))

    async def play(self) -> Result:
        """Let it happen, to the last word."""
        session = FileSession(
            settings_for(self.manifest, hangs=self.cell.fault in HANGS, forks=self.forks),
            ModelLocation("scene", self.manifest),
            None,
        )
        session._events.subscribe(as_lines(self.watch.note))
        async with asyncio.timeout(PATIENCE_S), session:
            source = Played(self.scene.samples)
            playing = asyncio.create_task(session.play(source, NoneInjector()))
            try:
                await self._befall(source)
                outcome = await playing
            finally:
                source.play()
                playing.cancel()
        return Result(self.cell, self.scene, outcome, self.watch.seen, self.begun_s)

    # --- what happens when -------------------------------------------------------------------

    async def _befall(self, source: Played) -> None:
        moment = self.cell.moment
        if moment == "loading":
            source.go.set()
            await self._at_gate()
            await self.watch.until("worker", state="gone", seat="gpu")
            source.play()
            return
        await self.watch.until("card", action="asr", to="gpu")
        if moment == "idle":
            await self._while_idle()
            source.play()
            return
        source.play()
        if moment == "two utterances queued":
            await self.watch.until("speech_ended", utterance=2)
        await self._at_gate()

    async def _at_gate(self) -> None:
        """The engine stands at the gate: what happens to the GPU happens now."""
        if self.cell.fault == "hang":  # which needs no gate
            self.begun_s = time.monotonic()
            return
        try:
            fd = await asyncio.to_thread(os.open, self.gate, os.O_WRONLY)
        except asyncio.CancelledError:
            os.close(os.open(self.gate, os.O_RDONLY | os.O_NONBLOCK))  # nobody waits for ever
            raise
        try:
            self.begun_s = time.monotonic()
            if self.cell.fault not in DEEDS:
                self._strike()
                await self.watch.until("worker", state="gone", seat="gpu")
        finally:
            os.close(fd)

    async def _while_idle(self) -> None:
        worker = await self.watch.until("worker", state="ready", seat="gpu")
        self.begun_s = time.monotonic()
        match self.cell.fault:
            case "SIGSEGV" | "SIGKILL" | "hang" | "lies about ready" as fault:
                signals = {"SIGSEGV": signal.SIGSEGV, "hang": signal.SIGSTOP}
                os.kill(worker["pid"], signals.get(fault, signal.SIGKILL))
            case "OOM" | "719" | "999" | "700" | "floods":  # while it obeys an order
                self.gpu.set_hidden(DESKTOP_MIB + _SQUEEZE_MIB)
                await self.watch.until("card", action="half-buffer")
            case _:
                self._strike()
        if self.cell.fault != "OOM":
            await self.watch.until("worker", state="gone", seat="gpu")
        self.gpu.set_hidden(DESKTOP_MIB)

    def _strike(self) -> None:
        match self.cell.fault:
            case "GPU lost":
                self.gpu.fail_queries(GPU_IS_LOST)
            case "driver unloaded":
                self.gpu.fail_init(DRIVER_NOT_LOADED)
                self.gpu.reload()
            case _:
                self.gpu.set_hidden(DESKTOP_MIB + BROWSER_MIB)

    # --- what the engine is told -------------------------------------------------------------

    def _faults(self) -> list[dict[str, Any]]:
        fault, moment = self.cell
        args = dict(DEEDS.get(fault, {"kind": "wait", "seconds": 0.0}))
        deed = {"kind": args.pop("kind"), "device": "cuda", "args": args}
        gate = {} if fault == "hang" else {"gate": str(self.gate)}
        at_gate = {**deed, "args": {**args, **gate}}
        faults: list[dict[str, Any]] = []
        if moment == "loading":
            faults.append({**at_gate, "on": "load"})
        elif moment != "idle":
            faults.append({**at_gate, **DECODES[moment]})
            if fault == "OOM":  # also when it is tried again in halves
                faults.append({**deed, **DECODES[moment]})
        elif fault in {"OOM", "719", "999", "700", "floods"}:
            faults.append({**deed, "on": "order"})
        if fault == "lies about ready":
            lie = {"kind": "ready-and-hang", "on": "load", "device": "cuda"}
            faults.append({**lie, "generation": 2})
        return faults


def settings_for(manifest: Path, *, hangs: bool = False, forks: bool = False) -> Settings:
    """The scripted engine on the GPU and on the processor.

    `hangs`: a worker will hang, and is found out as soon as none that works can be meant.
    `forks`: workers for the GPU are forked, however little memory the machine has.
    """
    model = str(manifest)
    return Settings(
        asr=AsrSettings(
            engine="scripted",
            model=model,
            device="cuda",
            cpu_engine="scripted",
            cpu_model=model,
            partials="off",
        ),
        worker=WorkerSettings(
            hang_min_s=starts(4) if hangs else PATIENCE_S,
            hang_factor=2.0,
            start_timeout_s=max(1.0, starts(10)) if hangs else PATIENCE_S,
            ping_interval_s=0.2,
            ping_timeout_s=min(60.0, starts(4)) if hangs else 60.0,
            nursery_min_available_mib=0 if forks else NO_FORKSERVER,
        ),
        vram=VramSettings(
            read_every_s=0.05,
            read_every_near_s=0.05,
            read_every_absent_s=0.1,
            dwell_up_s=0.1,
            dwell_down_s=0.2,
            cool_down_s=0.2,
        ),
    )


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the fork server owes the daemon may take as long as it does on a busy machine."""
    for limit in ("_FORK_S", "_STATUS_S", "_EXIT_GRACE_S"):
        monkeypatch.setattr(process, limit, PATIENCE_S)


async def run_cell(cell: Cell, folder: Path, card: FakeCard, *, forks: bool = False) -> Result:
    """Run it; the environment already names the GPU. `forks`: see `settings_for`."""
    return await Run(cell, folder, card, forks=forks).play()
