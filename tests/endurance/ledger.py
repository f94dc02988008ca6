"""A worker on the GPU of paper, and what its allocator says after each of many decodes."""

import asyncio
from pathlib import Path

import msgspec
import numpy as np

from swictation.asr.engine import EngineSpec
from swictation.types import AllocatorFigures, DecodeRequest, to_samples
from swictation.worker.process import WorkerProcess
from swictation.worker.protocol.messages import PROTOCOL_VERSION, Answer, Decode, Load, Ready

_PATIENCE_S = 120.0
_LONGEST_S = 20


def decode_often(folder: Path, times: int) -> list[AllocatorFigures]:
    """The figures of each answer, for sound of 1 to 20 s in turn.

    The scripted engine must be on PYTHONPATH, and the made-up GPU be there (fixture `card`).
    """
    manifest = folder / "manifest.json"
    manifest.write_bytes(msgspec.json.encode({"card": {}}))
    spec = EngineSpec("scripted", "", str(manifest), "en", device="cuda")
    return asyncio.run(_decode_often(spec, times))


async def _decode_often(spec: EngineSpec, times: int) -> list[AllocatorFigures]:
    worker = WorkerProcess(1)
    await worker.start()
    try:
        worker.send(Load(PROTOCOL_VERSION, spec))
        assert isinstance(await _next(worker), Ready)
        return [await _figures(worker, number) for number in range(1, times + 1)]
    finally:
        worker.kill("the test is over")
        await worker.close()


async def _figures(worker: WorkerProcess, number: int) -> AllocatorFigures:
    length = to_samples(1 + number % _LONGEST_S)
    request = DecodeRequest(number, number, 0, length)
    worker.send(Decode(request, np.zeros(length, np.int16).tobytes()))
    answer = await _next(worker)
    assert isinstance(answer, Answer)
    assert answer.figures is not None
    return answer.figures


async def _next(worker: WorkerProcess) -> object:
    return await asyncio.wait_for(worker.receive(), _PATIENCE_S)
