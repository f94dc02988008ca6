"""What every `MemoryProbe` keeps to, whatever it reads."""

import os

from swictation.types import VramSnapshot


class VramProbeSuite:
    """Fixtures wanted: `probe`, and `card_mib`, the GPU's whole memory or None."""

    def test_it_tells_how_much_there_is_and_how_much_is_free(self, probe, card_mib):
        now = probe.read()
        assert isinstance(now, VramSnapshot)
        assert now.is_usable, now.reason
        assert 0 <= now.free_mib <= now.total_mib
        assert 0 <= now.used_fraction <= 1
        assert card_mib in (None, now.total_mib)

    def test_without_pids_nothing_is_ours(self, probe):
        assert probe.read().ours_mib == 0

    def test_a_process_without_memory_on_the_card_holds_none_where_the_driver_tells(self, probe):
        assert probe.read([os.getpid()]).ours_mib in (0, None)

    def test_readings_are_dated_in_order(self, probe):
        dates = [probe.read().at_s for _ in range(3)]
        assert dates == sorted(dates)

    def test_the_size_does_not_change(self, probe):
        assert len({probe.read([os.getpid()]).total_mib for _ in range(3)}) == 1

    def test_it_can_be_closed_at_any_time_and_read_again(self, probe):
        probe.close()
        first = probe.read()
        probe.close()
        probe.close()
        assert probe.read().total_mib == first.total_mib

    def test_the_card_is_named_once_it_was_read(self, probe):
        assert probe.gpu is None
        probe.read()
        card = probe.gpu
        assert card is not None
        assert card.uuid
        assert card.name
        assert card.index >= 0
        probe.close()
        assert probe.gpu == card
