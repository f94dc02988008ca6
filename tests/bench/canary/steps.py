"""What a step of the stream costs on one thread: the encoder's part, and all of it.

As a program (`python -m tests.bench.canary.steps FOLDER PRECISION`) it takes some.
"""

import statistics
import sys
from pathlib import Path
from typing import Any

from tests.bench.canary import models
from tests.bench.canary.apart import ask, tell, timed
from tests.bench.context import Context
from tests.canary.tiny import store

_PRECISIONS = ("fp32", "bf16", "fp16", "int8")
_TAKEN = 3
_FILLING = 5
"""Steps until the window of 5 s is full."""


def run(_context: Context) -> dict[str, Any]:
    found = {"tiny": _of(store.unpacked("six"))}
    for name in ("180m-flash", "1b-flash"):
        with models.real(name) as folder:
            found[name] = _of(folder)
    return found


def _of(folder: Path) -> dict[str, Any]:
    return {precision: ask(__name__, folder, precision) for precision in _PRECISIONS}


def _main(folder: str, precision: str) -> None:
    import torch

    from canary.tiny.sentences import all_of_them
    from swictation.asr.engines.canary.loading import load_model
    from swictation.asr.engines.canary.prompts import prompt_tokens
    from swictation.asr.engines.canary.steps import Steps
    from swictation.asr.engines.canary.window import window_for

    torch.set_num_threads(1)
    model = load_model(Path(folder), precision, "cpu")
    window = window_for(model, 5.0)
    sound = all_of_them().astype("float32") / 32768
    steps = Steps(model, window, prompt_tokens(model, "en"), "alignatt")
    every = window.chunking.every_samples
    costs, tokens = [], []
    with torch.inference_mode():
        for number in range(_FILLING + _TAKEN):
            piece = sound[number * every : (number + 1) * every]
            before = steps.token_count
            _, cost = timed(lambda piece=piece: steps.take(piece, is_last=False))
            costs.append(cost["cpu_s"])
            tokens.append(steps.token_count - before)
        heard = torch.from_numpy(sound[: window.samples])[None]
        length = torch.tensor([window.samples])
        _, encoder = timed(lambda: model(input_signal=heard, input_signal_length=length))
    tell(
        {
            "step_cpu_s": round(statistics.median(costs[_FILLING:]), 3),
            "encoder_cpu_s": encoder["cpu_s"],
            "tokens_a_step": statistics.median(tokens[_FILLING:]),
        }
    )


if __name__ == "__main__":
    _main(*sys.argv[1:])
