"""How a bug is planted: a small edit of source text in a copy of the package; nothing of the copy is
imported here.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Edit:
    """One place in a file of dr_sim: the text that is there, and what the bug makes of it."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A planted bug: its name, which requirement it breaks, and what is wrong in one line."""

    name: str
    requirement: str
    wrong: str
    edits: tuple[Edit, ...]


class StaleMutantError(Exception):
    """The text that a mutant edits is not there any more: write the same bug into the new text."""


def edited(mutant: Mutant) -> dict[str, str]:
    """Each file that the mutant changes, as it is with the bug."""
    texts: dict[str, str] = {}
    for edit in mutant.edits:
        text = texts.get(edit.path) or (ROOT / "dr_sim" / edit.path).read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            times = text.count(edit.old)
            raise StaleMutantError(f"{mutant.name}: {edit.path} holds {times} times: {edit.old!r}")
        texts[edit.path] = text.replace(edit.old, edit.new)
    return texts


def planted(mutant: Mutant, folder: Path) -> Path:
    """A copy of the package with the bug, in that folder: put it first on PYTHONPATH."""
    shutil.copytree(
        ROOT / "dr_sim", folder / "dr_sim", ignore=shutil.ignore_patterns("__pycache__")
    )
    for path, text in edited(mutant).items():
        (folder / "dr_sim" / path).write_text(text, encoding="utf-8")
    return folder


def one(name: str, requirement: str, wrong: str, path: str, old: str, new: str) -> Mutant:
    return Mutant(name, requirement, wrong, (Edit(path, old, new),))
