"""`dr-sim verify`: a record holds, and an edit of any one row is caught at that row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world.build import World, ran

from dr_sim.record import journal_file
from dr_sim.record.journal import Journal
from dr_sim.record.kinds import KIND_ID, KINDS, SEEN_CLASS
from dr_sim.record.verify import Verified, verify
from dr_sim.recovery.commands import COMMANDS
from dr_sim.world.own_logic import builder
from tests.at_length import some_or_all

TEXT = """\
run_for: 75 min
start: 2026-01-04 23:50
databases: {crm: {size: 1 GB, full: none, incremental: daily 00:20}, b_2: {size: 1 GB, full: none, incremental: none}}
link: {bandwidth: 100 Mbit/s}
failover: {mode: automatic}
secondary: {restore_fixed: 3 s}
manager: {restart_after: 20 s}
events:
  - {at: 301 s, corrupt_in_transit: crm}
  - {at: 607 s, manager_crash: {}}
  - {at: 901 s, missing_file: crm}
  - {at: 30 min, order_failover: {by: somebody}}
  - {at: 61 min, lose: site}
"""


@cache
def world() -> World:
    return ran(TEXT)


def held(journal: Journal, checks: Any = None) -> Verified:
    scenario = world().context.scenario
    return verify(journal, {0: builder(scenario)}, checks)


def verified(table: pa.Table, folder: Path) -> Verified:
    pq.write_table(table, folder / "journal.parquet", compression="none")
    return held(*journal_file.load(folder / "journal.parquet"))


@cache
def table() -> pa.Table:
    """The file's content, its texts as plain columns, which can be given any text."""
    whole = journal_file.table_of(world().journal)
    for at, field in enumerate(whole.schema):
        if pa.types.is_dictionary(field.type):
            whole = whole.set_column(at, field.name, whole[field.name].cast(pa.string()))
    return whole


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("verify")


def test_the_run_has_all_sorts_of_rows_and_holds(folder: Path) -> None:
    kinds = {r.kind for r in world().journal.rows()}
    assert {
        "truth.restored",
        "truth.promoted",
        "truth.manager",
        "seen.ValidationFailed",
        "seen.RaiseAlert",
        "seen.TakeBackup",
        "seen.RefuseOrder",
        "seen.Recopy",
        "seen.Redirected",
    } <= kinds
    found = verified(table(), folder)
    assert found.mismatch is None
    assert found.rows == len(world().journal)
    assert found.commands == sum(
        len(world().journal.of_kind(KIND_ID[f"seen.{c.__name__}"])) for c in COMMANDS
    )


# ---- one cell
@dataclass(frozen=True)
class Edit:
    row: int
    column: str
    value: Any


def edited(edit: Edit) -> pa.Table:
    whole, row = table(), edit.row
    field = whole.schema.field(edit.column)
    at = whole.column_names.index(edit.column)
    cell = whole[row : row + 1].set_column(at, field, pa.array([edit.value], field.type))
    return pa.concat_tables([whole[:row], cell, whole[row + 1 :]])


def other_values(column: str, row: int) -> st.SearchStrategy[Any]:
    now = table()[column][row].as_py()
    if column == "kind":
        values: st.SearchStrategy[Any] = st.sampled_from(
            [*(k.name for k in KINDS), "truth.nothing", ""]
        )
    elif pa.types.is_string(table()[column].type):
        values = st.one_of(
            st.none(), st.sampled_from(["", "crm", "b_2", f"{now}x"]), st.text(max_size=5)
        )
    elif column == "check":
        values = st.one_of(st.none(), st.integers(0, 2**32 - 1))
    elif column == "entity":
        values = st.one_of(st.none(), st.integers(-2, 3), st.integers(-(2**31), 2**31 - 1))
    else:
        near = st.integers(-3, 3).map(lambda d: (now or 0) + d)
        values = st.one_of(st.none(), near, st.integers(-(2**63), 2**63 - 1))
    return values.filter(lambda v: v != now)


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    row = draw(st.integers(0, len(world().journal) - 1))
    column = draw(st.sampled_from(table().column_names))
    return Edit(row, column, draw(other_values(column, row)))


def caught(edit: Edit, folder: Path) -> None:
    mismatch = verified(edited(edit), folder).mismatch
    assert mismatch is not None, "the edit was not caught"
    assert mismatch.seq == edit.row


shared = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@given(edit=edits())
@settings(max_examples=20, **shared)  # type: ignore[arg-type]
def test_any_edit_of_one_cell_is_caught_at_its_row(folder: Path, edit: Edit) -> None:
    caught(edit, folder)


@pytest.mark.long
@given(edit=edits())
@settings(max_examples=3000, **shared)  # type: ignore[arg-type]
def test_any_edit_of_one_cell_is_caught_at_its_row_tried_often(folder: Path, edit: Edit) -> None:
    caught(edit, folder)


