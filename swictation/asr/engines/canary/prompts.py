"""The model's prompt: which language, with punctuation and capitals."""

from typing import Any

from swictation.asr.engines.canary.libraries import Tensor, aed_streaming, omegaconf
from swictation.errors import EngineError

_EUROPEAN = "bg hr cs da nl en et fi fr de el hu it lv lt mt pl pt ro sk sl es sv ru uk"
"""The languages of canary-1b-v2, from its model card; one tokenizer serves all of them."""


def languages(model: Any) -> tuple[str, ...]:
    """The languages that the model understands: those with their own tokenizer or token."""
    tables = model.cfg.tokenizer.get("langs")
    if tables is not None:
        return tuple(sorted(str(name) for name in tables if name != "spl_tokens"))
    known: dict[str, int] = getattr(model.tokenizer, "special_tokens", {})
    return tuple(sorted(name for name in _EUROPEAN.split() if f"<|{name}|>" in known))


def prompt_tokens(model: Any, language: str) -> Tensor:
    """Make the prompt, int64 (1, n): transcribe `language`, with punctuation and capitals.

    Raises:
        EngineError: the model does not understand the language.
    """
    if language not in languages(model):
        known = ", ".join(languages(model))
        raise EngineError(
            f"The model understands {known}, not {language!r}.",
            "choose another with --language or [asr] language",
        )
    slots = {"source_lang": language, "target_lang": language, "pnc": "yes"}
    wanted = omegaconf.OmegaConf.create({"prompt": slots, "batch_size": 1})
    return aed_streaming.return_decoder_input_ids(wanted, model)
