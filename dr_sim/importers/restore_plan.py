"""`dr-sim plan`: from a history or a run to the files to restore, what is missing, what is lost,
and how long it takes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dr_sim import units
from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.backups.outlook import Outlook, OutlookState, look_ahead
from dr_sim.backups.target import Choice, Policy, Reading, Target
from dr_sim.errors import InputError, Problem
from dr_sim.files.output import read_bytes
from dr_sim.importers.cells import BadValueError
from dr_sim.importers.plan_sources import (
    Forks,
    Opened,
    RestoreCosts,
    RunSource,
    Source,
    read_forks,
    sources_in,
)
from dr_sim.results.run_folder import MANIFEST_FILE, read_results
from dr_sim.scenario.times import parse_moment, to_utc_us
from dr_sim.units import SECOND_US, UnitError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = ("latest", "end")
_MOST_UNUSABLE = 8


@dataclass(frozen=True, slots=True)
class PlanQuestion:
    """Holds what was asked, as it was written; '' and None: not given."""

    until: str = "latest"
    without: tuple[str, ...] = ()
    database: str = ""
    fork: str = ""
    current: str = ""
    policy: Policy = Policy.NEWEST_SET
    reading: Reading = Reading.START
    fork_files: tuple[Path, ...] = ()
    rate_bytes_s: int | None = None
    fixed_us: int | None = None


@dataclass(slots=True)
class PlanAnswer:
    """The plan of one database. reached_utc_us: all that was committed before is there; None:
    nothing can be had.

    lost_us: from there to the instant asked for, or for another target to what every file of the
    history reaches.
    """

    source: Source
    opened: Opened
    outlook: Outlook
    target: Target
    until: str
    reached_utc_us: int | None
    lost_us: int | None
    costs: RestoreCosts
    policy: Policy
    remarks: list[str] = field(default_factory=list)

    @property
    def is_met(self) -> bool:
        return self.outlook.plan.met

    @property
    def duration_us(self) -> int:
        choice = Choice(self.policy, self.costs.fixed_us, self.costs.rate_bytes_s)
        return sum(choice.duration_us(step.nominal_bytes) for step in self.outlook.plan.steps)


def plan_restore(history: Path, question: PlanQuestion) -> list[PlanAnswer]:
    """Answer for each database in a history file or the folder of a run, or for the one that is
    asked for.

    Raises InputError for anything that cannot be read, or that nothing in the history bears.
    """
    sources = _sources(history)
    forks = Forks()
    for path in question.fork_files:
        try:
            read_forks(read_bytes(path), str(path), path.name, forks)
        except BadValueError as wrong:
            raise InputError([Problem(str(path), 0, 0, str(wrong))]) from None
    if question.database:
        names = [source.database for source in sources]
        sources = [source for source in sources if source.database == question.database]
        if not sources:
            known = ", ".join(names[:8])
            raise _refused(
                "--database", f"{question.database[:60]!r} is not in {history}; it holds {known}"
            )
    _check_names(sources, question, history)
    return [_answer(source, question, forks) for source in sources]


def _sources(history: Path) -> list[Source]:
    try:
        is_folder = history.is_dir()
    except OSError:  # a name that is too long, say: reading it says so
        is_folder = False
    if is_folder or history.name == MANIFEST_FILE:
        return _of_run(history if is_folder else history.parent)
    return sources_in(read_bytes(history), str(history))


def _of_run(folder: Path) -> list[Source]:
    """The files in the secondary's share when the primary first failed, or at the end of the
    run.
    """
    stored = read_results(folder)
    journal, scenario = stored.journal, stored.scenario
    end_us = min((row.time_us for row in journal.rows("truth.failed")), default=None)
    headers: list[dict[str, BackupHeader]] = [{} for _ in scenario.databases]
    damaged: list[int] = [0] * len(headers)
    names: list[dict[int, str]] = [{} for _ in headers]
    for row in journal.rows("seen.Validated", "truth.file_gone", "truth.damaged"):
        if end_us is not None and row.time_us > end_us:
            break
        if row.entity < 0 or row.entity >= len(headers):
            continue
        values, own = row.values, headers[row.entity]
        if row.kind == "seen.Validated":
            header = _header(values)
            own[values["name"]] = header
            names[row.entity][header.backup_id] = values["name"]
        elif values["where"] == "secondary":
            gone = own.pop(names[row.entity].get(values["file"], ""), None)
            damaged[row.entity] += gone is not None and row.kind == "truth.damaged"
    cost = scenario.secondary.restore[Kind.FULL]
    costs = RestoreCosts(
        cost.fixed_us,
        cost.rate_bytes_s,
        "secondary.restore_rate and restore_fixed of the run's scenario",
    )
    when = "when the primary failed" if end_us is not None else "at the end of the run"
    sources: list[Source] = []
    for number, database in enumerate(scenario.databases):
        remarks = [f"files that lay whole in the secondary's share {when}"]
        if damaged[number]:
            remarks.append(f"{damaged[number]} files had been damaged there: left out")
        sources.append(RunSource(database.name, headers[number], remarks, costs))
    return sources


def _header(values: dict[str, Any]) -> BackupHeader:
    own = {
        key.removeprefix("header."): value
        for key, value in values.items()
        if key.startswith("header.")
    }
    own["kind"] = Kind(own["kind"])
    own["copy_only"], own["is_tail"] = bool(own["copy_only"]), bool(own["is_tail"])
    return BackupHeader(**own)


def _check_names(sources: Sequence[Source], question: PlanQuestion, history: Path) -> None:
    for name in question.without:
        try:
            known = any(source.knows(name) for source in sources)
        except BadValueError as wrong:
            raise _refused("--without", str(wrong)) from None
        if not known:
            raise _refused("--without", f"{name[:200]!r} is no file in {history}")


def _refused(option: str, message: str) -> InputError:
    return InputError([Problem(option, 0, 0, message)])


def _answer(source: Source, question: PlanQuestion, forks: Forks) -> PlanAnswer:
    target = _target(source, question)
    costs = source.costs
    if question.rate_bytes_s is not None or question.fixed_us is not None:
        rate = question.rate_bytes_s or costs.rate_bytes_s
        fixed = costs.fixed_us if question.fixed_us is None else question.fixed_us
        both = question.rate_bytes_s is not None and question.fixed_us is not None
        costs = RestoreCosts(
            fixed, rate, "given" if both else f"given in part; the other {costs.source}"
        )
    choice = Choice(question.policy, costs.fixed_us, costs.rate_bytes_s)
    try:
        fork = source.fork(question.fork) if question.fork else None
        current_fork, current_lsn = _current(source, question.current)
    except BadValueError as wrong:
        raise _refused("--fork or --current", str(wrong)) from None
    opened = source.open([name for name in question.without if source.knows(name)], forks)
    if fork is not None:
        everything = source.open([], forks)
        known = {each for h in everything.headers for each in (h.fork, h.first_fork)} | set(
            everything.told.forks
        )
        if fork not in known:
            written = ", ".join(source.fork_text(each) for each in sorted(known)[:8])
            raise _refused(
                "--fork",
                f"{source.database} has no {source.fork_text(fork)}; it has {written or 'none'}",
            )
    whole = source.open([], forks) if question.without else opened
    outlook = look_ahead(opened.headers, fork=fork, target=target, told=opened.told, choice=choice)
    current = None
    if current_lsn is not None:
        followed = current_fork if current_fork is not None else outlook.plan.fork
        current = (followed if followed is not None else 1, current_lsn)
        outlook = look_ahead(
            opened.headers,
            fork=fork,
            target=target,
            told=opened.told,
            choice=choice,
            current=current,
        )
    complete = outlook
    if whole is not opened:
        complete = look_ahead(
            whole.headers, fork=fork, target=target, told=whole.told, choice=choice
        )
    reached = _reached_utc_us(outlook, target, opened)
    answer = PlanAnswer(
        source,
        opened,
        outlook,
        target,
        question.until,
        reached,
        _lost_us(outlook, target, reached, complete, whole),
        costs,
        question.policy,
        list(opened.remarks),
    )
    _remark(answer, current)
    return answer


def _target(source: Source, question: PlanQuestion) -> Target:
    text = question.until.strip()
    if text.lower() in _LATEST:
        return Target(reading=question.reading)
    try:
        if re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", text):
            date = f"{text[:4]}-{text[4:6]}-{text[6:]}"
            raise _refused(
                "--until",
                f"{text!r} may be a date or an LSN; write '{date} 00:00' (UTC), or the "
                "LSN with a 0 before it",
            )
        if re.match(r"\d{4}-\d", text):
            moment = parse_moment(text)
            return Target(
                utc_us=to_utc_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC)),
                reading=question.reading,
            )
        return Target(lsn=source.lsn(text), reading=question.reading)
    except (UnitError, BadValueError) as wrong:
        raise _refused(
            "--until", f"{wrong}; or write an instant ('2024-05-01 10:00', in UTC) or latest"
        ) from None


def _current(source: Source, text: str) -> tuple[int | None, int | None]:
    """(fork, LSN) of FORK@LSN, of a WAL segment's name, or of an LSN alone."""
    if not text:
        return None, None
    fork, _, lsn = text.rpartition("@")
    if not fork and re.fullmatch(r"[0-9A-Fa-f]{24}", lsn):
        fork = lsn[:8]
    return (source.fork(fork) if fork else None), source.lsn(lsn)


