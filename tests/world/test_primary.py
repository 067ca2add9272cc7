"""The primary's jobs: what they cost, what they skip, what they wait for, and what a job that dies
leaves.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from dr_sim.backups.model import Kind
from dr_sim.record.journal import Journal
from world.build import HOUR, MINUTE, ONE, SECOND, ran, rows, violations

LOG_RATE, FULL_RATE = 169_000_000, 191_000_000


def told(text: str, *sets: str) -> Journal:
    journal = ran(text, *sets).journal
    assert violations(journal) == []
    return journal


def backups(journal: Journal, kind: Kind = Kind.LOG) -> list[Any]:
    """(begun, finished, first LSN, last LSN, bytes) of every whole backup of a kind."""
    begun = {r.values["file"]: r.time_us for r in journal.rows("truth.backup_begin")}
    return [
        (begun[v["file"]], r.time_us, v["first_lsn"], v["last_lsn"], v["nominal_bytes"])
        for r in journal.rows("truth.backup_finished")
        if (v := r.values)["kind"] == kind
    ]


def skipped(journal: Journal) -> list[tuple[int, int, str]]:
    return rows(journal, "truth.backup_skipped", "kind", "reason")


def ceil_us(amount: int, rate: int) -> int:
    return -(-amount * SECOND // rate)


# ---- logs
def test_a_log_is_cut_when_its_job_starts_and_takes_what_was_written_since() -> None:
    journal = told(ONE)
    found = backups(journal)
    for k, (begun, finished, first, last, size) in enumerate(found, start=1):
        assert begun == 5 * MINUTE * k
        assert finished == begun + SECOND + ceil_us(size, LOG_RATE)
        assert last == 1 + 20_000_000 * k
        assert size == last - max(first, 1)
    assert all(a[3] == b[2] for a, b in pairwise(found))
    assert len(found) == 23  # the 24th is cut at the very end of the run


def test_a_log_that_overruns_its_slot_skips_the_next_and_the_one_after_covers_it() -> None:
    """Each log takes 300 s and more: every second one is skipped."""
    journal = told(ONE, "primary.log={fixed: 299 s, rate: 1 MB/s}")
    begun = [b[0] // MINUTE for b in backups(journal)]
    assert begun == list(range(5, 110, 10))
    assert [(t // MINUTE, kind, reason) for t, kind, reason in skipped(journal)][:3] == [
        (10, 2, "overrun"), (20, 2, "overrun"), (30, 2, "overrun"),
    ]  # fmt: skip
    sizes = [b[4] for b in backups(journal)]
    assert sizes[1:] == [40_000_000] * (len(sizes) - 1)


def test_paused_jobs_are_skipped_with_the_reason_and_the_next_log_covers_it_all() -> None:
    journal = told(
        ONE + "events: [{at: 7 min, paused_backups: {database: crm, duration: 20 min, reason: "
        "upgrade}}]\n"
    )
    assert [(t // MINUTE, reason) for t, _, reason in skipped(journal)][:4] == [
        (10, "paused: upgrade"),
        (15, "paused: upgrade"),
        (20, "paused: upgrade"),
        (25, "paused: upgrade"),
    ]
    first, second = backups(journal)[:2]
    assert second[0] == 30 * MINUTE
    assert second[2] == first[3]
    assert second[4] == 100_000_000


def test_a_log_that_is_cut_off_truncates_nothing() -> None:
    journal = told(ONE + "events: [{at: 11 min, backup_cut_off: {database: crm, after: 25 %}}]\n")
    (cut,) = rows(journal, "truth.backup_cut_off")
    assert cut == 15 * MINUTE + SECOND + ceil_us(5_000_000, LOG_RATE)  # a quarter of its bytes
    second, third = backups(journal)[1:3]
    assert (third[0], third[2], third[4]) == (20 * MINUTE, second[3], 40_000_000)
    torn = next(r for r in journal.rows("truth.landed") if not r.values["intact"])
    assert torn.values["last_lsn"] == 1 + 60_000_000


def test_a_backup_under_way_is_cut_off_at_once() -> None:
    journal = told(ONE + "events: [{at: 301.05 s, backup_cut_off: crm}]\n")
    assert rows(journal, "truth.backup_cut_off") == [301_050_000]


def test_an_idle_database_makes_empty_logs_on_time() -> None:
    journal = told(ONE, "databases.crm.log_volume=0 B/s")
    assert [b[1] - b[0] for b in backups(journal)[1:]] == [SECOND] * 22
    assert {b[4] for b in backups(journal)[1:]} == {0}
    assert len(rows(journal, "truth.landed")) == 23


# ---- fulls and incrementals
FULL = """\
run_for: 3 h
start: 2026-01-04 23:31
databases: {crm: {size: 100 GB, full: daily 00:00, incremental: daily 01:00, incremental_share: 50 %}}
link: {bandwidth: 10 Gbit/s}
replication: {staging: 1 TB}
"""
FULL_AT = 29 * MINUTE


def test_logs_go_on_during_a_full_and_share_the_machines_disk() -> None:
    """A full at 191 MB/s and a log at 169 on a disk of 300: each has half of it while both read."""
    journal = told(FULL, "primary.disk=300 MB/s")
    ((begun, finished, *_),) = backups(journal, Kind.FULL)
    assert begun == FULL_AT
    beside = [b for b in backups(journal) if begun < b[0] and b[1] < finished]
    assert len(beside) == 2
    for b in beside:  # its second of fixed cost takes nothing of the disk
        assert b[1] - b[0] == SECOND + ceil_us(b[4], 150_000_000)
    slowed = sum(b[1] - b[0] - SECOND for b in beside)
    alone = 5 * SECOND + ceil_us(100_000_000_000, FULL_RATE)
    # while a log reads, the full has 150
    assert abs(finished - begun - alone - slowed * 41 // 191) < 10


def test_a_full_holds_all_up_to_its_end_and_moves_the_base() -> None:
    journal = told(FULL)
    ((_, finished, first, last, size),) = backups(journal, Kind.FULL)
    assert size == 100_000_000_000
    assert (first, last) == tuple(
        1 - (-20_000_000 * t // (5 * MINUTE)) for t in (FULL_AT, finished)
    )
    ((begun, _, i_first, i_last, i_size),) = backups(journal, Kind.INCREMENTAL)
    assert begun == FULL_AT + HOUR
    assert i_size == (i_first - first) // 2  # half of the log since the full began
    assert i_last > i_first


def test_an_incremental_is_never_larger_than_the_database() -> None:
    journal = told(FULL, "databases.crm.size=1 MB")
    assert backups(journal, Kind.INCREMENTAL)[0][4] == 1_000_000


def test_serial_jobs_wait_for_each_other_one_of_a_kind() -> None:
    """The full takes 8:49 from 0:29; the logs of 0:30 and 0:35 find it running: the first waits,
    the second is skipped.
    """
    journal = told(FULL, "databases.crm.serial=yes")
    ((_, finished, *_),) = backups(journal, Kind.FULL)
    waited = [b for b in backups(journal) if b[0] == finished]
    assert len(waited) == 1
    assert [(t // MINUTE, r) for t, _, r in skipped(journal)] == [(35, "overrun")]
    assert waited[0][3] == 1 + -(
        -20_000_000 * finished // (5 * MINUTE)
    )  # it is cut when it starts, not when it was due


def test_databases_on_machines_of_their_own_have_disks_of_their_own() -> None:
    text = """\
