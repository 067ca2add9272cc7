"""Texts count things in words that are right: '1 machine', '12 machines'."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import dr_sim
from dr_sim.cloud.machines.shortages import _machines_are
from dr_sim.cloud.texts import counted as counted_in_notices
from dr_sim.formatting.words import counted

ROOMS = (
    "cloud", "oracle", "chaos", "screen", "report", "results", "experiments", "explore",
    "importers", "scenario", "measures", "figures", "cli", "loading",
)  # fmt: skip
_THINGS = (
    "accepted request|alert|assumed number|attempt|backup|byte|call|case|cell|change|column|command|"
    "commit|database|directory entrie|effect|event|farm|file|front end|image|independent run|job|"
    "key|log|machine|more database|notice|pair|physical machine|point|processor|recoverie|"
    "replication|request|row|run|script|site|step|tail-log backup|tenant|thing|time|violation"
)
_PLURAL = re.compile(rf"(?<! of )\{{[^{{}}]*\}} (?:{_THINGS})s\b(?! \{{)")
_ALWAYS_MANY = (
    "{job} runs",
    "{skipped:,} changes",
    "{asked} requests",
    "{MOST_",
    "{len(raised)} alerts",
    "{len(entries)} keys",
    "{plan.at_most:,} runs",
    "{needed} replications",
    "{n} runs",
    "{told:,} runs",
    "{len(combinations):,} points",
    "{more} rows",
    "{len(groups)} databases",
    "{len(found)} backups",
    "{count:,} machines",
    "{wanted:,} machines",
    "{len(machines)} machines",
    "{jobs:,} backups",
    "{len(steps):,} steps",
    "{steps} steps",
    "{len(names)} columns",
    "{about:,} times",
    "{len(staging):,} times",
    "{count} times",
    "{found.of:,} things",
    "{told} runs",
    "{kind} backups",
    "{word} backups",
    "{file.word} backups",
)
"""Numbers that are above 1 wherever they are shown, a span, or a name."""


def plurals(text: str) -> list[str]:
    """Numbers that are followed by a plural whatever they are."""
    found = [each.group() for each in _PLURAL.finditer(text)]
    return [each for each in found if not each.startswith(_ALWAYS_MANY)]


@pytest.mark.parametrize("room", ROOMS)
def test_no_text_has_a_plural_for_every_number(room: str) -> None:
    folder = Path(dr_sim.__file__).parent / room
    for path in folder.rglob("*.py"):
        assert plurals(path.read_text()) == [], path


def test_a_plural_for_every_number_is_found() -> None:
    assert plurals('f"{beyond} machines of {network} are beyond"') == ["{beyond} machines"]
    assert plurals('f"{len(asks)} accepted requests, and nothing"') == [
        "{len(asks)} accepted requests"
    ]
    assert plurals('f"{met} of {all} runs"') == []


@pytest.mark.parametrize("words", [counted, counted_in_notices])
def test_things_are_counted(words: Callable[[int, str], str]) -> None:
    assert [words(n, "job") for n in range(3)] == ["0 jobs", "1 job", "2 jobs"]


def test_one_machine_is_and_two_machines_are() -> None:
    assert _machines_are(1, "web") == "1 machine of web is"
    assert _machines_are(2, "web") == "2 machines of web are"
