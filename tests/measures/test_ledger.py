"""Every ledger adds up to its number to the microsecond; in the covered cases nothing stays
unexplained.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_sim.loading import load_scenario
from dr_sim.measures.causes.ledger import (
    Ledger,
    NoSuchThing,
    explain_alert,
    explain_at,
    explain_failover,
)
from dr_sim.measures.causes.pieces import UNEXPLAINED
from dr_sim.measures.exposure.exposure import true_exposure
from dr_sim.measures.outcome.outcome import failovers
from dr_sim.record.journal import Journal
from dr_sim.recovery.commands import Recopy
from dr_sim.recovery.events import ValidationFailed, ValidationOutcome
from dr_sim.world.world import World
from tests.measures.make import MIN, S, a_log, a_scenario, alert, record, survivable
from tests.world.build import ONE, ran


def pieces(ledger: Ledger) -> list[tuple[int, str]]:
    assert sum(line.duration_us for line in ledger.lines) == ledger.total_us
    for line, following in zip(ledger.lines, ledger.lines[1:], strict=False):
        assert line.begin_us + line.duration_us == following.begin_us
    return [(line.duration_us, line.cause) for line in ledger.lines]


def lost(journal: Journal, at: int, lacking: int, commits: int) -> list[tuple[int, str]]:
    """The site is lost and what had landed is promoted: the pieces of the loss."""
    journal.note("truth.failed", at, -1, "site")
    journal.note("truth.promoted", at + MIN, 0, 2, commits, commits, lacking, 0, 0, 0)
    journal.note("truth.end", at + 10 * MIN, -1)
    ledger = explain_failover(journal, a_scenario(), 1)[0]
    assert ledger.total_us == at - lacking
    return pieces(ledger)


def begin(journal: Journal, file: int, at: int, commits: int, kind: int = 2) -> None:
    journal.note("truth.backup_begin", at, 0, file, kind, 1, commits - 300, commits, commits)


def finish(journal: Journal, file: int, at: int, commits: int, kind: int = 2) -> None:
    journal.note(
        "truth.backup_finished",
        at,
        0,
        file,
        kind,
        1,
        commits - 300,
        commits,
        commits,
        10**6,
        f"file{file}",
    )


def state(journal: Journal, file: int, at: int, name: str) -> None:
    journal.note("truth.file_state", at, 0, file, name)


def event(journal: Journal, at: int, number: int, what: str, begins: int, entity: int = -1) -> None:
    journal.note("truth.event", at, entity, number, what, begins, "")


def test_between_two_logs_all_is_log_interval() -> None:
    journal = Journal()
    a_log(journal, 1, 5 * MIN)
    assert lost(journal, 8 * MIN, 5 * MIN, 300) == [(3 * MIN, "log interval")]


def test_the_failure_of_the_sketch() -> None:
    """5:00 log interval, 0:02 backup, 39:58 link down (event 2), 2:12 back-off: 47:12."""
    journal = Journal()
    a_log(journal, 1, 120 * MIN)
    begin(journal, 2, 125 * MIN, 7500)
    event(journal, 125 * MIN, 2, "link_outage", 1)
    journal.note("truth.link", 125 * MIN, -1, 0, 200_000_000)
    finish(journal, 2, 125 * MIN + 2 * S, 7500)
    state(journal, 2, 125 * MIN + 2 * S, "queued")
    state(journal, 2, 126 * MIN, "backoff")
    journal.note("truth.link", 165 * MIN, -1, 1, 200_000_000)
    event(journal, 165 * MIN, 2, "link_outage", 0)
    found = lost(journal, 167 * MIN + 12 * S, 120 * MIN, 7200)
    assert found == [
        (5 * MIN, "log interval"),
        (2 * S, "log backup"),
        (39 * MIN + 58 * S, "link down (event 2)"),
        (2 * MIN + 12 * S, "replicator back-off"),
    ]


def test_a_backup_that_was_cut_off_leaves_it_to_the_next() -> None:
    journal = Journal()
    a_log(journal, 1, 5 * MIN)
    begin(journal, 2, 10 * MIN, 600)
    event(journal, 10 * MIN, 4, "backup_cut_off", 1)
    event(journal, 10 * MIN, 4, "backup_cut_off", 0)
    journal.note("truth.backup_cut_off", 10 * MIN + S, 0, 2, 2)
    begin(journal, 3, 15 * MIN, 900)
    assert lost(journal, 15 * MIN + S, 5 * MIN, 300) == [
        (5 * MIN, "log interval"),
        (300 * S, "log backup cut off (event 4)"),
        (S, "log backup"),
    ]


def test_paused_jobs_are_named_from_the_first_slot_that_they_missed() -> None:
    journal = Journal()
    a_log(journal, 1, 5 * MIN)
    event(journal, 7 * MIN, 3, "paused_backups", 1)
    for at in (10, 15):
        journal.note("truth.backup_skipped", at * MIN, 0, 2, "paused: move", "")
    assert lost(journal, 17 * MIN, 5 * MIN, 300) == [
        (5 * MIN, "log interval"),
        (7 * MIN, "log backups paused (event 3)"),
    ]


def test_a_damaged_copy_is_validated_recopied_and_sent_again() -> None:
    journal = Journal()
    a_log(journal, 1, 5 * MIN)
    begin(journal, 2, 10 * MIN, 600)
    finish(journal, 2, 10 * MIN + 2 * S, 600)
    state(journal, 2, 10 * MIN + 2 * S, "sending")
    journal.note("truth.transfer_bytes", 10 * MIN + 3 * S, 0, 2, 100)
    state(journal, 2, 10 * MIN + 3 * S, "landed")
    journal.note("truth.landed", 10 * MIN + 3 * S, 0, 2, 2, 1, 300, 600, 0, "file2")
    record(
        journal,
        ValidationFailed(0, 0, 1, "crm", "file2", ValidationOutcome.HASH_MISMATCH, 60001, ""),
        10 * MIN + 4 * S,
        0,
    )
    record(journal, Recopy("crm", "file2"), 10 * MIN + 9 * S, 0)
    state(journal, 2, 10 * MIN + 10 * S, "sending")
    assert lost(journal, 10 * MIN + 12 * S, 5 * MIN, 300) == [
        (5 * MIN, "log interval"),
        (2 * S, "log backup"),
        (S, "transfer"),
        (S, "landed damaged, being validated"),
        (5 * S, "damaged copy, nothing done yet"),
        (S, "copy asked for again"),
        (2 * S, "recopy: transfer"),
    ]


def test_a_hole_is_followed_into_the_backup_that_would_bridge_it() -> None:
    journal = Journal()
    a_log(journal, 1, 5 * MIN)
    begin(journal, 2, 10 * MIN, 600)
    event(journal, 10 * MIN, 1, "missing_file", 1, entity=0)
    finish(journal, 2, 10 * MIN + 2 * S, 600)
    journal.note("truth.file_gone", 10 * MIN + 2 * S, 0, 2, "primary", "lost")
    begin(journal, 3, 25 * MIN, 0, kind=1)
    finish(journal, 3, 26 * MIN, 1560, kind=1)
    state(journal, 3, 26 * MIN, "sending")
    assert lost(journal, 30 * MIN, 5 * MIN, 300) == [
        (5 * MIN, "log interval"),
        (2 * S, "log backup"),
        (15 * MIN - 2 * S, "hole in the chain (event 1)"),
        (MIN, "repair: incremental backup"),
        (4 * MIN, "repair: incremental transfer"),
    ]


def test_a_hole_that_nobody_repairs_is_a_hole_to_the_end() -> None:
    journal = Journal()
    a_log(journal, 1, 5 * MIN)
    begin(journal, 2, 10 * MIN, 600)
    finish(journal, 2, 10 * MIN + 2 * S, 600)
    journal.note("truth.file_gone", 10 * MIN + 2 * S, 0, 2, "primary", "lost")
    assert lost(journal, 30 * MIN, 5 * MIN, 300)[-1] == (20 * MIN - 2 * S, "hole in the chain")


def test_sharing_the_link_and_being_held_back_are_told_apart() -> None:
    journal = Journal()
    a_log(journal, 1, 5 * MIN)
    begin(journal, 7, 6 * MIN, 0, kind=0)
    finish(journal, 7, 7 * MIN, 420, kind=0)
    state(journal, 7, 7 * MIN, "sending")
    begin(journal, 2, 10 * MIN, 600)
    finish(journal, 2, 10 * MIN + 2 * S, 600)
    state(journal, 2, 10 * MIN + 2 * S, "sending")
    journal.note("truth.transfer_bytes", 10 * MIN + 5 * S, 0, 2, 100)
    found = lost(journal, 10 * MIN + 12 * S, 5 * MIN, 300)
    assert found[2:] == [(3 * S, "transfer, sharing the link"), (7 * S, "held back on its way")]


def test_what_no_record_accounts_for_is_said_to_be_unexplained() -> None:
    journal = Journal()
    a_log(journal, 1, 5 * MIN)
    begin(journal, 2, 10 * MIN, 600)
    finish(journal, 2, 10 * MIN + 2 * S, 600)  # and then no word of it
    assert lost(journal, 11 * MIN, 5 * MIN, 300)[-1] == (58 * S, UNEXPLAINED)


def test_split_brain_is_a_line_of_its_own() -> None:
    journal = Journal()
    a_log(journal, 1, 5 * MIN)
    journal.note("truth.promoted", 8 * MIN, 0, 2, 300, 300, 5 * MIN, 0, 0, 0)
    journal.note("truth.discarded", 9 * MIN, 0, 1, 10, 0, 1, 9 * MIN)
    journal.note("truth.end", 20 * MIN, -1)
    assert pieces(explain_failover(journal, a_scenario(), 1)[0]) == [
        (3 * MIN, "log interval"),
        (MIN, "split brain"),
    ]


def test_exposure_and_alerts_are_explained_the_same_way() -> None:
    journal = Journal()
    survivable(journal, 0, 0)
    a_log(journal, 1, 5 * MIN)
    alert(journal, 8 * MIN)
    journal.note("truth.end", 20 * MIN, -1)
    scenario = a_scenario()
    (ledger,) = explain_at(journal, scenario, 5 * MIN + S)
    assert pieces(ledger) == [(5 * MIN, "log interval"), (S, "log backup")]
    (ledger,) = explain_alert(journal, scenario, 1)
    assert pieces(ledger) == [(3 * MIN, "log interval")]
    assert "no new logs" in ledger.title


def test_what_is_not_there_cannot_be_explained() -> None:
    journal = Journal()
    survivable(journal, 0, 0)
    journal.note("truth.end", 20 * MIN, -1)
    for ask in (
        lambda: explain_failover(journal, a_scenario(), 1),
        lambda: explain_alert(journal, a_scenario(), 1),
        lambda: explain_at(journal, a_scenario(), 21 * MIN),
    ):
        with pytest.raises(NoSuchThing):
            ask()


# ---- through the real world
SCENARIO = """
name: ledger
seed: {seed}
run_for: 14 h
databases:
  crm: {{size: 5 GB, log_volume: 20 MB per 5 min, full: none, differential: none, log: every 5 min}}
  erp: {{size: 2 GB, log_volume: 5 MB per 5 min, full: daily 09:30, differential: none, log: every 5 min}}
