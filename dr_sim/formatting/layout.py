"""Lines and tables that fit a screen: the one place that knows how wide it is.

A line that is too long goes on in the next one, and a word is never cut. Where the line has
columns, what goes on stands below the last of them. A table that is too wide is printed in parts,
one below the other; each has the columns that say what a row is about.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Sequence
from itertools import zip_longest

WIDEST = 120
"""Columns of a terminal that are used at the most: people lose the line in longer ones."""
_NARROWEST = 40
_ENDLESS = 100_000
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# one word: a command, which people copy; an interval; a number with its unit
_WORD = re.compile(r"`[^`]*`\S*|\[[^\]`]{1,24}\]\S*|\d[\d.,]* %\S*|\S+")
_GAP = "  "
_LEAST_NAME = 24
"""Columns that long names of rows have at least."""
_LEAST_LAST = 24
"""Columns that the last column of a table has at least, if it has words for them."""


def width() -> int:
    """Return the columns that a line may have. A file or a pipe has no end: programs read it line
    by line.
    """
    found = shutil.get_terminal_size((_ENDLESS, 24)).columns
    if found == _ENDLESS:
        return _ENDLESS
    return min(WIDEST, max(_NARROWEST, found))


def fitted(text: str) -> str:
    """Return a text whose lines fit the screen."""
    wide = width()
    out: list[str] = []
    for line in text.split("\n"):
        out += _parts(line, wide)
    return "\n".join(out)


def _parts(line: str, wide: int) -> list[str]:
    """Return one line as lines that fit."""
    if _length(line) <= wide:
        return [line]
    words = _words(line, wide)
    lines: list[str] = []
    now, first = "", True
    for gap, word in words:
        if not first and _length(now + gap + word) > wide:
            lines.append(now)
            now = " " * _indent(lines[0], wide) + word
        else:
            now += gap + word
        first = False
    return [*lines, now]


def _words(line: str, wide: int) -> list[tuple[str, str]]:
    """Return each word with the room before it. What stands between backticks and is longer than
    a line is several words.
    """
    found, end = [], 0
    for match in _WORD.finditer(line):
        for each in _split(match, wide):
            begins = match.start() + each.start()
            found.append((line[end:begins], each[0]))
            end = match.start() + each.end()
    return found


def _split(word: re.Match[str], wide: int) -> list[re.Match[str]]:
    pattern = r"\S+" if _length(word[0]) > wide // 2 else r".+"
    return list(re.finditer(pattern, word[0]))


def _indent(first: str, wide: int) -> int:
    """Return where the lines after the first one begin: below its last column if that leaves
    enough room, else a little further in than the line itself.
    """
    plain = _COLOUR.sub("", first)
    begins = len(plain) - len(plain.lstrip())
    columns = [m.end() for m in re.finditer(r"(?<=\S) {2,}(?=\S)", plain)]
    return next(
        (at for at in reversed(columns) if at <= wide // 2), begins + 2
    )


def _length(text: str) -> int:
    """Return the columns that a text takes: colours take none."""
    return len(_COLOUR.sub("", text))


def table_lines(
    rows: Sequence[Sequence[str]],
    right: Sequence[int] = (),
    *,
    indent: int = 0,
    names: int = 1,
) -> list[str]:
    """Return a table as lines that fit the screen. rows: the head first; right: the columns that
    are aligned to the right; names: the columns that say what a row is about. Long cells of the
    first and the last column go on below themselves.
    """
    wide = width() - indent
    widths = [
        max(map(_length, column)) for column in zip(*rows, strict=True)
    ]
    widths[0] = _name_width(widths, wide)
    out: list[str] = []
    for group in _groups(widths, wide, names):
        room = wide - sum(widths[i] + len(_GAP) for i in group[:-1])
        last = min(widths[group[-1]], max(_LEAST_LAST, room))
        limits = [*(widths[i] for i in group[:-1]), last]
        out += [""] if out else []
        for row in rows:
            cells = [_lines_of(row[group[0]], limits[0])]
            cells += [[row[i]] for i in group[1:-1]]
            cells += [_lines_of(row[group[-1]], limits[-1])]
            sides = [i in right for i in group]
            lines = _row(cells, limits, sides)
            out += [" " * indent + line for line in lines]
    return out


def _name_width(widths: Sequence[int], wide: int) -> int:
    """Return the width of the first column: as narrow as lets the others stand beside it."""
    last = min(widths[-1], _LEAST_LAST)
    others = sum(widths[1:-1]) + last + len(_GAP) * (len(widths) - 1)
    room = wide - others
    if room >= min(widths[0], _LEAST_NAME):
        return min(widths[0], room)
    return min(widths[0], wide // 2)


def _groups(
    widths: Sequence[int], wide: int, names: int
) -> list[list[int]]:
    """Return the columns of each part of a table: those of the names are in each."""
    groups = [list(range(names))]
    of_names = sum(widths[:names]) + len(_GAP) * (names - 1)
    used = of_names
    for i, each in enumerate(widths[names:], names):
        is_last = i == len(widths) - 1
        needs = len(_GAP) + (min(each, _LEAST_LAST) if is_last else each)
        if len(groups[-1]) > names and used + needs > wide:
            groups.append(list(range(names)))
            used = of_names
        groups[-1].append(i)
        used += needs
    return groups


def _lines_of(cell: str, wide: int) -> list[str]:
    """Return a cell as lines between whose words it is divided."""
    if _length(cell) <= wide:
        return [cell]
    return textwrap.wrap(
        cell, wide, break_long_words=False, break_on_hyphens=False
    )


def _row(
    cells: Sequence[Sequence[str]],
    widths: Sequence[int],
    sides: Sequence[bool],
) -> list[str]:
    """Return one row of a table, in as many lines as its longest cell."""
    lines = []
    for parts in zip_longest(*cells, fillvalue=""):
        padded = map(_padded, parts, widths, sides)
        lines.append(_GAP.join(padded).rstrip())
    return lines


def _padded(cell: str, wide: int, right: bool) -> str:
    space = " " * (wide - _length(cell))
    return space + cell if right else cell + space
