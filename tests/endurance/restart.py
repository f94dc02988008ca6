"""Start a test module as a program: with whatever Python is at hand, run in the tests' own.

Nothing but the standard library: it is imported before there is anything else.
"""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_SET_UP = _ROOT / ".venv" / ".canary"
_PYTHON = _ROOT / ".venv" / "bin" / "python"


def run_tests(module: str, arguments: list[str]) -> int:
    """Run pytest over the file `module` with those arguments; its exit status.

    What it needs is installed first, which is said; where that fails, the tests are run all the
    same if the core is there, and say themselves what they do without.
    """
    if not _SET_UP.exists():
        print("setting up torch, NeMo and the tests: make .venv/.canary", file=sys.stderr)
        command = ["make", "--no-print-directory", ".venv/.canary"]
        done = subprocess.run(command, cwd=_ROOT, check=False)
        if done.returncode and not _PYTHON.exists():
            return done.returncode
    os.chdir(_ROOT)
    command = [str(_PYTHON), "-m", "pytest", str(Path(module).resolve()), *arguments]
    return subprocess.run(command, check=False).returncode
