"""Counts the memory of tensors during a computation, whether they are real or on meta."""

import weakref
from typing import Any

from swictation.asr.engines.canary.libraries import torch

_dispatch: Any = torch.utils._python_dispatch
_pytree: Any = torch.utils._pytree


class PeakCounter(_dispatch.TorchDispatchMode):
    """Within the block, counts all storages that operators make, until they are freed.

    Storages that existed before do not count. Views share a storage and count once.
    """

    def __init__(self) -> None:
        _dispatch.TorchDispatchMode.__init__(self)
        self._live: dict[int, int] = {}
        self._now_bytes = 0
        self.peak_bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        known = {tensor.untyped_storage()._cdata for tensor in _tensors((args, kwargs or {}))}
        out = func(*args, **(kwargs or {}))
        for tensor in _tensors(out):
            self._note(tensor, known)
        return out

    def _note(self, tensor: Any, known: set[int]) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in known or key in self._live:
            return
        self._live[key] = storage.nbytes()
        self._now_bytes += storage.nbytes()
        self.peak_bytes = max(self.peak_bytes, self._now_bytes)
        weakref.finalize(storage, self._freed, key)

    def _freed(self, key: int) -> None:
        self._now_bytes -= self._live.pop(key, 0)


def _tensors(tree: Any) -> list[Any]:
    return [leaf for leaf in _pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