@pytest.mark.parametrize("kind", some_or_all(sorted({r.kind for r in world().journal.rows()}), 6))
def test_in_rows_of_every_kind_time_entity_and_a_field_are_watched(kind: str, folder: Path) -> None:
    row = next(world().journal.rows(kind))
    cells = [
        "time_us",
        "entity",
        *(c for c in table().column_names[4:-1] if table()[c][row.seq].as_py() is not None),
    ]
    for column in cells:
        now = table()[column][row.seq].as_py()
        caught(Edit(row.seq, column, now + 1 if isinstance(now, int) else f"{now}."), folder)


def test_a_field_that_a_kind_does_not_have_cannot_be_smuggled_in(folder: Path) -> None:
    row = next(world().journal.rows("truth.promoted")).seq
    caught(Edit(row, "database", "crm"), folder)
    caught(Edit(row, "observed.text", "x"), folder)


# ---- rows that go and come
def renumbered(rows: pa.Table) -> pa.Table:
    return rows.set_column(0, "seq", pa.array(range(len(rows)), pa.int64()))


@pytest.mark.parametrize("renumber", [False, True])
@given(data=st.data())
@settings(max_examples=5, **shared)  # type: ignore[arg-type]
def test_a_row_taken_away_or_put_in_is_caught_where_it_was(
    folder: Path, data: st.DataObject, renumber: bool
) -> None:
    whole = table()
    at = data.draw(st.integers(0, len(whole) - 2))
    source = data.draw(st.integers(0, len(whole) - 1))
    without = pa.concat_tables([whole[:at], whole[at + 1 :]])
    with_one = pa.concat_tables([whole[:at], whole[source : source + 1], whole[at:]])
    swapped = pa.concat_tables(
        [whole[:at], whole[at + 1 : at + 2], whole[at : at + 1], whole[at + 2 :]]
    )
    for changed in (without, with_one, swapped):
        mismatch = verified(renumbered(changed) if renumber else changed, folder).mismatch
        assert mismatch is not None
        # a row put in before its like is seen where the two become one too many
        assert mismatch.seq == at or (
            changed is with_one and source == at and mismatch.seq == at + 1
        )


def test_rows_cut_off_at_the_end_change_the_digest(folder: Path) -> None:
    pq.write_table(table()[:-1], folder / "journal.parquet")
    journal, checks = journal_file.load(folder / "journal.parquet")
    assert held(journal, checks).mismatch is None  # the rows that are left are as they were
    assert journal.digest() != world().journal.digest()


def test_a_record_cut_off_within_the_machines_commands_misses_them(folder: Path) -> None:
    last = max(r.seq for r in world().journal.rows("seen.Save"))
    mismatch = verified(table()[:last], folder).mismatch
    assert mismatch is not None
    assert mismatch.kind == "end"


# ---- forged rows: the hash made anew
def forged(seq: int, field: str) -> Journal:
    """The journal with one field of one row changed, its hash and all."""
    source = world().journal
    copy = Journal()
    for row in source.rows():
        values = dict(row.values)
        if row.seq == seq:
            values[field] = (
                values[field] + 1 if isinstance(values[field], int) else f"{values[field]}."
            )
        copy.note(row.kind, row.time_us, row.entity, *values.values())
    return copy


COMMAND_FIELDS = [
    (f"seen.{c.__name__}", name)
    for c in COMMANDS
    for name, _ in KINDS[KIND_ID[f"seen.{c.__name__}"]].fields
    if len(world().journal.of_kind(KIND_ID[f"seen.{c.__name__}"]))
]


@pytest.mark.parametrize(("kind", "field"), COMMAND_FIELDS)
def test_the_machines_themselves_give_a_forged_command_away(kind: str, field: str) -> None:
    row = list(world().journal.rows(kind))[-1]
    mismatch = held(forged(row.seq, field)).mismatch
    assert mismatch is not None
    assert (mismatch.seq, mismatch.kind) == (row.seq, kind)
    found = ("the machine commands", "is nothing that a machine could be told")
    assert any(words in mismatch.what for words in found)


@given(data=st.data())
@settings(max_examples=20, **shared)  # type: ignore[arg-type]
def test_no_forged_event_makes_it_stumble(data: st.DataObject) -> None:
    """Whatever a machine is told, verify says what it found: it never raises."""
    told = [r for r in world().journal.rows() if KIND_ID[r.kind] in SEEN_CLASS]
    row = data.draw(st.sampled_from(told))
    kind = KINDS[KIND_ID[row.kind]]
    if not kind.fields:
        return
    name, type_ = data.draw(st.sampled_from(kind.fields))
    copy = Journal()
    for each in world().journal.rows():
        values = dict(each.values)
        if each.seq == row.seq:
            values[name] = data.draw(
                st.integers(-(2**63), 2**63 - 1) if type_ == "int" else st.text(max_size=9)
            )
        copy.note(each.kind, each.time_us, each.entity, *values.values())
    mismatch = held(copy).mismatch
    assert mismatch is None or mismatch.seq >= row.seq
