"""The journal: what goes in comes out, at rest too; and one digest that hears everything but what
engines word anew.
"""

from __future__ import annotations

import dataclasses
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world.build import ONE, ran

from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.cloud import events as cloud_events
from dr_sim.cloud.words import WhyFailed, Word
from dr_sim.errors import InputError
from dr_sim.record import frames, journal_file
from dr_sim.record import journal as journal_module
from dr_sim.record.encoding import codec_of, pairs_from_text, pairs_text
from dr_sim.record.journal import Journal
from dr_sim.record.kinds import KIND_ID, KINDS, hints_of
from dr_sim.record.row_code import Subject
from dr_sim.recovery import commands, events
from dr_sim.recovery.failover.failover_table import FailoverPhase
from dr_sim.recovery.repair.refusals import OrderRefused, Refused, WhyNoFailover

HEADER = BackupHeader(
    "crm", 7, Kind.LOG, 1, 10, 20, 10, 10, 0, 1, 0, 5, 6, True, False, 4_000_000_000_000
)
TEXTS = st.sampled_from(["", "crm", "a_b c", "Lohn und Gehalt", "数据库", "\U0001f600", "x" * 300])
INTS = st.one_of(st.integers(-5, 5), st.integers(-(2**63), 2**63 - 1))


def value_of(field: tuple[str, str]) -> st.SearchStrategy[Any]:
    return INTS if field[1] in ("int", "seen-int") else TEXTS


def any_row(kind_id: int) -> st.SearchStrategy[tuple[Any, ...]]:
    kind = KINDS[kind_id]
    return st.tuples(
        st.just(kind.name),
        st.integers(0, 10**15),
        st.integers(-1, 2**20),
        *(value_of(f) for f in kind.fields),
    )


any_rows = st.lists(st.integers(0, len(KINDS) - 1).flatmap(any_row), max_size=40)


def journal_of(written: list[tuple[Any, ...]]) -> Journal:
    journal = Journal()
    for row in written:
        journal.note(*row)
    return journal


@given(any_rows)
@settings(max_examples=60, deadline=None)
def test_any_rows_come_back_from_the_file_with_their_digest(
    tmp_path_factory: Any, written: list[tuple[Any, ...]]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.parquet"
    journal = journal_of(written)
    journal_file.save(journal, path)
    loaded, checks = journal_file.load(path)
    assert [
        (r.kind, r.time_us, r.entity, *r.values.values()) for r in loaded.rows()
    ] == written  # fmt: skip
    assert [r.seq for r in loaded.rows()] == list(range(len(written)))
    assert loaded.digest() == journal.digest()
    assert (journal_file.checks_of(loaded) == checks).all()


def test_a_whole_run_comes_back(tmp_path: Path) -> None:
    journal = ran(
        ONE + "events: [{at: 301 s, corrupt_in_transit: crm}, {at: 1 h, lose: site}]\n"
    ).journal
    journal_file.save(journal, tmp_path / "j.parquet")
    loaded, checks = journal_file.load(tmp_path / "j.parquet")
    assert len(loaded) == len(journal) == len(checks)
    assert loaded.digest() == journal.digest()
    assert list(loaded.rows()) == list(journal.rows())


def test_the_file_can_be_read_with_pandas_alone(tmp_path: Path) -> None:
    journal = Journal()
    journal.note("truth.link", 5, -1, 1, 200_000_000)
    journal.note("truth.file_state", 6, 0, 3, "sending")
    journal_file.save(journal, tmp_path / "j.parquet")
    table = pd.read_parquet(tmp_path / "j.parquet")
    assert table["kind"].tolist() == ["truth.link", "truth.file_state"]
    assert table["time_us"].tolist() == [5, 6]
    assert list(table.columns) == [
        "seq", "time_us", "kind", "entity", "bit_s", "file", "up", "state", "check"
    ]  # fmt: skip
    assert (table["up"][0], table["bit_s"][0]) == (1, 200_000_000)
    assert (table["file"][1], table["state"][1]) == (3, "sending")
    assert pd.isna(table["state"][0]) and pd.isna(table["up"][1])


def test_a_field_that_shares_its_name_has_a_column_of_its_own(tmp_path: Path) -> None:
    """`kind` is the kind of the record, and what engines word themselves stands apart."""
    journal = Journal()
    journal.note("truth.backup_failed", 5, 0, 1, int(Kind.FULL), 3202, "Write on disk failed.")
    journal_file.save(journal, tmp_path / "j.parquet")
    (row,) = pd.read_parquet(tmp_path / "j.parquet").to_dict("records")
    assert (row["kind"], row["backup_kind"]) == ("truth.backup_failed", 0)
    assert row["observed.text"] == "Write on disk failed." and "text" not in row


def test_rows_of_several_pieces_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_file, "_PIECE_ROWS", 7)
    journal = ran(ONE + "events: [{at: 301 s, corrupt_in_transit: crm}]\n").journal
    journal_file.save(journal, tmp_path / "j.parquet")
    loaded, checks = journal_file.load(tmp_path / "j.parquet")
    assert loaded.digest() == journal.digest() and list(loaded.rows()) == list(journal.rows())
    assert (checks == journal_file.checks_of(journal)).all()