link: {{bandwidth: 50 Mbit/s, rtt: 30 ms, loss: 0.0001 %}}
replication: {{staging: 64 GB}}
failover: {{mode: automatic, silent_for: 30 s}}
events:
  - {{at: Mon 10:01, {first}}}
  - {{at: "Mon {second_at}", {second}}}
  - {{at: "Mon {lost_at}", lose: site}}
"""
FAULTS = (
    "missing_file: crm",
    "paused_backups: {database: crm, duration: 20 min}",
    "late_file: {database: crm, by: 25 min}",
    "corrupt_in_transit: crm",
    "corrupt_at_rest: {database: crm, where: secondary}",
    "backup_cut_off: crm",
    "manager_crash",
    "throttle: {to: 300 kbit/s, duration: 15 min}",
    "packet_loss: {loss: 20 %, duration: 30 min}",
    "link_outage: 12 min",
)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(FAULTS), st.sampled_from(FAULTS), st.integers(2, 50), st.integers(1, 59), st.integers(0, 59), st.integers(0, 3)
)  # fmt: skip
def test_whatever_happens_the_ledgers_add_up(
    tmp_path_factory: pytest.TempPathFactory,
    first: str,
    second: str,
    second_at: int,
    lost_min: int,
    lost_s: int,
    seed: int,
) -> None:
    path: Path = tmp_path_factory.mktemp("ledger") / "scenario.yaml"
    path.write_text(
        SCENARIO.format(
            seed=seed,
            first=first,
            second=second,
            second_at=f"10:{second_at:02d}",
            lost_at=f"10:{lost_min:02d}:{lost_s:02d}",
        ),
        encoding="utf-8",
    )
    scenario = load_scenario(path)
    journal = World(scenario).run(None)
    (failover,) = failovers(journal, scenario)
    loss, outage = explain_failover(journal, scenario, 1)
    for ledger in (loss, outage):
        if ledger.total_us is not None:
            assert not [cause for _, cause in pieces(ledger) if UNEXPLAINED in cause]
    assert sum(failover.phases_us.values()) == failover.until_us - failover.outage_from_us
    for database in range(2):
        curve = true_exposure(journal, scenario, database)
        for t_us in (failover.failed_us, failover.failed_us - 7 * MIN - 1, failover.failed_us // 2):
            (ledger,) = explain_at(journal, scenario, t_us, database)
            assert ledger.total_us == curve.at(t_us)
            assert not [cause for _, cause in pieces(ledger) if UNEXPLAINED in cause]


def explained(text: str, *overrides: str) -> Ledger:
    """The data loss of a run's first failover, checked to add up."""
    world = ran(text, *overrides)
    ledger = explain_failover(world.journal, world.context.scenario, 1)[0]
    pieces(ledger)
    return ledger