def _reached_utc_us(outlook: Outlook, target: Target, opened: Opened) -> int | None:
    """The instant up to which everything is there, for certain: the target's where it is met by
    one.
    """
    steps = outlook.plan.steps
    if not steps:
        return None
    if outlook.plan.met and target.utc_us is not None:
        return target.utc_us
    reached = outlook.plan.reaches
    assert reached is not None
    last = steps[-1]
    own = last.started_utc_us if last.kind is Kind.LOG else last.finished_utc_us
    empty = [  # logs that hold nothing beyond: nothing was written until they were cut
        h.started_utc_us
        for h in opened.headers
        if h.kind is Kind.LOG and h.fork == reached[0] and h.first_lsn == h.last_lsn == reached[1]
    ]
    return max([own, *empty])


def _lost_us(
    outlook: Outlook, target: Target, reached: int | None, complete: Outlook, whole: Opened
) -> int | None:
    """0 where the target is met; None where nothing is left, or nothing tells what there was."""
    if reached is None:
        return None
    if target.utc_us is not None:
        return max(target.utc_us - reached, 0)
    forks = {
        complete.plan.fork,
        complete.newer_fork if target.is_end and not complete.plan.met else None,
    }
    ends = [
        h.started_utc_us if h.kind is Kind.LOG else h.finished_utc_us
        for h in whole.headers
        if h.fork in forks
    ]
    known = (
        _reached_utc_us(complete, target, whole)
        if target.lsn is not None
        else max(ends, default=None)
    )
    return None if known is None else max(known - reached, 0)


