"""What becomes of an engine's text and of its troubles between it and the daemon."""

import numpy as np
import pytest

from fakes.ledger import Ledger, PaperCard
from swictation.types import Capabilities, Chunking, DecodeRequest, Hypothesis, to_samples
from swictation.worker.child.decoder import decoder_for
from swictation.worker.protocol.messages import Answer, Decode, Failed

pytestmark = pytest.mark.unit

SECOND = to_samples(1.0)


class Streaming:
    """Hears a word in each second of sound, from the request's first sample on."""

    def __init__(self):
        self.asked = []
        self.capabilities = Capabilities("cpu", ("en",), chunking=Chunking(SECOND, SECOND))

    def decode(self, request, waveform):
        self.asked.append(request)
        first = request.first_sample // SECOND
        words = [f" word{first + at}" for at in range(len(waveform) // SECOND)]
        return Hypothesis("".join(words), confident=True)

    def close(self):
        pass


class OnCard(Streaming):
    """The same on a GPU; `refuses` counts the decodes for which there is no room."""

    def __init__(self, refuses=0):
        super().__init__()
        self.ledger = Ledger(PaperCard(), 300.0)
        self.allocator = self.ledger
        self.refuses = refuses

    def decode(self, request, waveform):
        told = super().decode(request, waveform)
        if self.refuses:
            self.refuses -= 1
            raise self.ledger.refusal(2**31)
        return told

    def apply(self, order):
        return False


def ask(engine, seconds, forced="", piece_s=0, **more):
    request = DecodeRequest(1, 0, 0, seconds * SECOND, forced, **more)
    pcm = np.zeros(seconds * SECOND, np.int16).tobytes()
    return decoder_for(engine).answer(Decode(request, pcm, piece_s * SECOND))


def test_what_lies_behind_the_typed_words_is_the_answer():
    told = ask(Streaming(), 4, " word0 word1")
    assert isinstance(told, Answer)
    assert told.hypothesis.new_text == " word2 word3"
    assert told.hypothesis.beyond == ""


def test_of_what_was_typed_that_lies_behind_the_sound_is_told():
    told = ask(Streaming(), 2, " word0 word1 word2 word3")
    assert told.hypothesis.new_text == ""
    assert told.hypothesis.beyond == " word2 word3"


def test_a_streaming_engine_is_never_asked_in_pieces():
    engine = Streaming()
    assert ask(engine, 8, piece_s=2).hypothesis.new_text.count(" word") == 8
    assert len(engine.asked) == 1


@pytest.mark.parametrize("goes_on", [True, False])
def test_short_of_memory_it_is_asked_once_more_and_whole(goes_on):
    engine = OnCard(refuses=1)
    told = ask(engine, 8, " word0 word1", goes_on=goes_on)
    assert told.hypothesis.new_text.split()[0] == "word2"
    assert len(told.hypothesis.new_text.split()) == 6
    assert [one.last_sample for one in engine.asked] == [8 * SECOND] * 2
    assert all(one.goes_on == goes_on for one in engine.asked)


def test_short_of_memory_again_it_says_so():
    told = ask(OnCard(refuses=2), 8)
    assert isinstance(told, Failed)
    assert told.kind == "oom"
