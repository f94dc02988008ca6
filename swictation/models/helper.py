"""`python -m swictation.models.helper MODULE ARGUMENT...`: run a module that dies with its parent.

A download that is killed leaves no process behind that goes on fetching for nobody.
"""

import ctypes
import runpy
import signal
import sys

from swictation.hardening import keep_private

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for SIGKILL at the parent's death, then be MODULE."""
    keep_private()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
