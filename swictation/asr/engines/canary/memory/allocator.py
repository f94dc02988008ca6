"""torch's caching allocator behind `swictation.types.Allocator`."""

import gc
from typing import Any

from swictation.asr.engines.canary.libraries import torch
from swictation.types import MIB, AllocatorFigures


class TorchAllocator:
    """The allocator of the only CUDA device that this process sees."""

    def figures(self) -> AllocatorFigures | None:
        """See `Allocator.figures`; None if torch counts nothing, as in a build for the CPU."""
        stats: dict[str, Any] = torch.cuda.memory_stats()
        if "allocated_bytes.all.current" not in stats:
            return None

        def mib(name: str) -> float:
            return stats[name] / MIB

        return AllocatorFigures(
            allocated_mib=mib("allocated_bytes.all.current"),
            reserved_mib=mib("reserved_bytes.all.current"),
            inactive_split_mib=mib("inactive_split_bytes.all.current"),
            peak_mib=mib("reserved_bytes.all.peak"),
            retries=stats["num_alloc_retries"],
            ooms=stats["num_ooms"],
        )

    def free_mib(self) -> float | None:
        """See `Allocator.free_mib`. The context exists anyway."""
        return torch.cuda.mem_get_info()[0] / MIB

    def collect(self) -> None:
        """See `Allocator.collect`."""
        gc.collect()
        torch.cuda.synchronize()
        torch.cuda.empty_cache()

    def begin_unit(self) -> None:
        """See `Allocator.begin_unit`."""
        torch.cuda.reset_peak_memory_stats()
