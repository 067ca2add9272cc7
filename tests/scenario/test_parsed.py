"""A file that is read again gives what it gave at first, whatever was done to the first tree."""

from __future__ import annotations

import pytest

from dr_sim.errors import Problem
from dr_sim.scenario.reading import parsed as module
from dr_sim.scenario.reading.parsed import LARGEST, parsed
from dr_sim.scenario.reading.tree import Node, parse_yaml
from tests.scenario.examples import EVERYTHING, library


def both(text: str, file: str) -> tuple[tuple[Node | None, list[Problem]], ...]:
    """The tree and the problems of a text that was parsed before, and of one that was not."""
    again: list[Problem] = []
    anew: list[Problem] = []
    return (parsed(text, file, again), again), (parse_yaml(text, file, anew), anew)


@pytest.mark.parametrize("text", ["", "a: [1, {b: 2}]", "a: &x {b: 1}\nc: *x\n", EVERYTHING])
def test_each_reader_has_a_tree_of_his_own_with_his_file_in_it(text: str) -> None:
    for file in ("one.yaml", "two.yaml"):
        again, anew = both(text, file)
        assert again == anew
        tree = again[0]
        assert tree is not None
        tree.value = {"spoiled": tree}  # the next one does not see that


@pytest.mark.parametrize("text", ["a: [1", "a: 1\na: 2\n", "a: !x 1", "\ta: 1", "a: {b: 1,5 GB}"])
def test_what_is_wrong_is_told_with_the_file_of_each_reader(text: str) -> None:
    for file in ("one.yaml", "two.yaml", "two.yaml"):
        again, anew = both(text, file)
        assert again == anew and {problem.file for problem in again[1]} == {file}


def test_a_text_is_parsed_once_unless_it_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    module._kept.cache_clear()
    seen = []

    def counting(text: str, file: str, problems: list[Problem]) -> Node | None:
        seen.append(text)
        return parse_yaml(text, file, problems)

    monkeypatch.setattr(module, "parse_yaml", counting)
    small, large = library()[0], "# " + "x" * LARGEST
    for text in (small, small, large, large):
        parsed(text, "file.yaml", [])
    assert seen == [small, large, large]
    module._kept.cache_clear()
