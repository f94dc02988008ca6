"""The loop guard: finds text that a model repeats because it has lost the thread.

With short context some models loop now and then ("printing image printing image ..."). What looks
like a loop is decoded again with the full 30 s; a repetition that remains is real speech.
"""

import re
import zlib
from typing import Literal

Reason = Literal["", "zlib", "rate", "repeat"]

_LEAST_BYTES = 24
MOST_RATIO = 2.2
MOST_CHARS_PER_S = 30.0
_LEAST_S = 0.7


def find_loop(
    text: str,
    duration_s: float,
    most_ratio: float = MOST_RATIO,
    most_chars_per_s: float = MOST_CHARS_PER_S,
) -> Reason:
    """Why `text` looks like a loop for `duration_s` of speech; "" if it does not."""
    data = text.encode()
    if len(data) > _LEAST_BYTES and len(data) / len(zlib.compress(data)) > most_ratio:
        return "zlib"
    if is_too_fast(text, duration_s, most_chars_per_s):
        return "rate"
    return "repeat" if _repeats(re.findall(r"[\w']+", text.lower())) else ""


def is_too_fast(text: str, duration_s: float, most_chars_per_s: float = MOST_CHARS_PER_S) -> bool:
    """Whether nobody could have said `text` in `duration_s`."""
    return len(text) > most_chars_per_s * max(duration_s, _LEAST_S)


def _repeats(words: list[str]) -> bool:
    """Whether an n-gram is repeated: 1 word 4 times, 2-4 words 3 times, 5 or more twice."""
    for size in range(1, len(words) // 2 + 1):
        times = 4 if size == 1 else 3 if size < 5 else 2
        for start in range(len(words) - size * times + 1):
            ngram = words[start : start + size]
            if words[start : start + size * times] == ngram * times:
                return True
    return False
