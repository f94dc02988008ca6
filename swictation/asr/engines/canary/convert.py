"""Makes a half-precision copy of a model's weights: later loads read and map half as much.

As a program (`python -m swictation.asr.engines.canary.convert FOLDER PRECISION`) it writes
`model_weights.PRECISION.ckpt` beside the weights.
"""

import os
import sys
from pathlib import Path

from swictation.asr.engines.canary.files.folder import weights_file
from swictation.asr.engines.canary.libraries import torch
from swictation.asr.engines.canary.loading import cast, let_go, read_weights
from swictation.asr.engines.canary.precision import dtype_of, is_kept_fp32
from swictation.errors import SwictationError


def convert(folder: Path, precision: str) -> Path:
    """Write the copy, whole or not at all; returns its path.

    Raises:
        EngineError: there are no weights, or they are damaged.
        OSError: the copy cannot be written.
    """
    source = weights_file(folder, "fp32")
    dtype = dtype_of(precision)
    halves: dict[str, object] = {}
    seen: dict[int, object] = {}
    for name, tensor in read_weights(source).items():
        at = tensor.data_ptr()  # tied weights share memory, and stay tied
        if at not in seen or not tensor.numel():
            seen[at] = tensor.clone() if is_kept_fp32(name) else cast(tensor, dtype)
            let_go(tensor)
        halves[name] = seen[at]
    target = weights_file(folder, precision)
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with partial.open("xb") as file:  # not through a link that came with the folder
            torch.save(halves, file)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def main(arguments: list[str]) -> int:
    """Run the program: see the module. On failure one line on stderr, and status 1."""
    folder, precision = arguments
    try:
        convert(Path(folder), precision)
    except SwictationError as error:
        sys.stderr.write(f"{error.message} {error.remedy}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"The copy cannot be written to {folder}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
