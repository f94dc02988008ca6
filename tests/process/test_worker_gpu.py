"""A real worker whose engine lies on a made-up GPU that the real nvidia-ml-py shows."""

import asyncio
import contextlib
import os
import signal

import msgspec
import numpy as np
import pynvml
import pytest

from fakes.scripted_engine.program import HERE
from fakes.signals import eventually
from patience import PATIENCE_S
from swictation.asr.engine import EngineSpec
from swictation.types import DecodeRequest, to_samples
from swictation.worker.process import WorkerProcess
from swictation.worker.protocol.messages import (
    PROTOCOL_VERSION,
    Answer,
    Decode,
    Load,
    LoadFailed,
    Order,
    OrderDone,
    Ping,
    Pong,
    Ready,
    Shutdown,
)

pytestmark = pytest.mark.process

SECONDS = 10
WORDS = [f" Word{n}" for n in range(SECONDS)]
SAID = "".join(WORDS)
SOUND = np.zeros(to_samples(SECONDS), np.int16)
CONTEXT_MIB, WEIGHTS_MIB, BUFFER_MIB = 300, 1660, 10

CARD = {
    "tiers": [
        {"name": "1b fp16"},
        {"name": "180m int8", "weights_mib": 300, "base_mib": 10, "mib_per_s": 1},
    ]
}


def summary(failed):
    """What it says, but for places."""
    return failed.number, failed.reason.split()[3], failed.kind, failed.figures


@pytest.fixture(autouse=True)
def scripted(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))


class Peer:
    """The daemon's end."""

    def __init__(self, worker, state):
        self.worker = worker
        self._state = state
        self.has_closed = False

    async def receive(self):
        return await asyncio.wait_for(self.worker.receive(), PATIENCE_S)

    async def ask(self, message):
        self.worker.send(message)
        return await self.receive()

    async def decode(self, number=1, seconds=SECONDS, **fields):
        forced = fields.pop("forced_text", "")
        request = DecodeRequest(number, number, 0, to_samples(seconds), forced)
        pcm = SOUND[: to_samples(seconds)].tobytes()
        return await self.ask(Decode(request, pcm, **fields))

    async def ending(self):
        self.has_closed = True
        return await asyncio.wait_for(self.worker.close(), PATIENCE_S)

    async def is_alive(self):
        return await self.ask(Ping()) == Pong()

    def asked(self):
        lines = (self._state / "requests.jsonl").read_text().splitlines()
        return [msgspec.json.decode(line) for line in lines]


@pytest.fixture
def on_card(tmp_path, card):
    """`on_card(scene, *faults)` runs `scene(peer, the worker's first message)`."""
    path = tmp_path / "manifest.json"

    def run(scene, *faults, device="cuda", tier=0, script=CARD):
        second = to_samples(1)
        words = [
            {"first_sample": n * second, "last_sample": (n + 1) * second, "text": word}
            for n, word in enumerate(WORDS)
        ]
        manifest = {"words": words, "faults": faults, "card": script}
        path.write_bytes(msgspec.json.encode(manifest))
        spec = EngineSpec("scripted", "", str(path), "en", device=device, tier=tier)

        async def main():
            worker = WorkerProcess(1)
            await worker.start()
            peer = Peer(worker, tmp_path / "manifest.json.state")
            try:
                await scene(peer, await peer.ask(Load(PROTOCOL_VERSION, spec)))
            finally:
                if not peer.has_closed:
                    worker.kill("the test is over")
                    await worker.close()

        asyncio.run(main())

    return run


@contextlib.contextmanager
def nvml():
    pynvml.nvmlInit()
    try:
        yield pynvml.nvmlDeviceGetHandleByIndex(0)
    finally:
        pynvml.nvmlShutdown()


def held_mib(pid):
    """What NVML says that the process holds; 0 if it does not list it."""
    with nvml() as handle:
        listed = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
    return sum(process.usedGpuMemory for process in listed if process.pid == pid) / 2**20


def take_all_but(card, mib):
    """A browser, say."""
    card.set_hidden(0)
    card.set_hidden(card.free_mib() - mib)


def test_what_it_holds_is_what_nvml_shows(on_card, card):
    async def scene(peer, ready):
        assert isinstance(ready, Ready)
        caps = ready.capabilities
        assert (caps.device, caps.tier) == ("cuda", 0)
        assert [tier.name for tier in caps.tiers] == ["1b fp16", "180m int8"]
        assert ready.figures.reserved_mib == WEIGHTS_MIB + BUFFER_MIB
        assert held_mib(ready.pid) == CONTEXT_MIB + WEIGHTS_MIB + BUFFER_MIB
        answer = await peer.decode()
        assert answer.hypothesis.new_text == SAID
        assert answer.figures.peak_mib >= WEIGHTS_MIB + 20 + 3 * SECONDS
        assert answer.figures.allocated_mib == ready.figures.allocated_mib
        assert held_mib(ready.pid) == CONTEXT_MIB + answer.figures.reserved_mib
        done = await peer.ask(Order("trim"))
        assert done == OrderDone("trim", True, done.figures)
        assert done.figures.reserved_mib < answer.figures.reserved_mib
        assert held_mib(ready.pid) == CONTEXT_MIB + done.figures.reserved_mib
        peer.worker.send(Shutdown())
        assert await peer.ending() == ""
        assert held_mib(ready.pid) == 0

    on_card(scene)


