"""A restore plan as JSON and as text, with its exit code."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dr_sim import units
from dr_sim.backups.model import BackupHeader, Kind, finishing_order
from dr_sim.backups.outlook import Missing, OutlookState
from dr_sim.formatting.layout import table_lines
from dr_sim.formatting.words import counted, size
from dr_sim.importers.plan_source import Source
from dr_sim.importers.restore_plan import PlanAnswer
from dr_sim.units import SECOND_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_UNUSABLE = 8  # files that are listed


def utc_text(us: int) -> str:
    when = _EPOCH + timedelta(microseconds=us)
    precision = "seconds" if us % SECOND_US == 0 else "milliseconds"
    return when.isoformat(timespec=precision).replace("+00:00", "Z")


def as_json(answers: Sequence[PlanAnswer], history: Path) -> dict[str, Any]:
    """Return the content of the text, for scripts."""
    return {
        "history": str(history),
        "exit_code": exit_code(answers),
        "databases": list(map(_json, answers)),
    }


def exit_code(answers: Sequence[PlanAnswer]) -> int:
    """Return 0 if every target can be reached, else 1."""
    return 0 if all(answer.is_met for answer in answers) else 1


def _json(answer: PlanAnswer) -> dict[str, Any]:
    source, outlook, names = (
        answer.source,
        answer.outlook,
        answer.opened.names,
    )
    steps = [_step_json(answer, step) for step in outlook.plan.steps]
    missing = [_gap_json(source, gap) for gap in outlook.missing]
    unusable = [
        {"file": names[header.backup_id], "why": why.value}
        for header, why in outlook.unusable
    ]
    newer_fork = outlook.newer_fork
    return {
        "database": source.database,
        "tool": source.kind,
        "until": answer.until,
        "target": _target_json(answer),
        "reached": answer.is_met,
        "steps": steps,
        "reaches": _reaches_json(answer),
        "missing": missing,
        "unusable": unusable,
        "elsewhere": [
            {"fork": source.fork_text(fork), "files": files}
            for fork, files in _elsewhere(answer).items()
        ],
        "newer_fork": None
        if newer_fork is None
        else source.fork_text(newer_fork),
        "lost_s": None
        if answer.lost_us is None
        else answer.lost_us / SECOND_US,
        "duration_s": answer.duration_us / SECOND_US,
        "costs": {
            "fixed_s": answer.costs.fixed_us / SECOND_US,
            "bytes_per_s": answer.costs.rate_bytes_s,
            "source": answer.costs.source,
        },
        "policy": answer.policy.value,
        "reading": answer.target.reading.value,
        "remarks": answer.remarks,
    }


def _step_json(answer: PlanAnswer, step: BackupHeader) -> dict[str, Any]:
    opened = answer.opened
    return {
        "file": opened.names[step.backup_id],
        "paths": opened.paths.get(step.backup_id, []),
        "position": opened.positions.get(step.backup_id),
        "kind": step.kind.word,
        "fork": answer.source.fork_text(step.fork),
        "first_lsn": str(step.first_lsn),
        "last_lsn": str(step.last_lsn),
        "started": utc_text(step.started_utc_us),
        "finished": utc_text(step.finished_utc_us),
        "bytes": step.nominal_bytes,
        "stored_bytes": opened.stored_bytes.get(
            step.backup_id, step.nominal_bytes
        ),
    }


def _reaches_json(answer: PlanAnswer) -> dict[str, Any] | None:
    reached = answer.outlook.plan.reaches
    if reached is None:
        return None
    fork, lsn = reached
    utc_us = answer.reached_utc_us
    return {
        "fork": answer.source.fork_text(fork),
        "lsn": str(lsn),
        "position": answer.source.position_text(fork, lsn),
        "utc": None if utc_us is None else utc_text(utc_us),
    }


def _gap_json(source: Source, gap: Missing) -> dict[str, Any]:
    return {
        "fork": source.fork_text(gap.fork),
        "first_lsn": str(gap.first_lsn),
        "last_lsn": str(gap.last_lsn),
        "what": source.stretch_text(gap.fork, gap.first_lsn, gap.last_lsn),
        "state": gap.state.value,
    }


def as_text(answers: Sequence[PlanAnswer]) -> str:
    return "\n\n".join(_text(answer) for answer in answers)


def _text(answer: PlanAnswer) -> str:
    source, outlook = answer.source, answer.outlook
    until, policy = _until(answer), answer.policy.value
    lines = [
        f"{_line(source.database)}  ({source.kind})  until {until}, {policy}"
    ]
    lines.append(f"  reaches   {_reaches(answer)}")
    for gap in outlook.missing:
        words = (
            "lost"
            if gap.state is OutlookState.LOST
            else "late: not here yet"
        )
        stretch = source.stretch_text(gap.fork, gap.first_lsn, gap.last_lsn)
        lines.append(f"  missing   {stretch} ({words})")
    lines.append(f"  loses     {_loses(answer)}")
    if outlook.plan.steps:
        fixed = units.format_duration(answer.costs.fixed_us)
        rate = units.format_disk_rate(answer.costs.rate_bytes_s)
        lines.append(
            f"  takes     about {units.clock(answer.duration_us)}, at {fixed} a file and "
            f"{rate} ({answer.costs.source})"
        )
    lines += _step_lines(answer)
    for header, why in outlook.unusable[:_MOST_UNUSABLE]:
        lines.append(
            f"  unusable  {_line(answer.opened.names[header.backup_id])}: {why.value}"
        )
    if len(outlook.unusable) > _MOST_UNUSABLE:
        lines.append(
            f"  unusable  {len(outlook.unusable) - _MOST_UNUSABLE} more"
        )
    lines += _elsewhere_lines(answer)
    lines += [f"  note      {_line(remark)}" for remark in answer.remarks]
    return "\n".join(lines)


def _step_lines(answer: PlanAnswer) -> list[str]:
    """Return the backups to restore, in this order, a line each."""
    steps = answer.outlook.plan.steps
    if not steps:
        return []
    sized = any(step.nominal_bytes for step in steps)
    heads = ["#", "kind", "finished (UTC)", "size", "backup"]
    rows = [_without_size(heads, sized)]
    for number, step in enumerate(steps, 1):
        name = _line(answer.opened.names[step.backup_id])
        position = answer.opened.positions.get(step.backup_id, 1)
        if position > 1:
            name += f" (FILE = {position})"
        finished = utc_text(step.finished_utc_us)
        taken = size(step.nominal_bytes) if step.nominal_bytes else "?"
        cells = [str(number), step.kind.word, finished, taken, name]
        rows.append(_without_size(cells, sized))
    head = f"  restore   {counted(len(steps), 'backup')}, in this order:"
    right = [0, 3] if sized else [0]
    return [head, *table_lines(rows, right=right, indent=2)]


def _without_size(cells: list[str], sized: bool) -> list[str]:
    """Return the cells of a row, without the size where the history tells no sizes."""
    return cells if sized else [*cells[:3], cells[-1]]


def _elsewhere(answer: PlanAnswer) -> dict[int, list[str]]:
    """Return the names of the backups that lie elsewhere, by their fork."""
    found: dict[int, list[str]] = {}
    for header in answer.outlook.elsewhere:
        name = answer.opened.names[header.backup_id]
        found.setdefault(header.fork, []).append(name)
    return found


def _elsewhere_lines(answer: PlanAnswer) -> list[str]:
    followed = answer.outlook.plan.fork
    there = "the history that is followed"
    if followed is not None:
        there = f"the history of {answer.source.fork_text(followed)}"
    return [
        f"  elsewhere {counted(len(files), 'backup')} of {answer.source.fork_text(fork)}, "
        f"no part of {there}"
        for fork, files in _elsewhere(answer).items()
    ]


def _until(answer: PlanAnswer) -> str:
    """Write the target as it was understood."""
    target = answer.target
    if target.utc_us is not None:
        return utc_text(target.utc_us)
    return (
        "latest"
        if target.lsn is None
        else f"LSN {answer.source.lsn_text(target.lsn)}"
    )


def _target_json(answer: PlanAnswer) -> dict[str, Any]:
    target = answer.target
    if target.utc_us is not None:
        return {"kind": "instant", "utc": utc_text(target.utc_us)}
    return (
        {"kind": "end"}
        if target.lsn is None
        else {"kind": "lsn", "lsn": str(target.lsn)}
    )


def _reaches(answer: PlanAnswer) -> str:
    reached = answer.outlook.plan.reaches
    if reached is None:
        return f"nothing: {_why_nothing(answer)}"
    at = (
        f"{utc_text(answer.reached_utc_us)} "
        if answer.reached_utc_us is not None
        else ""
    )
    position = f"{at}({answer.source.position_text(*reached)})"
    return (
        position if answer.is_met else f"{position}: the target is missed"
    )


def _why_nothing(answer: PlanAnswer) -> str:
    opened, target = answer.opened, answer.target
    fulls = [
        header for header in opened.headers if header.kind is Kind.FULL
    ]
    fulls = [
        full
        for full in fulls
        if full.backup_id not in opened.told.incomplete
    ]
    if not fulls:
        return "no full backup is at hand from which a restore could start"
    first = min(fulls, key=finishing_order)
    if not target.is_end and all(map(target.is_overshot_by, fulls)):
        name = _line(opened.names[first.backup_id])
        return (
            f"the target lies before the end of the first full at hand, {name} "
            f"at {utc_text(first.finished_utc_us)}"
        )
    followed = answer.outlook.plan.fork
    on = (
        f" on {answer.source.fork_text(followed)}"
        if followed is not None
        else ""
    )
    return f"no full backup at hand leads to the target{on}"


def _loses(answer: PlanAnswer) -> str:
    if answer.reached_utc_us is None:
        return "everything"
    since = utc_text(answer.reached_utc_us)
    to_an_instant = answer.target.utc_us is not None
    to_a_position = answer.target.lsn is not None and answer.is_met
    if not answer.lost_us and (to_an_instant or to_a_position):
        return "nothing that was asked for"
    after = f"what was committed after {since}"
    if not answer.lost_us:
        return after
    until = (
        "the instant asked for"
        if to_an_instant
        else "the last instant that the history knows"
    )
    return f"{after}: {units.clock(answer.lost_us)} up to {until}"


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
