"""What a long run puts in files while it goes on is what it would have held in memory."""

from __future__ import annotations

from itertools import repeat

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world.build import scenario

from dr_sim.measures.standing import summary_of
from dr_sim.measures.whole import Whole
from dr_sim.record import blocks, texts
from dr_sim.record.blocks import Blocks
from dr_sim.record.columns import Columns, Parted
from dr_sim.record.journal import Journal
from dr_sim.record.texts import Texts
from dr_sim.world.world import World

WORDS = st.lists(
    st.one_of(
        st.sampled_from(["", "sending", "数据库", "\udcff", "a" * 300]),
        st.integers(0, 40).map(lambda i: f"crm_{i}"),
    ),
    max_size=12,
)


@given(st.lists(WORDS, max_size=20), st.integers(1, 9))
@settings(deadline=None)
def test_texts_have_the_same_numbers_wherever_they_are(
    written: list[list[str]], at_hand: int
) -> None:
    few, all_ = Texts(at_hand), Texts()
    for one, words in enumerate(written):
        if one % 2:
            assert [few[w] for w in words] == [all_[w] for w in words]
        else:
            assert few.several(list(words)) == all_.several(list(words))
        assert "never written" not in few and few.get("never written", -1) == -1
    assert list(few.all) == list(all_.all) and len(few.all) == len(all_.all)
    for number, text in enumerate(all_.all):
        assert few.all[number] == text and few.get(text) == number and text in few
    assert few.all[-2:] == list(all_.all)[-2:]


def test_most_texts_are_in_the_file() -> None:
    some = Texts(at_hand=100)
    some.several([f"text {i}" for i in range(90)])
    for i in range(90, 5000):
        assert some[f"text {i}"] == i
    assert len(some) <= 101 and len(some.all) == 5000
    assert some["text 3"] == 3 and some["text 5000"] == 5000
    numbers = np.array([4999, 0, 3, 5000, 3, 120])
    for asked in (numbers, np.tile(numbers, 10)):  # one by one, and together
        assert some.spelled(asked) == [f"text {i}" for i in asked]
    assert some.spelled(numbers[:0]) == []


def test_a_block_is_the_same_in_memory_and_in_the_file() -> None:
    table = np.arange(12).reshape(3, 4)
    there = Blocks(in_memory_bytes=96)
    first, second, third = (there.put(table + i) for i in range(3))
    assert first.held is not None and second.held is None and third.held is None
    for i, block in enumerate((first, second, third)):
        for column in (2, 0, 1):
            assert block.column(column).tolist() == (table[column] + i).tolist()


PATTERN = (("truth.transfer_bytes", "seq", "at", "index", "number", "size-less"),)
FIELDS = ("seq", "at", "index", "number", "size", "less")


@pytest.mark.parametrize("in_memory_bytes", [0, 1 << 30])
def test_lines_as_arrays_and_as_lists_are_the_same_rows(
    in_memory_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines of three logs, given out of order: seqs 2, 0, 1."""
    monkeypatch.setattr(Blocks.__init__, "__defaults__", (in_memory_bytes, 0, None))
    found = []
    for as_array in (False, True):
        journal = Journal()
        pattern = journal.pattern(FIELDS, PATTERN)
        assert journal.take(3) == 0
        columns = {
            "seq": [2, 0, 1],
            "at": [30, 10, 20],
            "index": repeat(7),
            "number": [5, 6, 7],
            "size": [100, 200, 300],
            "less": repeat(1),
        }
        if as_array:
            columns = {
                name: np.array(c) if isinstance(c, list) else c for name, c in columns.items()
            }
        pattern.write(columns)
        (last,) = pattern.lately(-1, 0)
        assert last[0][1:] == (1, 20, 7, 7, 299)
        found.append((journal.digest(), [list(r.values.values()) for r in journal.rows()]))
    assert found[0] == found[1]
    assert found[0][1] == [[6, 199], [7, 299], [5, 99]]


def test_arrays_beyond_63_bits_are_refused_and_never_cut() -> None:
    pattern = Journal().pattern(FIELDS, PATTERN)
    with pytest.raises(OverflowError):
        pattern.write({**{name: np.zeros(1, np.int64) for name in FIELDS}, "at": [1 << 63]})


def test_a_run_that_puts_nearly_everything_in_files_has_the_same_digest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # texts go to files when a stretch of quiet logs is over: the last outages make short ones
    text = """\
run_for: 30 h
databases: {crm: {copies: 12, size: 1 GB, full: none, differential: daily 02:00}}
link: {bandwidth: 1 Gbit/s}
events:
- {at: 5 h, corrupt_in_transit: crm-003}
- {at: 7 h, link_outage: 20 min}
- {at: 27 h, link_outage: 1 min}
- {at: 29 h, link_outage: 1 min}
"""
    usual = World(scenario(text)).run()
    assert usual._blocks._file is None
    monkeypatch.setattr(Blocks.__init__, "__defaults__", (1000, 0, None))
    monkeypatch.setattr(Texts.__init__, "__defaults__", (500,))
    few = World(scenario(text)).run()
    assert few._blocks._file is not None and len(few.texts) < 1000 < len(few.texts.all)
    assert few.digest() == usual.digest()
    assert [r.values for r in few.rows("seen.Restored")] == [
        r.values for r in usual.rows("seen.Restored")
    ]
    # and so are single rows, and every number that is measured
    for seq in range(0, len(usual), 997):
        assert few.row(seq) == usual.row(seq)
    measured = [summary_of(Whole.of(each, scenario(text))) for each in (few, usual)]
    assert measured[0] == measured[1]
    assert blocks.IN_MEMORY_BYTES > 0 and texts.AT_HAND > 0


class Counted:
    """Columns of six rows, and how often each was read."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.of = {"seq": np.arange(6), "entity": np.array([1, 0, 1, -1, 1, 0])}
        self.of["size"] = 10 * self.of["seq"]

    def column(self, name: str) -> np.ndarray:
        self.read.append(name)
        return self.of[name]


def test_a_column_is_read_when_it_is_asked_for_and_once() -> None:
    counted = Counted()
    columns = Columns(counted.of, counted.column)
    assert list(columns) == ["seq", "entity", "size"] and len(columns) == 3
    assert "size" in columns and "name" not in columns
    assert not counted.read
    few = columns.picked(np.array([4, 1]))
    assert few["size"].tolist() == [40, 10] and few["size"].tolist() == [40, 10]
    assert counted.read == ["size"]
    with pytest.raises(KeyError):
        columns["name"]
    assert {name: column.tolist() for name, column in few.items()} == {
        "seq": [4, 1], "entity": [1, 0], "size": [40, 10]
    }  # fmt: skip


def test_rows_are_parted_by_their_entity_in_their_order() -> None:
    counted = Counted()
    parted = Parted(Columns(counted.of, counted.column))
    assert parted.of(1)["seq"].tolist() == [0, 2, 4]
    assert parted.of(0)["size"].tolist() == [10, 50]
    assert parted.of(-1)["entity"].tolist() == [-1]
    assert parted.of(7)["seq"].tolist() == []
    assert counted.read.count("size") == 1


def test_rows_of_one_entity_or_of_none_are_parted_too() -> None:
    one = {"seq": np.arange(3), "entity": np.full(3, 5)}
    assert Parted(Columns(one, one.__getitem__)).of(5)["seq"].tolist() == [0, 1, 2]
    none = {name: column[:0] for name, column in one.items()}
    assert Parted(Columns(none, none.__getitem__)).of(5)["seq"].tolist() == []
