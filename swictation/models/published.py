"""Error rates that the makers of the models published, each with its source.

All are word error rates on LibriSpeech test-clean: English, read aloud, well recorded. Dictation
brings more errors; the figures compare the models. None is measured here.
"""

import msgspec

_PAPER = "Radford et al. 2022 (arXiv:2212.04356), appendix D.1, greedy decoding"
_CARD = "model card on the Hugging Face Hub"


class ErrorRate(msgspec.Struct, frozen=True):
    """Of one model."""

    percent: float
    source: str


ERROR_RATES: dict[str, ErrorRate] = {
    "tiny.en": ErrorRate(5.6, _PAPER),
    "base": ErrorRate(5.0, _PAPER),
    "small": ErrorRate(3.4, _PAPER),
    "canary-1b-flash": ErrorRate(1.48, _CARD),
}
"""By name. A model whose figure could not be looked up at its source is not here."""
