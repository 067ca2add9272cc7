"""Valid scenarios, damaged at random: each either loads or is refused with a place, never anything
else; what loads runs.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.measures.summary import summarise
from dr_sim.measures.whole import Whole
from dr_sim.scenario import dump_resolved
from dr_sim.scenario.model import Scenario
from dr_sim.world.play import play
from tests.scenario.conftest import SMALLEST, Write
from tests.scenario.examples import EVERYTHING, NIGHTLY, library

pytestmark = pytest.mark.usefixtures("files_from_anywhere")

SHORT, LONG = 60, 3000
RUN_US = 11 * 3_600_000_000  # of each that loads: faults in the library begin at 10:00
MOST_SECONDS = 10.0  # of processor time, on a busy machine
NASTY = [
    "",
    "null",
    "~",
    "0",
    "-1",
    "1",
    "5",
    "0 s",
    "-3 s",
    "99999999999999999999 s",
    "1e9",
    "0.1",
    "nan",
    ".inf",
    "true",
    "{}",
    "[]",
    "[[[[]]]]",
    "{a: {b: {c: d}}}",
    "[1, 2, 3]",
    "&a [*a]",
    "*nope",
    "!!binary aGk=",
    "!x y",
    "2026-13-45",
    "9999-12-31",
    "0001-01-01",
    "Feb 30",
    "day 0 00:00",
    "day 99999999 00:00",
    "Tue 25:61",
    "every 1 us",
    "every 0 s",
    "weekly Foo 01:00",
    "daily 1:1 ../../etc",
    "100 %",
    "101 %",
    "at most",
    "at least -1",
    "3 per",
    "1 per 0 s",
    "1 per us",
    "1" * 5000,
    "a" * 3000,
    "every " + " " * 3000 + "x",
    "\u202e\u0000",
    "\ud7ff",
    "💥",
    "'",
    '"',
    "crm",
    "{p50: 1 s}",
    "{p50: 2 s, p95: 1 s}",
    "{mean: 0 s}",
    "{from: 2 s, to: 1 s}",
    "{series: /}",
    "{series: '\\0'}",
    "{series: nope.csv}",
    "{bytes: x}",
    "{rate: 9 per us}",
    "America",
    "..",
    "/",
    "<<: *x",
    "? a",
    "- b",
    "# c",
    "%YAML 1.1",
    "---",
    "...",
    "\t",
    ": ",
    "|",
    ">",
]
LINE = re.compile(r"(--set .*|[^:\n]+:\d+:\d+): \S.*")


def _span(rng: random.Random, text: str) -> tuple[int, int]:
    start = rng.randrange(len(text) + 1)
    return start, min(len(text), start + rng.randrange(1, 12))


def delete(rng: random.Random, text: str) -> str:
    start, end = _span(rng, text)
    return text[:start] + text[end:]


def insert(rng: random.Random, text: str) -> str:
    start = rng.randrange(len(text) + 1)
    return (
        text[:start]
        + rng.choice([*NASTY, *":{}[],&*#?|-<>=!%@`\"'\n\t\x07\xa0", "  "])
        + text[start:]
    )


def flip(rng: random.Random, text: str) -> str:
    start = rng.randrange(len(text))
    return (
        text[:start]
        + chr(rng.choice([rng.randrange(32, 127), rng.randrange(0xD800), 0x1F600]))
        + text[start + 1 :]
    )


def cut(rng: random.Random, text: str) -> str:
    return text[: rng.randrange(len(text))]


def lines(rng: random.Random, text: str) -> str:
    rows = text.split("\n")
    i, j = rng.randrange(len(rows)), rng.randrange(len(rows))
    how = rng.randrange(4)
    if how == 0:
        del rows[i]
    elif how == 1:
        rows.insert(j, rows[i])
    elif how == 2:
        rows[i], rows[j] = rows[j], rows[i]
    else:
        rows[i] = " " * rng.randrange(5) + rows[i].lstrip()
    return "\n".join(rows)


def value(rng: random.Random, text: str) -> str:
    """One value becomes a nasty one."""
    found = list(re.finditer(r": ?([^:{}\[\],\n]+)(?=[,}\]\n])", text))
    match = rng.choice(found)
    return text[: match.start(1)] + rng.choice(NASTY) + text[match.end(1) :]


def key(rng: random.Random, text: str) -> str:
    """One key becomes another one's name, or is misspelt."""
    found = list(re.finditer(r"[\w.]+(?=:)", text))
    match, other = rng.choice(found), rng.choice(found)[0]
    name = rng.choice([other, match[0][:-1], match[0].upper(), match[0] + "x", "é", "null", "<<"])
    return text[: match.start()] + name + text[match.end() :]


def number(rng: random.Random, text: str) -> str:
    match = rng.choice(list(re.finditer(r"\d+", text)))
    return (
        text[: match.start()]
        + rng.choice(["0", "-7", "1000000", "9" * 40, "3.7", "1,5", "٣", "²"])
        + text[match.end() :]
    )


