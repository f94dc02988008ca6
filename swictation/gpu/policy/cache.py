"""When to free what an allocator has cached. Pure."""

from swictation.types import AllocatorFigures

PAYS_FROM_MIB = 64.0
PAYS_FROM_PART_OF_FREE = 0.25


def collectable_mib(figures: AllocatorFigures) -> float:
    """What `empty_cache` could free: all but the pieces within segments that are in use."""
    cached_mib = figures.reserved_mib - figures.allocated_mib
    return max(0.0, cached_mib - figures.inactive_split_mib)


def pays(figures: AllocatorFigures, free_mib: float | None) -> bool:
    """Whether collecting helps others enough: it costs tens of ms, and the next unit more."""
    cached_mib = collectable_mib(figures)
    if cached_mib > PAYS_FROM_MIB:
        return True
    return free_mib is not None and cached_mib > PAYS_FROM_PART_OF_FREE * free_mib
