"""Tests that one worker of pytest-xdist runs together; all others go where there is room.

By their names: xdist's own marker for it does not work under pytest 9.2.
"""

from xdist.scheduler import LoadScopeScheduling

COSTLY = (
    "process/test_service_daemon.py",
    "process/test_service_systemd.py",
    "speech/test_accuracy.py",
    "speech/test_asr_whisper.py",
    "speech/test_same_text.py",
)
"""What takes long at their beginning serves all of their tests; the last keeps every core busy."""


class Together(LoadScopeScheduling):
    """Large groups first, then the tests that stand alone, in their order."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        if file.endswith(COSTLY):
            return file
        if file.endswith("desktop/test_injectors.py"):  # test[... ROUTE@FIELD]: opened once
            return f"{file} {test.partition('wayland')[1]} {test.rpartition('@')[2]}"
        return nodeid
