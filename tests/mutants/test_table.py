"""The table of planted bugs is true: each edit finds its place, and what comes of it is Python."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants.planting import Edit, Mutant, StaleMutantError, edited
from tests.mutants.table import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_can_be_planted(mutant: Mutant) -> None:
    for path, text in edited(mutant).items():
        ast.parse(text, path)


def test_there_are_enough_and_each_has_a_name_of_its_own() -> None:
    assert len(MUTANTS) >= 40
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_an_edit_that_finds_no_place_is_told_of() -> None:
    stale = Mutant("stale", "R1", "nothing", (Edit("units.py", "no such text", ""),))
    with pytest.raises(StaleMutantError, match=r"stale: units\.py holds 0 times"):
        edited(stale)


def test_the_docs_say_how_many_there_are() -> None:
    page = Path(__file__).parents[2] / "docs" / "explore.md"
    assert f"holds {len(MUTANTS)} bugs" in page.read_text(encoding="utf-8")
