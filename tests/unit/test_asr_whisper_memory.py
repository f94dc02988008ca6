"""What a Whisper model takes, told by the head of its file; the real one: `speech/`."""

import struct

import pytest
from msgspec.structs import replace

from swictation.asr.engine import EngineSpec
from swictation.asr.engines.whisper.memory import Shape, beam_for, forecast_of, read_shape, tiers
from swictation.asr.registry import memory_forecast

pytestmark = pytest.mark.unit

MIB = 1 << 20
FLOAT16 = 4
TINY = {
    "decoder/alignment_layer": (),
    "decoder/embeddings/weight": (1000, 128),
    "decoder/layer_0/attention/linear_0/weight": (128, 128),
    "decoder/layer_0/attention/linear_0/bias": (128,),
    "decoder/layer_1/ffn/linear_0/weight": (512, 128),
    "encoder/conv1/weight": (128, 80, 3),
    "decoder/layer_norm/gamma": (128,),
}
MATRICES, ROWS, OTHERS = 1000 * 128 + 128 * 128 + 512 * 128, 1000 + 128 + 512, 128 * 240 + 256


def text(value):
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def model_bin(path, variables, count=None):
    out = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<I", 3)
    out += struct.pack("<I", len(variables) if count is None else count)
    for name, dims in variables.items():
        size = 2
        for dim in dims:
            size *= dim
        out += text(name) + struct.pack(f"<B{len(dims)}I", len(dims), *dims)
        out += struct.pack("<BI", FLOAT16, size) + bytes(size)
    path.write_bytes(out)
    return path


@pytest.fixture
def shape(tmp_path):
    return read_shape(model_bin(tmp_path / "model.bin", TINY))


def test_the_shape_is_told_by_names_and_sizes(shape):
    assert shape == Shape(128, 2, 1000, MATRICES, ROWS, OTHERS)


@pytest.mark.parametrize(
    ("compute_type", "size"),
    [
        ("float32", 4 * (MATRICES + OTHERS)),
        ("float16", 2 * (MATRICES + OTHERS)),
        ("int8_float16", MATRICES + 4 * ROWS + 2 * OTHERS),
        ("int8", MATRICES + 4 * ROWS + 4 * OTHERS),
    ],
)
def test_weights_take_what_their_type_takes(shape, compute_type, size):
    assert shape.weights_mib(compute_type) == pytest.approx(size / MIB)


def test_work_grows_with_the_sound_and_with_the_hypotheses(shape):
    short = shape.work_mib("float16", 10.0, 1)
    assert shape.work_mib("float16", 30.0, 1) > 2.0 * short
    assert shape.work_mib("float16", 10.0, 5) > short
    assert shape.work_mib("float32", 10.0, 1) > short


def test_what_stays_is_weights_and_no_more_cache_than_the_library_keeps(shape):
    weights_mib = shape.weights_mib("float16")
    small = shape.resident_mib("float16", 10.0, 1)
    assert small == pytest.approx(weights_mib + shape.work_mib("float16", 10.0, 1))
    assert shape.resident_mib("float16", 30.0, 10_000) == pytest.approx(weights_mib + 200.0)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:60]),
        lambda path: path.write_bytes(b"weights" * 1000),
        lambda path: path.write_bytes(b"\xff" * 1000),
        lambda path: model_bin(path, TINY, count=2**31),
        lambda path: model_bin(path, {"encoder/conv1/weight": (128, 80, 3)}),
        lambda path: model_bin(path, {"decoder/embeddings/weight": (7,)}),
    ],
)
def test_a_file_that_is_something_else_is_an_error(tmp_path, spoil):
    path = model_bin(tmp_path / "model.bin", TINY)
    spoil(path)
    with pytest.raises(ValueError, match="not a Whisper model"):
        read_shape(path)


LARGE = Shape(1280, 32, 51866, 1_500_000_000, 600_000, 5_000_000)


def test_the_tiers_are_named_and_the_second_is_smaller():
    best, smaller = tiers("large-v3", LARGE, 5)
    assert (best.name, smaller.name) == ("large-v3 float16", "large-v3 int8_float16")
    assert smaller.resident_mib < 0.6 * best.resident_mib


@pytest.mark.parametrize(
    ("wished", "model", "path", "beam"),
    [
        (0, "tiny.en", "/models/tiny.en", 5),
        (0, "mine", "/models/tiny", 5),
        (0, "base", "/models/base", 1),
        (3, "tiny.en", "/models/tiny.en", 3),
    ],
)
def test_tiny_models_follow_five_hypotheses_unless_told_otherwise(wished, model, path, beam):
    assert beam_for(wished, model, path) == beam


@pytest.mark.parametrize("beam", [1, 5])
def test_what_the_daemon_foresees_is_nowhere_below_what_is_counted(beam):
    told = forecast_of("large-v3", LARGE, beam)
    assert told.tiers == tiers("large-v3", LARGE, beam)
    for speech_s in range(29):
        counted_mib = LARGE.work_mib("float16", max(10.0, speech_s + 2.0), beam)
        assert told.step_mib + told.step_mib_per_s * speech_s >= counted_mib


def test_it_foresees_a_model_on_a_card_by_its_file(tmp_path):
    model_bin(tmp_path / "model.bin", TINY)
    on_card = EngineSpec("whisper", "mine", str(tmp_path), "en", device="cuda")
    told = memory_forecast(on_card)
    assert [one.name for one in told.tiers] == ["mine float16", "mine int8_float16"]
    assert memory_forecast(replace(on_card, device="cpu")) is None
    assert memory_forecast(replace(on_card, engine="other")) is None
    (tmp_path / "model.bin").write_bytes(b"broken")
    assert memory_forecast(on_card) is None
