"""A made-up package, installed by hand: a module and its metadata in a folder for `sys.path`."""

from collections.abc import Mapping
from pathlib import Path


def install(
    folder: Path, module: str, source: str, points: Mapping[str, Mapping[str, str]]
) -> None:
    """Put `module` there, with its entry points by group."""
    (folder / f"{module}.py").write_text(source)
    metadata = folder / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    rows = [
        row
        for group, names in points.items()
        for row in (f"[{group}]", *(f"{name} = {value}" for name, value in names.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(rows) + "\n")
