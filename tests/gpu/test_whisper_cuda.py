"""Whisper on a real GPU: the same text as on the processor, its memory as NVML tells it.

In workers only: a context in this process would stay, and other tests want the GPU let go.

Wanted beside the GPU: cuBLAS (`python -m pip install nvidia-cublas-cu12`) and tiny.en.
"""

import asyncio
import time
from pathlib import Path

import ctranslate2
import numpy as np
import pytest
from msgspec.structs import replace

from contract.vad_detector_suite import read
from gpu.seated import Seated, in_a_worker
from swictation.asr.engine import EngineSpec
from swictation.asr.engines.whisper import cublas
from swictation.asr.engines.whisper.memory import read_shape
from swictation.gpu.nvml.nvml import NvmlProbe
from swictation.types import to_samples
from swictation.worker.protocol.messages import Order

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(280)]

BACK_WITHIN_S = 5.0
YIELDS_WITHIN_S = 1.0
LONGEST_S = 28.0
CUBLAS_MIB = 256.0
"""Its code and its workspace, of which nothing is foretold."""


@pytest.fixture
def spec(gpu, whisper_model):
    if not cublas.open_it():
        pytest.skip(f"{cublas.NAME} is missing: python -m pip install {cublas.PACKAGE}")
    if not ctranslate2.get_cuda_device_count():
        pytest.skip("CTranslate2 finds no GPU, though NVML shows one: is the driver too old?")
    return EngineSpec("whisper", "tiny.en", str(whisper_model), "en", device="cuda", gpu=gpu)


@pytest.mark.parametrize("tier", [0, 1])
def test_each_tier_gives_the_text_of_the_processor(spec, sample, tier):
    samples = read(sample)
    tiers = []

    async def test(seated):
        tiers.append(seated.ready.capabilities)
        return (await seated.decode(samples)).hypothesis.new_text

    text = in_a_worker(replace(spec, tier=tier), test)
    assert text.strip() == sample.with_suffix(".txt").read_text().strip()
    (caps,) = tiers
    assert (caps.device, caps.tier) == ("cuda", tier)
    assert [one.name for one in caps.tiers] == ["tiny.en float16", "tiny.en int8_float16"]


def test_its_memory_as_nvml_tells_it_is_what_was_foretold(spec, sample, sees_pids, figures):
    if not sees_pids:
        pytest.skip("the driver numbers processes otherwise than this container")

    async def test(seated):
        loaded = seated.ready.figures
        answer = await seated.decode(np.resize(read(sample), to_samples(LONGEST_S)))
        return loaded, answer.figures, seated.ready.capabilities.tiers[0].resident_mib

    shape = read_shape(Path(spec.model_path) / "model.bin")
    weights_mib, work_mib = shape.weights_mib("float16"), shape.work_mib("float16", 30.0, 5)
    loaded, after, foretold_mib = in_a_worker(spec, test)
    assert loaded is not None
    figures["Whisper tiny.en float16, beside its context"] = f"{loaded.reserved_mib:.0f} MiB"
    figures["... foretold"] = f"{foretold_mib:.0f} MiB"
    figures["... its peak by the last reading or by count"] = f"{after.peak_mib:.0f} MiB"
    assert loaded.reserved_mib >= weights_mib
    assert loaded.reserved_mib <= foretold_mib + CUBLAS_MIB
    assert after.peak_mib <= foretold_mib + CUBLAS_MIB + work_mib


def test_it_does_not_grow_from_one_utterance_to_the_next(spec, sample, sees_pids):
    if not sees_pids:
        pytest.skip("the driver numbers processes otherwise than this container")
    samples = read(sample)

    async def test(seated):
        return [(await seated.decode(samples)).figures.allocated_mib for _ in range(30)]

    held_mib = in_a_worker(spec, test)
    assert held_mib[-1] - held_mib[2] <= 8.0


def test_greedy_is_carried_out_and_taken_back(spec, sample):
    async def test(seated):
        done = []
        for what in ("greedy", "beam", "half-buffer"):
            seated.process.send(Order(what))
            done.append((await seated.receive()).is_done)
        return done

    assert in_a_worker(spec, test) == [True, True, False]


def test_it_yields_the_card_within_a_second(spec, sample, figures):
    probe = NvmlProbe(spec.gpu)
    samples = read(sample)

    async def main():
        async with Seated(spec) as seated:
            await seated.decode(samples)
            held = probe.read()
            begun_s = time.monotonic()
            seated.process.kill("the GPU is full")
            await seated.process.close()
            gone_s = time.monotonic() - begun_s
            return held, gone_s

    held, gone_s = asyncio.run(main())
    until_s = time.monotonic() + BACK_WITHIN_S
    try:
        while probe.read().free_mib <= held.free_mib + 50.0:
            assert time.monotonic() < until_s, "its memory does not come back"
    finally:
        probe.close()
    figures["Whisper's worker is gone after the order"] = f"{gone_s:.2f} s"
    assert gone_s <= YIELDS_WITHIN_S
