"""How long restores ran in a drain: each until it was answered, or until its manager died."""

from __future__ import annotations

from dr_sim.measures.causes.causes import Causes
from dr_sim.measures.outcome.drained import Drained, drained
from dr_sim.measures.tables import Tables
from dr_sim.record.journal import Journal
from dr_sim.recovery.commands import EndRestore, Restore
from dr_sim.recovery.events import NoRoom, RestoreFailed
from tests.measures.make import MIN, S, a_scenario, record

DRAIN = [(0, 5 * MIN, "detect"), (5 * MIN, 20 * MIN, "drain"), (20 * MIN, 21 * MIN, "recover")]


def spent(journal: Journal) -> Drained:
    journal.note("truth.end", 30 * MIN, -1)
    return drained(Causes(Tables(journal), a_scenario()), DRAIN)


def begins(journal: Journal, time_us: int) -> None:
    record(journal, Restore("crm", "full", False), time_us, 0)


def test_what_finds_no_room_runs_no_longer_than_it_is_tried() -> None:
    """It is tried at 6:00 and at 11:00."""
    journal = Journal()
    for at_us in (6 * MIN, 11 * MIN):
        begins(journal, at_us)
        end_us = at_us + S
        told = NoRoom(end_us, end_us, 1, "crm", "full", 3257, 9, 1, 0)
        record(journal, told, end_us, 0)
    assert spent(journal) == Drained(2 * S, 0)


def test_a_restore_ends_with_its_manager() -> None:
    """It dies at 8:00; the next one begins it again at 10:00, and ends it at 13:00, as it hangs."""
    journal = Journal()
    begins(journal, 4 * MIN)
    journal.note("truth.manager", 8 * MIN, -1, 1, 0)
    journal.note("truth.manager", 9 * MIN, -1, 2, 1)
    begins(journal, 10 * MIN)
    end_us = 13 * MIN
    record(journal, EndRestore("crm", "full", end_us), end_us, 0)
    record(journal, RestoreFailed(end_us, end_us, 2, "crm", "full", 0, False), end_us, 0)
    assert spent(journal) == Drained(6 * MIN, 3 * MIN)
