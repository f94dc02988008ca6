"""Facts reach all listeners, whatever one of them does; faults reach the log without listeners."""

import pytest

from swictation.dispatcher import Dispatcher
from swictation.events import SpoolFailed, WorkerFailed
from swictation.facts import LossEnded, TextCommitted, WorkerReplaced

pytestmark = pytest.mark.unit

COMMIT = TextCommitted(1, 1, " secret words", 1.0, 2.0)


def test_listeners_hear_each_fact_in_the_order_in_which_they_came():
    heard, dispatcher = [], Dispatcher()
    dispatcher.subscribe(lambda fact: heard.append(("first", fact)))
    dispatcher.subscribe(lambda fact: heard.append(("second", fact)))
    dispatcher.emit(COMMIT)
    assert heard == [("first", COMMIT), ("second", COMMIT)]


def test_one_that_raises_stops_nobody_and_is_named_without_what_it_said(caplog):
    heard, dispatcher = [], Dispatcher()

    def broken(fact):
        raise UnicodeError(f"cannot encode {fact.text}")

    dispatcher.subscribe(broken)
    dispatcher.subscribe(heard.append)
    dispatcher.emit(COMMIT)
    assert heard == [COMMIT]
    (message,) = caplog.messages
    assert "TextCommitted (UnicodeError in " in message
    assert "test_dispatcher.py:" in message
    assert "secret" not in caplog.text


def test_faults_are_logged_and_other_facts_are_not(caplog):
    dispatcher = Dispatcher()
    for fact in (COMMIT, LossEnded(5), SpoolFailed("the disk is full")):
        dispatcher.emit(fact)
    assert caplog.messages == ["audio is kept in memory only: the disk is full"]
    assert caplog.records[0].levelname == "WARNING"


@pytest.mark.parametrize(
    ("fault", "level"),
    [
        (WorkerFailed(1, 2, "oom"), "INFO"),
        (WorkerReplaced(1, "it exited", is_explained=True), "INFO"),
        (WorkerReplaced(1, "it exited", is_explained=False), "WARNING"),
    ],
)
def test_what_is_dealt_with_or_told_elsewhere_is_no_warning(caplog, fault, level):
    caplog.set_level("DEBUG")
    Dispatcher().emit(fault)
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [(level, fault.message)]