def test_rows_of_one_kind_are_those_among_all_and_new_ones_join(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_module, "_PIECE_ROWS", 7)
    journal = ran(ONE + "events: [{at: 301 s, corrupt_in_transit: crm}]\n").journal
    every = list(journal.rows())
    kinds = dict.fromkeys(row.kind for row in every)
    assert len(kinds) > 10
    for kind in kinds:
        assert list(journal.rows(kind)) == [row for row in every if row.kind == kind]
        assert list(journal.rows(kind, "truth.cloud_drift")) == list(journal.rows(kind))
    some = [row for row in every[20:90] if row.kind in ("seen.Landed", "seen.Save")]
    assert len({row.kind for row in some}) == 2
    assert list(journal.rows_between(20, 90, "seen.Landed", "seen.Save")) == some
    before = len(journal.of_kind(KIND_ID["truth.link"]))
    journal.note("truth.link", 5, -1, 1, 200_000_000)
    assert len(journal.of_kind(KIND_ID["truth.link"])) == before + 1
    assert list(journal.rows("truth.link"))[-1].values["bit_s"] == 200_000_000


MOVED = """\
import sys
from dr_sim.record import records
from dr_sim.recovery import commands, events
if sys.argv[1] == "moved":
    records.TRUTH = tuple(reversed(records.TRUTH))
    events.EVENTS = tuple(reversed(events.EVENTS))
    commands.COMMANDS = tuple(reversed(commands.COMMANDS))
from dr_sim.record import journal_file
from dr_sim.record.journal import KINDS, Journal
journal = Journal()
for row in eval(sys.argv[2]):
    journal.note(*row)
print(KINDS[0].name, journal.digest(), journal_file.checks_of(journal).tolist())
"""


