"""Plans from histories of pgBackRest, WAL-G and Barman, against a judge that tries every backup.

The judge knows the tools' rules from their documentation and none of the planner's code: which
backups a restore needs, PostgreSQL's timelines, and WAL segment by segment.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dr_sim.importers.plan_shown import as_json
from dr_sim.importers.restore_plan import PlanQuestion, plan_restore
from tests.at_length import some_or_all

SEGMENT = 2**24
PER_FILE = 2**32 // SEGMENT
BEGIN = datetime(2024, 5, 1, tzinfo=UTC)
TOOLS = ("pgbackrest", "walg", "barman")


def wal(timeline: int, lsn: int) -> str:
    number = lsn // SEGMENT
    return f"{timeline:08X}{number // PER_FILE:08X}{number % PER_FILE:08X}"


def lsn_text(lsn: int) -> str:
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def instant(second: int, part: str = "") -> str:
    return (BEGIN + timedelta(seconds=second)).strftime(f"%Y-%m-%dT%H:%M:%S{part}+00:00")


@dataclass(eq=False)
class Backup:
    label: str
    parent: Backup | None
    timeline: int
    first: int
    last: int
    start: int  # seconds
    stop: int
    needs: list[Backup] = field(default_factory=list)
    waits: bool = False


@dataclass
class History:
    tool: str
    backups: list[Backup] = field(default_factory=list)
    forks: dict[int, tuple[int, int]] = field(default_factory=dict)  # child -> parent, switch
    newest_wal: str = ""  # of the archive, where the tool tells it

    def leads(self, timeline: int, lsn: int, end: int) -> bool:
        while end != timeline:
            if end not in self.forks:
                return False
            end, switch = self.forks[end]
            if lsn > switch:
                return False
        return True


# ---- histories by chance
def label_of(tool: str, backup: Backup) -> str:
    segment = wal(backup.timeline, backup.first)
    if tool == "walg":
        below = backup.parent
        return f"base_{segment}" + (f"_D_{below.label[5:29]}" if below is not None else "")
    if tool == "barman":
        return (BEGIN + timedelta(seconds=backup.start)).strftime("%Y%m%dT%H%M%S")
    return f"{backup.start}{'I' if backup.parent else 'F'}"


def needs_of(tool: str, parent: Backup, luck: random.Random) -> list[Backup]:
    """Return all that an incremental needs. pgBackRest may refer to fewer backups than there are
    between it and its full.
    """
    chain = [*parent.needs, parent]
    if tool != "pgbackrest":
        return chain
    return [below for below in chain if below.parent is None or luck.random() < 0.7]


def history_by_chance(tool: str, luck: random.Random) -> History:
    history = History(tool)
    backups, forks = history.backups, history.forks
    ends = {1: luck.choice([3 * SEGMENT, 2**32 - 5 * SEGMENT])}
    second, current = 0, 1
    is_standby = luck.random() < 0.5  # which switches no segment when a backup begins
    for _ in range(luck.randrange(4, 13)):
        second += luck.randrange(1, 5000)
        ends[current] += luck.randrange(3 * SEGMENT)
        if backups and luck.random() < 0.3:
            earlier = [backup.last for backup in backups if backup.timeline == current]
            switch = luck.choice([ends[current], *earlier])
            new = len(ends) + 1
            forks[new] = (current, switch)
            ends[new] = switch
            current = new
            continue
        first = ends[current] if is_standby else -(-ends[current] // SEGMENT) * SEGMENT
        first += 40
        last = first + luck.choice([luck.randrange(100, 999), luck.randrange(999, 2 * SEGMENT)])
        possible = [
            backup
            for backup in backups
            if tool == "pgbackrest" or history.leads(backup.timeline, backup.last, current)
        ]
        parent = luck.choice(possible[-2:]) if possible and luck.random() < 0.6 else None
        backup = Backup("", parent, current, first, last, second, second + luck.randrange(900))
        second = backup.stop
        ends[current] = last
        backup.label = label_of(tool, backup)
        if parent is not None and tool == "walg":
            named = backup.label[-24:]
            begun = [b for b in backups if wal(b.timeline, b.first) == named]
            if len(begun) > 1:
                continue  # nothing tells which of them is meant
        if any(b.label == backup.label for b in backups):
            continue  # it replaces the other
        if parent is not None:
            backup.needs = needs_of(tool, parent, luck)
        backups.append(backup)
    if tool == "barman" and backups and luck.random() < 0.6:
        newest = backups[-1]
        history.newest_wal = wal(newest.timeline, luck.choice([newest.first, newest.last - 1]))
        newest.waits = luck.random() < 0.8 or history.newest_wal < wal(
            newest.timeline, newest.last - 1
        )
    return history


# ---- as the tools write them
def pgbackrest_row(backup: Backup) -> dict[str, Any]:
    return {
        "label": backup.label,
        "type": "incr" if backup.parent else "full",
        "prior": backup.parent.label if backup.parent else None,
        "reference": [below.label for below in backup.needs] or None,
        "database": {"id": 1, "repo-key": 1},
        "lsn": {"start": lsn_text(backup.first), "stop": lsn_text(backup.last)},
        "archive": {
            "start": wal(backup.timeline, backup.first),
            "stop": wal(backup.timeline, backup.last - 1),
        },
        "timestamp": {
            "start": int(BEGIN.timestamp()) + backup.start,
            "stop": int(BEGIN.timestamp()) + backup.stop,
        },
    }


def walg_row(backup: Backup) -> dict[str, Any]:
    return {
        "backup_name": backup.label,
        "wal_file_name": wal(backup.timeline, backup.first),
        "start_time": instant(backup.start, ".5"),
        "finish_time": instant(backup.stop, ".5"),
        "start_lsn": backup.first,
        "finish_lsn": backup.last,
        "system_identifier": 7,
    }


def barman_row(backup: Backup, newest_wal: str) -> dict[str, Any]:
    return {
        "backup_id": backup.label,
        "status": "WAITING_FOR_WALS" if backup.waits else "DONE",
        "backup_type": "incremental" if backup.parent else "full",
        "base_backup_information": {
            "begin_lsn": lsn_text(backup.first),
            "end_lsn": lsn_text(backup.last),
            "begin_wal": wal(backup.timeline, backup.first),
            "end_wal": wal(backup.timeline, backup.last - 1),
            "begin_time": instant(backup.start, ".5"),
            "end_time": instant(backup.stop, ".5"),
            "timeline": backup.timeline,
        },
        "catalog_information": {"parent_backup_id": backup.parent.label if backup.parent else None},
        "wal_information": {"last_available": newest_wal or None},
    }


def written(history: History) -> str:
    if history.tool == "walg":
        return json.dumps(list(map(walg_row, history.backups)))
    if history.tool == "barman":
        rows = [barman_row(backup, history.newest_wal) for backup in history.backups]
        return "\n".join(json.dumps({"pg": row}) for row in rows)
    stanza = {
        "name": "main",
        "db": [{"id": 1, "repo-key": 1, "system-id": 7}],
        "backup": list(map(pgbackrest_row, history.backups)),
        "archive": [],
    }
    return json.dumps([stanza])


def timeline_files(history: History, folder: Path) -> tuple[Path, ...]:
    found = []
    for child in history.forks:
        lines = []
        timeline = child
        while timeline in history.forks:
            timeline, switch = history.forks[timeline]
            lines.append(f"{timeline}\t{lsn_text(switch)}\tno recovery target specified\n")
        path = folder / f"{child:08X}.history"
        path.write_text("".join(reversed(lines)))
        found.append(path)
    return tuple(found)


# ---- the judge
@dataclass
class Judge:
    history: History
    end: int  # the timeline whose history is followed
    lost: set[str]  # labels of backups and names of segments

    def path(self) -> list[tuple[int, int, int]]:
        """Return (timeline, from, until) of the history that is followed."""
        pieces = []
        timeline, until = self.end, 2**63
        while timeline in self.history.forks:
            parent, switch = self.history.forks[timeline]
            pieces.append((timeline, switch, until))
            timeline, until = parent, min(switch, until)
        return [*reversed([*pieces, (timeline, 0, until)])]

    def begun_on(self, timeline: int) -> int:
        """Return the LSN from which WAL of a timeline is yet to come."""
        own = [backup for backup in self.history.backups if backup.timeline == timeline]
        shown = [-(-backup.last // SEGMENT) * SEGMENT for backup in own if not backup.waits]
        name = self.history.newest_wal
        if name and int(name[:8], 16) == timeline:
            shown.append((int(name[8:16], 16) * PER_FILE + int(name[16:], 16) + 1) * SEGMENT)
        there = max(shown, default=0)
        awaited = any(backup.waits and backup.last > there for backup in own)
        return there if awaited else 2**63

    def is_here(self, timeline: int, lsn: int) -> bool:
        return wal(timeline, lsn) not in self.lost and lsn < self.begun_on(timeline)

    def replayed(self, lsn: int, goal: int) -> int:
        """Return how far WAL at hand leads from a position to a goal."""
        for timeline, _, until in self.path():
            while lsn < min(until, goal):
                if not self.is_here(timeline, lsn):
                    return lsn
                lsn = min((lsn // SEGMENT + 1) * SEGMENT, until, goal)
        return lsn

    def is_usable(self, backup: Backup) -> bool:
        history = self.history
        parts = [backup, *backup.needs]
        if any(part.label in self.lost for part in parts):
            return False
        followed = [backup] if history.tool == "pgbackrest" else parts
        if not all(history.leads(part.timeline, part.last, self.end) for part in followed):
            return False
        return self.replayed(backup.first, backup.last) == backup.last

    def known(self) -> dict[int, int]:
        """Return the positions that are known on the path, and when each was surely reached."""
        found: dict[int, int] = {}
        for timeline, since, until in self.path():
            for backup in self.history.backups:
                for lsn, at in ((backup.first, backup.start), (backup.last, backup.stop)):
                    if backup.timeline == timeline and since <= lsn <= until:
                        found[lsn] = max(at, found.get(lsn, 0))
        return found

    def furthest(self) -> int:
        """Return the last position of which something tells: a backup, the archive, or the switch
        to a timeline that leads to one of these.
        """
        ends = list(self.known())
        history, name = self.history, self.history.newest_wal
        seen = {backup.timeline for backup in history.backups} | {int(name[:8] or "0", 16)}
        for timeline, _, until in self.path():
            for child, (parent, switch) in history.forks.items():
                leads = any(history.leads(child, switch, end) for end in seen)
                if parent == timeline and leads and switch <= until:
                    ends.append(switch)
            if name and int(name[:8], 16) == timeline:
                end = (int(name[8:16], 16) * PER_FILE + int(name[16:], 16) + 1) * SEGMENT
                ends += [end] if end <= until else []
        return max(ends, default=0)

    def answer(self, second: int | None, lsn: int | None) -> tuple[bool, int, list[str]]:
        """(is the target reached, the furthest position, labels of the newest set)."""
        furthest = self.furthest()
        goal = furthest
        can_be = lsn is None or lsn <= furthest
        if lsn is not None:
            goal = min(lsn, furthest)
        elif second is not None:
            later = [at_lsn for at_lsn, at in self.known().items() if at >= second]
            can_be = bool(later)
            goal = min(later, default=furthest)
        best: tuple[bool, int, int] = (False, -1, -1)
        names: list[str] = []
        for backup in self.history.backups:
            late = second is not None and backup.stop >= second
            if late or (lsn is not None and backup.last > lsn) or not self.is_usable(backup):
                continue
            reached = self.replayed(backup.last, max(goal, backup.last))
            rank = (can_be and reached >= goal, reached, backup.last)
            if rank > best:
                best = rank
                names = [part.label for part in (*backup.needs, backup)]
        return best[0], best[1], names


def differences(seed: int, tool: str, folder: Path) -> list[str]:
    """Return what the plans of one random history say other than the judge."""
    luck = random.Random(f"{tool} {seed}")
    history = history_by_chance(tool, luck)
    if not history.backups:
        return []
    path = folder / "history.json"
    path.write_text(written(history))
    forks = timeline_files(history, folder)
    one = luck.choice(history.backups)
    segment = wal(one.timeline, luck.randrange(one.first, one.last + 2 * SEGMENT))
    found = []
    for lost in ([], [one.label], [segment], [luck.choice(history.backups).label, segment]):
        for second, lsn in (
            (None, None), (luck.randrange(-50, one.stop + 9000), None), (one.stop, None),
            (one.stop + 1, None), (None, one.last), (None, one.first + luck.randrange(SEGMENT)),
        ):  # fmt: skip
            until = "latest" if second is None else instant(second)
            until = until if lsn is None else lsn_text(lsn)
            (answer,) = plan_restore(path, PlanQuestion(until, tuple(lost), fork_files=forks))
            judges = {
                end: Judge(history, end, set(lost)).answer(second, lsn)
                for end in {1, *history.forks}
            }
            what = f"seed {seed}, {tool}, until {until}, without {lost}:"
            found += [f"{what} {text}" for text in wrong(answer, judges, second, lsn)]
    return found


def wrong(
    answer: Any, judges: dict[int, tuple[bool, int, list[str]]], second: int | None, lsn: int | None
) -> list[str]:
    plan = as_json([answer], Path())["databases"][0]
    followed = answer.outlook.plan.fork
    names = [step["file"] for step in plan["steps"] if step["kind"] != "log"]
    if followed is None:
        return ["nothing is planned"] if any(names for _, _, names in judges.values()) else []
    met, furthest, wanted = judges[followed]
    found = []
    if names != wanted:
        found.append(f"{names} are restored, {wanted} are needed")
    reached = answer.outlook.plan.reaches
    if wanted and (not met or (second is None and lsn is None)) and reached[1] != furthest:
        found.append(f"reaches {reached}, {furthest} can be reached")
    if second is None and lsn is None:
        return found
    if plan["reached"] != met:
        found.append(f"the target is reached: {plan['reached']}, and not {met}")
    others = {end for end, judged in judges.items() if judged[0] and end != followed}
    told = {int(note.rpartition(" ")[2]) for note in plan["remarks"] if ": --fork " in note}
    if not met and (not told <= others or bool(told) != bool(others)):
        found.append(f"{told} are told to reach the target, {others} do")
    return found


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("seed", some_or_all(range(0, 400, 20), 4))
def test_plans_of_random_histories(tool: str, seed: int, tmp_path: Path) -> None:
    for number in range(seed, seed + 20):
        assert not differences(number, tool, tmp_path)


# ---- the same rules one by one
def restored(history: History, folder: Path, *lost: str, until: str = "latest") -> list[str]:
    """Return the labels of the base backups of a plan."""
    path = folder / "history.json"
    path.write_text(written(history))
    question = PlanQuestion(until, lost, fork_files=timeline_files(history, folder))
    (answer,) = plan_restore(path, question)
    plan = as_json([answer], folder)["databases"][0]
    return [step["file"] for step in plan["steps"] if step["kind"] != "log"]


@pytest.mark.parametrize(
    ("lost", "names"),
    [((), "FC"), (("A",), "FC"), (("B",), "FC"), (("F",), ""), (("C",), "FA"), (("C", "A"), "F")],
)
def test_only_backups_that_are_referred_to_are_needed(
    lost: tuple[str, ...], names: str, tmp_path: Path
) -> None:
    """pgBackRest: C was compared with B, which lies beyond the switch to its timeline, and refers
    to files of F alone.
    """
    full = Backup("F", None, 1, 5 * SEGMENT, 5 * SEGMENT + 99, 0, 10)
    first = Backup("A", full, 1, 6 * SEGMENT, 6 * SEGMENT + 99, 20, 30, [full])
    second = Backup("B", first, 1, 9 * SEGMENT, 9 * SEGMENT + 99, 40, 50, [full, first])
    third = Backup("C", second, 2, 8 * SEGMENT, 8 * SEGMENT + 99, 60, 70, [full])
    history = History("pgbackrest", [full, first, second, third], {2: (1, 7 * SEGMENT)})
    assert "".join(restored(history, tmp_path, *lost)) == names


def test_a_delta_may_begin_in_the_segment_of_its_full(tmp_path: Path) -> None:
    """WAL-G on a standby: the delta names its own segment, and is not based on itself."""
    full = Backup("", None, 1, 5 * SEGMENT + 40, 5 * SEGMENT + 99, 0, 10)
    full.label = label_of("walg", full)
    delta = Backup("", full, 1, 5 * SEGMENT + 200, 5 * SEGMENT + 300, 20, 30, [full])
    delta.label = label_of("walg", delta)
    assert delta.label == f"{full.label}_D_{full.label[5:]}"
    history = History("walg", [full, delta])
    assert restored(history, tmp_path) == [full.label, delta.label]
    assert restored(history, tmp_path, full.label) == []


@pytest.mark.parametrize(("newest", "count"), [(7, 2), (6, 1), (5, 1)])
def test_a_backup_that_waits_for_wal_is_used_once_it_is_there(
    newest: int, count: int, tmp_path: Path
) -> None:
    """Barman: the second backup needs segments 6 and 7."""
    full = Backup("A", None, 1, 5 * SEGMENT, 5 * SEGMENT + 99, 0, 10)
    delta = Backup("B", full, 1, 6 * SEGMENT, 7 * SEGMENT + 99, 20, 30, [full], waits=True)
    history = History("barman", [full, delta], newest_wal=wal(1, newest * SEGMENT))
    assert restored(history, tmp_path) == ["A", "B"][:count]
    (answer,) = plan_restore(tmp_path / "history.json", PlanQuestion())
    assert answer.is_met == (count == 2)
    states = [gap.state.value for gap in answer.outlook.missing]
    assert states == (["late"] if count == 1 else [])
