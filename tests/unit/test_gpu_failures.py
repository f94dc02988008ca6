"""Every error of a device that is known by name, code or text."""

import itertools

import pynvml
import pytest

from swictation.errors import DeviceFailure, EngineError
from swictation.gpu.policy.failures import classify

pytestmark = pytest.mark.unit

FATAL_CODES = [46, 214, 700, 702, 709, 710, *range(714, 720), 999]


class OutOfMemoryError(RuntimeError):
    """As torch's: known by its name alone."""


class AcceleratorError(RuntimeError):
    """As torch's: a sibling of the other, with a code."""

    def __init__(self, text="CUDA error", error_code=0):
        super().__init__(text)
        self.error_code = error_code


class CudaError(RuntimeError):
    """As `torch.cuda.CudaError`: its code is in its text."""


class HttpError(Exception):
    error_code = 700


@pytest.mark.parametrize("code", FATAL_CODES)
def test_codes_of_a_dead_context_are_fatal(code):
    assert classify(AcceleratorError("CUDA error: whatever it says", code)) == "fatal"
    assert classify(RuntimeError(f"CUDA failure {code}: whatever ; GPU=0")) == "fatal"
    assert classify(CudaError(f"whatever it says ({code})")) == "fatal"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."), "oom"),
        (OutOfMemoryError(), "oom"),
        (AcceleratorError("CUDA error: out of memory", 2), "oom"),
        (AcceleratorError("CUDA error: out of memory", 719), "fatal"),
        (AcceleratorError("CUDA error: no CUDA-capable device is detected", 100), "lost"),
        (AcceleratorError("CUDA error: something new", 4321), "fatal"),
        (AcceleratorError("something new"), "fatal"),
        (AcceleratorError("out of memory"), "oom"),
        (CudaError("out of memory (2)"), "oom"),
        (DeviceFailure("lost", "gone"), "lost"),
        (TimeoutError("no answer"), "hang"),
    ],
)
def test_the_type_and_the_code_decide(error, kind):
    assert classify(error) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        # CTranslate2
        ("CUDA failed with error out of memory", "oom"),
        ("CUDA failed with error unspecified launch failure", "fatal"),
        ("CUDA failed with error an illegal memory access was encountered", "fatal"),
        ("CUDA failed with error unknown error", "fatal"),
        ("CUDA failed with error no CUDA-capable device is detected", "lost"),
        ("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED", "oom"),
        ("cuBLAS failed with status CUBLAS_STATUS_NOT_INITIALIZED", "fatal"),
        ("cuBLAS failed with status CUBLAS_STATUS_EXECUTION_FAILED", "fatal"),
        ("cuBLAS failed with status CUBLAS_STATUS_NOT_SUPPORTED", "fatal"),
        ("cuDNN failed with status CUDNN_STATUS_INTERNAL_ERROR", "fatal"),
        # torch, where it raises a plain RuntimeError
        ("CUDA error: out of memory\nCUDA kernel errors might be reported later", "oom"),
        ("CUDA error: device-side assert triggered", "fatal"),
        ("CUDA error: unspecified launch failure", "fatal"),
        ("CUDA error: the launch timed out and was terminated", "fatal"),
        ("CUDA error: misaligned address", "fatal"),
        ("CUDA error: an illegal instruction was encountered", "fatal"),
        ("CUDA error: context is destroyed", "fatal"),
        ("CUDA error: uncorrectable ECC error encountered", "fatal"),
        ("CUDA error: invalid resource handle", "fatal"),
        ("CUDA error: initialization error", "fatal"),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", "oom"),
        ("CUDA error: CUBLAS_STATUS_INTERNAL_ERROR when calling `cublasSgemm(...)`", "fatal"),
        ("cuDNN error: CUDNN_STATUS_MAPPING_ERROR", "fatal"),
        ("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED", "fatal"),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "oom"),
        ("cuFFT error: CUFFT_ALLOC_FAILED", "oom"),
        ("cuFFT error: CUFFT_INTERNAL_ERROR", "fatal"),
        ("Found no NVIDIA driver on your system.", "lost"),
        # ONNX Runtime, the driver
        ("CUDA failure 2: out of memory ; GPU=0 ; hostname=here", "oom"),
        ("CUDA failure 700: an illegal memory access was encountered ; GPU=0", "fatal"),
        ("CUDA failure 100: no CUDA-capable device is detected ; GPU=-1", "lost"),
        ("CUDA_ERROR_OUT_OF_MEMORY", "oom"),
        ("CUDA_ERROR_ILLEGAL_ADDRESS", "fatal"),
        ("NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.", "lost"),
        ("NVRM: Xid (PCI:0000:01:00): 79, pid=1", "lost"),
        ("GPU is lost", "lost"),
        # nothing of the device's
        ("Expected all tensors to be on the same device, found cuda:0 and cpu", "other"),
        ("DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes", "other"),
        ("Torch not compiled with CUDA enabled", "other"),
        ("CUDA failed with error CUDA driver version is insufficient for CUDA runtime", "other"),
        ("Library libcublas.so.12 is not found or cannot be loaded", "other"),
        ("out of memory", "other"),
        ("the forced text is not what was said", "other"),
        ("", "other"),
    ],
)
def test_texts_that_say_what_the_type_does_not(text, kind):
    assert classify(RuntimeError(text)) == kind


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (pynvml.NVML_ERROR_GPU_IS_LOST, "lost"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "lost"),
        (pynvml.NVML_ERROR_RESET_REQUIRED, "lost"),
        (pynvml.NVML_ERROR_UNKNOWN, "fatal"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "fatal"),
        (pynvml.NVML_ERROR_MEMORY, "fatal"),
        (pynvml.NVML_ERROR_INVALID_ARGUMENT, "other"),
        (pynvml.NVML_ERROR_NOT_SUPPORTED, "other"),
    ],
)
def test_nvmls_errors_have_codes_of_their_own(code, kind):
    """Its 2 is an invalid argument, not CUDA's lack of memory."""
    assert classify(pynvml.NVMLError(code)) == kind


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("CUDA out of memory"),
        OSError(12, "Cannot allocate memory: libcudnn.so.9"),
        ImportError("libcublas.so.12: cannot open shared object file"),
        HttpError("out of quota"),
        ValueError("Canary"),
        KeyboardInterrupt(),
    ],
)
def test_the_hosts_own_troubles_are_not_the_devices(error):
    assert classify(error) == "other"


