"""Speech without a pause for minutes, in one stream that nobody cuts: it neither grows nor stops.

Half an hour takes a minute or two: it is not fed at the pace of speech.
"""

import numpy as np
import psutil
import pytest

from swictation.asr.engine import EngineSpec
from swictation.asr.engines.canary.engine import load_engine as load
from swictation.types import DecodeRequest, to_samples

pytestmark = [pytest.mark.canary, pytest.mark.timeout(1800)]

MINUTES = {"alignatt": 30.0, "wait-k": 2.0}
MOST_TOKENS = 256
GROWTH_MIB = 24.0
MIB = 2**20
KEPT_S = 600
"""A stream keeps its sound to compare: so an utterance of this test begins anew after so long.
Those of the daemon are cut after 20 s."""
COPIES = 2.5
"""Of an utterance's sound, in single precision: kept, and made for a while to be compared."""


@pytest.fixture(scope="module")
def speech(six):
    """All six sentences without a pause between them."""
    return np.concatenate([one.samples for one in six]).astype(np.float32) / 32768


@pytest.mark.parametrize("policy", list(MINUTES))
def test_it_goes_on(tiny_folder, speech, policy):
    engine = load(EngineSpec("canary", "tiny", str(tiny_folder), "en", {"policy": policy}))
    length_s = 60.0 * MINUTES[policy]
    sound = np.resize(speech, to_samples(min(length_s, KEPT_S)))
    peaks_mib = []
    for utterance in range(round(length_s // KEPT_S) or 1):
        rss_mib = streamed(engine, utterance, sound)
        settled = rss_mib[len(rss_mib) // 3 :]
        assert max(settled) - min(settled) <= GROWTH_MIB + COPIES * sound.nbytes / MIB
        peaks_mib.append(max(settled))
    engine.close()
    print(f"{policy}: {[round(it) for it in peaks_mib]} MiB at most in {KEPT_S} s")  # noqa: T201
    # In the first one the allocator still finds its size.
    assert max(peaks_mib[1:], default=0) - min(peaks_mib[1:], default=0) <= GROWTH_MIB


def streamed(engine, utterance, sound):
    """Feed it by the second; MiB resident, each half minute."""
    second, words, rss_mib = to_samples(1.0), 0, []
    for end in range(2 * second, len(sound), second):
        engine.decode(DecodeRequest(0, utterance, 0, end, goes_on=True), sound[:end])
        assert engine._stream._run.token_count < MOST_TOKENS
        if end % (30 * second) == 0:
            said = len(engine._stream.feed(sound[:end]).split())
            assert said - words > 5, "it fell silent"
            words = said
            rss_mib.append(psutil.Process().memory_info().rss / MIB)
    return rss_mib
