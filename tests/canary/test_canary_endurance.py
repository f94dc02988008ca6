"""Speech without a pause for minutes, in one stream that nobody cuts: it neither grows nor stops.

SWICTATION_MINUTES=30 .venv/bin/python -m pytest -s -m canary tests/canary/test_canary_endurance.py
"""

import os

import numpy as np
import psutil
import pytest

from swictation.asr.engine import EngineSpec
from swictation.asr.engines.canary import load
from swictation.types import DecodeRequest, to_samples

pytestmark = [pytest.mark.canary, pytest.mark.timeout(1800)]

MINUTES = float(os.environ.get("SWICTATION_MINUTES", "1.5"))
MOST_TOKENS = 256
GROWTH_MIB = 24.0
KEPT_S = 600
"""A stream keeps its sound to compare: so an utterance of this test begins anew after so long."""


@pytest.fixture(scope="module")
def speech(six):
    """All six sentences without a pause between them."""
    return np.concatenate([one.samples for one in six]).astype(np.float32) / 32768


@pytest.mark.parametrize("policy", ["alignatt", "wait-k"])
def test_it_goes_on(tiny_folder, speech, policy):
    engine = load(EngineSpec("canary", "tiny", str(tiny_folder), "en", {"policy": policy}))
    rss_mib, tokens, lengths = [], [], []
    second = to_samples(1.0)
    sound = np.resize(speech, to_samples(min(60.0 * MINUTES, KEPT_S)))
    for utterance in range(-(-round(60 * MINUTES) // KEPT_S)):
        words = 0
        for end in range(2 * second, len(sound), second):
            asked = DecodeRequest(0, utterance, 0, end, goes_on=True)
            engine.decode(asked, sound[:end])
            tokens.append(engine._stream.token_count)
            if end % (30 * second) == 0:
                said = len(engine._stream.feed(sound[:end]).split())
                lengths.append(said - words)
                words = said
                rss_mib.append(psutil.Process().memory_info().rss / 2**20)
    engine.close()
    print(f"{policy}: RSS {[round(it) for it in rss_mib]} MiB, words each 30 s {lengths}")  # noqa: T201
    assert max(tokens) < MOST_TOKENS
    assert min(lengths) > 5, "it fell silent"
    settled = rss_mib[len(rss_mib) // 3 :]
    assert max(settled) - min(settled) <= GROWTH_MIB
