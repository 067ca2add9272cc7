"""Alerts are judged by danger: a mute system and one that always cries both score badly."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from dr_sim.measures.alerts.alerts import danger_us, judge
from dr_sim.measures.alerts.owed import not_told
from dr_sim.measures.tables import Tables
from dr_sim.record.journal import Journal
from dr_sim.scenario.model import Schedule
from tests.measures.make import DAY, HOUR, MIN, S, a_database, a_scenario, alert, survivable
from tests.world.build import ran


def outage(
    journal: Journal, begin_us: int, length_us: int, entity: int = 0, before: int = 5 * MIN
) -> None:
    """Nothing lands for a time: what was cut some minutes before it is all there is until its
    end.
    """
    survivable(journal, begin_us, begin_us - before, entity)
    survivable(journal, begin_us + length_us, begin_us + length_us - S, entity)


def quiet(journal: Journal, begin_us: int, end_us: int, entity: int = 0) -> None:
    for t in range(begin_us, end_us, 5 * MIN):
        survivable(journal, t, t, entity)


def one_outage(length_us: int = 40 * MIN) -> Journal:
    journal = Journal()
    quiet(journal, 0, 2 * HOUR)
    outage(journal, 2 * HOUR, length_us)  # above 15 min from 2:10 to 2:40
    quiet(journal, 2 * HOUR + length_us, 6 * HOUR)
    return journal


def end(journal: Journal, at: int = 6 * HOUR) -> None:
    journal.note("truth.end", at, -1)


def test_an_alert_in_time_is_neither_missed_nor_late_nor_false() -> None:
    journal = one_outage()
    alert(journal, 2 * HOUR + 12 * MIN)
    end(journal)
    found = judge(journal, a_scenario())
    (episode,) = found.episodes
    assert (episode.onset_us, episode.end_us, episode.delay_us) == (
        2 * HOUR + 10 * MIN,
        2 * HOUR + 40 * MIN,
        2 * MIN,
    )
    assert (found.due, found.missed, found.late, found.false, found.max_delay_us) == (
        1,
        0,
        0,
        0,
        2 * MIN,
    )


def test_an_early_warning_counts_from_when_the_first_lacking_write_was_made() -> None:
    for before, missed in ((15 * MIN, 0), (15 * MIN + 1, 1)):
        journal = one_outage()
        alert(journal, 2 * HOUR + 10 * MIN - before)
        end(journal)
        assert judge(journal, a_scenario()).missed == missed


NEVER = Schedule("none")


@pytest.mark.parametrize(
    ("log", "full", "incremental", "minutes"),
    [
        (Schedule("every", 5 * MIN), NEVER, NEVER, 15),
        (Schedule("every", 15 * MIN - 1), NEVER, NEVER, 15),
        (Schedule("every", 15 * MIN), NEVER, NEVER, 30),
        # the logs count, if there are any
        (Schedule("every", HOUR), Schedule("every", MIN), NEVER, 75),
        (
            NEVER,
            Schedule("weekly", weekdays=(0,), times_us=(0,)),
            Schedule("daily", times_us=(0,)),
            24 * 60 + 15,
        ),
        (
            NEVER,
            Schedule("weekly", weekdays=(0,), times_us=(0,)),
            NEVER,
            # 500 GB are 20,000 s on their way at 200 Mbit/s
            7 * 24 * 60 + 15 + Fraction(20_000, 60),
        ),
        (NEVER, NEVER, NEVER, 15),
    ],
)
def test_where_backups_are_rarer_than_the_limit_it_counts_from_when_the_next_is_due(
    log: Schedule, full: Schedule, incremental: Schedule, minutes: Fraction
) -> None:
    database = replace(a_database(), log=log, full=full, incremental=incremental)
    assert danger_us(replace(a_scenario(), databases=(database,)), 0) == minutes * MIN


def test_the_ordinary_swing_of_hourly_logs_is_no_danger_and_one_that_is_not_made_is() -> None:
    """A log lands two minutes after it was cut. The one of 3:00 is missing: danger from 3:15 on,
    due at 3:20.
    """
    scenario = replace(
        a_scenario(), databases=(replace(a_database(), log=Schedule("every", HOUR)),)
    )
    journal = Journal()
    for hour in (0, 1, 2, 4, 5):
        survivable(journal, hour * HOUR + 2 * MIN, hour * HOUR)
    end(journal)
    found = judge(journal, scenario)
    assert [(e.onset_us, e.due_us, e.end_us) for e in found.episodes] == [
        (3 * HOUR + 15 * MIN, 3 * HOUR + 20 * MIN, 4 * HOUR + 2 * MIN),
    ]  # fmt: skip
    assert (found.due, found.missed) == (1, 1)


def test_a_mute_system_misses_every_lasting_danger() -> None:
    journal = Journal()
    for n in range(10):
        quiet(journal, n * 2 * HOUR, n * 2 * HOUR + HOUR)
        outage(journal, n * 2 * HOUR + HOUR, 40 * MIN)
        quiet(journal, n * 2 * HOUR + HOUR + 40 * MIN, n * 2 * HOUR + 2 * HOUR)
    end(journal, 20 * HOUR)
    found = judge(journal, a_scenario())
    assert (found.due, found.missed, found.false) == (10, 10, 0)
    assert found.max_delay_us == 30 * MIN  # at least: until each danger was over


def test_a_system_that_always_cries_has_a_false_alert_for_every_quiet_moment() -> None:
    journal = Journal()
    quiet(journal, 0, 20 * HOUR)
    for n in range(4 * 20):
        alert(journal, n * 15 * MIN)
    end(journal, 20 * HOUR)
    found = judge(journal, a_scenario())
    assert (found.due, found.missed, found.false) == (0, 0, 80)


def test_an_alert_that_comes_too_late_is_late() -> None:
    journal = one_outage()
    alert(journal, 2 * HOUR + 15 * MIN + 1)  # due 5 min after the onset at 2:10
    end(journal)
    assert (judge(journal, a_scenario()).missed, judge(journal, a_scenario()).late) == (0, 1)


def test_a_danger_that_does_not_last_asks_for_no_alert() -> None:
    for length, due in ((15 * MIN, 0), (15 * MIN + 1, 1)):  # onset after 10 min, grace 5 min
        journal = one_outage(length)
        end(journal)
        assert judge(journal, a_scenario()).due == due


def test_an_alert_for_another_database_does_not_count() -> None:
    journal = one_outage()
    quiet(journal, 0, 6 * HOUR, entity=1)
    alert(journal, 2 * HOUR + 12 * MIN, database="erp")
    end(journal)
    found = judge(journal, a_scenario("crm", "erp"))
    assert (found.missed, found.false) == (1, 1)
    assert (found.of(0).missed, found.of(0).false, found.of(1).missed, found.of(1).false) == (
        1,
        0,
        0,
        1,
    )


def test_an_alert_for_the_whole_service_counts_for_all() -> None:
    journal = one_outage()
    quiet(journal, 0, 6 * HOUR, entity=1)
    alert(journal, 2 * HOUR + 12 * MIN, database="")
    end(journal)
    found = judge(journal, a_scenario("crm", "erp"))
    assert (found.missed, found.false) == (0, 0)


def test_a_danger_that_was_due_before_the_failure_and_told_after_it_is_missed() -> None:
    for failure, missed in ((2 * HOUR + 20 * MIN, 1), (2 * HOUR + 15 * MIN, 0)):
        journal = Journal()
        quiet(journal, 0, 2 * HOUR)
        survivable(journal, 2 * HOUR, 2 * HOUR - 5 * MIN)
        journal.note("truth.failed", failure, -1, "site")
        alert(journal, 2 * HOUR + 30 * MIN)
        end(journal)
        found = judge(journal, a_scenario())
        assert found.missed == missed
        assert found.episodes[0].ended_by_failure
        assert found.false == 0  # there was danger enough


def test_what_came_before_the_measurement_is_not_judged() -> None:
    journal = one_outage()
    alert(journal, HOUR)
    end(journal)
    found = judge(journal, a_scenario(measure_from_us=4 * HOUR))
    assert (found.due, len(found.alerts)) == (0, 0)


def test_a_danger_that_was_told_before_the_measurement_and_goes_on_in_it_is_not_missed() -> None:
    """In danger from 2:10 to 5:00, told at 2:12, measured from 3:00."""
    journal = one_outage(180 * MIN)
    journal.note("truth.manager", 0, -1, 0, 1)
    alert(journal, 2 * HOUR + 12 * MIN)
    end(journal)
    scenario = a_scenario(measure_from_us=3 * HOUR)
    found = judge(journal, scenario)
    assert (found.due, found.missed, found.late, len(found.alerts)) == (1, 0, 0, 0)
    assert found.episodes[0].onset_us == 3 * HOUR
    assert found.whole_run[0].onset_us == 2 * HOUR + 10 * MIN
    assert list(not_told(Tables(journal), scenario, found.whole_run)) == []


def test_a_danger_before_the_measurement_must_be_told_too() -> None:
    journal = one_outage()
    journal.note("truth.manager", 0, -1, 0, 1)
    end(journal)
    scenario = a_scenario(measure_from_us=4 * HOUR)
    found = judge(journal, scenario)
    assert (found.due, found.missed) == (0, 0)
    owed = list(not_told(Tables(journal), scenario, found.whole_run))
    assert [each.onset_us for each in owed] == [2 * HOUR + 10 * MIN]


@pytest.mark.parametrize(("told_us", "owes"), [(2 * HOUR + 17 * MIN, 0), (2 * HOUR + 21 * MIN, 1)])
def test_who_ordered_a_failover_hears_at_its_drain_limit_what_it_waits_for(
    told_us: int, owes: int
) -> None:
    """Without an order somebody is to be notified by 2:15. Ordered at 2:14 with a drain limit of a
    minute: a minute later and a retry of five, 2:20.
    """
    journal = one_outage()
    journal.note("truth.manager", 0, -1, 0, 1)
    journal.note("seen.FailoverOrdered", 2 * HOUR + 14 * MIN, -1, 0, 0, 0, "dba", 1)
    alert(journal, told_us, event_id=7)
    end(journal)
    found = judge(journal, a_scenario())
    owed = list(not_told(Tables(journal), a_scenario(), found.whole_run))
    assert len(owed) == owes


def test_that_the_log_is_full_is_false_only_where_no_commit_was_refused() -> None:
    journal = Journal()
    quiet(journal, 0, 2 * HOUR)
    journal.note("truth.writes", 2 * HOUR, 0, 1, 0)
    alert(journal, 2 * HOUR, event_id=10)
    alert(journal, 2 * HOUR, event_id=9)
    journal.note("truth.writes", 2 * HOUR + MIN, 0, 0, 600)
    quiet(journal, 2 * HOUR + 5 * MIN, 6 * HOUR)
    alert(journal, 4 * HOUR, event_id=10)
    end(journal)
    assert [a.false_alarm for a in judge(journal, a_scenario()).alerts] == [False, True, True]


# ---- the other limb: time
STANDS = """\
run_for: 12 h
databases: {crm: {size: 20 GB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
replay: {age: %s}
events:
  - {at: 1 h, %s}
"""
EVENTS = {
    "a restore hangs": "slow_restore: {by: 1000000, duration: 6 min}",
    "a restore takes five hours": "slow_restore: {by: 17000, duration: 6 min}",
    "readers hold it open": "readers: {database: crm, duration: 8 h}",
}


@pytest.mark.parametrize("event", EVENTS)
def test_a_standby_that_is_hours_behind_is_danger_though_all_its_files_have_landed(
    event: str,
) -> None:
    world = ran(STANDS % ("15 min", EVENTS[event]))
    scenario = world.context.scenario
    found = judge(world.journal, scenario)
    assert [e.limbs for e in found.episodes] == ["time"]
    assert (found.due, found.missed, found.late, found.false) == (1, 0, 0, 0)
    assert len(found.alerts) > 10


def test_the_first_alert_about_a_standby_that_falls_behind_is_the_one_that_told() -> None:
    """Replay stands from 60 min on: the log of 60 min is told of once it is older than 15 min. Danger
    begins 45 min (danger.behind) after the last commit that was restored: so long back an alert may
    be about it.
    """
    world = ran(STANDS % ("15 min", EVENTS["readers hold it open"]))
    found = judge(world.journal, world.context.scenario)
    (episode,) = found.episodes
    assert episode.alert is found.alerts[0]
    assert 75 * MIN < found.alerts[0].time_us < 76 * MIN
    assert 99 * MIN < episode.onset_us < 101 * MIN


def test_silence_about_it_is_a_miss() -> None:
    world = ran(STANDS % ("15 min", EVENTS["a restore hangs"]))
    found = judge(world.journal, world.context.scenario, of=[])
    assert (found.due, found.missed) == (1, 1)
    short = ran(STANDS % ("15 min", "readers: {database: crm, duration: 20 min}"))
    assert judge(short.journal, short.context.scenario, of=[]).due == 0


def test_the_limit_is_the_outage_that_the_sla_allows() -> None:
    """Restores take ten minutes each and fall behind. By the default of an hour that is no danger
    yet, by the SLA it is.
    """
    slow = "slow_restore: {by: 570, duration: 40 min}"
    by_default = ran(STANDS % ("15 min", slow), "danger.behind=10 h")
    assert [e.limbs for e in judge(by_default.journal, by_default.context.scenario).episodes] == []
    own = ran((STANDS % ("15 min", slow)) + "sla: {outage: at most 20 min}\n", "danger.behind=10 h")
    assert {e.limbs for e in judge(own.journal, own.context.scenario).episodes} == {"time"}
    written = ran(STANDS % ("15 min", slow), "danger.behind=10 h", "danger.outage_above=15 min")
    assert {e.limbs for e in judge(written.journal, written.context.scenario).episodes} == {"time"}


def test_an_sla_below_what_any_failover_takes_makes_no_danger_of_every_day() -> None:
    quiet_day = ran("run_for: 1 day\ndatabases: {crm: {size: 20 GB, full: none, incremental: "
        "none}}\nlink: {bandwidth: 100 Mbit/s}\n"
                    "sla: {outage: at most 2 min}\n")  # fmt: skip
    assert judge(quiet_day.journal, quiet_day.context.scenario).episodes == []


CLOCK = """\
run_for: 6 h
databases: {crm: {size: 20 GB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
"""


def test_a_warning_of_a_wrong_clock_is_right_while_it_is_wrong_and_false_otherwise() -> None:
    world = ran(
        CLOCK + "events: [{at: 2 h, wrong_clock: {side: primary, ahead: 30 min, duration: 1 h}}]\n"
    )
    told = [a for a in judge(world.journal, world.context.scenario).alerts if a.event_id == 16]
    assert told
    assert not any(a.false_alarm for a in told)
    journal = Journal()
    quiet(journal, 0, 6 * HOUR)
    alert(journal, 3 * HOUR, event_id=16)
    end(journal)
    assert [a.false_alarm for a in judge(journal, a_scenario()).alerts] == [True]


def test_what_is_said_of_a_hollow_full_is_right() -> None:
    """It is weekly, so that exposure by itself is no danger for days."""
    world = ran(
        "run_for: 4 days\ndatabases: {crm: {size: 1 GB, full: daily 01:00, incremental: "
        "none, log: none}}\nlink: {bandwidth: 1 Gbit/s}\n"
        "danger: {above: 3 days}\nevents: [{at: 12 h, silent_backups: {database: crm, "
        "kind: full, duration: 20 days}}]\n"
    )
    found = judge(world.journal, world.context.scenario)
    assert found.alerts
    assert found.false == 0
    assert world.context.scenario.run_for_us == 4 * DAY


@pytest.mark.parametrize("event_id", [3, 4, 8, 9, 11, 16, 17, 18])
def test_what_is_not_true_is_false_on_a_quiet_day(event_id: int) -> None:
    """Each is raised of a file that was made, landed and restored as it should."""
    world = ran(CLOCK)
    row = list(world.journal.rows("truth.restored"))[20]
    name = next(
        r.values["name"]
        for r in world.journal.rows("truth.landed")
        if r.values["file"] == row.values["file"]
    )
    alert(world.journal, row.time_us + MIN, event_id=event_id, name=name)
    (told,) = judge(world.journal, world.context.scenario).alerts
    assert told.false_alarm
