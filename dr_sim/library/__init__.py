"""The scenarios and notebooks that come with dr_sim, and the templates of new scenarios.

In an installed package they lie in this folder: setup.py copies them into the wheel. In a checkout
they lie beside the package, where they are worked on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_CHECKOUT = _HERE.parents[1]
PARTS = ("scenarios", "notebooks")
_SKIPPED = ("__pycache__", ".ipynb_checkpoints")


def folder(part: str) -> Path:
    """Return the folder that holds the library's scenarios, or its notebooks."""
    packed = _HERE / part
    return packed if packed.is_dir() else _CHECKOUT / part


@dataclass(frozen=True, slots=True)
class LibraryScenario:
    """One scenario of the library. path: as one writes it beside a copy of the library."""

    path: str
    about: str


def library_scenarios() -> list[LibraryScenario]:
    """Return every scenario of the library, in the order of their paths."""
    root = folder("scenarios")
    found = []
    for path in sorted(root.rglob("*.yaml")):
        name = f"scenarios/{path.relative_to(root).as_posix()}"
        found.append(LibraryScenario(name, _about(path)))
    return found


def _about(path: Path) -> str:
    """Return the first sentence of the comment that heads a file, without the file's name."""
    words: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#") or line.strip() == "#":
            break
        words.append(line.removeprefix("#").strip())
    text = " ".join(words).removeprefix(f"{path.name}: ")
    sentence = re.match(r".*?[.:](?=\s|$)", text)
    return (sentence[0].rstrip(".:") if sentence else text).strip()


def library_files() -> Iterator[tuple[str, Path]]:
    """Yield each file of the library: its place in a copy, and where it is."""
    for part in PARTS:
        root = folder(part)
        for path in sorted(root.rglob("*")):
            inside = path.relative_to(root)
            if path.is_file() and not any(
                step in _SKIPPED for step in inside.parts
            ):
                yield f"{part}/{inside.as_posix()}", path
