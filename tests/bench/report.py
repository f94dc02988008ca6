"""`python -m tests.bench.report`: the figures of results.json into docs/performance.md.

Only what stands between the two marks of a section is replaced; the words around it are ours.
"""

import json
import re
import textwrap
from pathlib import Path
from typing import Any

from tests.bench import goals

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"

Figures = dict[str, dict[str, Any]]


def render(page: str, figures: Figures) -> str:
    """The page with its figures replaced."""
    for name, table in _sections(figures).items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        block = "\n".join([begin, *table, end])
        page = pattern.sub(lambda _, block=block: block, page)
    return page


def _sections(figures: Figures) -> dict[str, list[str]]:
    default = figures["tiny.en"]
    return {
        "goals": _goals(figures),
        "machine": _machine(figures),
        "cost": _cost(figures),
        "gate": _gate(default["gate"]),
        "level": _level(default["level"]),
        "cuts": _cuts(default["cuts"]),
    }


def _table(head: list[str], rows: list[list[Any]]) -> list[str]:
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]


def _goals(figures: Figures) -> list[str]:
    rows: dict[str, list[str]] = {}
    for model, own in figures.items():
        for verdict in goals.judge(model, own, tuple(own)):
            row = rows.setdefault(verdict.what, ["", ""] * len(figures))
            at = 2 * list(figures).index(model)
            mark = "" if verdict.is_met else " **missed**"
            row[at : at + 2] = [verdict.goal, verdict.measured + mark]
    head = ["", *(f"{model}{what}" for model in figures for what in (", goal", ""))]
    return _table(head, [[what, *row] for what, row in rows.items()])


def _machine(figures: Figures) -> list[str]:
    seen = [own["machine"] for by_name in figures.values() for own in by_name.values()]
    one, loads = seen[0], [machine["load_average"] for machine in seen]
    line = (
        f"{one['cpu']}, {one['cores']} cores; Python {one['python']}, "
        f"faster-whisper {one['faster_whisper']}, CTranslate2 {one['ctranslate2']}; "
        f"load average {min(loads)} to {max(loads)}; {max(m['date'] for m in seen)}."
    )
    return textwrap.wrap(line, 100)


def _cost(figures: Figures) -> list[str]:
    rows: list[list[Any]] = []
    for model, own in figures.items():
        for band, found in own["finals"]["decode_ratio"].items():
            what = f"{model}, one decode, {band.replace('_', ' ')} of speech"
            if not found.get("n") or "p50_cpu" not in found:
                continue  # nobody spoke so long
            rows.append([what, f"{found['ours_p50_cpu_s']} s", found["p50_cpu"], found["n"]])
        for kind, found in own["finals"]["cpu"].items():
            what = f"{model}, all decodes, {kind}"
            counted = f"{found['decodes']} for {found['utterances']} utterances"
            rows.append([what, f"{found['ours_cpu_s']} s", found["ratio"], counted])
    return _table(["", "ours, CPU", "ours / plain", "decodes"], rows)


def _gate(found: dict[str, Any]) -> list[str]:
    rows = [
        [
            name.replace("_", " "),
            f"{row['heard_percent']} %",
            f"{row['gated_percent']} %",
            f"{row['ungated_percent']} %",
            row["clips_cut_differently"],
        ]
        for name, row in found.items()
        if name != "machine"
    ]
    return _table(
        ["", "frames heard", "CPU with gate", "CPU without", "clips cut differently"], rows
    )


def _level(found: dict[str, Any]) -> list[str]:
    rows: list[list[Any]] = []
    for name, row in found.items():
        if name == "machine":
            continue
        cells = [name]
        for one in row.values():
            heard, wer = one.get("heard_percent"), one.get("wer_percent")
            silent = f"{one['utterances']} utterances, {one.get('invented_words')} words"
            cells.append(silent if heard is None else f"{heard} % / {wer} %")
        rows.append(cells)
    return _table(["", "none", "to -20 dBFS", "product"], rows)


def _cuts(found: dict[str, Any]) -> list[str]:
    rows = [
        [
            name,
            row["by_pause"]["cuts"],
            f"{row['by_pause']['wer_percent']} %",
            f"{row['by_commit']['wer_percent']} %",
            row["cuts_elsewhere"],
        ]
        for name, row in found.items()
        if name != "machine"
    ]
    return _table(["", "cuts", "WER, by pause", "WER, by commit", "cuts elsewhere"], rows)


def main() -> None:
    figures = json.loads(RESULTS.read_text())
    PAGE.write_text(render(PAGE.read_text(), figures))


if __name__ == "__main__":
    main()
