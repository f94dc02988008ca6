"""Make the models: `random` and `six` as .nemo files, those of a real shape as folders."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from nemo.collections.asr.models import EncDecMultiTaskModel
from nemo.core.classes.common import typecheck
from nemo.utils import logging as nemo_logging
from omegaconf import DictConfig, OmegaConf
from torch.overrides import TorchFunctionMode

from canary.tiny import tokenizers
from canary.tiny.geometry import TINY, Geometry, config
from canary.tiny.overfit import NotTrained, overfit
from canary.tiny.sentences import TEXTS, sentences

KINDS = ("random", "six")
_SEEDS = (1, 2, 3)
_SPREAD = 0.02
"""Of made-up weights: what they compute stays finite in half precision."""


def make(kind: str, path: Path, tell: Callable[[str], Any]) -> None:
    """Write the model of that kind to `path`, all of it or nothing.

    Raises:
        NotTrained: it did not learn the sentences, with any seed.
        FileNotFoundError: espeak-ng is not installed.
    """
    nemo_logging.setLevel(nemo_logging.ERROR)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        model = _random(Path(folder)) if kind == "random" else _trained(Path(folder), tell)
        model.eval()
        written = Path(folder) / "model.nemo"
        model.save_to(str(written))
        written.replace(path)


def write_folder(folder: Path, shape: Geometry, dtype: torch.dtype = torch.float16) -> None:
    """Write a model of any shape with made-up weights, as a .nemo holds it, into `folder`.

    The weights are there once, in `dtype`, on the way to the disk: a model of 883 M parameters
    takes 1.7 GB of memory in half precision.
    """
    nemo_logging.setLevel(nemo_logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        tokenizers.build(Path(made), shape)
        with _default_dtype(dtype), _LeftAsItIs():
            model = EncDecMultiTaskModel(cfg=DictConfig(config(shape, Path(made))))
        _make_up_weights(model)
        _write_config(model, folder, Path(made))
    torch.save(model.state_dict(), folder / "model_weights.ckpt")


def _random(folder: Path) -> EncDecMultiTaskModel:
    torch.manual_seed(_SEEDS[0])
    return _built(folder / "tokenizers")


def _trained(folder: Path, tell: Callable[[str], Any]) -> EncDecMultiTaskModel:
    typecheck.set_typecheck_enabled(False)
    for seed in _SEEDS:
        torch.manual_seed(seed)
        model = _built(folder / f"tokenizers{seed}")
        model.preprocessor.featurizer.dither = 0.0
        begun_s = time.process_time()
        try:
            overfit(model, sentences(), seed, tell)
        except NotTrained as failure:
            tell(f"seed {seed}: {failure}")
        else:
            tell(f"seed {seed}: trained in {time.process_time() - begun_s:.0f} s of CPU")
            return model
    raise NotTrained(f"it did not learn the six sentences with any of {len(_SEEDS)} seeds")


def _built(folder: Path) -> EncDecMultiTaskModel:
    tokenizers.build(folder, TINY, TEXTS)
    return EncDecMultiTaskModel(cfg=DictConfig(config(TINY, folder)))


class _LeftAsItIs(TorchFunctionMode):
    """Parameters are made, and not filled: filling 900 M of them takes NeMo a minute."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@torch.no_grad()
def _make_up_weights(model: EncDecMultiTaskModel) -> None:
    """The same each time: matrices small and random, what scales 1, what shifts 0."""
    dice = torch.Generator().manual_seed(1)
    block = torch.randn(1 << 16, generator=dice) * _SPREAD
    for name, weights in model.named_parameters():
        if weights.dim() > 1:
            flat = weights.view(-1)
            for at in range(0, len(flat), len(block)):
                piece = flat[at : at + len(block)]
                piece.copy_(block[: len(piece)])
        else:
            weights.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)


def _write_config(model: EncDecMultiTaskModel, folder: Path, tokenizers_at: Path) -> None:
    """Its configuration, and its tokenizers' files beside it under the names that it says."""
    told = OmegaConf.to_container(model.cfg)
    assert isinstance(told, dict)
    for language, tokenizer in told["tokenizer"]["langs"].items():
        tokenizer.clear()
        tokenizer["type"] = "bpe"
        for key, file in (
            ("model_path", "tokenizer.model"),
            ("vocab_path", "vocab.txt"),
            ("spe_tokenizer_vocab", "tokenizer.vocab"),
        ):
            name = f"{language}_{file}"
            shutil.copy(tokenizers_at / language / file, folder / name)
            tokenizer[key] = f"nemo:{name}"
    told["target"] = f"{EncDecMultiTaskModel.__module__}.{EncDecMultiTaskModel.__qualname__}"
    OmegaConf.save(OmegaConf.create(told), folder / "model_config.yaml")
