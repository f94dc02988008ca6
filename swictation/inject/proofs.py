"""Outcomes, and proofs that a display's thread decides and the run loop awaits."""

import asyncio
import contextlib
from concurrent.futures import Future

import msgspec

from swictation.inject.injector import Injection


def outcome(
    text: str, counts: tuple[int, int], reason: str = "", *, is_open: bool = False
) -> Injection:
    """The result for `text`, of which `counts` were sent and confirmed; `reason`: why it ended.

    `is_open`: text that was sent and is not confirmed may still arrive.
    """
    sent, confirmed = counts
    if is_open:
        return Injection("unproven", sent, confirmed, reason)
    if reason and not sent:
        return Injection("refused", reason=reason)
    if reason:
        return Injection("partial", sent, confirmed, reason)
    return Injection("confirmed" if confirmed == len(text) else "typed", sent, confirmed)


class OpenProofs:
    """The undecided proofs of unproven texts; see `Injection.proof`. For the run loop."""

    def __init__(self) -> None:
        self._open: set[asyncio.Future[bool | None]] = set()

    def attach(self, injection: Injection, proof: "Future[bool | None] | None") -> Injection:
        """`injection` with the thread's `proof`, if there is one, as a future of the run loop."""
        if proof is None:
            return injection
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[bool | None] = loop.create_future()
        self._open.add(mine)
        mine.add_done_callback(self._open.discard)

        def tell(decided: "Future[bool | None]") -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(_decide, mine, decided.result())

        proof.add_done_callback(tell)
        return msgspec.structs.replace(injection, proof=mine)

    async def settle(self, within_s: float) -> None:
        """Wait `within_s` for the thread's decisions; a proof still open becomes None: unknown."""
        if self._open:
            await asyncio.wait(self._open, timeout=within_s)
        for proof in tuple(self._open):
            _decide(proof, None)


def _decide(proof: "asyncio.Future[bool | None]", arrived: bool | None) -> None:
    if not proof.done() and not proof.get_loop().is_closed():
        proof.set_result(arrived)