def _remark(answer: PlanAnswer, current: tuple[int, int] | None) -> None:
    source, outlook = answer.source, answer.outlook
    if outlook.newer_fork is not None:
        answer.remarks.append(
            "a newer fork than the one that is followed exists: "
            f"{source.fork_text(outlook.newer_fork)}"
        )
    if (
        current is not None
        and outlook.plan.fork not in (None, current[0])
        and outlook.plan.fork is not None
    ):
        where = f"the current position is on {source.fork_text(current[0])}"
        if any(current[0] in (h.fork, h.first_fork) for h in answer.opened.headers):
            answer.remarks.append(
                f"{where}; a newer one exists: {source.fork_text(outlook.plan.fork)}"
            )
        else:
            answer.remarks.append(
                f"{where}, of which nothing is at hand: what was written there cannot be had yet"
            )
    target = answer.target
    if (
        target.utc_us is not None
        and not answer.is_met
        and target.reading is Reading.START
        and outlook.plan.steps
    ):
        last = outlook.plan.steps[-1]
        if last.kind is Kind.LOG and last.started_utc_us < target.utc_us <= last.finished_utc_us:
            answer.remarks.append(
                "the instant lies while the last log's backup ran: by its finish "
                "(--reading finish) it would do"
            )
    plain = sum(step.nominal_bytes for step in outlook.plan.steps)
    stored = sum(
        answer.opened.stored_bytes.get(step.backup_id, step.nominal_bytes)
        for step in outlook.plan.steps
    )
    if plain and stored and plain != stored:
        answer.remarks.append(
            f"{plain} plain bytes drive the time; {stored} bytes of files have to be fetched first"
        )
    if not plain and outlook.plan.steps:
        answer.remarks.append(
            "the history tells no sizes: only the fixed cost of each file is counted"
        )