def test_a_section_of_the_kinds_may_be_moved() -> None:
    """Names are the identity: neither the digest nor a row's check hears of a kind's place."""
    said = [
        subprocess.run(
            [sys.executable, "-c", MOVED, how, repr(BASE)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split(" ", 1)
        for how in ("as it is", "moved")
    ]
    assert said[0][0] != said[1][0] and said[0][1] == said[1][1]
    assert digest_of(BASE) in said[0][1]


@pytest.mark.parametrize("told", [
    events.Validated(1, 2, 3, "crm", "a_log", HEADER),
    events.ValidationFailed(
        1, 2, 3, "crm", "a", events.ValidationOutcome.HASH_MISMATCH, 60001, "text"
    ),
    events.RecopyFailed(1, 2, 3, "crm", "a", events.NotSent.MISSING),
    events.Restored(1, 2, 3, "crm", "a", 1, 2**62, 0),
    events.RestoreFailed(1, 2, 3, "crm", "a", 4305, True, "text"),
    events.Fenced(1, 2, 3),
    events.FenceFailed(1, 2, 3, events.NotFenced.NO_ANSWER),
    events.BackupTaken(1, 2, 3, "crm", Kind.FULL, "a_full"),
    events.BackupFailed(1, 2, 3, "crm", Kind.LOG, Refused("paused: upgrade")),
    events.TailFailed(1, 2, 3, "crm", Refused("host lost: the log cannot be read")),
    events.PrimaryError(1, 2, 3, "crm", events.PrimaryTrouble.WRITES, 9002, "text"),
    events.ShareAnswered(1, 2, 3, "crm", True, {"a_log": 4, "\udc80": 5}),
    events.ShareListed(1, 2, 3, "crm", True, {"a_log": HEADER}),
    events.CopySeen(1, 2, 3, "crm", True),
    events.Inventory(
        1,
        2,
        3,
        {"crm": RestoreState(1, 2, 3, False, True), "erp": RestoreState(0, 0, 0, exists=False)},
        {"crm": (events.FoundFile("a_log", 4, 5),), "erp": ()},
        {"sql1": 5},
    ),
    commands.Save("k", "v"),
    commands.Restore("crm", "a", True),
    commands.TakeInventory(),
    commands.LookAtCopy("crm"),
    commands.SaveAll((("k", "v"), ("l", ""))),
    commands.TakeBackup("crm", Kind.INCREMENTAL),
    commands.Fetch("crm", ("a_full", "a_log")),
    commands.RaiseAlert("DR Log Replay", "crm", 1, commands.Level.CRITICAL, 31, "a", "text"),
    commands.PageOperator(commands.PageReason(("sql1", "sql2"))),
    commands.EnterPhase(FailoverPhase.DRAINING),
    *(
        commands.RefuseOrder("anna", OrderRefused(why, about[: why.count("{")]))
        for why in WhyNoFailover
        for about in [("crm", "2026-09-01T00:00:00Z"), ("a] b [c", "already")]
    ),
])  # fmt: skip
def test_events_and_commands_come_back_as_what_they_were(told: Any) -> None:
    journal = Journal()
    journal.recorder(type(told), Subject(otherwise=0))(told, 99)
    again = journal.told(0)
    assert again == told
    assert type(again) is type(told)
    for field in dataclasses.fields(told):
        assert type(getattr(again, field.name)) is type(getattr(told, field.name))
    assert (journal.row(0).time_us, journal.row(0).entity) == (99, 0)


def test_every_class_of_event_and_command_has_a_kind_with_its_fields_in_order() -> None:
    for cls in (*events.EVENTS, *commands.COMMANDS):
        fields = [name.split(".")[0] for name, _ in KINDS[KIND_ID[f"seen.{cls.__name__}"]].fields]
        assert list(dict.fromkeys(fields)) == [f.name for f in dataclasses.fields(cls)]
    assert len(KIND_ID) == len(KINDS)


# ---- the digest
BASE: list[tuple[Any, ...]] = [
    ("truth.manager", 0, -1, 1, 1),
    ("truth.landed", 10, 0, 1, 2, 1, 100, 200, 1, "a_log"),
    (
        "seen.ValidationFailed",
        11,
        0,
        11,
        1011,
        1,
        "crm",
        "a_log",
        "hash_mismatch",
        60001,
        "engine says A",
    ),
    ("truth.landed", 20, 1, 2, 2, 1, 200, 300, 1, "b_log"),
]


def digest_of(rows: list[tuple[Any, ...]]) -> str:
    return journal_of(rows).digest()


def with_value(row: int, place: int, value: Any) -> list[tuple[Any, ...]]:
    changed = list(BASE)
    changed[row] = (*BASE[row][:place], value, *BASE[row][place + 1 :])
    return changed


def test_what_engines_word_anew_is_outside_the_digest() -> None:
    assert digest_of(with_value(2, 9, 3189)) == digest_of(BASE)  # its number as well
    assert digest_of(with_value(2, 11 - 1, "engine says B")) == digest_of(BASE)
    twice = [*BASE, BASE[2]]  # nor does it matter whether an engine says the same once more
    assert digest_of([*BASE, (*BASE[2][:-1], "engine says B")]) == digest_of(twice)


@pytest.mark.parametrize(
    ("row", "place"),
    [(r, p) for r in range(4) for p in range(1, len(BASE[r])) if (r, p) not in ((2, 9), (2, 10))],
)
def test_everything_else_changes_it(row: int, place: int) -> None:
    value = BASE[row][place]
    other = value + 1 if isinstance(value, int) else f"{value}x"
    assert digest_of(with_value(row, place, other)) != digest_of(BASE)


def test_order_kind_number_and_who_is_who_change_it() -> None:
    digests = [
        digest_of(rows)
        for rows in (
            BASE,
            BASE[:-1],
            [*BASE, BASE[-1]],
            [BASE[1], BASE[0], *BASE[2:]],
            [BASE[0], BASE[3], BASE[2], BASE[1]],
            [],
            [("truth.fenced", 0, -1, 1)],
            [("truth.two_primaries", 0, -1, 1)],
        )
    ]
    assert len(set(digests)) == len(digests)


def test_kinds_without_rows_are_not_looked_at() -> None:
    """Most kinds have no rows in most runs, and a thousand questions are asked of those."""
    journal, written = Journal(), "truth.violation"
    assert not journal.kinds_here()
    for kind in KINDS:
        columns = journal.columns(kind.id)
        assert not len(journal.of_kind(kind.id)) and not len(columns["seq"])
        assert len(columns) == journal.of_kind(kind.id).shape[1]
    journal.note(written, 5, 0, "law", "detail")
    assert [kind.name for kind in journal.kinds_here()] == [written]
    assert journal.columns(KIND_ID[written])["time_us"].tolist() == [5]
    other = next(kind.id for kind in KINDS if kind.name != written)
    assert journal.of_kind(other) is Journal().of_kind(other), "one empty table for all"


def test_packing_now_and_then_changes_nothing() -> None:
    journal = Journal()
    for row in BASE:
        journal.note(*row)
        journal.pack()
        journal.digest()
    assert journal.digest() == digest_of(BASE)
    assert [r.kind for r in journal.rows()] == [row[0] for row in BASE]


@given(any_rows.filter(bool), st.data())
@settings(max_examples=60)
def test_any_single_change_of_a_row_changes_its_check(
    written: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(written) - 1))
    row = written[at]
    changed = data.draw(any_row(KIND_ID[row[0]]).filter(lambda r: r != row))
    before = journal_file.checks_of(journal_of(written))
    after = journal_file.checks_of(journal_of([*written[:at], changed, *written[at + 1 :]]))
    assert np.flatnonzero(before != after).tolist() == [at]


# ---- misuse and rubbish
def test_a_row_has_all_its_fields_or_is_refused() -> None:
    with pytest.raises(ValueError, match="takes 2 values, not 1"):
        Journal().note("truth.link", 0, -1, 1)


def test_integers_beyond_63_bits_are_refused_and_never_cut() -> None:
    journal = Journal()
    with pytest.raises(struct.error):
        journal.note("truth.fenced", 0, -1, 2**63)


@pytest.mark.parametrize("content", [b"", b"rubbish", b"PAR1" + b"\0" * 40 + b"PAR1"])
def test_a_file_that_is_no_journal_gives_one_clear_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.parquet"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not a journal that can be read"):
        journal_file.load(path)


