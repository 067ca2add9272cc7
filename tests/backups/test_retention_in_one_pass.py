"""Where all is as usual retention is decided in one pass, exactly as in general."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from dr_sim.backups import retention_rules, stored
from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.backups.shelf import Shelf
from dr_sim.backups.stored import Stored, StoredFile
from tests.backups.standby import MINUTE_US, History, histories

START_US = 1_780_000_000_000_000


def both(
    files: list[Stored], old_before_us: int, keep_fulls: int, standby: RestoreState | None
) -> tuple[set[str] | None, set[str]]:  # fmt: skip
    quick = Shelf.of(files).gone(old_before_us, keep_fulls, standby)
    general = retention_rules.generally_gone(files, old_before_us, keep_fulls, standby)
    return None if quick is None else {each.name for each in quick}, {f.name for f in general}


@settings(max_examples=400, deadline=None)
@given(histories(steps=16, forks=2), st.data())
def test_of_any_history_it_says_the_same_or_nothing(history: History, data: st.DataObject) -> None:
    made = [header for header, _ in history.made if data.draw(st.integers(0, 9)) > 0]
    files: list[Stored] = [
        StoredFile(str(h.backup_id), h, data.draw(st.integers(0, 9)) < 9) for h in made
    ]
    old_before_us = history.now_us - data.draw(st.integers(0, 20)) * 10 * MINUTE_US
    redo = data.draw(st.none() | st.sampled_from([h.last_lsn for h in made] or [0]))
    standby = None if redo is None else RestoreState(1, redo, 0)
    quick, general = both(files, old_before_us, data.draw(st.integers(0, 2)), standby)
    assert quick is None or quick == general


def header(i: int, kind: Kind, at: int, first: int, last: int, base: int = 0) -> BackupHeader:
    at_us = START_US + at * MINUTE_US
    return BackupHeader(
        "db", i, kind, 1, first, last, first, 0, base, 1, 0, at_us, at_us + 1_000_000
    )


SCHEDULES = st.tuples(
    st.integers(6, 60),  # minutes of run, a log in each
    st.integers(5, 25),  # a full every so many
    st.integers(2, 9),  # an incremental every so many
    st.integers(0, 3),  # bytes a minute: 0 for empty logs
)


def ordinary(
    minutes: int, full_every: int, incremental_every: int, written: int
) -> list[BackupHeader]:
    """A log each minute; a full, or an incremental on it, just before some of them ends where that
    log ends.
    """
    made = [header(0, Kind.FULL, 0, 0, 0)]
    base = 0
    for minute in range(1, minutes):
        first, last = (minute - 1) * written, minute * written
        if minute % full_every == 0:
            made.append(header(len(made), Kind.FULL, minute, first, last))
            base = first
        elif minute % incremental_every == 0:
            made.append(header(len(made), Kind.INCREMENTAL, minute, first, last, base))
        made.append(header(len(made), Kind.LOG, minute, first, last))
    return made


@settings(max_examples=300, deadline=None)
@given(SCHEDULES, st.integers(1, 60), st.integers(0, 3), st.data())
def test_an_ordinary_schedule_takes_one_pass(
    schedule: tuple[int, int, int, int], old_minutes: int, keep_fulls: int, data: st.DataObject
) -> None:
    made = ordinary(*schedule)
    old_before_us = START_US + old_minutes * MINUTE_US
    files: list[Stored] = [StoredFile(f"{h.backup_id:04d}", h) for h in made]
    standby = data.draw(st.none() | st.integers(0, 180).map(lambda redo: RestoreState(1, redo, 0)))
    quick, general = both(files, old_before_us, keep_fulls, standby)
    if old_minutes < schedule[0] - 1 and schedule[3]:
        assert quick is not None
    assert quick is None or quick == general


@settings(max_examples=300, deadline=None)
@given(SCHEDULES, st.integers(1, 60), st.integers(0, 3), st.integers(1, 3))
def test_a_history_that_began_with_a_full_kept_elsewhere_takes_one_pass_too(
    schedule: tuple[int, int, int, int], old_minutes: int, keep_fulls: int, missing: int
) -> None:
    """The first incrementals have no base here: nothing can be restored before the first full."""
    made = ordinary(*schedule)
    fulls = [h for h in made if h.kind is Kind.FULL]
    made = [h for h in made if h not in fulls[:missing]]
    files: list[Stored] = [StoredFile(f"{h.backup_id:04d}", h) for h in made]
    quick, general = both(files, START_US + old_minutes * MINUTE_US, keep_fulls, None)
    if old_minutes < schedule[0] - 1 and schedule[3] and len(fulls) <= missing:
        assert quick is not None
    assert quick is None or quick == general


@settings(max_examples=300, deadline=None)
@given(SCHEDULES, st.integers(1, 60), st.integers(0, 3), st.data())
def test_with_one_thing_unusual_it_says_the_same_or_nothing(
    schedule: tuple[int, int, int, int], old_minutes: int, keep_fulls: int, data: st.DataObject
) -> None:
    made = ordinary(*schedule)
    i = data.draw(st.integers(0, len(made) - 1))
    h = made[i]
    change = data.draw(
        st.sampled_from(
            ["gone", "fork", "copy_only", "longer", "shorter", "later", "base", "moved", "uncopied"]
        )
    )
    changed = {
        "fork": replace(h, fork=2, fork_point_lsn=h.first_lsn),
        "copy_only": replace(h, copy_only=True),
        "longer": replace(h, last_lsn=h.last_lsn + 1),
        "shorter": replace(h, first_lsn=h.first_lsn + 1),
        "later": replace(h, finished_utc_us=h.finished_utc_us + 9 * MINUTE_US),
        "base": replace(h, differential_base_lsn=h.differential_base_lsn + 1),
    }
    made[i] = changed.get(change, h)
    if change == "gone":
        del made[i]
    elif change == "moved":
        made.insert(data.draw(st.integers(0, len(made) - 1)), made.pop(i))
    files: list[Stored] = [
        StoredFile(f"{h.backup_id:04d}", h, change != "uncopied" or j != i)
        for j, h in enumerate(made)
    ]
    quick, general = both(files, START_US + old_minutes * MINUTE_US, keep_fulls, None)
    assert quick is None or quick == general


@settings(max_examples=300, deadline=None)
@given(
    SCHEDULES, st.lists(st.integers(1, 20), min_size=1, max_size=8), st.integers(0, 3), st.data()
)
def test_a_shelf_kept_from_day_to_day_says_what_a_new_one_would(
    schedule: tuple[int, int, int, int], days: list[int], keep_fulls: int, data: st.DataObject
) -> None:
    """Files come, the oldest go, and now and then one that should not."""
    shelf = Shelf()
    here: dict[str, Stored] = {}
    coming = [StoredFile(f"{h.backup_id:04d}", h) for h in ordinary(*schedule)]
    minute = 0
    for step in days:
        minute += step
        while coming and coming[0].header.started_utc_us <= START_US + minute * MINUTE_US:
            file = coming.pop(0)
            here[file.name] = file
            shelf.add(file)
        if here and data.draw(st.integers(0, 5)) == 0:
            lost = data.draw(st.sampled_from(sorted(here)))
            del here[lost]
            shelf.remove(lost)
        now_us, retention_us = START_US + minute * MINUTE_US, 7 * MINUTE_US
        names = shelf.prunable(now_us, retention_us, keep_fulls)
        in_general = retention_rules.generally_gone(
            list(here.values()), now_us - retention_us, keep_fulls, None
        )
        assert names is None or names == stored.in_order([stored.gone_of(f) for f in in_general])
        assert not shelf.usual or len(shelf) == len(here)
        for name in names or ():
            del here[name]
            shelf.remove(name)


def test_what_is_usual_stays_on_the_shelf() -> None:
    shelf, deleted = Shelf(), 0
    for h in ordinary(300, 40, 10, 5):
        shelf.add(StoredFile(f"{h.backup_id:04d}", h))
        names = shelf.prunable(h.started_utc_us, 60 * MINUTE_US, 1) or []
        for name in names:
            shelf.remove(name)
        deleted += len(names)
    assert shelf.usual
    assert deleted > 150
    shelf.remove("no such file")
    assert not shelf.usual
    assert len(shelf) == 0
    assert shelf.prunable(h.started_utc_us, 60 * MINUTE_US, 1) is None