LOST = "failover: {mode: automatic}\nevents: [{at: 62 min, lose: site}]\n"


def test_a_stream_that_loss_and_distance_cap_is_not_said_to_share_the_link() -> None:
    """1460 B / 30 ms * 1.22 / sqrt(1 %) = 4.74986 Mbit/s on a link of 100: 60 MB take 101 s with or
    without others.
    """
    soon = LOST.replace("62 min", "61 min")
    ledger = explained(ONE + soon, "link.loss=1 %", "databases.crm.log_volume=60 MB per 5 min")
    (capped,) = [line for line in ledger.lines if line.cause.startswith("transfer")]
    assert capped.cause == "transfer, capped by loss"
    assert capped.detail == "one stream carries 4.75 Mbit/s at 1 % and 30 ms"
    two = (
        ONE.replace("}}\nlink", "}, other: {size: 1 GB, log_volume: 60 MB per 5 min}}\nlink") + LOST
    )
    wide = explained(
        two, "link.loss=1 %", "databases.crm.log_volume=61 MB per 5 min", "failover.drain_limit=1 s"
    )
    assert "transfer, sharing the link" not in [line.cause for line in wide.lines]
    narrow = explained(
        two, "link.loss=1 %", "link.bandwidth=5 Mbit/s", "databases.crm.log_volume=61 MB per 5 min"
    )
    assert {line.cause for line in narrow.lines if "transfer" in line.cause} == {
        "transfer, sharing the link"
    }


