import pytest

from swictation.errors import ProtocolError
from swictation.types import DecodeRequest, to_samples
from swictation.worker.requests import OpenRequests

pytestmark = pytest.mark.unit


def request(number: int, seconds: float = 6.0) -> DecodeRequest:
    return DecodeRequest(number, 0, 0, to_samples(seconds))


def test_the_oldest_is_the_one_that_is_decoded():
    open_ = OpenRequests()
    assert open_.oldest is None
    open_.ask(request(1), 0)
    open_.ask(request(2), 0)
    assert open_.oldest == request(1)
    assert open_.take(1) is not None
    assert open_.oldest == request(2)
    assert 1 not in open_
    assert 2 in open_
    assert len(open_) == 1


@pytest.mark.parametrize(("piece_s", "at_once_s"), [(0.0, 6.0), (4.0, 4.0), (9.0, 6.0)])
def test_of_a_request_in_pieces_a_piece_is_decoded_at_once(piece_s, at_once_s):
    open_ = OpenRequests()
    open_.ask(request(1), to_samples(piece_s))
    asked = open_.take(1)
    assert asked is not None
    assert asked.at_once_s == at_once_s


def test_a_few_strays_are_ignored_and_a_flood_is_not():
    open_ = OpenRequests()
    for _ in range(16):
        assert open_.take(99) is None
    with pytest.raises(ProtocolError, match="flood"):
        open_.take(99)


def test_another_worker_begins_without_strays():
    open_ = OpenRequests()
    for _ in range(16):
        open_.note_stray()
    open_.ask(request(1), 0)
    open_.clear()
    assert not len(open_)
    open_.note_stray()
