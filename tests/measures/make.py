"""Small scenarios and journals, written by hand, for the tests of everything that happens after the
record.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.faults import BY_NAME
from dr_sim.machines import Command, Event
from dr_sim.measures.whole import Whole
from dr_sim.record.journal import Journal
from dr_sim.record.row_code import Subject
from dr_sim.recovery.commands import EnterPhase, Level, RaiseAlert
from dr_sim.recovery.events import Validated
from dr_sim.recovery.failover.failover_table import FailoverPhase
from dr_sim.scenario import model

S = 1_000_000
MIN = 60 * S
HOUR = 60 * MIN
DAY = 24 * HOUR
START_UTC_US = 1_772_409_600 * S  # 2026-03-02 00:00:00 UTC, a Monday

NEVER = model.Schedule("none")


TWO_DATABASES = """\
name: several
description: two databases, one of them without log backups for two hours
run_for: 6 h
databases:
  quiet: {size: 1 GB, full: none, incremental: none}
  loud: {size: 1 GB, full: none, incremental: none}
link: {bandwidth: 100 Mbit/s}
failover: {mode: automatic}
events:
  - {at: 1 h, paused_backups: {database: loud, duration: 2 h}}
  - {at: 2 h 50 min, lose: site}
sla: {data_loss: at most 30 min, outage: at most 1 h}
"""
"""One of two databases has no log backups for two hours, and then the site is lost."""


def a_database(name: str = "crm") -> model.DatabaseSpec:
    return model.DatabaseSpec(
        name=name,
        size_bytes=500 * 10**9,
        machine="db1",
        log_volume=model.LogVolume("steady", 20_000_000, 300 * S),
        transactions_num=10,
        transactions_den_us=S,
        incremental_share_ppm=500_000,
        full=NEVER,
        incremental=NEVER,
        log=model.Schedule("every", 300 * S),
        serial=False,
        seeded=True,
    )


EVENTS = tuple(
    model.ScriptedEvent(0, 0, BY_NAME[name], None)
    for name in ("link_outage", "backup_cut_off", "paused_backups", "missing_file", "lose")
)
"""What the records of these tests tell of: a ledger knows the kinds of its scenario's lines."""


def a_scenario(*names: str, **changes: Any) -> model.Scenario:
    """Base case: 5-minute logs over 200 Mbit/s, danger above 15 min for a grace of 5 min."""
    cost = model.BackupCost(2 * S, 10**12)
    scenario = model.Scenario(
        name="made",
        events=EVENTS,
        description="",
        seed=1,
        replication_no=0,
        leg_no=1,
        start_utc_us=START_UTC_US,
        time_zone="UTC",
        run_for_us=DAY,
        measure_from_us=0,
        databases=tuple(a_database(n) for n in (names or ("crm",))),
        machines=("db1",),
        primary=model.PrimarySpec(169_000_000, cost, cost, cost, 3 * DAY, 2),
        link=model.LinkSpec(200_000_000, 30_000, 0, 1460, "fair"),
        replication=model.ReplicationSpec(
            16, 64 * 10**9, 900_000, 600_000, 10**9, 180 * S, 65536, 0, 1_000_000
        ),
        secondary=model.SecondarySpec(
            10**9, 5 * 10**8, 0, (cost, cost, cost), model.Law("fixed", 1_000_000), 3 * DAY, 2
        ),
        replay=model.Replay(
            1, "bridge", "resync", 0, 0, 3, 15 * MIN, 5 * MIN, 15 * MIN, 30 * MIN, True, True, 0
        ),
        heartbeat=model.Heartbeat(5 * S, True),
        failover=model.FailoverSpec(
            mode="manual",
            silent_for_us=30 * S,
            machines_silent=0,
            operators=("anna",),
            on_duty="anna",
            answers_in=model.Law("fixed", 4 * MIN),
            approves=True,
            repairs_first=model.Law("fixed", 0),
            fence_us=S,
            fence_timeout_us=21 * S,
            drain_limit_us=60 * S,
            planned_limit_us=None,
            restore_limit_us=4 * HOUR,
            recover=model.Law("fixed", 10 * S),
            undo_bytes_s=10**8,
            turn_us=MIN,
            lease_us=5 * MIN,
            choose=model.Choose("preferred"),
            switch_us=5 * S,
            ttl_us=30 * S,
            reconnect_us=30 * S,
            warm_up_us=45 * S,
            warm_up_from_ppm=500_000,
        ),
        users=model.UsersSpec(1000, S, 600_000),
        engine=model.EngineSpec("model", "sql_server", 1, "modelled"),
        new_secondary_built=False,
        new_secondary_us=0,
        manager_restart_us=30 * S,
        danger_us=15 * MIN,
        danger_grace_us=5 * MIN,
        danger_behind_us=365 * DAY,  # these journals tell of no restores
    )
    return replace(scenario, **changes)


