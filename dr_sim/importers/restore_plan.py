"""`dr-sim plan`: the files to restore from a history or a run, the gaps, the loss, and the time it
takes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path

from dr_sim.backups.chain import ends_of_history, forks_of
from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.backups.outlook import Outlook, look_ahead
from dr_sim.backups.target import Choice, Policy, Reading, Target
from dr_sim.errors import input_error
from dr_sim.files.output import read_bytes
from dr_sim.formatting.words import size
from dr_sim.importers.cells import BadValueError
from dr_sim.importers.plan_of_run import sources_of_run
from dr_sim.importers.plan_source import Forks, Opened, RestoreCosts, Source
from dr_sim.importers.plan_sources import read_forks, sources_in
from dr_sim.importers.strange_rows import refuse_if_needed
from dr_sim.results.run_folder import MANIFEST_FILE
from dr_sim.scenario.fields.times import parse_moment, to_utc_us
from dr_sim.units import UnitError

_LATEST = ("latest", "end")


@dataclass(frozen=True, slots=True)
class PlanQuestion:
    """The options as they were written; '' and None: not given."""

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
    """The plan of one database.

    reached_utc_us: everything that was committed before is restored; None: nothing can be restored.
    lost_us: the time from there to the instant asked for, or for another target to the end of the
    history.
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
        choice = Choice(
            self.policy, self.costs.fixed_us, self.costs.rate_bytes_s
        )
        return sum(
            choice.duration_us(step.nominal_bytes)
            for step in self.outlook.plan.steps
        )


def plan_restore(history: Path, question: PlanQuestion) -> list[PlanAnswer]:
    """Plan for each database in a history file or the folder of a run, or for the named one.

    Raises InputError for anything that cannot be read, or that is not in the history.
    """
    sources = _sources(history)
    forks = Forks()
    for path in question.fork_files:
        try:
            read_forks(read_bytes(path), str(path), path.name, forks)
        except BadValueError as wrong:
            raise input_error(str(path), str(wrong)) from None
    if question.database:
        names = [source.database for source in sources]
        sources = [
            source
            for source in sources
            if source.database == question.database
        ]
        if not sources:
            known = ", ".join(names[:8])
            raise input_error(
                "--database",
                f"{question.database[:60]!r} is not in {history}; it holds {known}",
            )
    _check_names(sources, question, history)
    return [_answer(source, question, forks) for source in sources]


def _sources(history: Path) -> list[Source]:
    try:
        is_folder = history.is_dir()
    except OSError:  # a name that is too long, say: reading it says so
        is_folder = False
    if is_folder or history.name == MANIFEST_FILE:
        return sources_of_run(history if is_folder else history.parent)
    return sources_in(read_bytes(history), str(history))


def _check_names(
    sources: Sequence[Source], question: PlanQuestion, history: Path
) -> None:
    for name in question.without:
        try:
            known = any(source.knows(name) for source in sources)
        except BadValueError as wrong:
            raise input_error("--without", str(wrong)) from None
        if not known:
            raise input_error(
                "--without", f"{name[:200]!r} is no file in {history}"
            )


def _answer(
    source: Source, question: PlanQuestion, forks: Forks
) -> PlanAnswer:
    target = _target(source, question)
    costs = _costs(source, question)
    choice = Choice(question.policy, costs.fixed_us, costs.rate_bytes_s)
    try:
        fork = source.fork(question.fork) if question.fork else None
        current_fork, current_lsn = _current(source, question.current)
    except BadValueError as wrong:
        raise input_error("--fork or --current", str(wrong)) from None
    opened = source.open(
        [name for name in question.without if source.knows(name)], forks
    )
    if fork is not None:
        _check_fork(source, fork, forks)
    whole = source.open([], forks) if question.without else opened

    def look(
        at: Opened,
        current: tuple[int, int] | None = None,
        on: int | None = fork,
    ) -> Outlook:
        return look_ahead(
            at.headers,
            fork=on,
            target=target,
            told=at.told,
            choice=choice,
            current=current,
        )

    current = None
    if current_lsn is not None:
        if current_fork is None:
            current_fork = look(opened).plan.fork
        current = (1 if current_fork is None else current_fork, current_lsn)
    outlook = look(opened, current)
    refuse_if_needed(source.strange, outlook)
    complete = outlook if whole is opened else look(whole)
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
    if not (target.is_end or answer.is_met):
        ends = ends_of_history(
            opened.headers, forks_of(opened.headers, opened.told.forks)
        )
        for end in ends:
            if end != outlook.plan.fork and look(opened, on=end).plan.met:
                name = source.fork_text(end).rpartition(" ")[2]
                answer.remarks.append(
                    f"the history of another fork reaches the target: --fork {name}"
                )
    return answer


