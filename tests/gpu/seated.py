"""A worker on the real GPU, as the daemon has one: for tests of engines."""

import asyncio

from swictation.types import DecodeRequest
from swictation.worker.process import WorkerProcess
from swictation.worker.protocol.messages import PROTOCOL_VERSION, Decode, Load, Ready, Shutdown

PATIENCE_S = 120.0


class Seated:
    """A worker, ready. An async context manager."""

    def __init__(self, spec):
        self._spec = spec
        self.process = WorkerProcess(1)

    async def __aenter__(self):
        await self.process.start()
        self.process.send(Load(PROTOCOL_VERSION, self._spec))
        self.ready = await self.receive()
        assert isinstance(self.ready, Ready), self.ready
        return self

    async def __aexit__(self, *_):
        self.process.send(Shutdown())
        await self.process.close()

    async def receive(self):
        return await asyncio.wait_for(self.process.receive(), PATIENCE_S)

    async def decode(self, samples, *, last=None, goes_on=False):
        """Of the first `last` samples, all by default, of one and the same utterance."""
        last = len(samples) if last is None else last
        request = DecodeRequest(1, 0, 0, last, goes_on=goes_on)
        self.process.send(Decode(request, samples[:last].tobytes()))
        return await self.receive()


def in_a_worker(spec, test):
    async def main():
        async with Seated(spec) as seated:
            return await test(seated)

    return asyncio.run(main())
