"""What the secondary can ask of the primary's site, by which path, and what a tail needs. See also
test_promotion.py.
"""

from __future__ import annotations

import pytest

from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.world.link.remote import Remote
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.primary.covering import _covers
from world.build import MINUTE, ONE, SECOND, World, during, rows, violations

OWN, SHARED = "heartbeat.path=own", "heartbeat.path=data link"
MANUAL = "failover.mode=manual"


def remote(built: World) -> Remote:
    found = built.hands.other_side._remote
    assert isinstance(found, Remote)
    return found


@pytest.mark.parametrize(
    ("path", "event", "question", "order"),
    [
        (OWN, "partition: {cut: both, duration: 10 min}", True, True),
        (OWN, "link_outage: 10 min", True, True),
        (OWN, "lose: host", True, True),  # a dead host's share still answers
        (OWN, "lose: site", False, False),
        (SHARED, "partition: {cut: both, duration: 10 min}", False, False),
        # heard, but the answer is not
        (SHARED, "partition: {cut: to_secondary, duration: 10 min}", False, True),
        (SHARED, "partition: {cut: to_primary, duration: 10 min}", False, False),
        (SHARED, "link_outage: 10 min", False, False),
        (SHARED, "packet_loss: {loss: 1 %, duration: 10 min}", True, True),
    ],
)
def test_questions_and_orders_take_the_path_of_the_heartbeats(
    path: str, event: str, question: bool, order: bool
) -> None:
    seen: list[tuple[bool, ...]] = []

    def look(built: World) -> None:
        r = remote(built)
        seen.append(
            (
                r.path_up(),
                r.ask_share(0)[0],
                not r.recopy(None).startswith("unreachable"),
                r.order_arrives(),
            )
        )

    text = f"{ONE}events: [{{at: 41 min, {event}}}]\n"
    during(text, (path, MANUAL, "run_for=1 h"), (42 * MINUTE, look))
    assert seen == [(question, question, question, order)]


@pytest.mark.parametrize(
    ("fork", "lsn", "held"),
    [
        (2, 300, True),
        (2, 399, True),
        (2, 400, False),
        (1, 300, True),
        (1, 301, False),
        (3, 300, False),
    ],
)
def test_the_first_log_after_a_failover_holds_the_last_position_of_the_fork_before(
    fork: int, lsn: int, held: bool
) -> None:
    """A standby that has caught up to there asks for what goes on from it."""
    header = BackupHeader("crm", 7, Kind.LOG, 2, 300, 400, 0, 0, 0, 1, 300, 0, 0)
    file = BackupFile(7, 0, "crm_log", header, 0, 0)
    file.finished(header, b"it is whole", 0)
    file.at_primary = True
    assert _covers(file, fork, lsn) is held


def test_a_tail_needs_a_database_that_takes_no_more_writes() -> None:
    """Cut from a database that goes on writing it would be the last log, and everything after it
    would be lost unseen.
    """
    answers: list[str] = []

    def take(built: World) -> None:
        answers.append(
            remote(built).take_tail(0, lambda file: answers.append(file.name if file else "died"))
        )

    def fence(built: World) -> None:
        built.primary.stop_writes(built.primary.databases[0])

    at = 42 * MINUTE
    built = during(ONE, ("run_for=1 h",), (at, take), (at + SECOND, fence), (at + 2 * SECOND, take))
    assert answers == ["not fenced: it still takes writes", "", "crm_2026_01_05_00_42_02_log_000"]
    assert violations(built.journal) == []


@pytest.mark.parametrize(
    ("event", "why"),
    [("lose: host", "host lost: the log cannot be read"), ("lose: site", "unreachable")],
)
def test_a_tail_needs_the_files_of_the_log(event: str, why: str) -> None:
    answers: list[str] = []
    text = f"{ONE}events: [{{at: 41 min, {event}}}]\n"
    during(
        text,
        (MANUAL, "run_for=1 h"),
        (42 * MINUTE, lambda w: answers.append(remote(w).take_tail(0, lambda file: None))),
    )
    assert answers == [why]


def test_a_tail_that_is_asked_for_twice_is_one() -> None:
    taken: list[str] = []

    def take(built: World) -> None:
        built.primary.stop_writes(built.primary.databases[0])
        for _ in range(2):
            assert (
                remote(built).take_tail(0, lambda file: taken.append(file.name if file else "died"))
                == ""
            )

    built = during(ONE, ("run_for=1 h",), (42 * MINUTE, take), (50 * MINUTE, take))
    assert taken == ["crm_2026_01_05_00_42_00_log_000"] * 4
    assert len([t for t in rows(built.journal, "truth.backup_begin") if t >= 42 * MINUTE]) == 1
