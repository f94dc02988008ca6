"""`python -m swictation.models.fetch.helper MODULE ARGUMENT...`: runs MODULE, dies with its parent.

Without it, a killed download would leave a process behind that goes on fetching.
"""

import runpy
import sys

from swictation.hardening import die_with_parent, keep_private


def main() -> None:
    """Ask the kernel for SIGKILL at the parent's death, then run MODULE."""
    keep_private()
    die_with_parent()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