def raised(*errors, link="__context__"):
    """The last of them, raised from or during those before it."""
    for inner, outer in itertools.pairwise(errors):
        setattr(outer, link, inner)
    return errors[-1]


@pytest.mark.parametrize("link", ["__cause__", "__context__"])
def test_what_an_error_was_raised_from_is_looked_at(link):
    inner = AcceleratorError("CUDA error: unspecified launch failure", 719)
    assert classify(raised(inner, EngineError("it broke"), link=link)) == "fatal"
    assert classify(raised(OutOfMemoryError(), ValueError("no"), link=link)) == "oom"


def test_a_fatal_error_is_not_hidden_by_a_milder_one_that_followed():
    fatal = RuntimeError("CUDA failed with error unspecified launch failure")
    assert classify(raised(fatal, OutOfMemoryError(), ValueError("?"))) == "fatal"
    assert classify(raised(OutOfMemoryError(), fatal)) == "fatal"
    hidden = raised(fatal, EngineError("it broke"))
    hidden.__suppress_context__ = True
    assert classify(hidden) == "fatal"


def test_a_group_is_looked_into_and_a_circle_ends():
    group = ExceptionGroup("several", [ValueError("a"), AcceleratorError("CUDA error", 700)])
    assert classify(group) == "fatal"
    one, other = ValueError("a"), ValueError("b")
    one.__context__, other.__context__ = other, one
    assert classify(one) == "other"
