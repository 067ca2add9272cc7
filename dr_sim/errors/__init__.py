"""The one family of errors that a user can cause. Each says what is wrong and what would be right.

A face that catches DrSimError prints `str(error)` and leaves with `error.exit_code`; anything else
is a bug in dr_sim.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST_LINE = 600


class DrSimError(Exception):
    """Something the user can put right. exit_code is what the command line leaves with."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake at one place. line and column count from 1; line 0 means that file is no file
    (`--set ...`).
    """

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        message = (
            self.message
            if len(self.message) <= _LONGEST_LINE
            else f"{self.message[:_LONGEST_LINE]} ..."
        )
        place = (
            self.file
            if self.line == 0
            else f"{self.file}:{self.line}:{self.column}"
        )
        return "".join(
            char if char.isprintable() else ascii(char)[1:-1]
            for char in f"{place}: {message}"
        )


class InputError(DrSimError):
    """The input is wrong. problems holds every mistake found, in the order of the files' lines."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(
            "\n".join(str(problem) for problem in self.problems)
        )

    def __reduce__(
        self,
    ) -> tuple[type[InputError], tuple[tuple[Problem, ...]]]:
        return (InputError, (self.problems,))


def input_error(place: str, message: str) -> InputError:
    """Return the error about something that has no line: an option, a whole file or folder."""
    return InputError([Problem(place, 0, 0, message)])
