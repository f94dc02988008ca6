"""The tests of `tests/gpu` on a made-up GPU: a big one, the second of two, late to show."""

from pathlib import Path

import pytest

from realcard import suite

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
raw, small, stage = suite.raw, suite.small, suite.stage
UUID = "GPU-00000001-0000-0000-0000-00000000b1g0"


@pytest.fixture
def gpu(card, monkeypatch):
    card.add_device(total_mib=24576, uuid=UUID)
    card.set_hidden(1000, device=1)
    card.set_lag(0.3)
    for name, value in {**card.env(), "CUDA_VISIBLE_DEVICES": UUID}.items():
        monkeypatch.setenv(name, value)
    return UUID


@pytest.fixture
def sees_pids():
    return True


@pytest.fixture
def is_closed(card):
    return lambda: card.open_count == 0


@pytest.fixture
def figures():
    """Each has its row in the documentation, where a real GPU's are to be written."""
    found = {}
    yield found
    text = (ROOT / "docs" / "vram-tests.md").read_text()
    assert [name for name in found if f"| {name} |" not in text] == []


class TestSmallCard(suite.SmallCardSuite):
    pass


class TestCard(suite.RealCardSuite):
    pass
