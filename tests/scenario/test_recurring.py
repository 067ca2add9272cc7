"""Events that happen again and again, and lines that name several databases at once."""

from __future__ import annotations

import pytest

from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.scenario import dump_resolved
from dr_sim.scenario.model import Scenario
from dr_sim.units import HOUR_US
from tests.scenario.conftest import Write

TWO = """
run_for: 7 days
time_zone: Europe/Berlin
databases:
  crm: {size: 5 GB}
  erp: {size: 5 GB}
link: {bandwidth: 200 Mbit/s}
"""
DAY_US = 24 * HOUR_US


def hours(scenario: Scenario) -> list[int]:
    return [event.at_us // HOUR_US for event in scenario.events]


def told(write: Write, text: str) -> list[str]:
    with pytest.raises(InputError) as found:
        load_scenario(write(text))
    return [str(problem) for problem in found.value.problems]


def test_an_event_by_a_schedule_happens_at_each_of_its_times(write: Write) -> None:
    line = "{every: daily 02:00, index_maintenance: {database: crm, log: 3 GB}}"
    scenario = load_scenario(write(f"{TWO}events: [{line}]"))
    assert hours(scenario) == [2 + 24 * day for day in range(7)]
    assert {event.number for event in scenario.events} == {1}
    # Monday to Friday, and the start is a Monday
    scenario = load_scenario(write(f"{TWO}events: [{line.replace('daily', 'Mon-Fri')}]"))
    assert hours(scenario) == [2 + 24 * day for day in range(5)]
    scenario = load_scenario(write(f"{TWO}events: [{{every: 48 h, link_outage: 5 min}}]"))
    assert hours(scenario) == [48, 96, 144]


def test_the_numbers_of_later_lines_stay_those_of_the_file(write: Write) -> None:
    scenario = load_scenario(
        write(
            f"{TWO}events: [{{every: 48 h, link_outage: 5 min}}, {{at: day 7 03:00, lose: site}}]"
        )
    )
    assert [event.number for event in scenario.events] == [1, 1, 1, 2]


@pytest.mark.parametrize("named", ["all", "[crm, erp]"])
def test_a_line_may_name_several_databases(write: Write, named: str) -> None:
    scenario = load_scenario(
        write(
            f"{TWO}events: [{{at: 2 h, index_maintenance: {{database: {named}, log: 3 GB}}}}]\n"
            f"faults: {{torn_copy: {{rate: 1 per week, database: {named}}}}}"
        )
    )
    assert [event.params.database for event in scenario.events] == ["crm", "erp"]
    assert [fault.params.database for fault in scenario.faults] == ["crm", "erp"]
    assert {fault.num for fault in scenario.faults} == {1}


def test_a_database_that_is_called_all_is_that_one(write: Write) -> None:
    text = TWO.replace("erp:", "all:")
    scenario = load_scenario(
        write(f"{text}events: [{{at: 2 h, index_maintenance: {{database: all, log: 3 GB}}}}]")
    )
    assert [event.params.database for event in scenario.events] == ["all"]


def test_what_is_written_back_says_the_same(write: Write) -> None:
    scenario = load_scenario(
        write(
            f"{TWO}events: [{{every: daily 02:00, index_maintenance: {{database: all, log: 3 GB}}}}]"
        )
    )
    again = load_scenario(write(dump_resolved(scenario)))
    assert again.events == scenario.events and len(again.events) == 14


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{at: 2 h, every: 2 h, link_outage: 5 min}", "has both 'at' and 'every'"),
        ("{every: none, link_outage: 5 min}", "write how often it happens"),
        ("{every: monthly 31 02:00, link_outage: 5 min}", "not every month has that day"),
        ("{every: monthly day 28 02:00, link_outage: 5 min}", "would never happen"),
        ("{every: 14 s, link_outage: 5 s}", "would happen about 43,200 times, more than 40,000"),
        ("{every: [1 h], link_outage: 5 s}", "'every' is a schedule"),
        ("{link_outage: 5 s}", "has no 'at'; write when it happens"),
        ("{at: 2 h, index_maintenance: {database: [], log: 3 GB}}", "name at least one"),
        ("{at: 2 h, index_maintenance: {database: [crm, crm], log: 3 GB}}", "named twice"),
        ("{at: 2 h, index_maintenance: {database: [crm, epr], log: 3 GB}}", "did you mean 'erp'"),
    ],
)
def test_what_cannot_be_is_one_line(write: Write, line: str, expected: str) -> None:
    found = told(write, f"{TWO}events:\n  - {line}")
    assert len(found) == 1 and expected in found[0], found


def test_a_mistake_in_a_line_for_several_databases_is_told_once(write: Write) -> None:
    found = told(write, f"{TWO}events: [{{at: 2 h, index_maintenance: {{database: all, log: 3}}}}]")
    assert len(found) == 1 and "has no unit" in found[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("databases: {crm: {size: 5 GB, diff: daily 01:00}}", "write 'differential: daily 01:00'"),
        ("databases: {crm: {size: 5 GB, wal: every 5 min}}", "are 'log: every 5 min'"),
        ("databases: {crm: {size: 5 GB, base: daily 01:00}}", "are 'full: weekly Sun 01:00'"),
        (
            "databases: {crm: {size: 5 GB, index_maintenance: {log: 3 GB}}}",
            "put it under events, as in '- {at: Tue 10:02, index_maintenance: {database: crm, log:",
        ),
        ("failures: {site: 1 per year}", "stands under faults"),
        ("rpo: 15 min", "it is promised under sla"),
        ("link_outage: 5 min", "link_outage is an event; put it under events"),
    ],
)
def test_habits_are_answered_with_what_to_write(write: Write, text: str, expected: str) -> None:
    base = (
        TWO
        if not text.startswith("databases")
        else TWO[: TWO.index("databases")] + ("link: {bandwidth: 200 Mbit/s}\n")
    )
    found = told(write, f"{base}{text}")
    assert len(found) == 1 and expected in found[0], found


def test_times_behind_a_comma_between_braces(write: Write) -> None:
    found = told(write, TWO.replace("{size: 5 GB}", "{full: daily 06:00, 18:00, size: 5 GB}", 1))
    assert any("write daily 06:00 and 18:00" in each for each in found)
