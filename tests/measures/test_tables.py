"""Columns of one kind, parted by the database that they concern."""

from __future__ import annotations

from dr_sim.measures.tables import tables
from dr_sim.record.journal import Journal
from tests.measures.make import MIN


def test_each_database_has_its_own_rows_in_order() -> None:
    journal = Journal()
    for k, entity in enumerate((2, 0, -1, 2, 0, 2)):
        journal.note("truth.failed", k * MIN, entity, "database")
    t = tables(journal)
    found = {
        entity: (t.of("truth.failed", entity)["time_us"] // MIN).tolist()
        for entity in (-1, 0, 1, 2)
    }
    assert found == {-1: [2], 0: [1, 4], 1: [], 2: [0, 3, 5]}
    assert t.of("truth.failed", 2)["seq"].tolist() == [0, 3, 5]


def test_where_there_is_one_database_all_rows_are_its() -> None:
    journal = Journal()
    for k in range(3):
        journal.note("truth.failed", k * MIN, 1, "database")
    t = tables(journal)
    assert [len(t.of("truth.failed", entity)["seq"]) for entity in (0, 1)] == [0, 3]
    assert not len(t.of("truth.restored", 1)["seq"])
