"""What an action freed: judged when the device shows it, not when our own part is gone."""

import pytest

from swictation.gpu.policy.pending_frees import GIVE_UP_S, PendingFrees
from swictation.types import VramSnapshot

pytestmark = pytest.mark.unit


def reading(at_s, free_mib, ours_mib=None, *, is_fresh=True):
    return VramSnapshot(at_s, 4096.0, free_mib, ours_mib, is_fresh)


def looked(action, estimate_mib, before, *after):
    """The readings, one by one; what was gained, and at which of them."""
    gains = PendingFrees()
    gains.expect(action, estimate_mib, before)
    gains.done(action, before.at_s)
    for now in after:
        if gained := gains.look(now.at_s, now):
            return gained.freed_mib, now.at_s
    return None


def test_a_process_that_ended_has_freed_nothing_before_the_card_shows_it():
    after = [reading(0.1, 100, 0), reading(0.6, 150, 0), reading(1.2, 2000, 0)]
    assert looked("stop", 1970, reading(0, 100, 1970), *after) == (1900, 1.2)


def test_a_trim_shows_though_the_list_of_processes_is_old():
    after = [reading(0.5, 300, 1900, is_fresh=False), reading(1.0, 510, 1900, is_fresh=False)]
    assert looked("trim", 200, reading(0, 300, 1900, is_fresh=False), *after) == (210, 1.0)


def test_an_old_list_says_nothing_about_what_a_process_held_that_has_grown_since():
    after = [reading(0.1, 100, 0), reading(1.2, 2000, 0)]
    assert looked("stop", 1970, reading(0, 100, 300, is_fresh=False), *after) == (1900, 1.2)


def test_what_others_freed_meanwhile_is_not_counted():
    assert looked("trim", 200, reading(0, 300, 1900), reading(1, 1500, 1700)) == (200, 1)


def test_what_others_took_at_once_was_freed_all_the_same():
    after = [reading(1.0, 100, 0), reading(GIVE_UP_S, 120, 0)]
    assert looked("stop", 1970, reading(0, 100, 1970), *after) == (1970, GIVE_UP_S)


def test_what_never_shows_was_not_freed():
    after = [reading(1.0, 300), reading(GIVE_UP_S, 310)]
    assert looked("trim", 200, reading(0, 300), *after) == (10, GIVE_UP_S)
