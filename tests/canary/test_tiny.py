"""The tiny models are what the other tests take them for: small, exact, and shaped like Canary."""

import numpy as np
import pytest

from canary.tiny.geometry import REAL
from canary.tiny.sentences import TEXTS, all_of_them, padded, silence
from swictation.asr.engine import EngineSpec
from swictation.asr.engines.canary.engine import load_engine as load
from swictation.asr.memory_plan import PRECISIONS
from swictation.types import DecodeRequest, to_samples

pytestmark = pytest.mark.canary

_POLICIES = ("alignatt", "wait-k")
_PUBLISHED_M = {"180m-flash": 182, "1b-flash": 883, "1b-v2": 962}


def engine(folder, precision="fp32", policy="alignatt"):
    options = {"precision": precision, "policy": policy}
    return load(EngineSpec("canary", "tiny", str(folder), "en", options))


def waveform(samples):
    return samples.astype(np.float32) / 32768


def heard(engine, number, samples, every=0):
    """What it says of an utterance of that number; `every` so many samples it is asked before."""
    sound = waveform(samples)
    for end in range(every, len(sound), every) if every else ():
        engine.decode(DecodeRequest(0, number, 0, end, goes_on=True), sound[:end])
    return engine.decode(DecodeRequest(0, number, 0, len(sound)), sound).new_text.strip()


@pytest.mark.parametrize("policy", _POLICIES)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_it_writes_its_six_sentences_in_every_precision_and_policy(
    tiny_folder, six, precision, policy
):
    loaded = engine(tiny_folder, precision, policy)
    assert loaded.capabilities.precision == precision
    assert tuple(heard(loaded, n, padded(one)) for n, one in enumerate(six)) == TEXTS
    fed = tuple(heard(loaded, 10 + n, padded(one), every=1600) for n, one in enumerate(six))
    assert fed == TEXTS
    loaded.close()


@pytest.mark.parametrize("gain", [0.05, 0.3, 1.0, 1.5])
def test_it_writes_them_as_the_microphone_heard_them(tiny_folder, six, gain):
    """Cut as the program cuts, at any phase, at any level, with a microphone's noise."""
    loaded = engine(tiny_folder)
    dice = np.random.default_rng(3)
    wrong = []
    for number in range(48):
        one = six[number % len(six)]
        edges = silence(dice.uniform(0.2, 0.6)), silence(0.2)
        sound = np.concatenate([edges[0], one.samples, edges[1]])[dice.integers(0, 512) :]
        noisy = sound * gain + dice.standard_normal(len(sound)) * dice.choice([0.0, 3.0, 20.0])
        text = heard(loaded, number, np.clip(np.round(noisy), -32768, 32767).astype(np.int16))
        wrong += [] if text == one.text else [text]
    assert wrong == []
    loaded.close()


def test_it_writes_word_by_word_while_it_hears(tiny_folder, six):
    loaded = engine(tiny_folder)
    sound = waveform(padded(six[4]))
    ends = range(1600, len(sound), 1600)
    texts = [
        loaded.decode(DecodeRequest(0, 0, 0, end, goes_on=True), sound[:end]).new_text.strip()
        for end in ends
    ]
    grown = list(dict.fromkeys(texts))
    assert len(grown) >= 3
    assert all(TEXTS[4].startswith(text) for text in grown)
    loaded.close()


def test_the_long_sound_holds_them_all(six):
    said = sum(len(one.samples) for one in six)
    assert len(all_of_them()) == said + 6 * to_samples(1.2) + to_samples(0.5)
    assert np.array_equal(all_of_them(), all_of_them())
    assert all(2.0 <= len(one.samples) / 16_000 <= 5.0 for one in six)


def test_a_model_that_nobody_trained_says_something_else(random_folder, six):
    loaded = engine(random_folder)
    assert heard(loaded, 0, padded(six[0])) != TEXTS[0]
    loaded.close()


def test_a_model_of_a_real_shape_is_written_without_a_second_copy(tmp_path):
    import torch

    from canary.tiny.build import write_folder

    write_folder(tmp_path / "model", REAL["180m-flash"])
    weights = torch.load(tmp_path / "model" / "model_weights.ckpt", weights_only=True, mmap=True)
    own = {w.data_ptr(): w for w in weights.values() if w.is_floating_point() and w.dim() > 0}
    count = sum(weight.numel() for weight in own.values())
    assert round(count / 1e6) in range(_PUBLISHED_M["180m-flash"], 185)
    assert (tmp_path / "model" / "model_config.yaml").is_file()
    assert set(REAL) == set(_PUBLISHED_M)