# ---- as JSON and as text
def utc_text(us: int) -> str:
    when = _EPOCH + timedelta(microseconds=us)
    return when.isoformat(timespec="seconds" if us % SECOND_US == 0 else "milliseconds").replace(
        "+00:00", "Z"
    )


def as_json(answers: Sequence[PlanAnswer], history: Path) -> dict[str, Any]:
    """Everything that the text says, for scripts."""
    return {
        "history": str(history),
        "exit_code": exit_code(answers),
        "databases": [_json(answer) for answer in answers],
    }


def exit_code(answers: Sequence[PlanAnswer]) -> int:
    """0 if every target can be reached, else 1."""
    return 0 if all(answer.is_met for answer in answers) else 1


def _json(answer: PlanAnswer) -> dict[str, Any]:
    source, outlook, names = answer.source, answer.outlook, answer.opened.names
    reached = outlook.plan.reaches
    return {
        "database": source.database,
        "tool": source.kind,
        "until": answer.until,
        "target": _target_json(answer),
        "reached": answer.is_met,
        "steps": [
            {
                "file": names[step.backup_id],
                "paths": answer.opened.paths.get(step.backup_id, []),
                "kind": step.kind.word,
                "fork": source.fork_text(step.fork),
                "first_lsn": str(step.first_lsn),
                "last_lsn": str(step.last_lsn),
                "started": utc_text(step.started_utc_us),
                "finished": utc_text(step.finished_utc_us),
                "bytes": step.nominal_bytes,
                "stored_bytes": answer.opened.stored_bytes.get(step.backup_id, step.nominal_bytes),
            }
            for step in outlook.plan.steps
        ],
        "reaches": None
        if reached is None
        else {
            "fork": source.fork_text(reached[0]),
            "lsn": str(reached[1]),
            "position": source.position_text(*reached),
            "utc": None if answer.reached_utc_us is None else utc_text(answer.reached_utc_us),
        },
        "missing": [
            {
                "fork": source.fork_text(gap.fork),
                "first_lsn": str(gap.first_lsn),
                "last_lsn": str(gap.last_lsn),
                "what": source.stretch_text(gap.fork, gap.first_lsn, gap.last_lsn),
                "state": gap.state.value,
            }
            for gap in outlook.missing
        ],
        "unusable": [
            {"file": names[header.backup_id], "why": why.value} for header, why in outlook.unusable
        ],
        "newer_fork": None if outlook.newer_fork is None else source.fork_text(outlook.newer_fork),
        "lost_s": None if answer.lost_us is None else answer.lost_us / SECOND_US,
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


def as_text(answers: Sequence[PlanAnswer]) -> str:
    return "\n\n".join(_text(answer) for answer in answers)


def _text(answer: PlanAnswer) -> str:
    source, outlook = answer.source, answer.outlook
    lines = [
        f"{_line(source.database)}  ({source.kind})  until {_until(answer)}, {answer.policy.value}"
    ]
    width = len(str(len(outlook.plan.steps)))
    for number, step in enumerate(outlook.plan.steps, 1):
        size = (
            units.format_size(units.three_figures(step.nominal_bytes)) if step.nominal_bytes else ""
        )
        name = _line(answer.opened.names[step.backup_id])
        lines.append(
            f"  {number:>{width}}  {step.kind.word:<11}  {name}  "
            f"{utc_text(step.finished_utc_us)}  {size}".rstrip()
        )
    lines.append(f"  reaches   {_reaches(answer)}")
    for gap in outlook.missing:
        words = "lost" if gap.state is OutlookState.LOST else "late: not here yet"
        lines.append(
            f"  missing   {source.stretch_text(gap.fork, gap.first_lsn, gap.last_lsn)} ({words})"
        )
    lines.append(f"  loses     {_loses(answer)}")
    if outlook.plan.steps:
        fixed, rate = (
            units.format_duration(answer.costs.fixed_us),
            units.format_disk_rate(answer.costs.rate_bytes_s),
        )
        lines.append(
            f"  takes     about {units.clock(answer.duration_us)}, at {fixed} a file and "
            f"{rate} ({answer.costs.source})"
        )
    for header, why in outlook.unusable[:_MOST_UNUSABLE]:
        lines.append(f"  unusable  {_line(answer.opened.names[header.backup_id])}: {why.value}")
    if len(outlook.unusable) > _MOST_UNUSABLE:
        lines.append(f"  unusable  {len(outlook.unusable) - _MOST_UNUSABLE} more")
    lines += [f"  note      {_line(remark)}" for remark in answer.remarks]
    return "\n".join(lines)


def _until(answer: PlanAnswer) -> str:
    """The target as it was understood."""
    target = answer.target
    if target.utc_us is not None:
        return utc_text(target.utc_us)
    return "latest" if target.lsn is None else f"LSN {answer.source.lsn_text(target.lsn)}"


def _target_json(answer: PlanAnswer) -> dict[str, Any]:
    target = answer.target
    if target.utc_us is not None:
        return {"kind": "instant", "utc": utc_text(target.utc_us)}
    return {"kind": "end"} if target.lsn is None else {"kind": "lsn", "lsn": str(target.lsn)}


def _reaches(answer: PlanAnswer) -> str:
    reached = answer.outlook.plan.reaches
    if reached is None:
        fulls = [
            h
            for h in answer.opened.headers
            if h.kind is Kind.FULL and h.backup_id not in answer.opened.told.incomplete
        ]
        if not fulls:
            return "nothing: no full backup is at hand from which a restore could start"
        first = min(fulls, key=lambda h: (h.finished_utc_us, h.backup_id))
        if not answer.target.is_end and all(answer.target.is_overshot_by(full) for full in fulls):
            name = _line(answer.opened.names[first.backup_id])
            return (
                f"nothing: the target lies before the end of the first full at hand, {name} "
                f"at {utc_text(first.finished_utc_us)}"
            )
        followed = answer.outlook.plan.fork
        on = f" on {answer.source.fork_text(followed)}" if followed is not None else ""
        return f"nothing: no full backup at hand leads to the target{on}"
    at = f"{utc_text(answer.reached_utc_us)} " if answer.reached_utc_us is not None else ""
    position = f"{at}({answer.source.position_text(*reached)})"
    return position if answer.is_met else f"{position}: the target is missed"


def _loses(answer: PlanAnswer) -> str:
    if answer.reached_utc_us is None:
        return "everything"
    since = utc_text(answer.reached_utc_us)
    if not answer.lost_us:
        return (
            "nothing that was asked for"
            if answer.target.utc_us is not None
            else f"what was committed after {since}"
        )
    until = (
        "the instant asked for"
        if answer.target.utc_us is not None
        else "the last instant that the history knows"
    )
    return f"what was committed after {since}: {units.clock(answer.lost_us)} up to {until}"


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
