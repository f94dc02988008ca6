"""A journal with its spool on a real disk."""

import json
import wave

from fakes.signals import eventually, numbered
from swictation.audio.journal import Journal
from swictation.audio.spool import Spool
from swictation.audio.spoolfile import SpoolFolder
from swictation.events import SoundGone, SpoolFailed, SpoolRecovered, ThreadFailed
from swictation.types import to_samples


def secured(root):
    """A folder of the spool, made and locked."""
    folder = SpoolFolder(root)
    folder.secure()
    return folder


class SpoolTold:
    """What a spool says of itself."""

    def __init__(self):
        self.problems, self.gone, self.failures = [], [], []

    def post(self, event):
        match event:
            case SpoolFailed(reason):
                self.problems.append(reason.rpartition(": ")[2])
            case SpoolRecovered():
                self.problems.append("")
            case SoundGone(utterance):
                self.gone.append(utterance)
            case ThreadFailed("spool", kind):
                self.failures.append(kind)


class Spooled(SpoolTold):
    """A journal with its spool, and what the spool complained of."""

    def __init__(self, root, max_minutes=60.0, ring_s=120.0, is_there=True):
        self.folder = secured(root) if is_there else SpoolFolder(root)
        super().__init__()
        self.spool = Spool(self.folder, 0, max_minutes, self.post)
        self.journal = Journal(ring_s, self.spool.read_back)
        self.spool.start(self.journal, lambda: self.journal.end_sample)

    def close(self):
        self.spool.stop()
        self.folder.close()

    def capture(self, samples):
        at = self.journal.end_sample
        self.journal.append(numbered(at, at + samples))

    def sound(self, utterance=0):
        return self.folder.path / f"000-{utterance:06d}.wav"

    def lines(self, utterance=0):
        text = (self.folder.path / f"000-{utterance:06d}.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def files(self):
        return sorted(path.name for path in self.folder.path.iterdir() if path.name != "lock")

    def finished(self, utterance=0):
        """Whether the file of an ended utterance is whole: its header tells its length."""
        try:
            with wave.open(str(self.sound(utterance))) as file:
                return file.getnframes() * 2 + 44 == self.sound(utterance).stat().st_size
        except (OSError, EOFError):
            return False

    def utterance(self, number, seconds=1.0):
        """A whole utterance, written and finished."""
        first = self.journal.end_sample
        self.spool.begin(number, first)
        self.capture(to_samples(seconds))
        self.spool.end(number, first + to_samples(seconds))
        assert eventually(lambda: self.finished(number))
        return first
