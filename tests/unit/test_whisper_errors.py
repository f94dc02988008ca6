"""CTranslate2's errors are text alone: each becomes one line with its mend."""

import sys

import pytest

from swictation.asr.engines.whisper.errors import explain
from swictation.asr.engines.whisper.gpu import types_for
from swictation.gpu.policy.failures import classify

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "message", "remedy", "kind"),
    [
        (
            "Library libcublas.so.12 is not found or cannot be loaded",
            "Whisper cannot use the GPU: the library libcublas.so.12 is missing.",
            f"{sys.executable} -m pip install nvidia-cublas-cu12",
            "other",
        ),
        (
            "Library libcublas.so.13 is not found or cannot be loaded",
            "Whisper cannot use the GPU: the library libcublas.so.13 is missing.",
            f"{sys.executable} -m pip install nvidia-cublas",
            "other",
        ),
        (
            "CUDA failed with error no CUDA-capable device is detected",
            "Whisper cannot use the GPU: CUDA finds no GPU.",
            "is it hidden? echo $CUDA_VISIBLE_DEVICES; else: nvidia-smi -L",
            "lost",
        ),
        (
            "This CTranslate2 package was not compiled with CUDA support",
            "Whisper cannot use the GPU: this build of CTranslate2 has no CUDA support.",
            '[asr] device = "cpu": swictation config path',
            "other",
        ),
        (
            "CUDA failed with error out of memory",
            "Whisper cannot use the GPU: it has no room for the model.",
            "swictation status",
            "oom",
        ),
        (
            "CUDA failed with error unspecified\nlaunch failure.",
            "Whisper cannot use the GPU: CUDA failed with error unspecified launch failure.",
            "swictation doctor",
            "fatal",
        ),
    ],
)
def test_each_is_one_line_that_says_how_to_mend_it(text, message, remedy, kind):
    error = RuntimeError(text)
    told = explain(error)
    assert (told.message, told.remedy) == (message, remedy)
    told.__cause__ = error
    assert classify(told) == kind


@pytest.mark.parametrize("has_driver", [True, False])
def test_an_old_driver_is_told_from_none(has_driver):
    """CUDA has the same words for both."""
    error = RuntimeError("CUDA failed with error CUDA driver version is insufficient for CUDA")
    told = explain(error, lambda: has_driver)
    assert ("too old" in told.message, "not installed" in told.message) == (
        has_driver,
        not has_driver,
    )
    assert told.remedy


def test_what_is_none_of_a_cards_is_left_to_others():
    assert explain(RuntimeError("Unable to open file 'model.bin' in model 'here'")) is None


def test_half_precision_where_the_card_has_it():
    assert types_for({"float32", "float16", "int8", "int8_float16"}) == ("float16", "int8_float16")
    assert types_for({"float32", "int8", "int8_float32"}) == ("float32", "int8")
