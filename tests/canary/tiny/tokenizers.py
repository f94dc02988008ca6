"""The tokenizers of a made-up Canary: one for the prompt's tokens, one for each language."""

import random
from collections.abc import Sequence
from pathlib import Path

from nemo.collections.common.tokenizers.canary_tokenizer import DEFAULT_TOKENS, CanaryTokenizer
from nemo.collections.common.tokenizers.sentencepiece_tokenizer import create_spt_model

from canary.tiny.geometry import PROMPT_TOKENS, SPECIAL, Geometry

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_BESIDES = 2
"""What sentencepiece adds by itself to the tokens that it is given."""


def build(folder: Path, shape: Geometry, texts: Sequence[str] = ()) -> None:
    """Make them in `folder`, of the sizes that `shape` says; `texts`: what is said in English."""
    wanted = [*PROMPT_TOKENS, *shape.languages]
    spare = shape.special_tokens - _BESIDES - len(DEFAULT_TOKENS) - len(wanted)
    fillers = [f"spltoken{number}" for number in range(spare)]
    CanaryTokenizer.build_special_tokenizer([*wanted, *fillers], folder / SPECIAL)
    for language in shape.languages:
        known = texts if language == "en" and texts else _made_up(language, shape)
        _train(folder / language, known, shape.tokens_a_language)


def _made_up(language: str, shape: Geometry) -> list[str]:
    """Words that nobody knows, enough of them for so many tokens."""
    dice = random.Random(language)
    words = ["".join(dice.choices(_LETTERS, k=dice.randint(2, 9))) for _ in range(4000)]
    return [" ".join(words[at : at + 10]) for at in range(0, len(words), 10)]


def _train(folder: Path, texts: Sequence[str], size: int) -> None:
    folder.mkdir(parents=True)
    told = folder / "text.txt"
    told.write_text("\n".join(texts) + "\n", encoding="utf-8")
    create_spt_model(
        str(told),
        vocab_size=size,
        sample_size=-1,
        do_lower_case=False,
        tokenizer_type="bpe",
        output_dir=str(folder),
    )
    told.unlink()
