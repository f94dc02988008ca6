"""What is foretold of a model's memory is what is counted when it computes."""

import shutil

import pytest

from canary.tiny.geometry import REAL
from swictation.asr.engines.canary.memory import plan as plans

pytestmark = [pytest.mark.canary, pytest.mark.timeout(600)]

MIB = 2**20


def counted_weights(model):
    """All that its tensors hold; one of int8 is made of two."""

    def size(tensor):
        if hasattr(tensor, "__tensor_flatten__"):
            parts, _ = tensor.__tensor_flatten__()
            return sum(size(getattr(tensor, part)) for part in parts)
        return tensor.nbytes

    tensors = {id(it): it for it in [*model.parameters(), *model.buffers()]}
    return sum(map(size, tensors.values()))


def counted_step(model, window):
    import torch

    from swictation.asr.engines.canary.memory.counting import PeakCounter

    sound, length = torch.zeros(1, window.samples), torch.tensor([window.samples])
    with torch.inference_mode(), PeakCounter() as counter:
        model(input_signal=sound, input_signal_length=length)
    return counter.peak_bytes


@pytest.mark.parametrize("precision", ["fp16", "fp32", "int8"])
@pytest.mark.parametrize("buffer_s", [5.0, 10.0])
def test_of_the_tiny_model(tiny_folder, precision, buffer_s):
    holds(tiny_folder, precision, buffer_s)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Of that name, with random weights in half precision; each is made once."""
    from canary.tiny import build  # torch, which warns where NeMo is not imported quietly

    made = {}

    def folder(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            build.write_folder(made[name], REAL[name])
        return made[name]

    yield folder
    for path in made.values():
        shutil.rmtree(path)


@pytest.mark.parametrize("name", ["180m-flash", "1b-flash"])
def test_of_the_real_shapes_with_random_weights_in_half_precision(real, name):
    holds(real(name), "fp16", 5.0)


def holds(folder, precision, buffer_s):
    from swictation.asr.engines.canary.loading import load_model
    from swictation.asr.engines.canary.window import window_for

    told = plans.memory_plan(folder, precision, buffer_s)
    model = load_model(folder, precision, "cpu")
    weights_mib = counted_weights(model) / MIB
    step_mib = counted_step(model, window_for(model, buffer_s)) / MIB + plans.WORKSPACE_MIB
    assert told.weights_mib == pytest.approx(weights_mib, rel=0.1, abs=0.1)
    assert told.activation_mib == pytest.approx(step_mib, rel=0.1, abs=0.1)


def test_the_users_figures(real):
    """1b-flash in fp16 with 5 s: 1719 MiB in all, work below 60; 120 with 10 s."""
    folder = real("1b-flash")
    five = plans.memory_plan(folder, "fp16", 5.0)
    assert five.weights_mib <= 1.02 * 883.6 * 2e6 / MIB
    assert five.resident_mib <= 1719
    assert five.activation_mib <= 60
    assert plans.memory_plan(folder, "fp16", 10.0).activation_mib <= 120
    assert plans.memory_plan(folder, "int8", 5.0).resident_mib <= 1100
