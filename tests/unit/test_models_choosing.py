"""Which model a GPU has room for: the rule is the one by which the memory manager loads."""

from pathlib import Path

import pytest

from swictation.asr.memory_plan import MemoryPlan
from swictation.asr.registry import provider
from swictation.config.settings import Settings, VramSettings
from swictation.gpu.policy.gpu_worker_state import GpuWorkerState
from swictation.gpu.policy.levels import Limits
from swictation.models.catalog.catalog import known_models
from swictation.models.catalog.choosing import Candidate, choose, fits
from swictation.types import Tier

pytestmark = pytest.mark.unit


def plans_of(spec):
    """The ways to load it, with nothing of it on this machine."""
    engine = provider(spec.engine)
    return engine.memory_plans(spec, Path("/nowhere"), engine.options(Settings()))


SETTINGS = VramSettings()
BIG = Candidate("big", (MemoryPlan("fp16", 1684, 10, 60), MemoryPlan("int8", 950, 10, 60)))
SMALL = Candidate("small", (MemoryPlan("fp16", 347, 10, 60), MemoryPlan("int8", 200, 10, 60)))


def installed(it):
    return Candidate(it.name, it.plans, True)


def chosen(candidates, total_mib, **more):
    choice = choose(candidates, total_mib, SETTINGS, **more)
    return choice.name, choice.precision


def test_on_the_users_card_the_big_model_fits_in_fp16():
    assert chosen([BIG, SMALL], 4096) == ("big", "fp16")


def test_the_big_model_in_int8_goes_before_the_small_one_in_fp16():
    assert chosen([BIG, SMALL], 2048) == ("big", "int8")


def test_where_the_big_model_has_no_room_at_all_the_small_one_is_taken():
    assert chosen([BIG, SMALL], 1280) == ("small", "fp16")
    assert chosen([BIG, SMALL], 1024) == ("small", "int8")


def test_one_that_is_installed_goes_before_a_better_one_that_is_not():
    assert chosen([BIG, installed(SMALL)], 4096) == ("small", "fp16")
    assert chosen([installed(BIG), installed(SMALL)], 4096) == ("big", "fp16")


def test_one_that_is_installed_and_does_not_fit_is_not_taken():
    assert chosen([installed(BIG), SMALL], 1280) == ("small", "fp16")


def test_a_card_too_small_for_all_gets_none_and_the_reason():
    choice = choose([BIG, SMALL], 512, SETTINGS)
    assert (choice.name, choice.precision) == ("", "")
    assert choice.reason == (
        "no model fits the GPU in any precision: the least needs 956 MiB free,"
        " the GPU has 512 in all"
    )


def test_the_precision_that_the_user_wants_is_the_only_one():
    assert chosen([BIG, SMALL], 4096, precision="int8") == ("big", "int8")
    assert chosen([BIG, SMALL], 2048, precision="fp16") == ("small", "fp16")
    assert chosen([BIG], 2048, precision="fp16") == ("", "")
    assert "in fp16: the least needs" in choose([BIG], 2048, SETTINGS, precision="fp16").reason
    assert "loaded in fp32" in choose([BIG], 8192, SETTINGS, precision="fp32").reason


def test_without_a_card_to_ask_the_first_that_is_installed_is_taken_or_the_preferred_one():
    assert chosen([BIG, installed(SMALL)], None) == ("small", "auto")
    assert chosen([BIG, SMALL], None) == ("big", "auto")
    assert choose([BIG], None, SETTINGS, why_unknown="the GPU sleeps").reason == (
        "big: the preferred one; the GPU sleeps"
    )


def test_the_reason_says_what_is_needed_and_what_would_come_before():
    assert choose([BIG], 4096, SETTINGS).reason == (
        "big in fp16 needs 2636 of the GPU's 4096 MiB; none that fits is installed yet"
    )
    assert choose([BIG, installed(SMALL)], 4096, SETTINGS).reason == (
        "small in fp16 needs 1299 of the GPU's 4096 MiB; preferred, but not installed"
        " or too large: big"
    )


@pytest.mark.parametrize("total_mib", [1024, 1536, 2048, 3072, 4096, 8192, 24576])
@pytest.mark.parametrize("spec", known_models(), ids=lambda spec: spec.name)
def test_what_fits_is_what_the_memory_manager_would_load(spec, total_mib):
    plans = plans_of(spec)
    limits = Limits.of(SETTINGS, total_mib)
    told = [fit.fits for fit in fits(plans, total_mib, SETTINGS)]
    for plan, fits_it in zip(plans, told, strict=True):
        worker = GpuWorkerState(SETTINGS, (Tier(plan.precision, plan.resident_mib),))
        assert (worker.best_fit(total_mib, plan.activation_mib, limits) == 0) == fits_it


def test_why_not_adds_up():
    (fit,) = fits([MemoryPlan("fp32", 3368, 10, 60)], 4096, SETTINGS)
    assert not fit.fits
    assert fit.why_not == (
        "fp32 needs 4320 of 4096 MiB: 3378 for the model, 430 for CUDA, 512 kept free"
    )
