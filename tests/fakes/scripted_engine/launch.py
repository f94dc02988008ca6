"""The real program, as `python -m swictation`, with the constants that a test wants.

`$TEST_CONSTANTS` names a file of JSON: by table, those fields of `swictation.config.settings` that
no configuration sets.
"""

import json
import os
import sys
from pathlib import Path

import msgspec

from swictation.cli.main import main
from swictation.config.settings import Settings


def constants(told: dict[str, dict[str, object]]) -> Settings:
    """The defaults with other constants."""
    plain = Settings()
    changed = {
        table: msgspec.structs.replace(getattr(plain, table), **values)
        for table, values in told.items()
    }
    return msgspec.structs.replace(plain, **changed)


if __name__ == "__main__":
    sys.argv[0] = "__main__.py"
    file = os.environ.get("TEST_CONSTANTS")
    main(defaults=constants(json.loads(Path(file).read_text())) if file else None)