run_for: 1 h
machines: [a, b]
databases: {x: {size: 1 GB, full: none, incremental: none, "on": a}, y: {size: 1 GB, full: none, incremental: none, "on": MACHINE}}
link: {bandwidth: 100 Mbit/s}
primary: {disk: 10 MB/s}
"""
    together, apart = (told(text.replace("MACHINE", m)) for m in "ab")
    assert backups(together)[0][1] == 5 * MINUTE + SECOND + ceil_us(20_000_000, 5_000_000)
    assert backups(apart)[0][1] == 5 * MINUTE + SECOND + ceil_us(20_000_000, 10_000_000)


# ---- the end of a primary
@pytest.mark.parametrize("what", ["site", "host", "database"])
def test_jobs_die_with_the_primary_and_no_more_begin(what: str) -> None:
    journal = told(
        ONE + f"events: [{{at: 901.05 s, lose: {what}}}]\n", "failover.operator.approves=no"
    )
    assert rows(journal, "truth.backup_cut_off") == [901_050_000]
    assert max(rows(journal, "truth.backup_begin")) == 15 * MINUTE
    (total,) = rows(journal, "truth.commits_total", "commits")
    # commits that were acknowledged before the loss
    assert total[1] == -(-901_050_000 * 10 // SECOND)


def test_one_database_lost_leaves_the_other_at_work() -> None:
    text = """\
run_for: 1 h
databases: {x: &d {size: 1 GB, full: none, incremental: none}, y: *d}
link: {bandwidth: 100 Mbit/s}
failover: {operator: {approves: no}}
events: [{at: 12 min, lose: {what: database, database: x}}]
"""
    journal = told(text)
    of = {e: [r for r in journal.rows("truth.backup_finished") if r.entity == e] for e in (0, 1)}
    assert (len(of[0]), len(of[1])) == (2, 11)


def test_logs_every_second_do_not_make_it_look_at_all_names_it_ever_gave() -> None:
    run = ran(ONE, "databases.crm.log=every 1 s", "run_for=90 min")
    names = [r.values["name"] for r in run.journal.rows("truth.backup_finished")]
    # every other one finds the one before it still running
    assert len(names) == len(set(names)) > 2600
    assert len(run.primary.databases[0].named) <= 1801


@pytest.mark.parametrize("seeded", [True, False])
def test_the_first_log_holds_what_was_written_and_no_byte_more(seeded: bool) -> None:
    """20 MB are written in five minutes. LSN 0 is no LSN: the range of the first log begins there,
    its bytes do not.
    """
    text = ONE if seeded else ONE.replace("full: none", "seeded: false, full: every 1 min")
    found = [
        (r.values["first_lsn"], r.values["last_lsn"], r.values["nominal_bytes"])
        for r in told(text, "run_for=16 min").rows("truth.backup_finished")
        if r.values["kind"] == Kind.LOG
    ]
    assert found == [
        (0, 20_000_001, 20_000_000),
        (20_000_001, 40_000_001, 20_000_000),
        (40_000_001, 60_000_001, 20_000_000),
    ]


def test_a_second_job_that_comes_after_the_tail_finds_a_database_that_is_restoring() -> None:
    text = (
        ONE + "events: [{at: 43 min, order_failover: {by: dba, planned: true}}, {at: 50 min, "
        "second_log_job: {database: crm}}]\n"
    )
    journal = told(text, "run_for=1 h")
    (skipped,) = [
        why for t, why in rows(journal, "truth.backup_skipped", "words") if t == 50 * MINUTE
    ]
    assert skipped.startswith("927 ") and len(rows(journal, "truth.promoted")) == 1
