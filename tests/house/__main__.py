"""`python -m tests.house`: all figures; with `-v` each place."""

import sys

from tests.house import figures, words, writes
from tests.house.tree import Place, modules


def _show(title: str, places: list[Place], *, all_of_them: bool) -> None:
    print(f"{len(places):6} {title}")
    for place in places if all_of_them else []:
        print(f"         {place}")


def main() -> None:
    """Print the figures."""
    is_verbose = "-v" in sys.argv
    trees = modules()
    lists = {
        f"__init__ with more than {figures.MOST_PARAMETERS} parameters": figures.long_inits(trees),
        "attributes set from outside": writes.writes_from_outside(trees),
        f"files with more than {figures.MOST_LINES} lines": figures.long_files(),
        f"folders with more than {figures.MOST_FILES} files": figures.full_folders(),
    }
    for title, places in lists.items():
        _show(title, places, all_of_them=True)
    found = words.old_words(trees)
    total = sum(len(places) for places in found.values())
    print(f"{total:6} old words where names are made")
    for word, count in words.counts(found).most_common():
        if count and is_verbose:
            _show(word, found[word], all_of_them=True)
        elif count:
            print(f"         {count:5} {word}")
    print(f"{figures.code_lines():6} lines of code in {len(trees)} files")


if __name__ == "__main__":
    main()
