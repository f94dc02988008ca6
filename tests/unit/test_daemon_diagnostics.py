"""What is logged arrives, whatever a library does with stderr meanwhile."""

import logging
import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

PROGRAM = """
import logging, os, signal
from swictation.daemon import diagnostics
from swictation.daemon import diagnostics

diagnostics.set_up(verbose=False)
diagnostics.on_signal()
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # as sounddevice does while it lists devices
logging.getLogger("a").warning("the GPU is full")
signal.raise_signal(signal.SIGUSR1)
"""


def test_a_line_and_the_stacks_arrive_while_descriptor_2_leads_nowhere():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stderr.startswith("swictation: the GPU is full\n")
    assert "Current thread" in done.stderr


def test_a_command_in_the_log_can_be_typed_where_path_lacks_the_program(monkeypatch):
    from swictation import remedies
    from swictation.daemon.diagnostics import Formatter

    monkeypatch.setattr(remedies, "_to_type", lambda *_: ("/opt/swictation",))
    text = "swictation was updated -> swictation doctor"
    record = logging.LogRecord("a", logging.WARNING, "", 0, text, (), None)
    assert Formatter("%(message)s").format(record) == (
        "swictation was updated -> /opt/swictation doctor"
    )
