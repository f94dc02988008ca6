"""A big GPU that looks like a small one, so that the levels of a laptop's GPU can be lived."""

from collections.abc import Collection

import msgspec

from swictation.gpu.nvml.probe import ChosenGpu, MemoryProbe
from swictation.types import VramSnapshot


class SmallCard:
    """A `MemoryProbe` over another one: what is used is real, what there is at all is not.

    The first reading is the baseline. From then on each MiB that anybody takes on the real GPU is
    taken from one of `total_mib`, of which a desktop has `desktop_mib` already.

    A hog that fills all but 4096 MiB of a big GPU would not do: NVML goes on to tell the whole
    GPU's size, of which 97 % were then used for ever.
    """

    def __init__(
        self, probe: MemoryProbe, *, total_mib: float = 4096.0, desktop_mib: float = 350.0
    ) -> None:
        """`probe`: of the real GPU; its readings must be this one's alone."""
        self._probe = probe
        self._total_mib = total_mib
        self._desktop_mib = desktop_mib
        self._baseline_mib: float | None = None

    @property
    def gpu(self) -> ChosenGpu | None:
        """See `MemoryProbe`."""
        return self._probe.gpu

    def read(self, pids: Collection[int] = ()) -> VramSnapshot:
        """See `MemoryProbe`."""
        real = self._probe.read(pids)
        if not real.is_usable:
            return real
        used_mib = real.total_mib - real.free_mib
        if self._baseline_mib is None:
            self._baseline_mib = used_mib
        taken_mib = self._desktop_mib + used_mib - self._baseline_mib
        taken_mib = min(max(taken_mib, 0.0), self._total_mib)
        # What was ours before the baseline is not in it, and never more than all that is used.
        ours_mib = None if real.ours_mib is None else min(real.ours_mib, taken_mib)
        return msgspec.structs.replace(
            real,
            total_mib=self._total_mib,
            free_mib=self._total_mib - taken_mib,
            ours_mib=ours_mib,
        )

    def close(self) -> None:
        """See `MemoryProbe`. The baseline stays."""
        self._probe.close()
