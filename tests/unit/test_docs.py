"""The pages for people: lines that fit, links that lead somewhere."""

import re
import runpy
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = 100
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_ARCHAIC = re.compile(
    r"\b(befall|befell|whoever|shall|hence|lest|tarry|for want of|rid of|in vain|anew|amiss)\b"
)
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?:    .*(?:\n|\Z)|\n(?=    ))+")
_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[(?:[^][]|\[[^][]*])*]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_fit(page: Path) -> None:
    """But rows of tables and lines to be pasted, which cannot be broken."""
    found = [
        f"{page.relative_to(ROOT)}:{number}: {len(line)} columns"
        for number, line in enumerate(prose(page).split("\n"), 1)
        if len(line) > COLUMNS and not line.startswith("|")
    ]
    assert not found, "\n".join([*found, f"-> scripts/wrap-docs {page.relative_to(ROOT)}"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("word " * 30, f"{'word ' * 20}\n{'word ' * 10}"),
        ("- " + "word " * 30, f"- {'word ' * 19}\n  {'word ' * 11}"),
        ("x" * 96 + " `a b c` end", "x" * 96 + "\n`a b c` end"),
        ("x" * 96 + " 15 % of it", "x" * 96 + "\n15 % of it"),
    ],
)
def test_long_prose_is_wrapped(text: str, expected: str) -> None:
    lines = [line.rstrip() for line in expected.split("\n")]
    assert wrap_docs()["wrap"](text) == "\n".join(lines)


@pytest.mark.parametrize("text", ["    " + "code " * 30, "| " + "cell " * 30, "```\n" + "a " * 99])
def test_code_and_tables_are_not_wrapped(text: str) -> None:
    assert wrap_docs()["wrap"](text) == text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    found = [f"{page.relative_to(ROOT)}: {link}" for link in links(page) if not leads(page, link)]
    assert not found, "\n".join(found)


def test_the_english_is_of_today() -> None:
    """Decisions are history and stay as they were written."""
    found = [
        f"{page.relative_to(ROOT)}: {word}"
        for page in PAGES
        if page.parent.name != "adr"
        for word in _ARCHAIC.findall(prose(page))
    ]
    assert not found, "\n".join(found)


def test_each_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    named = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    missing = [page.name for page in (ROOT / "docs").glob("*.md") if page not in {*named, index}]
    assert not missing


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see [a page](a.md#b), [`code`](c.md)", ["a.md#b", "c.md"]),
        ("`[no](link.md)` and ``[`no`](link.md)``", []),
        ("text\n\n    [no](link.md)\n\ntext [one](a.md)", ["a.md"]),
        ("```\n[no](link.md)\n```\n[one](a.md)", ["a.md"]),
        ("- item\n  [over a\n  line](a.md)", ["a.md"]),
        ("[away](https://example.org/a.md)", []),
    ],
)
def test_a_link_is_found_where_it_is_one(tmp_path: Path, text: str, expected: list[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    assert list(links(page)) == expected


def test_an_anchor_is_what_the_heading_says(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# `model list --json`\n\n## Speech, and so on\n\n## Same\n\n## Same\n")
    expected = {"model-list---json", "speech-and-so-on", "same", "same-1"}
    assert anchors(page) == expected


@cache
def wrap_docs() -> dict[str, Any]:
    """The script that fixes what `test_lines_fit` finds."""
    return runpy.run_path(str(ROOT / "scripts" / "wrap-docs"))


def links(page: Path) -> Iterator[str]:
    """The relative ones."""
    for target in _LINK.findall(_CODE.sub("", prose(page))):
        if not re.match(r"[a-z]+:", target):
            yield target


def leads(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not anchor or anchor in anchors(target)


@cache
def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub and GitLab make them."""
    seen: Counter[str] = Counter()
    found: set[str] = set()
    for heading in _HEADING.findall(prose(page)):
        text = re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


@cache
def prose(page: Path) -> str:
    """The page; what is code, or a comment, is left blank."""
    text = page.read_text(encoding="utf-8")
    for pattern in (_COMMENT, _FENCED, _INDENTED):
        text = pattern.sub(lambda found: "\n" * found[0].count("\n"), text)
    return text