def test_a_file_with_damaged_bytes_is_refused_or_read(tmp_path: Path) -> None:
    """Two hundred bytes are damaged, one after the other. What is read all the same has another
    digest, which whoever reads a run compares.
    """
    landed = BASE[1]
    path = tmp_path / "journal.parquet"
    journal = journal_of([(*landed[:-1], f"log {n % 9}") for n in range(300)])
    journal_file.save(journal, path)
    content, refused = path.read_bytes(), 0
    for at in range(4, len(content), len(content) // 200):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        try:
            journal_file.load(path)
        except InputError:
            refused += 1
    assert refused > 50


def cast(table: pa.Table, column: str, type_: pa.DataType) -> pa.Table:
    return table.set_column(table.column_names.index(column), column, table[column].cast(type_))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: t.drop_columns(["entity"]), "lacks the column entity"),
        (lambda t: cast(t, "time_us", pa.float64()), "its column time_us"),
        (lambda t: cast(t, "file", pa.string()), "its column file"),
        (lambda t: cast(t, "file", pa.float64()), "its column file"),
        (lambda t: t.append_column("extra", [[1] * len(t)]), "its column extra"),
    ],
)
def test_another_table_gives_one_clear_line(tmp_path: Path, change: Any, why: str) -> None:
    path = tmp_path / "journal.parquet"
    journal_file.save(journal_of(BASE), path)
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(InputError, match=why):
        journal_file.load(path)