def test_a_smaller_tier_is_smaller(on_card):
    async def scene(_, ready):
        assert ready.capabilities.tier == 1
        assert held_mib(ready.pid) == CONTEXT_MIB + 300 + BUFFER_MIB

    on_card(scene, tier=1)


def test_killed_it_holds_nothing(on_card, card):
    async def scene(peer, ready):
        os.kill(ready.pid, signal.SIGKILL)
        await peer.ending()
        assert eventually(lambda: held_mib(ready.pid) == 0)
        assert card.free_mib() == 4096 - 170

    on_card(scene)


def test_orders_are_obeyed_or_said_to_be_unknown(on_card):
    async def scene(peer, _):
        for what in ("greedy", "half-buffer", "full-buffer", "beam"):
            assert (await peer.ask(Order(what))).is_done
        beam = await peer.decode(1)
        await peer.ask(Order("trim"))
        await peer.ask(Order("greedy"))
        greedy = await peer.decode(2)
        assert greedy.figures.peak_mib < beam.figures.peak_mib
        assert not (await peer.ask(Order("levitate"))).is_done

    on_card(scene)


def test_a_trim_that_takes_long_delays_what_follows_and_loses_nothing(on_card):
    async def scene(peer, _):
        peer.worker.send(Order("trim"))
        answer = asyncio.create_task(peer.decode())
        assert isinstance(await answer, OrderDone)
        assert (await peer.receive()).hypothesis.new_text == SAID

    on_card(scene, {"kind": "wait", "on": "collect", "args": {"seconds": 0.3}})


def test_after_an_oom_it_tries_once_more_in_halves(on_card):
    async def scene(peer, _):
        answer = await peer.decode(forced_text=" Word0")
        assert isinstance(answer, Answer)
        assert answer.hypothesis.new_text == SAID.removeprefix(" Word0")
        whole, *halves = peer.asked()
        assert len(halves) == 2
        assert halves[0]["first_sample"] == whole["first_sample"]
        assert halves[0]["last_sample"] == halves[1]["first_sample"]
        assert halves[1]["last_sample"] == whole["last_sample"]
        assert [one["forced_text"] for one in halves] == [" Word0", ""]

    on_card(scene, {"kind": "oom"})


@pytest.mark.parametrize("text", ["CUDA failed with error out of memory"])
def test_an_oom_known_by_its_text_alone_likewise(on_card, text):
    async def scene(peer, _):
        assert isinstance(await peer.decode(), Answer)
        assert len(peer.asked()) == 3

    on_card(scene, {"kind": "raise", "args": {"text": text}})


def test_after_two_ooms_it_says_so_and_lives_on(on_card):
    async def scene(peer, ready):
        failed = await peer.decode(1)
        assert summary(failed)[:3] == (1, "OutOfMemoryError", "oom")
        assert failed.figures.allocated_mib == ready.figures.allocated_mib
        assert await peer.is_alive()
        assert (await peer.decode(2)).hypothesis.new_text == SAID

    on_card(scene, {"kind": "oom", "times": 2})


def test_a_full_card_is_an_oom_by_itself(on_card, card):
    async def scene(peer, ready):
        take_all_but(card, 10)
        failed = await peer.decode(1)
        assert (failed.kind, failed.figures.ooms >= 2) == ("oom", True)
        assert held_mib(ready.pid) == CONTEXT_MIB + WEIGHTS_MIB + BUFFER_MIB
        card.set_hidden(0)
        assert (await peer.decode(2)).hypothesis.new_text == SAID

    on_card(scene)


def test_where_the_whole_does_not_fit_halves_may(on_card, card):
    script = {"tiers": [{"name": "hungry", "weights_mib": 300, "base_mib": 0, "mib_per_s": 50}]}

    async def scene(peer, _):
        take_all_but(card, 400)
        answer = await peer.decode()
        assert answer.hypothesis.new_text == SAID
        assert len(peer.asked()) == 2
        assert answer.figures.ooms == 1

    on_card(scene, script=script)


def test_where_neither_fits_pieces_do(on_card, card):
    script = {"tiers": [{"name": "hungry", "weights_mib": 300, "base_mib": 0, "mib_per_s": 50}]}

    async def scene(peer, _):
        take_all_but(card, 150)
        assert (await peer.decode(1)).kind == "oom"
        answer = await peer.decode(2, piece_samples=to_samples(2.5), forced_text=" Word0")
        assert answer.hypothesis.new_text == SAID.removeprefix(" Word0")
        asked = peer.asked()
        assert all(one["last_sample"] - one["first_sample"] <= to_samples(2.5) for one in asked)
        assert [one["forced_text"] for one in asked] == [" Word0"] + [""] * (len(asked) - 1)

    on_card(scene, script=script)