def test_a_database_without_logs_waits_for_its_next_full_or_incremental() -> None:
    ledger = explained(ONE + LOST, "databases.crm.log=none", "databases.crm.full=every 40 min")
    assert [(line.cause, line.detail) for line in ledger.lines] == [
        ("backup interval", "no log backups; the next full or incremental was not begun yet")
    ]


def test_a_log_that_the_failure_finds_being_made_is_not_called_cut_off() -> None:
    ledger = explained(ONE + LOST.replace("62 min", "60 min 1 s"), "primary.log.fixed=2 s")
    last = ledger.lines[-1]
    assert (last.cause, last.duration_us) == ("log backup", S)
    assert last.detail == "the log begun 2026-01-05T01:00:00Z was still being made"


def test_while_the_manager_is_down_no_phase_is_said_to_go_on() -> None:
    """Crashed 55 s after the loss, in the middle of recovering, and back after 5 min."""
    text = (
        ONE
        + LOST.replace("}]", "}, {at: 62 min 55 s, manager_crash: {}}]")
        + "manager: {restart_after: 5 min}\n"
    )
    world = ran(text)
    outage = explain_failover(world.journal, world.context.scenario, 1)[1]
    pieces(outage)
    down = [line for line in outage.lines if line.detail == "the recovery manager was down"]
    assert [line.duration_us for line in down] == [5 * MIN]


def test_an_outage_of_the_link_is_put_down_to_the_events_of_that_time_alone() -> None:
    """From 59 min to 109 min by two that overlap; lost after 62, 90 and 105 min."""
    events = (
        "events:\n- {at: 59 min, link_outage: 40 min}\n- {at: 89 min, link_outage: 20 min}\n"
        "- {at: 105 min, lose: site}\n"
    )
    world = ran(ONE + "failover: {mode: automatic}\nheartbeat: {path: own}\n" + events)
    scenario = world.context.scenario
    (ledger,) = explain_at(world.journal, scenario, 80 * MIN)
    causes = {line.cause for line in ledger.lines}
    assert causes == {"log interval", "log backup", "link down (event 1)"}
    whole = explain_failover(world.journal, scenario, 1)[0]
    down = [(line.cause, line.duration_us) for line in whole.lines if "link" in line.cause]
    made = next(line for line in whole.lines if line.cause == "log backup")
    assert down == [
        ("link down (event 1)", 89 * MIN - made.begin_us - made.duration_us),
        ("link down (event 1, event 2)", 10 * MIN),
        ("link down (event 2)", 6 * MIN),
    ]


def test_files_bear_the_number_of_their_database_in_the_run_whatever_its_place_in_the_leg() -> None:
    """After a failover in which only the third database came back it is the leg's first."""
    damaged = "events: [{at: 21 min, corrupt_in_transit: {database: crm, files: 3}}]\n"
    world = ran(ONE + damaged, "link.bandwidth=600 kbit/s", "replication.slots=1")
    third = Journal()
    for row in world.journal.rows():
        values = dict(row.values)
        if "file" in values:
            values["file"] += 2 << 32
        third.note(row.kind, row.time_us, row.entity, *values.values())
    scenario = world.context.scenario
    seen = set()
    for minute in range(20, 60, 4):
        expected = pieces(explain_at(world.journal, scenario, minute * MIN, 0)[0])
        assert pieces(explain_at(third, scenario, minute * MIN, 0)[0]) == expected
        seen.update(cause for _, cause in expected)
    assert {"queued", "transfer", "recopy: transfer"} <= seen