def _costs(source: Source, question: PlanQuestion) -> RestoreCosts:
    """Return the costs of restores: those of the options, else those of the history."""
    own = source.costs
    rate, fixed = question.rate_bytes_s, question.fixed_us
    if rate is None and fixed is None:
        return own
    if rate is not None and fixed is not None:
        return RestoreCosts(fixed, rate or own.rate_bytes_s, "given")
    return RestoreCosts(
        own.fixed_us if fixed is None else fixed,
        rate or own.rate_bytes_s,
        f"given in part; the other {own.source}",
    )


def _check_fork(source: Source, fork: int, forks: Forks) -> None:
    """Raise InputError if the history has no such fork."""
    everything = source.open([], forks)
    known = set(everything.told.forks)
    for header in everything.headers:
        known |= {header.fork, header.first_fork}
    if fork in known:
        return
    written = ", ".join(
        source.fork_text(each) for each in sorted(known)[:8]
    )
    message = f"{source.database} has no {source.fork_text(fork)}; it has {written or 'none'}"
    raise input_error("--fork", message)


def _target(source: Source, question: PlanQuestion) -> Target:
    text = question.until.strip()
    if text.lower() in _LATEST:
        return Target(reading=question.reading)
    try:
        if re.fullmatch(
            r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", text
        ):
            date = f"{text[:4]}-{text[4:6]}-{text[6:]}"
            raise input_error(
                "--until",
                f"{text!r} may be a date or an LSN; write '{date} 00:00' (UTC), or the "
                "LSN with a 0 before it",
            )
        if re.match(r"\d{4}-\d", text):
            moment = parse_moment(text)
            return Target(
                utc_us=to_utc_us(
                    moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                ),
                reading=question.reading,
                slack_us=source.slack_us,
            )
        return Target(lsn=source.lsn(text), reading=question.reading)
    except UnitError as wrong:
        raise input_error("--until", f"{wrong}, in UTC") from None
    except BadValueError as wrong:
        time_alone = re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?", text)
        hint = "the date too" if time_alone else "an instant"
        raise input_error(
            "--until",
            f"{text[:60]!r}: write {hint}, as in '2024-05-01 10:00' (UTC); or latest; or an LSN "
            f"({wrong})",
        ) from None


def _current(source: Source, text: str) -> tuple[int | None, int | None]:
    """Return (fork, LSN) of FORK@LSN, of a WAL segment's name, or of an LSN alone."""
    if not text:
        return None, None
    fork, _, lsn = text.rpartition("@")
    if not fork and re.fullmatch(r"[0-9A-Fa-f]{24}", lsn):
        fork = lsn[:8]
    return (source.fork(fork) if fork else None), source.lsn(lsn)


def _reached_utc_us(
    outlook: Outlook, target: Target, opened: Opened
) -> int | None:
    """Return the instant up to which everything is certainly restored; if the target is an instant
    and is met, that instant.
    """
    steps = outlook.plan.steps
    if not steps:
        return None
    if outlook.plan.met and target.utc_us is not None:
        return target.utc_us
    own = _holds_until_us(steps[-1])
    empty = _empty_log_after(outlook, opened)
    return own if empty is None else max(own, empty.started_utc_us)