def unit(rng: random.Random, text: str) -> str:
    match = rng.choice(list(re.finditer(r"(?<=\d) ?[A-Za-z%]+(/s)?", text)))
    units = [
        "",
        " m",
        " GB",
        " Gbit",
        " Mbit/s",
        " MB/s",
        " %",
        " s",
        " weeks",
        " years",
        " per week",
        " XB",
        " per 5 min",
        " ppb",
    ]
    return text[: match.start()] + rng.choice(units) + text[match.end() :]


def affects(rng: random.Random, text: str) -> str:
    """Something inside one line of `events:` or `faults:`, with every field of its kind written
    out.
    """
    text = resolved(rng.choice(FAULTS))
    here = text.index("\nevents:") if "\nevents:" in text else text.index("\nfaults:")
    return text[:here] + rng.choice([value, value, key, number, unit, delete])(rng, text[here:])


FAULTS = sorted((Path(__file__).resolve().parents[2] / "scenarios" / "faults").glob("*_*.yaml"))


@cache
def resolved(path: Path) -> str:
    return dump_resolved(load_scenario(path))


MUTATIONS: list[Callable[[random.Random, str], str]] = [
    delete,
    insert,
    flip,
    cut,
    lines,
    value,
    value,
    value,
    key,
    key,
    number,
    unit,
    affects,
    affects,
    affects,
]


def _mutant(i: int, sources: list[str]) -> str:
    rng = random.Random(f"mutant {i}")
    text = rng.choice(sources)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        mutate = rng.choice(MUTATIONS)
        try:
            text = mutate(rng, text)
        except (IndexError, ValueError):  # nothing left of that sort to damage
            continue
    return text


def _check(write: Write, count: int, first: int = 0) -> tuple[int, int]:
    sources = [SMALLEST, NIGHTLY, EVERYTHING, *library()]
    loaded = refused = 0
    for i in range(first, first + count):
        text = _mutant(i, sources)
        path = write("")
        Path(path).write_bytes(text.encode("utf-8", "surrogatepass"))
        begun = time.process_time()
        try:
            scenario = load_scenario(path)
        except InputError as error:
            refused += 1
            _well_told(error, text, i)
        else:
            loaded += 1
            Path(path).write_text(dump_resolved(scenario), encoding="utf-8")
            assert load_scenario(path) == scenario, f"mutant {i}"
            _runs(scenario, i)
        assert time.process_time() - begun < MOST_SECONDS, f"mutant {i}"
    return loaded, refused


def _runs(scenario: Scenario, i: int) -> None:
    """Its first hours, in the model: to the end, and every number can be had."""
    short = replace(
        scenario,
        run_for_us=min(scenario.run_for_us, RUN_US),
        engine=replace(scenario.engine, kind="model", timing="modelled"),
    )
    if short.measure_from_us >= short.run_for_us:
        short = replace(short, measure_from_us=0)
    summarise(Whole.of(play(short), short))


def _well_told(error: InputError, text: str, i: int) -> None:
    assert error.problems, f"mutant {i}"
    assert len(set(error.problems)) == len(error.problems), f"mutant {i}"
    for problem in error.problems:
        assert problem.file == "s.yaml", f"mutant {i}"
        assert 1 <= problem.line <= len(re.split("\r\n|[\r\n\x85\u2028\u2029]", text)) + 1, (
            f"mutant {i}: {problem}"
        )
        assert problem.column >= 1, f"mutant {i}: {problem}"
        assert LINE.fullmatch(str(problem)) and len(str(problem)) < 1000, f"mutant {i}: {problem}"


def test_mutants_load_or_are_refused(write: Write) -> None:
    loaded, refused = _check(write, SHORT)
    assert loaded >= SHORT // 20 and refused >= SHORT // 2  # the mutations hurt, but not always


@pytest.mark.long
def test_many_mutants_load_or_are_refused(write: Write) -> None:
    loaded, refused = _check(write, LONG, SHORT)
    assert loaded >= LONG // 20 and refused >= LONG // 2


def test_overrides_are_as_robust(write: Write) -> None:
    path = write(EVERYTHING)
    for i in range(20):
        rng = random.Random(f"override {i}")
        where = rng.choice(
            [
                "link.loss",
                "seed",
                "databases.true.log",
                "events.1.at",
                "events.9.at",
                "events",
                "sla",
                "a.b",
                '"',
                "link",
                "x" * 500,
            ]
        )
        override = f"{where}={rng.choice(NASTY)}"
        try:
            load_scenario(path, [override])
        except InputError as error:
            assert all(problem.line == 0 or problem.file == path for problem in error.problems), (
                override
            )
            assert all(LINE.fullmatch(str(problem)) for problem in error.problems), override
