"""Notices count things in words that are right: '1 machine', '12 machines'."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dr_sim.cloud
from dr_sim.cloud.machines.shortages import _machines_are
from dr_sim.cloud.texts import counted

_PLURAL = re.compile(
    r"\{[^{}]*\} (?:machines|changes|jobs|attempts|things|scripts|images|farms|tenants|sites)\b"
)


def plurals(text: str) -> list[str]:
    """Numbers that are followed by a plural whatever they are."""
    return _PLURAL.findall(text)


def test_no_text_of_the_cloud_manager_has_a_plural_for_every_number() -> None:
    folder = Path(dr_sim.cloud.__file__).parent
    for path in folder.rglob("*.py"):
        assert plurals(path.read_text()) == [], path


def test_a_plural_for_every_number_is_found() -> None:
    assert plurals('f"{beyond} machines of {network} are beyond"') == ["{beyond} machines"]


@pytest.mark.parametrize(("n", "words"), [(0, "0 jobs"), (1, "1 job"), (2, "2 jobs")])
def test_things_are_counted(n: int, words: str) -> None:
    assert counted(n, "job") == words


def test_one_machine_is_and_two_machines_are() -> None:
    assert _machines_are(1, "web") == "1 machine of web is"
    assert _machines_are(2, "web") == "2 machines of web are"