# ---- frames
def test_a_frame_spells_texts_out_and_columns_keep_ids() -> None:
    journal = journal_of(BASE)
    frame = frames.frame(journal, "truth.landed")
    assert frame["name"].tolist() == ["a_log", "b_log"]
    assert frame["seq"].tolist() == [1, 3]
    assert frame["entity"].tolist() == [0, 1]
    columns = frames.columns(journal, "truth.landed")
    assert [journal.text(i) for i in columns["name"].tolist()] == ["a_log", "b_log"]
    assert frames.frame(journal, "truth.end").empty


@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        ((), "[]"),
        ((("a", "1"), ("b", "")), "\na\n1\nb\n"),
        ((("", ""),), "\n\n"),
        ((("a", "1\n2"),), '[["a", "1\\n2"]]'),  # of several lines
        ((("[", "[]"), ("数据库", '"')), '\n[\n[]\n数据库\n"'),
    ],
)
def test_pairs_that_are_saved_together_come_back(
    pairs: tuple[tuple[str, str], ...], text: str
) -> None:
    assert pairs_text(pairs) == text
    assert pairs_from_text(text) == pairs


@pytest.mark.parametrize("text", ["", "\na", "\na\n1\nb", '[["a"]]', '{"a": 1}', "a\n1"])
def test_a_text_that_holds_no_pairs_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        pairs_from_text(text)


# ---- lists and dicts of the cloud manager's events
FOUND = cloud_events.FoundAttempt("ops/r1", 2, Word.FAILED, WhyFailed.SCRIPT)
WHOLE = dataclasses.replace(
    FOUND, network="prod", site="B", script="set", change="c1", params='{"id": "x"}'
)
MACHINES = cloud_events.MachinesAtSite(
    (
        cloud_events.FoundMachine("web-1", True, "A-1", "web 1", "web", "front_end"),
        cloud_events.FoundMachine("web-2", False, "A-2", "web 1", "web", "front_end"),
    ),
    ("web 1",),
)


@pytest.mark.parametrize(
    ("event", "field", "value", "text"),
    [
        (
            cloud_events.AgentsObserved, "attempts", (FOUND, WHOLE),
            '[["ops/r1", 2, "failed", "the script failed"], ["ops/r1", 2, "failed", "the script failed", '
            '"prod", "B", "set", "c1", "{\\"id\\": \\"x\\"}"]]',
        ),
        (
            cloud_events.AgentsObserved, "silent", (cloud_events.SilentAgent("prod", "A"),),
            '[["prod", "A"]]',
        ),
        (
            cloud_events.SideRead, "entities", {"crm": cloud_events.FoundThing("0a", ("x", "y"))},
            '{"crm": ["0a", ["x", "y"]]}',
        ),
        (cloud_events.SideRead, "entities", None, ""),
        (cloud_events.SiteStands, "identifiers", {"prod": {"a": "b"}}, '{"prod": {"a": "b"}}'),
        (
            cloud_events.MachinesRead, "machines", MACHINES,
            '{"machines": [["web-1", "running", "A-1", "web 1", "web", "front_end"], ["web-2", '
            '"down", "A-2", "web 1", "web", "front_end"]], "images": ["web 1"]}',
        ),
        (cloud_events.MachinesRead, "machines", None, ""),
    ],
)  # fmt: skip
def test_what_a_cloud_manager_is_told_is_one_text_each_and_comes_back(
    event: type, field: str, value: object, text: str
) -> None:
    codec = codec_of(dict(hints_of(event))[field])
    assert codec is not None
    assert codec.text(value) == text
    assert codec.value(text) == value
    for wrong in ("[[1]]", '{"a": 1}', "[", "7"):
        with pytest.raises(ValueError):
            codec.value(wrong)