def survivable(
    journal: Journal,
    time_us: int,
    lacking_us: int,
    entity: int = 0,
    commits: int = 0,
    failure_class: str = "site",
) -> None:
    journal.note("truth.survivable", time_us, entity, failure_class, 1, commits, lacking_us)


def record(journal: Journal, told: Event | Command, time_us: int, entity: int) -> None:
    journal.recorder(type(told), Subject(otherwise=entity))(told, time_us)


def phase(journal: Journal, time_us: int, name: str) -> None:
    record(journal, EnterPhase(FailoverPhase(name)), time_us, -1)


def alert(
    journal: Journal,
    time_us: int,
    database: str = "crm",
    event_id: int = 2,
    text: str = "no new logs",
    name: str = "",
) -> None:
    record(
        journal,
        RaiseAlert("DR Log Replay", database, event_id, Level.ERROR, 10, name, text),
        time_us,
        0,
    )


def a_header(
    first_lsn: int, last_lsn: int, cut_us: int, database: str = "crm", kind: Kind = Kind.LOG
) -> BackupHeader:
    return BackupHeader(
        database,
        last_lsn,
        kind,
        1,
        first_lsn,
        last_lsn,
        0,
        0,
        0,
        1,
        0,
        START_UTC_US + cut_us,
        START_UTC_US + cut_us + 2 * S,
    )


def validated(
    journal: Journal, time_us: int, header: BackupHeader, name: str = "", entity: int = 0
) -> None:
    name = name or f"{header.database}_{header.last_lsn}_log_0"
    record(
        journal,
        Validated(time_us, START_UTC_US + time_us, 1, header.database, name, header),
        time_us,
        entity,
    )


def a_log(
    journal: Journal,
    file: int,
    cut_us: int,
    *,
    finished_us: int | None = None,
    landed_us: int | None = None,
    entity: int = 0,
    interval_us: int = 300 * S,
    name: str = "",
) -> None:
    """The records of one log backup: LSNs are seconds, one commit a second. Rows must be appended
    in order of time, so this suits logs that do not overlap.
    """
    first, last = (cut_us - interval_us) // S, cut_us // S
    name = name or f"log{file}"
    finished = cut_us + 2 * S if finished_us is None else finished_us
    landed = finished + 800_000 if landed_us is None else landed_us
    journal.note("truth.backup_begin", cut_us, entity, file, 2, 1, first, last, last)
    journal.note(
        "truth.backup_finished", finished, entity, file, 2, 1, first, last, last, 20_000_000, name
    )
    journal.note("truth.file_state", finished, entity, file, "queued")
    journal.note("truth.file_state", finished, entity, file, "sending")
    journal.note("truth.transfer_bytes", landed, entity, file, 20_000_000)
    journal.note("truth.file_state", landed, entity, file, "landed")
    journal.note("truth.landed", landed, entity, file, 2, 1, first, last, 1, name)
    survivable(journal, landed, cut_us, entity, commits=last)


def whole_of(journal: Journal, scenario: model.Scenario) -> Whole:
    """A run of one leg."""
    return Whole.of(journal, scenario)
