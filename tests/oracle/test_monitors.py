"""Each monitor catches what it is there for, in a journal that was doctored in one way, and says
nothing about the journal as it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from world.build import MINUTE, SECOND, scenario, within

from dr_sim.loading import load_scenario
from dr_sim.measures.summary.violations import conserved_in, laws_broken
from dr_sim.measures.whole import Whole
from dr_sim.oracle import monitors
from dr_sim.oracle.monitors import (
    Story,
    alert_levels,
    alert_texts,
    asking,
    choices,
    coming_online,
    durable,
    first_copy,
    hashing,
    keeping,
    lacking,
    liveness,
    names,
    needless,
    overdue,
    primary,
    reads,
    refusals,
    replacing,
    restarts,
    trouble,
    untrue,
)
from dr_sim.oracle.monitors import silence as silences
from dr_sim.oracle.monitors.failover import back, causes, choice, course, emptied, order
from dr_sim.record.journal import Journal, Row
from dr_sim.recovery.alerts import alert_texts as texts
from dr_sim.runs.run import run
from dr_sim.scenario.model import BackupStoreSpec, Choose, Scenario
from dr_sim.world.play import play
from dr_sim.world.world import World

CRM = """\
run_for: 3 h
start: 2026-01-05 00:00
databases: {crm: {size: 200 MB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
manager: {restart_after: 10 s}
"""
STUCK = CRM.replace("full: none", "full: daily 23:00") + (
    "replay: {on_hole: skip_ahead, otherwise: resync}\nevents: [{at: 16 min, missing_file: crm}]\n"
)
STUCK_OF_TWO = STUCK.replace("databases: {crm:", "databases: {web: {size: 1 GB}, crm:")
DAMAGED = CRM + "events: [{at: 16 min, corrupt_in_transit: crm}]\n"
NOT_SET_UP = CRM + "events: [{at: 16 min, setup_differs: crm}]\n"
PAUSED = CRM + "events: [{at: 31 min, paused_backups: {database: crm, duration: 1 h}}]\n"
SITE = CRM + "failover: {mode: automatic}\nevents: [{at: 61 min, lose: site}]\n"
REFUSED_ORDERS = CRM.replace("full: none", "full: daily 00:05") + (
    "events:\n- {at: 60 min, order_failover: {by: mallory, planned: false}}\n"
    "- {at: 61 min, order_failover: {by: dba, planned: true}}\n"
    "- {at: 61 min 1 s, order_failover: {by: dba, planned: true}}\n"
)
BESIDE = CRM.replace("full: none", "full: daily 00:05") + (
    "events:\n- at: 60 min\n"
    "  mistake: {database: crm, noticed: 1 min, then: [restore_beside], lost: 50 MB}\n"
)
PLANNED = CRM + (
    "events:\n- {at: 60 min, order_failover: {by: mallory, planned: false}}\n"
    "- {at: 61 min, order_failover: {by: dba, planned: true}}\n"
)
# the tail is refused, so it goes back at 76:05; the first order to serve again reaches nobody
BACK = CRM + (
    "failover: {planned_limit: 15 min, silent_for: 5 min}\nheartbeat: {path: data link}\nevents:\n"
    "- {at: 60 min, setup_differs: {database: crm, because: file_added}}\n"
    "- {at: 61 min, order_failover: dba}\n- {at: 76 min, link_outage: 2 min}\n"
)
# it goes back at 71:05, falls silent before the order can reach it, and is heard again at 75:00
LEFT = CRM + (
    "heartbeat: {path: data link}\nevents:\n"
    "- {at: 60 min, setup_differs: {database: crm, because: file_added}}\n"
    "- {at: 61 min, order_failover: dba}\n- {at: 71 min, link_outage: 4 min}\n"
    "failover: {planned_limit: 10 min, silent_for: 1 min, operator: {answers_in: 10 min}}\n"
)
# a full is 53 minutes on its way, damaged, and another copy of it as long
SLOW_FULL = CRM.replace("200 MB, full: none", "40 GB, full: daily 00:01") + (
    "events: [{at: 0 s, corrupt_in_transit: {database: crm, kind: full}}]\n"
)
TWO = CRM.replace("databases: {crm:", "databases: {web: {size: 1 GB}, crm:")
LATE = CRM + "events: [{at: 15 min 1 s 200 ms, manager_crash: {}}]\n"
NO_LOGS = """\
run_for: 4 h
start: 2026-01-05 00:00
databases: {crm: {size: 200 MB, full: none, incremental: every 30 min, log: none}}
link: {bandwidth: 100 Mbit/s}
"""
KEPT = """\
run_for: 4 d
start: 2026-01-05 00:00
databases: {crm: {size: 200 MB, full: every 12 h, incremental: every 4 h, log: every 15 min}}
link: {bandwidth: 100 Mbit/s}
primary: {retention: 1 d, keep_fulls: 1}
secondary: {retention: 1 d, keep_fulls: 1}
"""
# a log is cut off while it is made: it is no use, and the next one covers its range
OLD_AND_DAMAGED = KEPT + "events: [{at: 9 h 59 min 59 s, backup_cut_off: crm}]\n"
TORN_LOG = "crm_2026_01_05_10_00_00_log_000"
HASHED = KEPT.replace("4 d", "7 h").replace("12 h", "5 h") + "replay: {reverify: 6 h}\n"
FULLS = """\
run_for: 3 d
start: 2026-01-05 00:00
databases: {crm: {size: 200 MB, full: every 2 h, incremental: none, log: none}}
link: {bandwidth: 100 Mbit/s}
"""
# the host is wiped; its full, of 6.6 s, and the logs, of a second each, are sent again
WIPED = CRM.replace("200 MB, full: none", "2 GB, full: daily 00:05") + (
    "events: [{at: 16 min, operator_mistake: wipes the secondary host}]\n"
)
LAST = NO_LOGS + "events: [{at: 61 min, order_failover: {by: dba, planned: true}}]\n"
Edit = Callable[[Row], list[Row]]


@cache
def recorded(text: str) -> tuple[Scenario, list[Row]]:
    of = scenario(text)
    return of, list(World(of, express=False).run().rows())


def written(rows: list[Row]) -> Journal:
    journal = Journal()
    for row in rows:
        journal.note(row.kind, row.time_us, row.entity, *row.values.values())
    return journal


def found(monitor: monitors.Monitor, of: Scenario, rows: list[Row]) -> set[str]:
    return {each.requirement for each in monitor(Story(written(rows), of))}


# ---- edits
def drop(kind: str, **wanted: Any) -> Edit:
    """Without the rows of that kind that have these values."""
    return lambda row: [] if _is(row, kind, wanted) else [row]


def change(kind: str, new: dict[str, Any], **wanted: Any) -> Edit:
    def edit(row: Row) -> list[Row]:
        if _is(row, kind, wanted):
            return [replace(row, values={**row.values, **new})]
        return [row]

    return edit


def insert(after: str, kind: str, values: dict[str, Any], entity: int = 0, **wanted: Any) -> Edit:
    """One row more, after the first that is as wanted."""
    done: list[bool] = []

    def edit(row: Row) -> list[Row]:
        if done or not _is(row, after, wanted):
            return [row]
        done.append(True)
        return [row, Row(0, kind, row.time_us, entity, values)]

    return edit


def _is(row: Row, kind: str, wanted: dict[str, Any]) -> bool:
    return row.kind == kind and all(
        row.values[name] in value if isinstance(value, tuple) else row.values[name] == value
        for name, value in wanted.items()
    )


def both(*edits: Edit) -> Edit:
    def edit(row: Row) -> list[Row]:
        rows = [row]
        for each in edits:
            rows = [out for one in rows for out in each(one)]
        return rows

    return edit


def drop_after(time_us: int, *kinds: str) -> Edit:
    return lambda row: [] if row.time_us > time_us and row.kind in kinds else [row]


def renamed(kind: str, old: str, new: str) -> Edit:
    """With another file's name in the place of one, in texts too."""

    def edit(row: Row) -> list[Row]:
        if row.kind != kind:
            return [row]
        values = row.values.items()
        spelled = {k: v.replace(old, new) if isinstance(v, str) else v for k, v in values}
        return [replace(row, values=spelled)]

    return edit


def one_of(kind: str, number: int, **wanted: Any) -> Edit:
    """Without the number-th row of that kind, from 0."""
    seen: list[int] = []

    def edit(row: Row) -> list[Row]:
        if not _is(row, kind, wanted):
            return [row]
        seen.append(row.seq)
        return [] if len(seen) == number + 1 else [row]

    return edit


LOG_15 = "crm_2026_01_05_00_10_00_log_000"
ALERT = {
    "source": alert_texts.SOURCE, "database": "crm", "event_id": 3, "level": "error", "minutes": 0,
    "name": LOG_15, "text": "",
}  # fmt: skip
TOLD = {"mono_us": 0, "utc_us": 0, "incarnation": 0}
ANSWER = {
    **TOLD, "database": "crm", "reachable": 1, "covering_name": "crm_2026_01_05_09_00_00_log_000",
    "copying": 0, "remakeable": 0, "jobs_paused": "", "clock_there_utc_us": 0,
}  # fmt: skip
REFUSED = {
    **TOLD, "database": "crm", "name": LOG_15, "error_number": 4305, "position_lost": 0,
    "error_text": "",
}  # fmt: skip
READ = {"database": "crm", "name": LOG_15, "replace": 0}
NO_ROOM = {
    **TOLD, "database": "crm", "name": LOG_15, "error_number": 3257, "required_bytes": 9,
    "free_bytes": 4, "old_copy_bytes": 4, "error_text": "",
}  # fmt: skip
FULL_ON_ITS_WAY = "crm_2026_01_05_00_11_00_full_000"
MADE = {
    "file": 99, "kind": 0, "fork": 1, "first_lsn": 1, "last_lsn": 2, "commits": 0,
    "nominal_bytes": 1, "name": FULL_ON_ITS_WAY,
}  # fmt: skip
NEWEST = {"database": "crm", "name": "crm_2026_01_06_00_00_00_full_000", "replace": 1}
INCREMENTAL = "crm_2026_01_05_16_00_00_incremental_000"
LOG_20 = "crm_2026_01_05_00_20_00_log_000"
TAIL = "crm_2026_01_05_01_01_05_log_000"
SPOILED = {
    **TOLD, "database": "crm", "name": INCREMENTAL, "outcome": "hash_mismatch",
    "error_number": 60001, "error_text": "",
}  # fmt: skip
LAG = {**ALERT, "event_id": 8, "text": "it was restored [50] minutes after it was finished."}
WAITING = '{"crm_2026_01_05_00_59_00_log_000": 0}'
DELETE_NEWEST = {"database": "crm", "name": "crm_2026_01_07_12_00_00_full_000"}


OFFER = {"rank": 0, "open": 1, "holds_until_utc_us": 5, "takes_us": 9}
OTHER = {**OFFER, "place": "other", "rank": 1, "holds_until_utc_us": 6}
OFFERS = {**TOLD, "offers": json.dumps([{**OFFER, "place": "here"}, OTHER]), "awaited": 0}


def claims(row: Row) -> list[Row]:
    """It claims when it has begun."""
    if not _is(row, "seen.EnterPhase", {"phase": "fencing"}):
        return [row]
    return [row, Row(0, "seen.Claim", row.time_us, -1, {"ready": 1, "even_if_heard": 0})]


def offers_and_claims(row: Row) -> list[Row]:
    """It claims although it has heard of a copy that loses less."""
    first, *more = claims(row)
    if not more:
        return [first]
    said = Row(0, "seen.MakeOffer", row.time_us, -1, OFFER)
    return [first, said, Row(0, "seen.OffersHeard", row.time_us, -1, OFFERS), *more]


def replay(**changed: Any) -> Callable[[Scenario], Scenario]:
    return lambda of: replace(of, replay=replace(of.replay, **changed))


def failover(**changed: Any) -> Callable[[Scenario], Scenario]:
    return lambda of: replace(of, failover=replace(of.failover, **changed))


def with_slow_logs(of: Scenario) -> Scenario:
    """The same, where the restore of a log takes an hour."""
    full, incremental, log = of.secondary.restore
    slow = full, incremental, replace(log, fixed_us=60 * MINUTE)
    return replace(of, secondary=replace(of.secondary, restore=slow))


def with_a_store(of: Scenario) -> Scenario:
    """The same, as if it were recorded at a store."""
    at_once = of.databases[0].log
    return replace(of, store=BackupStoreSpec("", ("full", "log"), 0, at_once, *6 * [0]))


def same(of: Scenario) -> Scenario:
    return of


@dataclass(frozen=True)
class Case:
    monitor: monitors.Monitor
    story: str
    requirement: str
    edit: Edit
    asks: Callable[[Scenario], Scenario] = same  # what the scenario asks for instead


def keep(row: Row) -> list[Row]:
    return [row]


def at_each_landing(kind: str, values: dict[str, Any]) -> Edit:
    """With one row more whenever something lands."""

    def edit(row: Row) -> list[Row]:
        if row.kind != "seen.Landed":
            return [row]
        return [row, Row(0, kind, row.time_us, 0, dict(values))]

    return edit


def thrice(row: Row) -> list[Row]:
    """Three answers, half a minute apart, that a log lies at the primary."""
    if not (row.kind == "seen.Restored" and row.values["name"] == LOG_15):
        return [row]
    times = [row.time_us + i * 30 * SECOND for i in range(3)]
    return [row, *(Row(0, "seen.PrimaryAnswered", t, 0, dict(ANSWER)) for t in times)]


def forgets_at_a_restart(row: Row) -> list[Row]:
    """A manager dies just after an alert, and its next life tells as of a new danger."""
    alert = _is(row, "seen.RaiseAlert", {"event_id": 1, "level": "critical"})
    if not alert:
        return [row]
    anew = replace(row, values={**row.values, "level": "error"})
    if row.time_us > 155 * MINUTE:
        return [anew]
    manager = [
        Row(0, "truth.manager", row.time_us + at_us, -1, {"incarnation": n, "up": n - 1})
        for n, at_us in ((1, SECOND), (2, 2 * SECOND))
    ]
    return [row, *manager]


def restarts_in_silence() -> Edit:
    """The manager is started anew after an hour, and tells nobody that it is silent."""
    done: list[int] = []

    def edit(row: Row) -> list[Row]:
        if row.time_us < 60 * MINUTE:
            return [row]
        if done:
            return [] if row.kind == "seen.RaiseAlert" else [row]
        done.append(row.seq)
        manager = [
            Row(0, "truth.manager", row.time_us, -1, {"incarnation": n, "up": n - 1})
            for n in (1, 2)
        ]
        return [row, *manager]

    return edit


def damaged_and_wanted_again(row: Row) -> list[Row]:
    """A log that has landed damaged waits to be sent again for ever."""
    name = "crm_2026_01_05_10_00_00_log_000"
    if not _is(row, "truth.landed", {"name": name}):
        return [row]
    damaged = replace(row, values={**row.values, "intact": 0})
    waits = {"file": row.values["file"], "state": "queued"}
    return [damaged, Row(0, "truth.file_state", row.time_us, 0, waits)]


def calls_a_log_a_backup_file(row: Row) -> list[Row]:
    if row.kind != "seen.RaiseAlert" or row.values["event_id"] != 3:
        return [row]
    text = str(row.values["text"]).replace("transaction log", "backup file")
    return [replace(row, values={**row.values, "text": text})]


CASES = (
    Case(alert_texts.texts_are_right, STUCK, "R13", change("seen.RaiseAlert", {"text": "Oh dear."})),
    Case(alert_texts.texts_are_right, STUCK, "R13", change("seen.RaiseAlert", {"source": "me"})),
    Case(alert_texts.texts_are_right, NOT_SET_UP, "R13", calls_a_log_a_backup_file),
    Case(alert_texts.texts_are_right, PAUSED, "R13", drop("seen.Landed", name=(
        "crm_2026_01_05_00_30_00_log_000",))),
    Case(alert_texts.minutes_are_right, STUCK, "R12", change("seen.RaiseAlert", {"minutes": 5})),
    Case(alert_levels.levels_are_right, STUCK, "R12", change("seen.RaiseAlert", {"level": "error"})),
    Case(alert_levels.levels_are_right, STUCK, "R12", change("seen.RaiseAlert", {"level": "critical"})),
    Case(alert_levels.levels_are_right, STUCK, "R12", forgets_at_a_restart),
    Case(alert_levels.told_again_at_every_retry, STUCK, "R12", one_of("seen.RaiseAlert", 2, event_id=1)),
    Case(trouble.trouble_is_told, STUCK, "R8", drop("seen.RaiseAlert", event_id=1)),
    Case(trouble.trouble_is_told, DAMAGED, "R8", both(
        drop("seen.RaiseAlert"), drop("seen.Validated", name="crm_2026_01_05_00_20_00_log_000"),
        drop_after(16 * MINUTE, "seen.Restored"))),
    Case(trouble.trouble_is_told, DAMAGED, "R8", both(
        drop("seen.RaiseAlert"), drop("seen.Validated", name="crm_2026_01_05_00_20_00_log_000")),
        with_a_store),
    # nobody sends it again
    Case(trouble.trouble_is_told, SLOW_FULL, "R12", both(
        drop_after(59 * MINUTE, "truth.file_state"), drop_after(59 * MINUTE, "seen.Validated"))),
    Case(trouble.a_standstill_is_told, STUCK, "R12", drop("seen.RaiseAlert")),
    Case(trouble.only_what_lacks_is_told, PLANNED, "R10", insert(
        "seen.Restored", "seen.RaiseAlert", ALERT, name="crm_2026_01_05_00_30_00_log_000")),
    Case(trouble.only_what_lacks_is_told, PLANNED, "R10", insert(
        "seen.Restored", "seen.RaiseAlert", {**ALERT, "event_id": 18},
        name="crm_2026_01_05_00_30_00_log_000")),
    Case(untrue.silence_is_told_at_its_limit, DAMAGED, "R9", insert(
        "seen.Landed", "seen.RaiseAlert", {**ALERT, "event_id": 2}, name=LOG_15)),
    Case(untrue.overdue_is_told_when_due, KEPT, "R12", insert(
        "seen.Validated", "seen.RaiseAlert", {**ALERT, "event_id": 22}, name=INCREMENTAL),
        with_a_store),
    Case(untrue.a_whole_store_lacks_nothing, KEPT, "R12", insert(
        "seen.Validated", "seen.RaiseAlert", {**ALERT, "event_id": 19},
        name="crm_2026_01_05_13_00_00_log_000"), with_a_store),
    Case(untrue.files_are_of_that_database, TWO, "R13", insert(
        "seen.Landed", "seen.RaiseAlert", {**ALERT, "database": "web"}, name=LOG_15)),
    Case(untrue.refused_files_wait_for_a_retry, DAMAGED, "R8", both(
        insert("seen.Restored", "seen.Restore", READ, name=LOG_15),
        insert("seen.Restored", "seen.RestoreFailed", REFUSED, name=LOG_15))),
    Case(untrue.alerts_are_repeated_at_retries, DAMAGED, "R12", both(
        insert("seen.Landed", "seen.RaiseAlert", ALERT, name=LOG_15),
        insert("seen.Landed", "seen.RaiseAlert", ALERT, name=LOG_15))),
    Case(silences.silence_is_told, PAUSED, "R9", drop("seen.RaiseAlert")),
    Case(silences.silence_is_told_after_a_restart, PAUSED, "R9", restarts_in_silence()),
    Case(trouble.what_is_whole_is_not_told, DAMAGED, "R10", insert(
        "seen.Validated", "seen.RaiseAlert", ALERT, name=LOG_15)),
    Case(silences.silence_is_looked_into, PAUSED, "R9", drop("seen.AskPrimary")),
    Case(reads.counted_before_the_read, DAMAGED, "R5", drop(
        "seen.Save", key=f"attempts/crm/{LOG_15}")),
    Case(reads.copies_bear_their_count, DAMAGED, "R5", drop(
        "seen.RenameWorkingCopy", name=LOG_15)),
    Case(reads.replay_waits_on_purpose_only, DAMAGED, "R7", drop_after(
        70 * MINUTE, "seen.Restore", "seen.Restored")),
    Case(reads.replay_delay_is_kept, DAMAGED, "R7", keep, replay(delay_us=10 * MINUTE)),
    Case(reads.the_engine_takes_what_it_is_given, DAMAGED, "R11", insert(
        "seen.Restored", "seen.RestoreFailed", REFUSED)),
    Case(primary.the_silent_are_not_asked, SITE, "R9", insert(
        "seen.HeartbeatLost", "seen.TakeBackup", {"database": "crm", "kind": 0})),
    Case(primary.the_silent_are_not_asked, SITE, "R9", insert(
        "seen.EnterPhase", "seen.TakeBackup", {"database": "crm", "kind": 1}, phase="draining")),
    Case(primary.what_lies_there_is_copied, PLANNED, "R9", thrice),
    Case(primary.what_lies_there_is_copied, PLANNED, "R9", thrice, with_a_store),
    Case(primary.what_is_damaged_is_copied_again, DAMAGED, "R6", both(
        drop("seen.Recopy"), drop_after(16 * MINUTE, "seen.Restored"),
        drop("seen.Validated", name="crm_2026_01_05_00_20_00_log_000"),
        one_of("seen.Landed", 1, name="crm_2026_01_05_00_20_00_log_000"))),
    Case(replacing.dropped_after_its_replacement_is_here, DAMAGED, "R11", insert(
        "seen.Restored", "seen.Drop", {"database": "crm"})),
    Case(replacing.a_copy_does_not_go_back, KEPT, "R11", insert(
        "seen.Restored", "seen.Restore",
        {"database": "crm", "name": "crm_2026_01_05_12_00_00_full_000", "replace": 1},
        name="crm_2026_01_08_00_30_00_log_000")),
    Case(replacing.a_copy_does_not_go_back, KEPT, "R11", insert(
        "seen.Restored", "seen.Restore", NEWEST, name="crm_2026_01_06_00_30_00_log_000")),
    Case(lacking.a_missing_copy_is_asked_for, DAMAGED, "R11", both(
        drop_after(16 * MINUTE, "seen.Restore", "seen.Restored"),
        insert("seen.Restored", "truth.copy_gone", {"why": ""},
               name="crm_2026_01_05_00_15_00_log_000"))),
    Case(first_copy.surviving_backups_come_first, WIPED, "R11", insert(
        "seen.ListShare", "seen.TakeBackup", {"database": "crm", "kind": 0})),
    Case(first_copy.no_chain_outweighs_a_new_full, WIPED, "R11", keep, with_slow_logs),
    Case(primary.a_lost_log_is_got_past, STUCK, "R11", keep, replay(on_hole="resync")),
    Case(primary.a_refusal_that_passes_changes_nothing, DAMAGED, "R11", both(
        insert("seen.Restored", "seen.TakeBackup", {"database": "crm", "kind": 0}),
        insert("seen.Restored", "seen.BackupFailed", {
            **TOLD, "database": "crm", "kind": 1, "reason": "paused: move"}))),
    Case(trouble.trouble_is_told, KEPT, "R12", both(
        insert("seen.Validated", "seen.ValidationFailed", {
            **TOLD, "database": "crm", "name": "crm_2026_01_05_16_00_00_incremental_000",
            "outcome": "hash_mismatch", "error_number": 60001, "error_text": ""},
            name="crm_2026_01_05_16_00_00_incremental_000"))),
    Case(hashing.hashed_again, KEPT, "R6", keep, replay(reverify_us=60 * MINUTE)),
    Case(keeping.deletes_take_nothing_needed, KEPT, "R18", insert(
        "seen.Alarm", "seen.Delete", DELETE_NEWEST, scope="crm", what="prune",
        mono_us=3 * 24 * 60 * MINUTE)),
    Case(keeping.deletes_take_nothing_needed, KEPT, "R18", insert(
        "seen.Delete", "seen.Delete",
        {"database": "crm", "name": "crm_2026_01_06_11_45_00_log_000"})),
    Case(keeping.the_primary_keeps_what_is_not_copied, KEPT, "R18", drop(
        "truth.landed", name="crm_2026_01_05_10_00_00_log_000")),
    Case(keeping.the_primary_keeps_what_is_not_copied, KEPT, "R18", damaged_and_wanted_again),
    Case(keeping.old_files_go, KEPT, "R18", drop("seen.Delete")),
    Case(keeping.old_files_go, KEPT, "R18", drop_after(60 * 60 * MINUTE, "seen.Delete")),
    Case(keeping.damaged_logs_go, OLD_AND_DAMAGED, "R18", drop("seen.Delete", name=TORN_LOG)),
    Case(causes.orders_are_obeyed_or_refused, PLANNED, "R14", drop("seen.RefuseOrder")),
    Case(causes.orders_are_obeyed_or_refused, PLANNED, "R14", drop("seen.EnterPhase")),
    Case(causes.begun_for_a_reason, SITE, "R14", drop("seen.HeartbeatLost")),
    Case(causes.begun_for_a_reason, SITE, "R14", keep, failover(silent_for_us=60 * SECOND)),
    Case(causes.a_silent_primary_is_acted_upon, SITE, "R14", drop("seen.EnterPhase")),
    Case(choice.claimed_in_its_turn, SITE, "R14", claims, lambda of: replace(
        of, rank=1, ranks=2)),
    Case(choice.claimed_in_its_turn, SITE, "R14", offers_and_claims, lambda of: replace(
        failover(choose=Choose("least_loss"))(of), ranks=2)),
    Case(order.phases_follow_the_order, SITE, "R15", drop("seen.EnterPhase", phase="tail")),
    Case(order.phases_follow_the_order, SITE, "R15", drop("seen.EnterPhase")),
    Case(order.phases_follow_the_order, SITE, "R15", both(
        drop("seen.EnterPhase", phase="tail"),
        insert("seen.EnterPhase", "truth.manager", {"incarnation": 2, "up": 1}, -1,
               phase="draining"))),
    Case(order.stopped_before_emptied, SITE, "R15", drop("seen.FenceFailed")),
    Case(order.fenced_until_confirmed, SITE, "R16", drop_after(70 * MINUTE, "seen.Fence")),
    Case(order.fenced_until_confirmed, SITE, "R16", drop("seen.RaiseAlert", event_id=12)),
    Case(order.not_called_off_once_stopped, PLANNED, "R15", change(
        "seen.EnterPhase", {"phase": "abandoned"}, phase="recovering")),
    Case(order.not_called_off_once_stopped, BACK, "R15", drop("truth.unfenced")),
    Case(back.goes_back_for_a_reason, BACK, "R15", keep,
         failover(planned_limit_us=60 * MINUTE)),
    Case(back.goes_back_for_a_reason, BACK, "R15", drop("seen.RaiseAlert", event_id=25)),
    Case(back.asked_until_it_serves, BACK, "R15", both(
        drop("seen.Unfence"), drop("truth.unfenced"))),
    Case(back.asked_until_it_serves, BACK, "R15", both(
        drop_after(77 * MINUTE, "seen.Unfence"), drop("truth.unfenced"))),
    Case(back.asked_until_it_serves, BACK, "R15", drop("seen.RaiseAlert", event_id=26)),
    Case(back.never_left_stopped, LEFT, "R15", drop_after(
        74 * MINUTE, "seen.Unfence", "seen.EnterPhase", "truth.unfenced")),
    Case(back.planned_ones_keep_their_limit, BACK, "R15", keep,
         failover(planned_limit_us=5 * MINUTE)),
    Case(back.never_two_serve, BACK, "R16", insert(
        "seen.TailTaken", "seen.Recover", {"database": "crm"})),
    Case(back.never_two_serve, BACK, "R16", insert(
        "truth.unfenced", "seen.Recover", {"database": "crm"})),
    Case(back.never_two_serve, BACK, "R16", keep, lambda of: replace(of, ranks=2)),
    Case(emptied.tails_are_asked_for, PLANNED, "R15", drop("seen.TakeTail")),
    Case(emptied.nothing_is_given_up_early, PLANNED, "R15", change(
        "seen.ShareAnswered", {"waiting": WAITING})),
    Case(emptied.what_stays_behind_is_told, PLANNED, "R15", change(
        "seen.ShareAnswered", {"waiting": WAITING})),
    Case(emptied.what_stays_behind_is_told, PLANNED, "R15", both(
        drop("seen.Restored", name="crm_2026_01_05_01_01_05_log_000"),
        insert("seen.Fence", "truth.file_gone", {"file": 11, "where": "secondary", "why": ""}))),
    Case(emptied.whoever_has_all_leaves_nothing, PLANNED, "R15", insert(
        "seen.Recover", "seen.RaiseAlert", {
            **ALERT, "event_id": 6, "text": "the failover continued without [1] files"})),
    Case(order.nothing_is_restored_after_recovery, PLANNED, "R15", insert(
        "seen.Recover", "seen.Restore", READ)),
    Case(order.users_come_last, PLANNED, "R15", drop("seen.Recovered")),
    Case(order.users_come_last, PLANNED, "R15", keep,
         lambda of: replace(of, directory=replace(of.directory, changes_num=1))),
    Case(order.two_primaries_are_told, SITE, "R16", insert(
        "seen.EnterPhase", "seen.HeartbeatBack", {**TOLD, "machine": "sql1"}, -1,
        phase="serving")),
    Case(order.a_failover_ends_or_says_why, PLANNED, "R15", drop_after(
        61 * MINUTE + SECOND, "seen.EnterPhase", "seen.Landed", "seen.Restored", "seen.Recovered",
        "seen.Redirected", "seen.Recover", "seen.RaiseAlert", "seen.Fence"),
        failover(restore_limit_us=MINUTE)),
    Case(order.planned_loses_nothing, PLANNED, "R15", change(
        "truth.promoted", {"transactions_lost": 3})),
    Case(choice.the_claim_is_let_go, PLANNED, "R14", both(
        insert("seen.EnterPhase", "seen.ClaimGiven", TOLD, -1, phase="fencing"),
        change("seen.EnterPhase", {"phase": "watching"}, phase="recovering")),
        lambda of: replace(of, ranks=2)),
    Case(choice.a_freed_claim_is_taken, SITE, "R14", both(
        insert("seen.HeartbeatLost", "seen.ClaimFreed", {**TOLD, "declined": 0}, -1),
        drop("truth.manager", up=0)), lambda of: replace(of, ranks=2)),
    Case(choice.no_copy_offers_more_than_it_has, SITE, "R14", insert(
        "seen.EnterPhase", "seen.MakeOffer", {**OFFER, "holds_until_utc_us": 1 << 60}, -1)),
    Case(course.the_drain_ends_in_time, SITE, "R15", drop(
        "seen.EnterPhase", phase=("recovering", "redirecting", "serving"))),
    Case(course.no_share_is_waited_for_that_is_silent, SITE, "R15", drop(
        "seen.EnterPhase", phase=("tail", "recovering", "redirecting", "serving"))),
    Case(course.hanging_restores_are_ended, SITE, "R15", both(
        drop("truth.promoted"), insert("seen.EnterPhase", "seen.RestoreGoesOn", {
            **TOLD, "database": "crm", "name": LOG_15, "begun_mono_us": 60 * MINUTE},
            phase="draining")), failover(restore_limit_us=MINUTE)),
    Case(course.what_is_not_online_is_ordered_again, SITE, "R15", both(
        drop("truth.promoted"), insert("seen.Recovered", "seen.RecoverFailed", {
            **TOLD, "database": "crm", "error_number": 0, "error_text": ""}))),
    Case(course.readers_are_let_in_again, PLANNED, "R15", both(
        insert("seen.EnterPhase", "seen.Disconnect", {"database": "crm"}, phase="draining"),
        change("seen.EnterPhase", {"phase": "abandoned"}, phase="recovering"))),
    Case(keeping.nothing_is_deleted_while_it_may_be_the_way_back, PLANNED, "R18", insert(
        "seen.EnterPhase", "seen.Delete", {"database": "crm", "name": LOG_15}, phase="draining")),
    Case(liveness.restored_after_the_storm, KEPT, "R7", drop_after(
        24 * 60 * MINUTE, "seen.Restore", "seen.Restored")),
    Case(liveness.restored_after_the_storm, FULLS, "R7", drop_after(
        24 * 60 * MINUTE, "seen.Restore", "seen.Restored")),
    Case(names.names_sort_as_time, DAMAGED, "R4", change(
        "seen.Validated", {"header.started_utc_us": 1 << 60}, name=LOG_15)),
    Case(needless.trouble_is_told_at_its_limit, DAMAGED, "R8", insert(
        "seen.Landed", "seen.RaiseAlert", ALERT, name=LOG_15)),
    Case(needless.lateness_on_purpose_is_not_told, DAMAGED, "R7", insert(
        "seen.Landed", "seen.RaiseAlert", {**ALERT, "event_id": 8}, name=LOG_15),
        replay(delay_us=10 * MINUTE)),
    Case(needless.a_hole_that_is_filled_is_not_told, DAMAGED, "R10", insert(
        "seen.Restored", "seen.RaiseAlert", {**ALERT, "event_id": 1}, name=LOG_15)),
    Case(replacing.the_newest_full_is_taken, KEPT, "R11", both(
        drop("seen.Restored"), insert(
            "seen.Validated", "seen.Restore",
            {"database": "crm", "name": "crm_2026_01_05_12_00_00_full_000", "replace": 1},
            name="crm_2026_01_06_00_00_00_full_000"))),
    Case(reads.replay_keeps_its_hours, DAMAGED, "R7", keep, replay(every_us=15 * MINUTE)),
    Case(restarts.phases_are_durable_first, PLANNED, "S1", both(
        drop("seen.Save", key="failover"), insert(
            "seen.EnterPhase", "seen.Save", {"key": "failover", "value": ""}, -1,
            phase="fencing"))),
    Case(alert_levels.told_again_at_every_retry, DAMAGED, "R12", both(
        drop_after(9 * MINUTE, "seen.Restored", "seen.ValidationFailed", "seen.RaiseAlert"),
        insert("seen.Landed", "seen.RaiseAlert", {**ALERT, "event_id": 18}, name=LOG_15))),
    Case(asking.what_can_be_made_is_asked_for, PAUSED, "R9", change(
        "seen.PrimaryAnswered", {"jobs_paused": "", "remakeable": 1})),
    Case(asking.asked_again_once_refused, KEPT, "R11", both(
        insert("seen.Restored", "seen.BackupFailed", {
            **TOLD, "database": "crm", "kind": 1, "reason": "paused: move"}),
        insert("seen.Landed", "seen.RaiseAlert", {
            **ALERT, "event_id": 4, "name": INCREMENTAL}, name=INCREMENTAL))),
    Case(asking.a_store_asks_for_what_it_lacks, DAMAGED, "R9", at_each_landing(
        "seen.RaiseAlert", {**ALERT, "event_id": 19, "text": texts.hole_text("crm")}),
        with_a_store),
    Case(asking.a_full_is_asked_for_without_a_base, DAMAGED, "R11", insert(
        "seen.Landed", "seen.RaiseAlert", {
            **ALERT, "event_id": 22, "text": texts.overdue_text("crm", 9, 5, "x")})),
    Case(asking.what_is_damaged_is_taken_again, DAMAGED, "R11", at_each_landing(
        "seen.RaiseAlert", {**ALERT, "event_id": 4, "name": FULL_ON_ITS_WAY})),
    Case(untrue.lateness_is_repeated_at_retries, DAMAGED, "R12", both(
        insert("seen.Landed", "seen.RaiseAlert", LAG),
        insert("seen.Restored", "seen.RaiseAlert", LAG))),
    Case(hashing.logs_are_hashed_again, HASHED, "R6", drop(
        "seen.Validate", name="crm_2026_01_05_05_45_00_log_000")),
    Case(durable.alerts_are_durable_first, STUCK, "S1", both(
        drop("seen.Save", key="alert/crm"), insert(
            "seen.RaiseAlert", "seen.Save", {"key": "alert/crm", "value": "{...}"}))),
    Case(durable.alerts_are_durable_first, STUCK_OF_TWO, "S1", both(
        change("seen.Save", {"key": "alert/web"}, key="alert/crm"), insert(
            "seen.RaiseAlert", "seen.Save", {"key": "alert/crm", "value": "{...}"}))),
    Case(durable.nothing_stays_of_what_is_deleted, KEPT, "R18", drop(
        "seen.Save", key="attempts/crm/crm_2026_01_05_00_15_00_log_000", value="")),
    Case(emptied.the_last_backup_is_asked_for_again, LAST, "R15", both(
        insert("seen.TakeBackup", "seen.BackupFailed", {
            **TOLD, "database": "crm", "kind": 1, "reason": "overrun: one is being taken"}),
        drop("seen.BackupTaken"), drop_after(61 * MINUTE + 10 * SECOND, "seen.EnterPhase"))),
    Case(asking.nothing_is_asked_for_twice, LATE, "R11", both(
        insert("seen.Restored", "truth.backup_finished", MADE, name=LOG_15),
        insert("truth.backup_finished", "seen.BackupTaken", {
            **TOLD, "database": "crm", "kind": 0, "name": FULL_ON_ITS_WAY}, file=99),
        insert("truth.manager", "seen.TakeBackup", {"database": "crm", "kind": 0}, up=1,
               incarnation=2))),
    Case(asking.no_full_of_rotten_pages_is_asked_for_at_once, DAMAGED, "R11", both(
        insert("seen.Restored", "seen.BackupTaken", {
            **TOLD, "database": "crm", "kind": 0, "name": FULL_ON_ITS_WAY}, name=LOG_15),
        insert("seen.BackupTaken", "seen.PagesRot", {
            **TOLD, "database": "crm", "fulls": json.dumps([FULL_ON_ITS_WAY]), "copy": 0}),
        insert("seen.PagesRot", "seen.TakeBackup", {"database": "crm", "kind": 0}))),
    Case(asking.dropped_only_for_what_fits, DAMAGED, "R11", both(
        insert("seen.Restored", "seen.Drop", {"database": "crm"}),
        insert("seen.Restored", "seen.NoRoom", NO_ROOM))),
    Case(coming_online.only_what_is_ordered_stops_early, PLANNED, "R15", insert(
        "seen.EnterPhase", "seen.RestoreUntil", {
            "database": "crm", "name": LOG_15, "stop_before_utc_us": 1}, phase="draining")),
    Case(coming_online.planned_ones_need_the_primary, PLANNED, "R15", both(
        drop("seen.Fenced"),
        insert("seen.Fence", "seen.FenceFailed", {**TOLD, "reason": "unreachable"}, -1))),
    Case(coming_online.nothing_is_being_restored, PLANNED, "R15", insert(
        "seen.EnterPhase", "seen.Restore", READ, phase="recovering")),
    Case(coming_online.ordered_online_once, PLANNED, "R15", insert(
        "seen.Recovered", "seen.Recover", {"database": "crm"})),
    Case(coming_online.the_primary_that_is_heard_has_answered, SITE, "R16", insert(
        "seen.EnterPhase", "seen.HeartbeatBack", {**TOLD, "machine": "sql1"}, -1, phase="tail")),
    Case(coming_online.the_only_way_is_waited_for, PLANNED, "R15", both(
        drop_after(60 * MINUTE, "seen.Restored"),
        insert("seen.EnterPhase", "seen.RaiseAlert", {**ALERT, "event_id": 21},
               phase="draining"))),
    Case(choice.without_the_claim_it_is_left, PLANNED, "R16", insert(
        "seen.Fenced", "seen.ClaimRefused", {**TOLD, "holder": "other"}, -1)),
    Case(overdue.overdue_is_told, NO_LOGS, "R12", drop_after(70 * MINUTE, "truth.landed")),
    Case(silences.silence_is_told_after_a_call_off, BACK, "R9", both(
        drop("seen.RaiseAlert", event_id=2), drop_after(82 * MINUTE, "truth.landed"))),
    Case(course.a_wait_is_told_again, BACK, "R15", keep,
         failover(drain_limit_us=2 * MINUTE)),
    Case(course.no_restore_is_ended_early, SITE, "R15", insert(
        "seen.EnterPhase", "seen.EndRestore", {
            "database": "crm", "name": LOG_15, "begun_before_mono_us": 60 * MINUTE},
        phase="draining")),
    Case(emptied.what_is_damaged_is_copied_again, PLANNED, "R15", both(
        drop_after(60 * MINUTE, "seen.Restored", "truth.promoted", "seen.Recover"),
        insert("seen.ShareAnswered", "seen.ValidationFailed", {**SPOILED, "name": TAIL}))),
    Case(alert_texts.texts_are_right, STUCK, "R13", renamed(
        "seen.RaiseAlert", "crm_2026_01_05_00_25_00_log_000", LOG_15)),
    Case(alert_levels.told_again_at_every_retry, STUCK, "R12", both(
        drop("seen.Restored"),
        insert("seen.Landed", "seen.RaiseAlert", {**ALERT, "event_id": 19, "name": ""},
               name=LOG_15)),
        with_a_store),
    Case(alert_texts.lateness_is_right, DAMAGED, "R13", both(
        insert("seen.Restored", "seen.RaiseAlert", LAG, name=LOG_15),
        insert("seen.Landed", "seen.PrimaryAnswered", ANSWER, name=LOG_15))),
    Case(alert_texts.lateness_is_right, DAMAGED, "R12", both(
        insert("seen.Restored", "seen.RaiseAlert", {**ALERT, "event_id": 16},
               name="crm_2026_01_05_01_00_00_log_000"),
        insert("seen.Restored", "seen.PrimaryAnswered", ANSWER,
               name="crm_2026_01_05_01_00_00_log_000"))),
    Case(needless.damage_is_told_at_its_limit, DAMAGED, "R8", insert(
        "seen.ValidationFailed", "seen.RaiseAlert", {**ALERT, "event_id": 4, "name": LOG_20},
        name=LOG_20)),
    Case(needless.what_is_replaced_is_told_no_more, KEPT, "R10", both(
        insert("seen.Validated", "seen.RaiseAlert", {
            **ALERT, "event_id": 4, "name": INCREMENTAL}, name=NEWEST["name"]),
        insert("seen.Landed", "seen.RaiseAlert", {
            **ALERT, "event_id": 4, "name": INCREMENTAL}, name=INCREMENTAL),
        *(insert("seen.Landed", "seen.ValidationFailed", SPOILED, name=INCREMENTAL)
          for _ in range(4)))),
    Case(needless.a_hole_is_told_at_its_limit, STUCK, "R8", keep, replay(age_us=60 * MINUTE)),
    Case(trouble.late_landings_are_told, DAMAGED, "R12", change(
        "seen.Landed", {"modified_utc_us": 0}), replay(delay_us=10 * MINUTE)),
    Case(reads.a_rebuilt_copy_keeps_its_delay, KEPT, "R7", both(
        insert("seen.Validated", "seen.Restore", NEWEST, name=NEWEST["name"]),
        insert("seen.Validated", "truth.copy_gone", {"why": ""}, name=NEWEST["name"])),
        replay(delay_us=60 * MINUTE)),
    Case(reads.read_after_a_hash_of_its_own, DAMAGED, "R6", one_of(
        "seen.Validate", 1, name="crm_2026_01_05_00_20_00_log_000")),
    Case(restarts.the_fence_is_durable_first, PLANNED, "S1", both(
        drop("seen.Save", key="failover"),
        insert("seen.Fence", "seen.Save", {"key": "failover", "value": ""}, -1))),
    Case(restarts.the_fence_is_durable_first, PLANNED, "S1", insert(
        "seen.Fence", "seen.Save", {"key": "failover", "value": ""}, -1)),
    Case(refusals.refusals_are_true, REFUSED_ORDERS, "R14", change(
        "seen.RefuseOrder", {"reason": "a failover is fencing already"}, operator="mallory")),
    Case(refusals.nobody_else_restores_beside, BESIDE, "R14", change(
        "seen.BesideOrdered", {"operator": "mallory"})),
    Case(restarts.late_answers_cause_nothing, LATE, "S1", insert(
        "truth.restored", "seen.ignored", {"event": "Landed", "incarnation": 1})),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.monitor.__name__)
def test_it_catches_what_it_is_there_for(case: Case) -> None:
    of, rows = recorded(case.story)
    assert found(case.monitor, of, rows) == set()
    doctored = [out for row in rows for out in case.edit(row)]
    assert case.requirement in found(case.monitor, case.asks(of), doctored)


IN_FILES_OF_THEIR_OWN = {
    choices.the_best_backup_gets_past,
    choices.files_are_sent_in_order,
    choices.no_full_is_sent_in_vain,
    alert_texts.the_number_that_waits_is_right,
    keeping.old_logs_go_every_day,
}
"""Monitors whose doctored journals are in test_choices.py and test_retention.py."""


def test_each_monitor_has_something_to_catch() -> None:
    caught = {case.monitor for case in CASES} | IN_FILES_OF_THEIR_OWN
    assert caught == set(monitors.MONITORS)


@pytest.mark.parametrize(
    "story", [STUCK, DAMAGED, SLOW_FULL, PAUSED, SITE, PLANNED, LATE, KEPT, WIPED]
)
def test_they_say_nothing_about_a_run_that_is_right(story: str) -> None:
    of, rows = recorded(story)
    assert monitors.broken(written(rows), of) == []


def test_a_primary_that_falls_silent_need_not_be_asked_for_a_repair() -> None:
    """A log is lost for good, the host dies before the repair is due, and the operator says no."""
    text = STUCK.replace("skip_ahead", "resync").replace(
        "}]\n", "}, {at: 33 min, lose: host}]\nfailover: {operator: {approves: false}}\n"
    )
    of, rows = recorded(text)
    assert any(row.kind == "seen.HeartbeatLost" for row in rows)
    assert list(monitors.broken(World(of, express=False).run(), of)) == []


def test_a_failover_that_an_operator_has_called_off_does_not_go_on() -> None:
    of, rows = recorded(PLANNED)
    unreachable = {**TOLD, "reason": "unreachable"}
    edit = both(
        drop("seen.Fenced"), insert("seen.Fence", "seen.FenceFailed", unreachable, -1),
        insert("seen.Fence", "seen.UnfenceOrdered", {**TOLD, "operator": "dba"}, -1),
    )  # fmt: skip
    doctored = [out for row in rows for out in edit(row)]
    assert found(coming_online.planned_ones_need_the_primary, of, doctored) == set()


@pytest.mark.parametrize(("phase", "broken"), [("watching", {"R15"}), ("choosing", set())])
def test_an_order_that_is_passed_on_while_a_failover_is_due_here_makes_it_no_planned_one(
    phase: str, broken: set[str]
) -> None:
    """A copy whose failover is due after silence takes up no order of another copy."""
    of, rows = recorded(PLANNED)
    passed_on = {**TOLD, "operator": "dba", "planned": 1}
    unreachable = {**TOLD, "reason": "unreachable"}
    edit = both(
        drop("seen.Fenced"), insert("seen.Fence", "seen.FenceFailed", unreachable, -1),
        drop("seen.FailoverOrdered", operator="dba"),
        insert("truth.event", "seen.OrderPassedOn", passed_on, -1, number=2, begins=1),
        insert("truth.event", "seen.EnterPhase", {"phase": phase}, -1, number=2, begins=1),
    )  # fmt: skip
    doctored = [out for row in rows for out in edit(row)]
    assert found(coming_online.planned_ones_need_the_primary, of, doctored) == broken


def test_a_late_landing_need_not_be_reported_by_a_manager_that_dies_at_that_instant() -> None:
    """The clocks differ, and the manager dies before it can say so a second time."""
    text = CRM.replace("3 h", "4 h").replace("100 Mbit/s", "20 Mbit/s")
    of, rows = recorded(
        f"{text}replay: {{every: 15 min}}\nevents:\n"
        "- {at: 213 min, paused_backups: {database: crm, duration: 7 min}}\n"
        "- {at: 210 min, wrong_clock: {side: primary, behind: 1 h}}\n"
        "- {at: 0 s, manager_crash: {before: RaiseAlert, nth: 3}}\n"
    )
    crashed = [row.time_us for row in rows if row.kind == "truth.manager"]
    assert len(crashed) > 1 and found(trouble.late_landings_are_told, of, rows) == set()


def test_a_manager_is_watched_until_its_failover_has_ended(tmp_path: Path) -> None:
    """The next leg begins with the first database that is online; users follow a minute later."""
    path = tmp_path / "two.yaml"
    path.write_text(TWO + "events: [{at: 61 min, order_failover: dba}]\n", encoding="utf-8")
    of = load_scenario(path)
    rows = list(play(of).rows())
    whole = Whole.of(written(rows), of)
    assert len(whole.legs) == 2 and laws_broken(whole, conserved_in(whole)) == []
    edit = drop("seen.Recovered", database="web")
    doctored = Whole.of(written([out for row in rows for out in edit(row)]), of)
    broken = laws_broken(doctored, conserved_in(doctored))
    assert [each.invariant for each in broken] == ["R15"]


def test_a_store_that_lost_its_full_rightly_calls_an_incremental_on_it_no_use(
    tmp_path: Path,
) -> None:
    """It is back at 88:00 with nothing. The incremental of 90:00 lands, and its base is gone."""
    path = tmp_path / "store.yaml"
    text = CRM.replace("incremental: none", "incremental: every 30 min, log: none")
    text = text.replace("full: none", "full: every 6 h").replace("3 h", "100 min")
    lost = "{at: 25 min, lose_secondary: 63 min, copy: vault}"
    path.write_text(f"{text}copies: {{vault: {{store: {{}}}}}}\nevents: [{lost}]\n", "utf-8")
    of = load_scenario(path)
    whole = Whole.of(play(of), of)
    assert len(list(whole.legs[0].journal.rows("seen.RaiseAlert"))) == 2
    assert laws_broken(whole, conserved_in(whole)) == []


def test_an_order_that_was_refused_makes_no_later_failover_a_planned_one() -> None:
    """It comes before anything has been restored there again; the site is lost 21 min later."""
    order = "{at: 40 min 20 s, order_failover: {by: dba, planned: true}}"
    events = f"events: [{{at: 10 min, lose_secondary: 30 min}}, {order}, "
    of = scenario(SITE.replace("events: [", events))
    journal = World(of, express=False).run()
    assert list(journal.rows("seen.RefuseOrder")) and list(journal.rows("truth.promoted"))
    assert list(monitors.broken(journal, of)) == []


def test_a_log_that_landed_while_the_manager_was_down_need_not_be_copied_again() -> None:
    """It is found by an inventory, so nobody told the manager that it had landed."""
    of, rows = recorded(PLANNED)
    asked = [out for row in rows for out in thrice(row)]
    landed = next(row for row in rows if row.kind == "truth.landed")
    it = replace(landed, values={**landed.values, "name": ANSWER["covering_name"]})
    assert found(primary.what_lies_there_is_copied, of, asked) == {"R9"}
    assert found(primary.what_lies_there_is_copied, of, [it, *asked]) == set()


@pytest.mark.parametrize("had_room", [True, False])
def test_a_copy_that_makes_room_for_a_full_is_not_rebuilt(had_room: bool) -> None:
    """The full is taken past a hole, and the old copy has only made room for it."""
    of, rows = recorded(KEPT)
    edit = both(
        insert("seen.Validated", "seen.Restore", NEWEST, name=NEWEST["name"]),
        insert("seen.Validated", "truth.copy_gone", {"why": ""}, name=NEWEST["name"]),
    )
    if not had_room:
        no_room = {**NO_ROOM, "name": NEWEST["name"]}
        edit = both(edit, insert("seen.Validated", "seen.NoRoom", no_room, name=NEWEST["name"]))
    doctored = [out for row in rows for out in edit(row)]
    said = found(reads.a_rebuilt_copy_keeps_its_delay, replay(delay_us=60 * MINUTE)(of), doctored)
    assert said == ({"R7"} if had_room else set())


@pytest.mark.parametrize(("kind", "more", "says"), [
    ("seen.FailoverOrderedToPoint", {"target": "", "anew": 0, "stop_before_utc_us": 1}, set()),
    ("seen.FailoverOrdered", {"planned": 0}, {"R15"}),
])  # fmt: skip
def test_an_order_to_an_instant_is_refused_while_a_planned_failover_waits(
    kind: str, more: dict[str, Any], says: set[str]
) -> None:
    """It goes on as a planned one, and goes back at its limit. An unplanned order ends its
    patience: it waits no longer, and does not go back.
    """
    of, rows = recorded(BACK)
    order = insert(
        "seen.EnterPhase", kind, {**TOLD, "operator": "dba", **more}, -1, phase="draining"
    )
    doctored = [out for row in rows for out in order(row)]
    assert found(back.goes_back_for_a_reason, of, doctored) == says


@pytest.mark.parametrize("intact", [0, 1])
def test_bytes_of_an_older_backup_tell_when_that_was_finished(intact: int) -> None:
    """What is told of them as late is as old as they are, whatever name they bear."""
    of, rows = recorded(DAMAGED)
    edit = both(
        insert("seen.Restored", "seen.RaiseAlert", LAG, name=LOG_15),
        insert("seen.Landed", "seen.PrimaryAnswered", ANSWER, name=LOG_15),
        change("truth.landed", {"intact": intact}, name=LOG_15),
    )
    doctored = [out for row in rows for out in edit(row)]
    said = found(alert_texts.lateness_is_right, of, doctored)
    assert said == ({"R13"} if intact else set())


@pytest.mark.parametrize("back", [False, True])
def test_a_primary_that_stays_stopped_makes_no_full_for_a_copy(back: bool) -> None:
    """Another copy has taken over; what lands late here was on its way."""
    of, rows = recorded(KEPT)
    stopped = insert("truth.landed", "truth.fenced", {"writes_stop": 1}, entity=-1)
    again = insert("truth.fenced", "truth.unfenced", {"stop_us": 0, "refused": 0})
    edit = both(drop_after(24 * 60 * MINUTE, "seen.Restore", "seen.Restored"), stopped)
    if back:
        edit = both(edit, again)
    doctored = [out for row in rows for out in edit(row)]
    said = found(liveness.restored_after_the_storm, of, doctored)
    assert said == ({"R7"} if back else set())


@pytest.mark.parametrize("late", [False, True])
def test_a_full_that_comes_after_a_newer_one_is_not_the_newest(late: bool) -> None:
    """In KEPT nothing is hashed again, so each full is named but one that is never the newest."""
    of, rows = recorded(KEPT)
    of = replay(reverify_us=60 * MINUTE)(of)
    checked = [row for row in rows if row.kind == "seen.Validated"]
    older, newer, *_ = [row for row in checked if row.values["header.kind"] == 0]
    if late:
        rows = [row for row in rows if row is not older]
        rows.insert(rows.index(newer) + 1, replace(older, time_us=newer.time_us))
    said = [each.sentence for each in hashing.hashed_again(Story(written(rows), of))]
    assert any(newer.values["name"] in sentence for sentence in said)
    assert any(older.values["name"] in sentence for sentence in said) is not late


@pytest.mark.parametrize("at", ["never", "first", "later"])
def test_a_full_that_people_call_rotten_is_not_hashed_again_but_the_one_before_it(at: str) -> None:
    """In KEPT nothing is hashed again. The one before it is of use again from then on."""
    of, rows = recorded(KEPT)
    of = replay(reverify_us=60 * MINUTE)(of)
    checked = [row for row in rows if row.kind == "seen.Validated"]
    older, newer, *_ = [row for row in checked if row.values["header.kind"] == 0]
    old_name, new_name = older.values["name"], newer.values["name"]
    asked = [
        replace(newer, kind="seen.Validate", values={"database": "crm", "name": old_name},
                time_us=older.time_us + hours * 60 * MINUTE)
        for hours in range(1, 13)
    ]  # fmt: skip
    rows = sorted([*rows, *asked], key=lambda row: row.time_us)
    said = {**TOLD, "database": "crm", "fulls": f'["{new_name}"]', "copy": 0}
    if at != "never":
        at_us = newer.time_us + (at == "later") * 5 * 60 * MINUTE
        place = next(i for i, row in enumerate(rows) if row.time_us > at_us)
        rows.insert(place, Row(0, "seen.PagesRot", at_us, 0, said))
    found_in = hashing.hashed_again(Story(written(rows), of))
    names = {each.sentence.split()[0] for each in found_in}
    assert (old_name in names) == (at != "never")
    assert (new_name in names) == (at != "first")


@pytest.mark.parametrize("late", [False, True])
def test_a_full_that_people_call_rotten_is_no_reason_to_ask_for_none(late: bool) -> None:
    """In WIPED the full of 0:05 and its logs lead up to now, and it is sent again."""
    of, rows = recorded(WIPED)
    checked = [row for row in rows if row.kind == "seen.Validated"]
    name = next(row.values["name"] for row in checked if row.values["header.kind"] == 0)
    place = next(i for i, row in enumerate(rows) if row.kind == "seen.ListShare")
    now_us = rows[place].time_us
    asks = Row(0, "seen.TakeBackup", now_us, 0, {"database": "crm", "kind": 0})
    said = {**TOLD, "database": "crm", "fulls": f'["{name}"]', "copy": 0}
    more = [Row(0, "seen.PagesRot", now_us, 0, said), asks]
    if late:
        more.reverse()
    story = Story(written([*rows[: place + 1], *more, *rows[place + 1 :]]), of)
    found_in = list(first_copy.surviving_backups_come_first(story))
    assert bool(found_in) is late


CALLED_OFF_TOO_EARLY = """\
run_for: 60 min
databases: {web: {size: 200 MB}}
link: {bandwidth: 20 Mbit/s}
heartbeat: {path: data link}
manager: {restart_after: 3 min}
failover: {mode: automatic, silent_for: 90 s, choose: least_loss}
copies: {near: {}, vault: {store: {}}}
events:
- {at: 25 min, link_outage: 4 min, copy: near}
- {at: 20 min, lose_secondary: 2 h, copy: vault}
- {at: 1501 s, call_off_failover: {by: dba}, copy: near}
- {at: 0 h, manager_crash: {before: RaiseAlert}}
"""


def test_a_failover_begins_after_the_old_primary_was_asked_in_vain_to_serve() -> None:
    """It is asked from 28:01 to 28:22, in vain, for it is silent. Then the copies take one turn to
    choose, and the failover begins: nobody need ask again.
    """
    result = run(scenario(CALLED_OFF_TOO_EARLY))
    assert [row.time_us // 1_000_000 for row in result.journal.rows("seen.UnfenceFailed")] == [1702]
    assert result.summary.violations == []
    assert len(result.summary.failovers) == 1


ROTTEN_AND_KEPT = """\
run_for: 50 h
databases: {crm: {size: 200 MB, full: "daily 03:00", incremental: every 2 h}}
link: {bandwidth: 20 Mbit/s}
secondary: {retention: 4 h, keep_fulls: 1}
events: [{at: 21 h, rotting_pages: {database: crm, queried: 3 h}}]
"""


@pytest.mark.parametrize("known", [True, False])
def test_retention_counts_no_full_that_people_call_rotten(known: bool) -> None:
    """The full of Tue 3:00 holds rotten pages, and people say so. At Wed 0:00 it is deleted, and
    younger incrementals on it are kept. Where nobody has said so, that is wrong.
    """
    of, rows = recorded(ROTTEN_AND_KEPT)
    assert any(row.kind == "seen.PagesRot" and row.values["fulls"] != "[]" for row in rows)
    heard = [row for row in rows if known or row.kind != "seen.PagesRot"]
    assert found(keeping.deletes_take_nothing_needed, of, heard) == (set() if known else {"R18"})
    assert not found(keeping.old_logs_go_every_day, of, rows)


ROTTEN_COPY = """\
run_for: 8 h
databases: {crm: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
replay: {on_hole: resync}
events:
- {at: 2 h, rotting_pages: {database: crm, queried: 3 h, then: restore}}
- {at: 2 h, missing_file: crm}
"""


@pytest.mark.parametrize("known", [True, False])
def test_a_copy_that_people_call_rotten_is_no_copy(known: bool) -> None:
    """The copy was restored from a rotten full at 2:15, and people say so at 5:00: no log is
    restored into it any more, and an order to fail over is refused. Where nobody has said so, both
    are wrong.
    """
    of, rows = recorded(ROTTEN_COPY)
    refused = [row.values["reason"] for row in rows if row.kind == "seen.RefuseOrder"]
    assert refused == ["no usable copy of any database is here"]
    heard = [row for row in rows if known or row.kind != "seen.PagesRot"]
    idle, true = reads.replay_waits_on_purpose_only, refusals.refusals_are_true
    assert found(idle, of, heard) == (set() if known else {"R7"})
    assert found(true, of, heard) == (set() if known else {"R14"})


NOTHING_KEPT = """\
run_for: 20 min
databases: {crm: {size: 5 GB}}
link: {bandwidth: 200 Mbit/s}
manager: {restart_after: 90 s}
events:
- {at: 0 h, recovery_model: {database: crm, duration: 2 min}}
- {at: 0 s, manager_crash: {before: Save}}
"""


def test_a_manager_that_could_not_keep_its_start_counts_from_the_next_one() -> None:
    """It dies at 0:00, before it has kept anything, and is back at 1:30. Logs are refused at 5:00,
    10:00 and 15:00: 5, 10 and 15 minutes after its first start, and 3, 8 and 13 after the second.
    """
    of, rows = recorded(NOTHING_KEPT)
    said = [row.values["minutes"] for row in rows if row.kind == "seen.RaiseAlert"]
    assert said[:3] == [3, 8, 13]
    assert found(alert_texts.minutes_are_right, of, rows) == set()
    for wrong in (4, 9):
        (breach, *_) = alert_texts.minutes_are_right(
            Story(written([out for row in rows for out in change(
                "seen.RaiseAlert", {"minutes": wrong}, minutes=3)(row)]), of))  # fmt: skip
        assert breach.sentence.endswith("since the last successful restore; it is 3")


def test_what_a_fleet_is_alerted_of_is_held_against_the_answers_of_each_database_alone() -> None:
    """Against those of all databases it would take minutes."""
    _, rows = recorded(PAUSED)
    alert = next(row for row in rows if row.kind == "seen.RaiseAlert")
    answer = next(row for row in rows if row.kind == "seen.PrimaryAnswered")
    fleet = scenario(CRM.replace("crm: {size", "crm: {copies: 100, size"))
    spoken = []
    for hour in range(150):
        for i, database in enumerate(fleet.databases):
            about = {**alert.values, "database": database.name}
            spoken.append(replace(alert, time_us=hour * 60 * MINUTE, values=about))
            spoken.append(replace(answer, time_us=hour * 60 * MINUTE, entity=i))
    with within(4):
        assert found(asking.what_can_be_made_is_asked_for, fleet, spoken) == set()


def test_of_the_logs_before_a_failover_no_rows_are_spelled_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of, rows = recorded(PLANNED)
    journal = written(rows)
    began = next(row.seq for row in rows if row.kind == "seen.EnterPhase")
    read: list[int] = []
    many = ("seen.Restore", "seen.Restored", "seen.Validated", "seen.Landed")
    as_row, as_rows = Journal._row, Journal._rows_of

    def noted(self: Journal, kind: Any, data: list[int]) -> Row:
        if kind.name in many:
            read.append(data[0])
        return as_row(self, kind, data)

    def all_noted(self: Journal, kind: Any, table: Any) -> Iterator[Row]:
        if kind.name in many:
            read.extend(table[:, 0].tolist())
        return as_rows(self, kind, table)

    monkeypatch.setattr(Journal, "_row", noted)
    monkeypatch.setattr(Journal, "_rows_of", all_noted)
    assert not monitors.broken(journal, of)
    assert read and min(read) > began
