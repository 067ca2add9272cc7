"""One clear line for a text that is not YAML: the place of the slip, and what would be right.

Theory of operation: the parser notices many slips only where it cannot continue. A brace that is
never closed, a quote that never ends and a key without its colon lie further up; the parser says
where it began to read them (its context), and that is the place to name. For other slips the place
where it stopped is right, and the parser's own words are kept with a remedy for each.
"""

from __future__ import annotations

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from dr_sim.errors import Problem

_LONGEST = 200  # of the parser's own words
_CLOSED_BY = {
    "while parsing a flow mapping": "}",
    "while parsing a flow sequence": "]",
}
_OPENED_BY = {"}": "{", "]": "["}
_IN_QUOTES = "while scanning a quoted scalar"
_BLOCKS = (
    "while parsing a block mapping",
    "while parsing a block collection",
)
_REMEDIES = (  # (any of these in the parser's words, what to do about it)
    (("tab", "'\\t'"), "indent with spaces, not tabs"),
    (
        ("mapping values are not allowed",),
        "put a text that holds ': ' in quotes, or check the indentation",
    ),
    (
        ("'>'", "'<'", "expected a comment or a line break"),
        "a bound is written 'at most 15 min', and any other text with > or | in quotes",
    ),
    (("cannot start any token",), "put the text in quotes"),
    (
        ("another document",),
        "write one scenario a file, without '---' between",
    ),
    (
        ("found undefined alias", "unexpected end", "expected"),
        "check brackets, quotes and indentation",
    ),
)


def not_yaml(error: MarkedYAMLError, file: str) -> Problem:
    """Return the problem that the parser has met, at the place where people mend it."""
    found = _further_up(error, file) or _indented_unlike(error, file)
    if found is not None:
        return found
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    words = error.problem or error.context or "it cannot be read"
    what = " ".join(words.removeprefix("but ").split())
    remedy = _remedy(what)
    told = f"is not YAML: {what[:_LONGEST]}"
    return Problem(
        file, line, column, f"{told}; {remedy}" if remedy else told
    )


def _remedy(what: str) -> str:
    """Return what to do about the parser's words; '' if nobody knows."""
    for signs, right in _REMEDIES:
        if any(sign in what for sign in signs):
            return right
    return ""


def _further_up(error: MarkedYAMLError, file: str) -> Problem | None:
    """Return the problem of what was begun in an earlier line and is not complete; None if the slip
    is another one.
    """
    mark, stopped = error.context_mark, error.problem_mark
    if mark is None or stopped is None or mark.line == stopped.line:
        return None
    context = error.context or ""
    if context in _CLOSED_BY and (error.problem or "").startswith(
        "expected ','"
    ):
        close = _CLOSED_BY[context]
        message = f"the {_OPENED_BY[close]!r} that begins here is not closed; write {close!r}"
    elif context == _IN_QUOTES:
        message = "the quote that begins here does not end; write it at the end of the text too"
    elif "could not find expected ':'" in (error.problem or ""):
        message = (
            "a colon and a space follow each key, as in 'run_for: 14 days'"
        )
    else:
        return None
    return Problem(
        file, mark.line + 1, mark.column + 1, f"is not YAML: {message}"
    )


def _indented_unlike(error: MarkedYAMLError, file: str) -> Problem | None:
    """Return the problem of a line that begins in a column of its own; None if the slip is another
    one.
    """
    words, mark = error.problem or "", error.problem_mark
    if error.context not in _BLOCKS or mark is None:
        return None
    if "expected <block end>" not in words or " start>'" not in words:
        return None
    return Problem(
        file,
        mark.line + 1,
        mark.column + 1,
        "is not YAML: the line is indented unlike those around it; keys of one mapping, and items "
        "of one list, begin in the same column",
    )


def unreadable(text: str, file: str, error: YAMLError) -> Problem:
    """Return the problem of a character that no text file holds, or whatever else the parser
    met without a place.
    """
    position = getattr(error, "position", None)
    if not isinstance(position, int) or not 0 <= position <= len(text):
        told = " ".join(str(error).split())[:_LONGEST]
        return Problem(file, 1, 1, f"is not YAML: {told}")
    before = text[:position]
    line = before.count("\n") + 1
    column = position - (before.rfind("\n") + 1) + 1
    shown = f"U+{ord(text[position]):04X}" if position < len(text) else "it"
    return Problem(
        file,
        line,
        column,
        f"is not YAML: {shown} is no character for a text file; remove it",
    )
