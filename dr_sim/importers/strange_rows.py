"""Rows of a history whose instants cannot be: each is skipped with a remark, as foreign rows are.

A history is refused for them where it matters: if most of its rows are so, the export as a whole is
wrong; and a plan that misses its target, and could use one of them, says what is wrong with that
row instead of calling its log lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dr_sim.backups.model import Kind
from dr_sim.backups.outlook import Outlook, Why
from dr_sim.errors import InputError, Problem
from dr_sim.importers.cells import one_of_each

_NEEDED = "; the plan misses its target, and may need this backup"


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where a row stands in a history. what: 'backup 3'; line 0: none is known."""

    file: str
    what: str
    line: int = 0

    def problem(self, wrong: object) -> Problem:
        """A mistake in that row."""
        return Problem(
            self.file, self.line, min(self.line, 1), f"{self.what}: {wrong}"
        )


@dataclass(frozen=True, slots=True)
class StrangeRow:
    """A backup that was skipped. lsns: its first and its last; None: the row does not tell them.
    name: of its database, or of the backup where the tool names each.
    """

    problem: Problem
    kind: Kind
    name: str
    lsns: tuple[int, int] | None = None

    def could_help(self, outlook: Outlook) -> bool:
        """Return whether a plan that misses its target might reach further with this backup."""
        reached = outlook.plan.reaches
        if self.lsns is None:
            return True
        first_lsn, last_lsn = self.lsns
        if self.kind is Kind.LOG:
            fills = any(
                first_lsn < gap.last_lsn and gap.first_lsn < last_lsn
                for gap in outlook.missing
            )
            goes_on = (
                reached is not None and first_lsn <= reached[1] < last_lsn
            )
            return fills or goes_on
        if reached is None or last_lsn > reached[1]:
            return True
        return any(
            why is Why.NO_BASE and header.last_lsn > reached[1]
            for header, why in outlook.unusable
        )


@dataclass(slots=True)
class Mistakes:
    """Mistakes in the rows of a history, in their order."""

    _all: list[Problem] = field(default_factory=list)
    _refused: int = 0
    _skipped: int = 0
    _of_unknown_size: int = 0

    def refuse(self, problem: Problem) -> None:
        """Take up a mistake for which the whole history is refused."""
        self._all.append(problem)
        self._refused += 1

    def skip(self, problem: Problem) -> None:
        """Take up a row that is skipped."""
        self._all.append(problem)
        self._skipped += 1

    def forget(self, sizes: Sequence[Problem]) -> None:
        """Take up what is wrong with the sizes of one row, which count as unknown."""
        self._all += sizes
        self._of_unknown_size += bool(sizes)

    def check(self, taken: int) -> None:
        """Raise InputError with all of them if one is a reason to refuse the history, or if more
        rows are wrong than right. taken: number of rows that are not skipped.
        """
        wrong = self._skipped + self._of_unknown_size
        right = taken - self._of_unknown_size
        if self._refused or wrong > right:
            raise InputError(one_of_each(self._all))


def remarks_on(
    skipped: Sequence[Problem], sizes: Sequence[Problem]
) -> list[str]:
    """Return one remark for each kind of mistake in rows that were skipped, and in sizes."""
    remarks = [
        f"{problem.message}: skipped" for problem in one_of_each(skipped)
    ]
    for problem in one_of_each(sizes):
        remarks.append(f"{problem.message}: taken as unknown")
    return remarks


def refuse_if_needed(rows: Sequence[StrangeRow], outlook: Outlook) -> None:
    """Raise InputError if a plan misses its target and rows that were skipped could have
    helped.
    """
    if outlook.plan.met:
        return
    needed = [row.problem for row in rows if row.could_help(outlook)]
    told = [
        replace(problem, message=f"{problem.message}{_NEEDED}")
        for problem in one_of_each(needed)
    ]
    if told:
        raise InputError(told)