@pytest.mark.parametrize("code", [700, 719, 999])
def test_after_a_fatal_error_nothing_is_answered_any_more(on_card, code):
    async def scene(peer, _):
        assert isinstance(await peer.decode(1), Answer)
        for number in (2, 3, 4):
            request = DecodeRequest(number, number, 0, len(SOUND))
            peer.worker.send(Decode(request, SOUND.tobytes()))
        assert summary(await peer.receive()) == (2, "AcceleratorError", "fatal", None)
        assert await peer.receive() is None
        assert await peer.ending() == "it exited with 3"

    on_card(scene, {"kind": "cuda", "nth": 2, "args": {"code": code}})


def test_nor_are_the_pieces_that_went_well_before_it(on_card):
    async def scene(peer, _):
        assert (await peer.decode(piece_samples=to_samples(3))).kind == "fatal"
        assert await peer.receive() is None

    on_card(scene, {"kind": "cuda", "nth": 3, "args": {"code": 719}})


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CUDA failed with error unspecified launch failure", "fatal"),
        ("cuBLAS failed with status CUBLAS_STATUS_EXECUTION_FAILED", "fatal"),
        ("CUDA failed with error no CUDA-capable device is detected", "lost"),
        ("the engine is broken", "other"),
    ],
)
def test_errors_known_by_their_text_end_it_too(on_card, text, kind):
    async def scene(peer, _):
        failed = await peer.decode()
        assert summary(failed) == (1, "RuntimeError", kind, None)
        assert text not in str(failed)
        assert await peer.ending() == "it exited with 3"

    on_card(scene, {"kind": "raise", "args": {"text": text}})


def test_a_fault_that_shows_while_cleaning_up_after_an_oom_is_fatal(on_card):
    async def scene(peer, _):
        assert (await peer.decode()).kind == "fatal"
        assert await peer.ending() == "it exited with 3"

    on_card(scene, {"kind": "oom"}, {"kind": "cuda", "on": "collect"})


@pytest.mark.parametrize(("on", "what"), [("collect", "trim"), ("order", "greedy")])
def test_so_does_one_that_shows_while_it_obeys(on_card, on, what):
    async def scene(peer, _):
        assert summary(await peer.ask(Order(what))) == (0, "AcceleratorError", "fatal", None)
        assert await peer.ending() == "it exited with 3"

    on_card(scene, {"kind": "cuda", "on": on})


@pytest.mark.parametrize(("on", "what"), [("collect", "trim"), ("order", "full-buffer")])
def test_an_order_for_which_memory_is_short_is_not_done(on_card, on, what):
    async def scene(peer, _):
        done = await peer.ask(Order(what))
        assert (done.what, done.is_done) == (what, False)
        assert (await peer.decode()).hypothesis.new_text == SAID

    on_card(scene, {"kind": "oom", "on": on})


def test_a_card_without_room_for_the_model_is_told_as_such(on_card, card):
    for left_mib in (100, 1000):
        take_all_but(card, left_mib)

        async def scene(peer, told):
            assert isinstance(told, LoadFailed)
            assert (told.kind, bool(told.remedy)) == ("oom", True)
            assert await peer.ending() == "it exited with 1"

        on_card(scene)


def test_so_is_one_that_fails_while_it_is_loaded(on_card):
    async def scene(_, told):
        assert (told.kind, told.remedy) == ("fatal", "swictation doctor")

    on_card(scene, {"kind": "cuda", "on": "load", "args": {"code": 999}})


def test_a_leak_is_named_in_the_log(on_card, caplog):
    async def scene(peer, ready):
        for number in range(1, 5):
            answer = await peer.decode(number)
        assert answer.figures.allocated_mib == ready.figures.allocated_mib + 4 * 120
        peer.worker.send(Shutdown())
        await peer.ending()
        named = [line for line in caplog.messages if "does not free its memory" in line]
        assert len(named) == 1
        assert "120 MiB" in named[0]

    caplog.set_level("INFO")
    on_card(scene, {"kind": "leak", "times": 0, "args": {"mib": 120}})


def test_on_the_processor_it_is_the_engine_that_it_was(on_card, card):
    async def scene(peer, ready):
        assert (ready.capabilities.device, ready.figures) == ("paper", None)
        assert (await peer.ask(Order("trim"))) == OrderDone("trim", is_done=False)
        assert summary(await peer.decode(1)) == (1, "RuntimeError", "other", None)
        assert await peer.is_alive()
        answer = await peer.decode(2)
        assert (answer.hypothesis.new_text, answer.figures) == (SAID, None)
        assert {one["device"] for one in peer.asked()} == {"cpu"}
        assert card.free_mib() == 4096 - 170

    faults = {"kind": "cuda", "device": "cuda"}, {"kind": "raise", "device": "cpu"}
    on_card(scene, *faults, device="cpu")