def _empty_log_after(
    outlook: Outlook, opened: Opened
) -> BackupHeader | None:
    """Return the latest empty log at the position that the plan reaches. It shows that nothing was
    written until its backup began.
    """
    reached = outlook.plan.reaches
    if reached is None:
        return None
    fork, lsn = reached
    empty = [
        header
        for header in opened.headers
        if header.kind is Kind.LOG
        and (header.fork, header.first_lsn, header.last_lsn)
        == (fork, lsn, lsn)
    ]
    return max(empty, key=lambda log: log.started_utc_us, default=None)


def _lost_us(
    outlook: Outlook,
    target: Target,
    reached: int | None,
    complete: Outlook,
    whole: Opened,
) -> int | None:
    """Return 0 if the target is met; None if nothing is left, or if it is unknown what there
    was.
    """
    if reached is None:
        return None
    if target.utc_us is not None:
        return max(target.utc_us - reached, 0)
    if target.lsn is not None:
        known = _reached_utc_us(complete, target, whole)
    else:
        forks = {complete.plan.fork}
        if not complete.plan.met:
            forks.add(complete.newer_fork)
        ends = [
            _holds_until_us(header)
            for header in whole.headers
            if header.fork in forks
        ]
        known = max(ends, default=None)
    return None if known is None else max(known - reached, 0)


def _holds_until_us(header: BackupHeader) -> int:
    """Return the instant up to which a backup surely holds the writes."""
    return (
        header.started_utc_us
        if header.kind is Kind.LOG
        else header.finished_utc_us
    )


def _remark_current(
    answer: PlanAnswer, current: tuple[int, int] | None
) -> None:
    """Remark that backups at hand lie beyond the position that was given as the primary's."""
    if current is None:
        return
    ends = [
        h.last_lsn for h in answer.opened.headers if h.fork == current[0]
    ]
    furthest = max(ends, default=current[1])
    if furthest > current[1]:
        position = answer.source.position_text(*current)
        answer.remarks.append(
            f"the current position ({position}) lies before the end of what is at hand, LSN "
            f"{answer.source.lsn_text(furthest)}: it is old, or of another database"
        )


def _remark_empty(answer: PlanAnswer) -> None:
    """Remark which backup says that the last one of the plan leads further than its own time."""
    empty = _empty_log_after(answer.outlook, answer.opened)
    steps = answer.outlook.plan.steps
    if empty is None or not steps or empty in steps:
        return
    if empty.started_utc_us != answer.reached_utc_us:
        return
    name = answer.opened.names[empty.backup_id]
    answer.remarks.append(
        f"{name} is an empty log: it need not be restored, and it shows that nothing more "
        "was committed before its backup began"
    )


def _remark_second(answer: PlanAnswer) -> None:
    """Remark that a backup ended in the second asked for, where parts of a second are not told."""
    at_us, slack_us = answer.target.utc_us, answer.target.slack_us
    if at_us is None:
        return
    for header in answer.opened.headers:
        late = at_us - header.finished_utc_us
        if header.kind is not Kind.LOG and 0 <= late < slack_us:
            answer.remarks.append(
                f"{answer.opened.names[header.backup_id]} ended in the second asked for, and may "
                "hold more: it is not used; ask for the next second to use it"
            )


def _remark(answer: PlanAnswer, current: tuple[int, int] | None) -> None:
    source, outlook = answer.source, answer.outlook
    if outlook.newer_fork is not None:
        answer.remarks.append(
            "a newer fork than the one that is followed exists: "
            f"{source.fork_text(outlook.newer_fork)}"
        )
    _remark_current(answer, current)
    _remark_second(answer)
    _remark_empty(answer)
    if (
        current is not None
        and outlook.plan.fork not in (None, current[0])
        and outlook.plan.fork is not None
    ):
        where = f"the current position is on {source.fork_text(current[0])}"
        if any(
            current[0] in (h.fork, h.first_fork)
            for h in answer.opened.headers
        ):
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
        if (
            last.kind is Kind.LOG
            and last.started_utc_us < target.utc_us <= last.finished_utc_us
        ):
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
            f"{size(plain)} of plain bytes drive the time; {size(stored)} of files have to be "
            "fetched first"
        )
    if not plain and outlook.plan.steps:
        answer.remarks.append(
            "the history tells no sizes: only the fixed cost of each file is counted"
        )
