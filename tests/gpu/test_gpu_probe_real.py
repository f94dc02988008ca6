"""The contract of a memory probe: NVML's adapter on the real library and a real GPU."""

import subprocess

import pytest

from contract.vram_probe_suite import VramProbeSuite
from swictation.gpu.nvml.nvml import NvmlProbe

pytestmark = pytest.mark.gpu


@pytest.fixture
def probe(real_nvml):
    made = NvmlProbe()
    yield made
    made.close()


class TestNvmlProbe(VramProbeSuite):
    @pytest.fixture
    def card_mib(self):
        return None

    def test_it_agrees_with_the_drivers_own_program(self, probe):
        query = ["nvidia-smi", "--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits"]
        try:
            told = subprocess.run(query, capture_output=True, text=True, timeout=60, check=True)
        except FileNotFoundError:
            pytest.skip("nvidia-smi is missing (package nvidia-utils)")
        sizes = dict(line.split(", ") for line in told.stdout.splitlines())
        total_mib = probe.read().total_mib
        assert abs(float(sizes[probe.gpu.uuid]) - total_mib) <= 1

    def test_a_card_that_does_not_exist_is_named_with_those_that_do(self, probe):
        probe.read()
        missing = NvmlProbe("GPU-nowhere").read()
        assert missing.trouble == "no-device"
        assert probe.gpu.uuid in missing.reason
        assert NvmlProbe("99").read().trouble == "no-device"

    def test_each_way_of_naming_it_finds_the_same_card(self, probe):
        probe.read()
        for gpu in (str(probe.gpu.index), probe.gpu.uuid):
            other = NvmlProbe(gpu)
            assert other.read().is_usable
            assert other.gpu == probe.gpu
            other.close()

    def test_closed_it_holds_no_file_of_the_card(self, probe, is_closed):
        probe.read()
        assert not is_closed()
        probe.close()
        assert is_closed()
