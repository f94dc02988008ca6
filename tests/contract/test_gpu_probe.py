"""The contract of a memory probe: NVML's adapter on a made-up GPU."""

import pytest

from contract.vram_probe_suite import VramProbeSuite
from swictation.gpu.nvml.nvml import NvmlProbe

pytestmark = pytest.mark.contract


class TestNvmlProbe(VramProbeSuite):
    @pytest.fixture
    def card_mib(self):
        return 4096

    @pytest.fixture
    def probe(self, card, tmp_path):
        made = NvmlProbe("auto", tmp_path)
        yield made
        made.close()
        assert card.open_count == 0
