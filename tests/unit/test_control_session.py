"""Every command in every state."""

import itertools
from typing import get_args

import pytest

from swictation.control.session import Command, Session, decide

pytestmark = pytest.mark.unit

IDLE, TYPING, CAPTURING = Session(), Session("type"), Session("capture")
LOCKED = Session(is_locked=True)
STATES = {"idle": IDLE, "typing": TYPING, "capturing": CAPTURING, "locked": LOCKED}
OPEN, CLOSE, DROP, NOTHING = ("open",), ("close",), ("drop",), ()

TABLE = {
    ("idle", "start"): (TYPING, OPEN),
    ("idle", "stop"): (IDLE, NOTHING),
    ("idle", "toggle"): (TYPING, OPEN),
    ("idle", "cancel"): (IDLE, DROP),
    ("idle", "capture"): (CAPTURING, OPEN),
    ("idle", "captured"): (IDLE, NOTHING),
    ("idle", "lock"): (LOCKED, NOTHING),
    ("idle", "unlock"): (IDLE, NOTHING),
    ("typing", "start"): (TYPING, NOTHING),
    ("typing", "stop"): (IDLE, CLOSE),
    ("typing", "toggle"): (IDLE, CLOSE),
    ("typing", "cancel"): (IDLE, DROP),
    ("typing", "capture"): (TYPING, NOTHING),
    ("typing", "captured"): (TYPING, NOTHING),
    ("typing", "lock"): (LOCKED, CLOSE),
    ("typing", "unlock"): (TYPING, NOTHING),
    ("capturing", "start"): (CAPTURING, NOTHING),
    ("capturing", "stop"): (IDLE, CLOSE),
    ("capturing", "toggle"): (IDLE, CLOSE),
    ("capturing", "cancel"): (IDLE, DROP),
    ("capturing", "capture"): (CAPTURING, NOTHING),
    ("capturing", "captured"): (IDLE, CLOSE),
    ("capturing", "lock"): (LOCKED, CLOSE),
    ("capturing", "unlock"): (CAPTURING, NOTHING),
    ("locked", "start"): (LOCKED, NOTHING),
    ("locked", "stop"): (LOCKED, NOTHING),
    ("locked", "toggle"): (LOCKED, NOTHING),
    ("locked", "cancel"): (LOCKED, DROP),
    ("locked", "capture"): (LOCKED, NOTHING),
    ("locked", "captured"): (LOCKED, NOTHING),
    ("locked", "lock"): (LOCKED, NOTHING),
    ("locked", "unlock"): (IDLE, NOTHING),
}


@pytest.mark.parametrize(("state", "command"), TABLE)
def test_what_follows_a_command(state, command):
    assert decide(STATES[state], command) == TABLE[state, command]


def test_the_table_is_complete():
    assert set(TABLE) == set(itertools.product(STATES, get_args(Command)))


def test_from_every_state_only_these_are_reached():
    reached = {session for session, _ in TABLE.values()}
    assert reached == set(STATES.values())


def test_it_listens_while_it_has_a_purpose():
    assert [STATES[name].is_listening for name in STATES] == [False, True, True, False]
