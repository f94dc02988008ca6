import msgspec
import pytest

from swictation.config.settings import AsrSettings, Settings
from swictation.worker.engine_choice import standby, wants_gpu

pytestmark = pytest.mark.unit


def settings(**asr: str) -> Settings:
    return Settings(asr=AsrSettings(**asr))


def test_the_embedded_engine_belongs_on_the_processor():
    assert not wants_gpu(settings())


@pytest.mark.parametrize(("device", "wanted"), [("cuda", True), ("cpu", False)])
def test_a_device_that_is_named_counts(device, wanted):
    assert wants_gpu(settings(device=device)) is wanted


def test_the_embedded_engine_on_a_card_has_itself_beside_it_on_the_processor():
    both = settings(engine="whisper", model="base", device="cuda", cpu_model="tiny.en")
    other = standby(both)
    assert wants_gpu(both)
    assert other is not None
    assert (other.asr.engine, other.asr.model, other.asr.device) == ("whisper", "tiny.en", "cpu")


def test_without_a_card_the_engine_is_its_own_spare():
    plain = settings(engine="whisper", model="tiny.en")
    assert standby(plain) == plain


def test_beside_a_card_another_engine_takes_over_on_the_processor():
    both = settings(device="cuda", engine="big", model="big-1", cpu_model="tiny.en")
    other = standby(both)
    assert other is not None
    assert (other.asr.engine, other.asr.model, other.asr.device) == ("whisper", "tiny.en", "cpu")
    assert not wants_gpu(other)
    assert msgspec.structs.replace(other, asr=both.asr) == both


def test_nobody_takes_over_where_that_is_not_wished_for():
    assert standby(settings(device="cuda", cpu_engine="")) is None
