import pytest
from hypothesis import given
from hypothesis import strategies as st

from swictation.worker.restarts import (
    DEATHS_UNTIL_QUARANTINE,
    HOPELESS_FAILURES,
    HOPELESS_KILLS,
    HOPELESS_QUARANTINES,
    Blame,
    HangDeadline,
    Restarts,
)

pytestmark = pytest.mark.unit


died, excused = Restarts.died, Restarts.excused


def after(*happenings):
    state = Restarts()
    for happening in happenings:
        state = happening(state)
    return state


def test_the_first_worker_and_the_one_after_a_single_death_start_at_once():
    assert Restarts().delay_s() == 0.0
    assert after(died).delay_s() == 0.0


def test_each_further_death_doubles_the_delay_up_to_five_minutes():
    delays = [after(*[died] * deaths).delay_s() for deaths in range(2, 14)]
    assert delays == [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_four_workers_in_a_row_without_an_answer_are_hopeless():
    assert HOPELESS_FAILURES == 4
    assert not after(died, died, died).is_hopeless
    assert after(died, died, died, died).is_hopeless


def test_an_utterance_that_is_set_aside_takes_its_deaths_with_it():
    state = after(died, died, excused)
    assert state.delay_s() == 0.0
    assert not state.is_hopeless


def test_four_utterances_in_a_row_set_aside_are_hopeless():
    one = [died, died, excused]
    assert HOPELESS_QUARANTINES == 4
    assert not after(*one * 3).is_hopeless
    assert after(*one * 4).is_hopeless


def test_an_utterance_is_tried_again_once_and_then_set_aside():
    blame = Blame()
    assert not blame.add(5, "cpu")
    assert blame.add(5, "cpu")
    assert not blame.placements(5)


def test_each_utterance_is_blamed_for_its_own_deaths():
    blame = Blame()
    assert not blame.add(1, "cpu")
    assert not blame.add(2, "cpu")
    assert blame.add(1, "cpu")
    assert (blame.count(1, "cpu"), blame.count(2, "cpu")) == (0, 1)


def test_what_killed_engines_on_the_card_is_remembered_when_it_goes_elsewhere():
    blame = Blame()
    blame.add(1, "gpu")
    assert blame.add(1, "gpu")
    assert not blame.add(1, "cpu")
    assert (blame.count(1, "gpu"), blame.placements(1)) == (2, {"gpu", "cpu"})


def test_an_answer_clears_an_utterance_of_what_it_was_blamed_for():
    blame = Blame()
    blame.add(1, "cpu")
    blame.clear(2)
    assert blame.count(1, "cpu") == 1
    blame.clear(1)
    assert not blame.add(1, "cpu")


@given(st.lists(st.integers(0, 3)))
def test_every_second_death_of_an_utterance_sets_it_aside(deaths):
    blame, counts = Blame(), dict.fromkeys(range(4), 0)
    for utterance in deaths:
        counts[utterance] += 1
        is_second = counts[utterance] % DEATHS_UNTIL_QUARANTINE == 0
        assert blame.add(utterance, "cpu") == is_second


@pytest.fixture
def deadline():
    return HangDeadline(least_s=5.0, factor=10.0)


def test_before_the_first_decode_a_deadline_is_generous(deadline):
    assert deadline.seconds(20.0) == 10.0 * 0.25 * 20.0
    assert deadline.seconds(1.0) == 10.0 * 0.25 * 3.0


def test_a_fast_machine_has_the_least_deadline(deadline):
    deadline.learn(10.0, 0.1)
    assert deadline.seconds(20.0) == 5.0


def test_a_slow_machine_has_a_longer_one(deadline):
    deadline.learn(10.0, 10.0)
    assert deadline.seconds(20.0) == 10.0 * 20.0


def test_the_slowest_of_the_last_ten_decodes_counts(deadline):
    deadline.learn(10.0, 20.0)
    for _ in range(9):
        deadline.learn(10.0, 1.0)
    assert deadline.seconds(10.0) == 10.0 * 20.0
    deadline.learn(10.0, 1.0)
    assert deadline.seconds(10.0) == 10.0 * 1.0


def test_short_audio_is_taken_to_cost_as_much_as_three_seconds(deadline):
    deadline.learn(0.5, 3.0)
    assert deadline.seconds(0.2) == deadline.seconds(3.0) == 10.0 * 3.0


@given(st.floats(0.0, 30.0), st.lists(st.tuples(st.floats(0.01, 30.0), st.floats(0.0, 60.0))))
def test_a_deadline_is_never_below_the_least_and_grows_with_the_audio(audio_s, decodes):
    deadline = HangDeadline(least_s=5.0, factor=10.0)
    for heard_s, took_s in decodes:
        deadline.learn(heard_s, took_s)
    assert 5.0 <= deadline.seconds(audio_s) <= deadline.seconds(audio_s + 1.0)


def test_workers_killed_from_outside_are_followed_for_longer_and_without_growing_pauses():
    state = Restarts()
    for _ in range(HOPELESS_KILLS - 1):
        state = state.died(by_kill=True)
        assert not state.is_hopeless
    assert state.delay_s() == 0.5
    assert state.died(by_kill=True).is_hopeless
