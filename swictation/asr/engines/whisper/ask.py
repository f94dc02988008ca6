"""`python -m swictation.asr.engines.whisper.ask`: whether a card can be used, as one JSON object.

In a process of its own, for `swictation doctor`: CUDA is started here and ends here.
"""

import sys
from typing import Any

import ctranslate2  # pyright: ignore[reportMissingTypeStubs]
import msgspec

from swictation.asr.engines.whisper import cublas, troubles
from swictation.asr.engines.whisper.card import types_for


class Answer(msgspec.Struct, frozen=True):
    """What CTranslate2 says of the cards. Without `reason` it can use `cards` of them."""

    cards: int
    compute_type: str = ""
    reason: str = ""
    remedy: str = ""


def ask() -> Answer:
    """See whether there is a card, and cuBLAS. No context is made."""
    ct2: Any = ctranslate2
    count: int = ct2.get_cuda_device_count()
    try:
        types = types_for(ct2.get_supported_compute_types("cuda"))  # it says why there is none
    except (RuntimeError, ValueError) as error:
        told = troubles.explain(error)
        return Answer(count, reason=told.message if told else str(error), remedy=_remedy(told))
    if not cublas.open_it():
        told = troubles.missing(cublas.NAME)
        return Answer(count, reason=told.message, remedy=told.remedy)
    return Answer(count, types[0])


def _remedy(told: Any) -> str:  # noqa: ANN401
    return told.remedy if told else "swictation doctor"


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(ask()).decode())
