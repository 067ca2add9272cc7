"""Why a backup that lies whole at the secondary has not been restored: validation, the replay
delay, another one before it, a worker, a restore that is refused or still in progress.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from dr_sim.backups.model import Kind
from dr_sim.backups.said import said
from dr_sim.measures.causes.causes import BackupFate, Causes, named_once
from dr_sim.measures.causes.pieces import Piece
from dr_sim.measures.outcome.outcome import manager_down
from dr_sim.scenario.kind import Explains


def unrestored(
    causes: Causes, file: BackupFate, begin: int, end: int, prefix: str
) -> Iterator[Piece]:
    """Cut [begin, end), in which the whole file lies there, by what it waits for."""
    validated = [
        (at, "validated", "")
        for at in causes.told("seen.Validated", file.name)
    ]
    ordered = [
        (at, "ordered", "") for at in causes.told("seen.Restore", file.name)
    ]
    restored = [
        (at, "restored", "")
        for at in causes.told("seen.Restored", file.name)
    ]
    turns = validated + ordered + restored + _refusals(causes, file)
    turns.sort(key=lambda turn: turn[0])
    turns = [turn for turn in turns if begin <= turn[0] < end]
    turns = [
        turn
        for i, turn in enumerate(turns)
        if not (
            i and turn[1] == "validated" and turns[i - 1][1] == "refused"
        )
    ]
    down = manager_down(causes.t, begin, end)
    spans = [(begin, "landed", ""), *turns, (end, "", "")]
    for (left, state, words), (right, _, _) in pairwise(spans):
        yield from _in_state(
            causes, file, (left, right, state, words), down, prefix
        )


def _refusals(
    causes: Causes, file: BackupFate
) -> list[tuple[int, str, str]]:
    rows = causes.t.rows("seen.RestoreFailed")
    return [
        (
            r.time_us,
            "refused",
            said(r.values["error_number"], r.values["error_text"]),
        )
        for r in rows
        if r.values["name"] == file.name
    ]


def _in_state(
    causes: Causes,
    file: BackupFate,
    of: tuple[int, int, str, str],
    down: list[tuple[int, int]],
    prefix: str,
) -> Iterator[Piece]:
    left, right, state, words = of
    database = file.database
    before = [
        span for span in restores(causes, database) if span[2] != file.name
    ]
    delayed = (
        file.begin_us + causes.scenario.replay.delay_us
        if file.kind == Kind.LOG
        else left
    )
    queue = (
        _served_before(causes, database, left) if state == "ordered" else []
    )
    cuts = {left, right, delayed, *queue}
    for span in down:
        cuts.update(span)
    for began, ended, _ in before:
        cuts |= {began, ended}
    cuts |= causes.turns(left, right, Explains.RESTORES_OFF, database)
    for a, b in pairwise(sorted(x for x in cuts if left <= x <= right)):
        yield (
            b,
            *_cause(
                causes,
                file,
                (a, left, state, words, delayed),
                (down, before, queue),
                prefix,
            ),
        )


def _cause(
    causes: Causes,
    file: BackupFate,
    at: tuple[int, int, str, str, int],
    of: tuple[list[tuple[int, int]], list[tuple[int, int, str]], list[int]],
    prefix: str,
) -> tuple[str, str]:
    a, ordered, state, words, delayed = at
    down, before, queue = of
    database = file.database
    if any(b <= a < e for b, e in down):
        return prefix + "landed, the recovery manager is down", file.name
    if state == "landed":
        return prefix + "landed, being validated", file.name
    if state == "ordered":
        if queue and a < queue[-1]:
            return (
                prefix + "landed, waits for a restore worker",
                f"{causes.scenario.replay.workers} are busy",
            )
        off = causes.during(a, a + 1, Explains.RESTORES_OFF, database)
        if off and causes.during(
            ordered, ordered + 1, Explains.RESTORES_OFF, database
        ):
            return prefix + f"landed, restores are off ({off})", file.name
        begun = max([ordered, *queue[-1:]])
        label = named_once(_made_slow(causes, database, begun))
        return prefix + "being restored" + (
            f" ({label})" if label else ""
        ), file.name
    if state == "restored":
        return prefix + "restored, but the copy does not hold it", file.name
    if state == "refused":
        label = causes.during(a, a + 1, Explains.RESTORE_REFUSED, database)
        return prefix + "landed, restore refused" + (
            f" ({label})" if label else ""
        ), words
    other = next((name for b, e, name in before if b <= a < e), None)
    if other is not None:
        return prefix + "landed, waits behind another restore", other
    if a < delayed:
        return prefix + "replay delay", "as configured"
    return prefix + "landed, not restored", file.name


def _made_slow(causes: Causes, database: int, begun_us: int) -> list[str]:
    """Return the events that make a restore slow which begins at that instant: how long it takes is
    decided then, whatever begins or ends while it runs.
    """
    return causes.each_during(
        begun_us, begun_us + 1, Explains.SLOW_RESTORE, database
    )


def slow_restores(causes: Causes, begin_us: int, end_us: int) -> str:
    """Return 'event 2, event 5': the events that made restores slow of those that ran in that time;
    '' if none did.
    """
    if not any(
        Explains.SLOW_RESTORE in h.explains for h in causes.happenings
    ):
        return ""
    each = [
        (database, span)
        for database in range(len(causes.scenario.databases))
        for span in restores(causes, database)
    ]
    ran = [of for of in each if of[1][0] < end_us and begin_us < of[1][1]]
    since_us = min((span[0] for _, span in ran), default=end_us)
    near = [of for of in each if of[1][0] < end_us and since_us < of[1][1]]
    found: list[str] = []
    for database, (ordered, _, _) in ran:
        queue = _taken_up(causes, (database, ordered), near)
        begun = max([ordered, *queue])
        if begun < end_us:
            found += _made_slow(causes, database, begun)
    return named_once(found)


def restores(causes: Causes, database: int) -> list[tuple[int, int, str]]:
    """(ordered, over, name) of every restore into a database."""
    kept = causes.restores
    if database not in kept:
        t = causes.t
        deaths = [
            r.time_us for r in t.rows("truth.manager") if not r.values["up"]
        ]
        ends: dict[int, list[int]] = {}
        for kind in ("seen.Restored", "seen.RestoreFailed", "seen.NoRoom"):
            rows = t.of(kind, database)
            for time, name in zip(
                rows["time_us"].tolist(), rows["name"].tolist(), strict=True
            ):
                ends.setdefault(name, []).append(time)
        found = []
        rows = t.of("seen.Restore", database)
        for time, name in zip(
            rows["time_us"].tolist(), rows["name"].tolist(), strict=True
        ):
            over = [x for x in (*ends.get(name, ()), *deaths) if x >= time]
            found.append(
                (time, min(over, default=causes.end_us), t.text(name))
            )
        kept[database] = found
    return kept[database]


def _served_before(
    causes: Causes, database: int, ordered: int
) -> list[int]:
    """The instant at which a worker takes up a restore that was ordered then; none if one was free
    at once.
    """
    each = [
        (i, span)
        for i in range(len(causes.scenario.databases))
        if i != database
        for span in restores(causes, i)
    ]
    return _taken_up(causes, (database, ordered), each)


def _taken_up(
    causes: Causes,
    of: tuple[int, int],
    each: Sequence[tuple[int, tuple[int, int, str]]],
) -> list[int]:
    """Return the same, given the restores that may come before it, each with its database. of: the
    database, and when the restore was ordered.
    """
    database, ordered = of
    workers = causes.scenario.replay.workers
    over = sorted(
        span[1]
        for i, span in each
        if i != database
        and span[0] <= ordered < span[1]
        and (span[0] < ordered or i < database)
    )
    return [over[len(over) - workers]] if len(over) >= workers else []
