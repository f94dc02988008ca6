"""`swictation`, its threads' names told by number: `python named.py FILE ARGUMENTS...`.

To the kernel all threads of Python 3.11 to 3.13 have the program's name. FILE gets a line of
number and name for each thread of ours; what it does not have are the threads of libraries.
"""

import sys
import threading
from pathlib import Path
from threading import Thread


def main() -> None:
    sys.path.pop(0)  # this folder, whose modules have common names
    names = Path(sys.argv.pop(1))
    names.write_text(f"{threading.get_native_id()} run loop\n")
    original = Thread.run

    def run(self: Thread) -> None:
        with names.open("a") as file:
            file.write(f"{threading.get_native_id()} {self.name}\n")
        original(self)

    Thread.run = run
    from swictation.cli.main import main as program

    program()


if __name__ == "__main__":
    main()
