"""A check in the forms that build servers read: JUnit XML, Markdown for a pull request, annotations
beside the line.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as Xml

from dr_sim.experiments.judging.baseline import Change
from dr_sim.experiments.judging.check import Check, Checked, broken, place
from dr_sim.experiments.judging.judge import LineVerdict
from dr_sim.experiments.judging.tolerance import Tolerance
from dr_sim.experiments.judging.words import (
    line_text,
    shown_value_and_bound,
    subject,
)
from dr_sim.files.output import printable
from dr_sim.formatting.numbers import (
    figures,
    number_texts,
    signed_text,
    with_interval,
)
from dr_sim.formatting.words import counted
from dr_sim.measures.verdict import Outcome

_MARKS = {
    Outcome.PASS: "✅ pass",
    Outcome.UNKNOWN: "❔ unknown",
    Outcome.FAIL: "❌ fail",
}


# ---- words
def change_text(c: Change) -> str:
    """'exposure.p99 rose from 5:00 to 9:58: by +4:58 [+4:10, +5:50]; 300 of 300 runs differ (by
    chance: less than 1 in 10^9)'.
    """
    d = c.difference
    i = d.interval
    what = " ".join(filter(None, (d.measure, d.database, d.tenant)))
    moved = "rose" if i.estimate > 0 else "fell"
    before, now = number_texts([d.a, d.b], d.unit)
    # with the digits that tell it from what does not count
    by, _ = number_texts([abs(i.estimate), c.tolerated], d.unit)
    by = f"{'-' if i.estimate < 0 else '+'}{by}"
    text = f"{what} {moved} from {before} to {now}"
    if c.certain:
        return (
            f"{text}: by {by} (nothing in this scenario is left to chance)"
        )
    least, most = (signed_text(x, d.unit) for x in (i.low, i.high))
    often = (
        "less than 1 in 10^9"
        if d.p < 1e-9
        else f"1 in {figures(1 / d.p, 2)}"
    )
    return (
        f"{text}: by {with_interval(by, least, most)}; {d.differing} of {d.pairs} runs differ (by "
        f"chance: {often})"
    )


def text(check: Check, took_s: float) -> str:
    """Return what the command prints."""
    out: list[str] = []
    for c in check.checked:
        runs = f"{c.distribution.n:,} run{'s' * (c.distribution.n > 1)}"
        out.append(
            f"{c.outcome.name:<8} {c.path}  {runs}  ({c.seconds:.1f} s)"
        )
        if told := broken(c.distribution):
            out.append(f"   BROKEN: {told}")
        out += [f"  {line_text(v)}" for v in c.distribution.verdict]
        out += [
            f"   {'WORSE' if x.worse else 'BETTER':<8} {change_text(x)}"
            for x in c.changes
        ]
    out += [f"no sla   {path}" for path in check.without]
    out += [
        f"new      {path}: not in the baseline" for path in check.unmatched
    ]
    times = Counter(c.outcome for c in check.checked)
    counts = ", ".join(
        f"{times[outcome]} {outcome.name.lower()}" for outcome in Outcome
    )
    out.append(f"{len(check.checked)} checked: {counts}  ({took_s:.1f} s)")
    for c in check.checked:
        if why := reasons(c):
            out.append(
                f"  {c.outcome.name:<8} {c.scenario.name}: {'; '.join(why)}"
            )
    if check.tolerance is not None:
        out.append(_compared(check, check.tolerance))
    return "\n".join(out)


def _compared(check: Check, tolerance: Tolerance) -> str:
    """Return what was compared with the baseline, and how."""
    compared = sum(c.path not in check.unmatched for c in check.checked)
    if not compared:
        return (
            "nothing was compared: the baseline holds none of these scenarios; it knows each by "
            "its path from the baseline's folder"
        )
    changes = [change for c in check.checked for change in c.changes]
    worse = sum(change.worse for change in changes)
    return (
        f"compared with the baseline: {counted(compared, 'scenario')}; "
        f"{counted(worse, 'value')} worse, {len(changes) - worse} better; a difference of at "
        f"most {tolerance} does not count"
    )


def reasons(c: Checked) -> list[str]:
    """Return why a scenario does not pass, a sentence for each reason; empty if it passes."""
    told = broken(c.distribution)
    if told:
        return [told]
    lines = [
        v for v in c.distribution.verdict if v.outcome is not Outcome.PASS
    ]
    return [
        *map(_said, lines),
        *(change_text(change) for change in c.regressions),
    ]


def _said(v: LineVerdict) -> str:
    value, bound = shown_value_and_bound(v)
    return f"{subject(v.line)} is {value}, promised {bound}" + (
        f"; {v.reason}" if v.reason else ""
    )


# ---- JUnit
def junit(check: Check) -> str:
    """One suite a scenario, one case an SLA line (and one for the baseline); unknown is an error,
    or skipped where the scenario says `on_unknown: warn`.
    """
    suites = Xml.Element("testsuites", name="dr-sim check")
    for c in check.checked:
        suite = Xml.SubElement(
            suites, "testsuite", name=str(c.path), time=f"{c.seconds:.3f}"
        )
        each = c.seconds / max(1, len(c.distribution.verdict))
        for v in c.distribution.verdict:
            file, line = place(v, c.path)
            case = Xml.SubElement(
                suite,
                "testcase",
                classname=str(c.path),
                name=v.line.id,
                file=file,
                line=str(line),
                time=f"{each:.3f}",
            )
            if v.outcome is Outcome.FAIL:
                Xml.SubElement(case, "failure", message=_said(v))
            elif v.outcome is Outcome.UNKNOWN:
                Xml.SubElement(
                    case,
                    "skipped"
                    if c.scenario.on_unknown == "warn"
                    else "error",
                    message=_said(v),
                )
        for change in c.changes:
            case = Xml.SubElement(
                suite,
                "testcase",
                classname=str(c.path),
                name=" ".join(
                    filter(
                        None,
                        (
                            "baseline",
                            change.difference.measure,
                            change.difference.tenant,
                        ),
                    )
                ),
                file=str(c.path),
                line="1",
                time="0.000",
            )
            if change.worse:
                Xml.SubElement(case, "failure", message=change_text(change))
        if told := broken(c.distribution):
            case = Xml.SubElement(
                suite, "testcase", classname=str(c.path), name="invariants"
            )
            Xml.SubElement(case, "error", message=told)
        _count(suite)
    _count(suites)
    Xml.indent(suites)
    for element in suites.iter():
        element.attrib = {
            key: _printable(value) for key, value in element.attrib.items()
        }
    return (
        Xml.tostring(suites, encoding="unicode", xml_declaration=True)
        + "\n"
    )


def _count(suite: Xml.Element) -> None:
    suite.set("tests", str(len(list(suite.iter("testcase")))))
    for key, tag in (
        ("failures", "failure"),
        ("errors", "error"),
        ("skipped", "skipped"),
    ):
        suite.set(key, str(len(list(suite.iter(tag)))))


def _printable(message: str) -> str:
    """Return a text without what XML has no room for: control characters and halves of
    characters.
    """
    return "".join(c if c.isprintable() else "?" for c in message)


# ---- Markdown
def markdown(check: Check) -> str:
    """A summary for a pull request: the verdict of all, then a table for each scenario, those that
    do not pass first.
    """
    worst = max((c.outcome for c in check.checked), default=Outcome.PASS)
    out = [f"### dr-sim check: {_MARKS[worst]}"]
    for c in sorted(check.checked, key=lambda c: c.outcome, reverse=True):
        out += _scenario_table(c)
    notes = [f"`{p}` promises nothing (no `sla:`)" for p in check.without]
    notes += [f"`{p}` is not in the baseline" for p in check.unmatched]
    if notes:
        out += ["", *(f"- {note}" for note in notes)]
    return "\n".join(out) + "\n"


def _scenario_table(c: Checked) -> list[str]:
    runs = f"{c.distribution.n:,} run{'s' * (c.distribution.n != 1)}"
    name = _cell(c.scenario.name)
    out = [
        "",
        f"#### {_MARKS[c.outcome]} {name}",
        "",
        f"{_cell(str(c.path))}, {runs}",
        "",
        "| | line | promise | measured | why |",
        "|---|---|---|---|---|",
    ]
    for v in c.distribution.verdict:
        value, bound = shown_value_and_bound(v)
        file, line = place(v, c.path)
        where = (
            str(line)
            if file == os.path.relpath(c.path)
            else f"{file}:{line}"
        )
        promised = f"{subject(v.line)} {bound}"
        out.append(
            _row(_MARKS[v.outcome], where, promised, value, v.reason)
        )
    for change in c.changes:
        mark = "❌ worse" if change.worse else "✅ better"
        out.append(
            _row(mark, "", "as in the baseline", "", change_text(change))
        )
    if told := broken(c.distribution):
        out.append(_row("❌ broken", "", "", "", told))
    return out


def _row(*cells: str) -> str:
    return "| " + " | ".join(_cell(x) for x in cells) + " |"


def _cell(text: str) -> str:
    """Return a text for a cell of a Markdown table: nothing in it is markup, and it has one
    line.
    """
    one_line = _printable(text.replace("\n", " "))
    return (
        re.sub(r"([\\|`*_\[\]!~])", r"\\\1", one_line)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
    )


# ---- GitHub
def github_lines(check: Check) -> list[str]:
    """Workflow commands: one message for each scenario that does not pass, with its name and every
    reason, beside its first line of the SLA that is not met. (GitHub shows ten of a step.)
    """
    return [line for c in check.checked for line in _annotations(c)]


def _annotations(c: Checked) -> list[str]:
    name = c.scenario.name
    if told := broken(c.distribution):
        return [
            _command("error", str(c.path), 1, f"{name}: broken", [told])
        ]
    missed = [
        v for v in c.distribution.verdict if v.outcome is not Outcome.PASS
    ]
    out = []
    if missed or c.regressions:
        file, line = (
            place(missed[0], c.path) if missed else (str(c.path), 1)
        )
        out.append(
            _command(
                _level(c), file, line, f"{name}: {_headline(c)}", reasons(c)
            )
        )
    better = [
        change_text(change) for change in c.changes if not change.worse
    ]
    if better:
        out.append(
            _command(
                "notice",
                str(c.path),
                1,
                f"{name}: better than the baseline",
                better,
            )
        )
    return out


def _level(c: Checked) -> str:
    failed = c.outcome is Outcome.FAIL or c.scenario.on_unknown == "fail"
    return "error" if failed else "warning"


def _headline(c: Checked) -> str:
    """'SLA missed (rto), unknown (rpo); worse than the baseline'."""
    verdicts = c.distribution.verdict
    missed = [v.line.id for v in verdicts if v.outcome is Outcome.FAIL]
    unknown = [v.line.id for v in verdicts if v.outcome is Outcome.UNKNOWN]
    lines = [f"missed ({', '.join(missed)})"] if missed else []
    lines += [f"unknown ({', '.join(unknown)})"] if unknown else []
    parts = [f"SLA {', '.join(lines)}"] if lines else []
    parts += ["worse than the baseline"] if c.regressions else []
    return "; ".join(parts)


def _command(
    level: str, file: str, line: int, title: str, messages: list[str]
) -> str:
    """One workflow command. messages: a line each (%0A is how GitHub is given a line's end)."""
    told = "%0A".join(map(_data, messages))
    return f"::{level} file={_property(file)},line={line},title={_property(title)}::{told}"


def _data(text: str) -> str:
    return _escaped(text).replace("%", "%25")


def _escaped(text: str) -> str:
    """Return a text in one line, its control characters shown as escapes."""
    return (
        printable(text)
        .replace("\r", "\\r")
        .replace("\n", " ")
        .replace("\x1b", "\\x1b")
    )


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def write_reports(
    check: Check, junit_file: Path | None, markdown_file: Path | None
) -> dict[Path, str]:
    """The files that were asked for, by name."""
    files = {}
    if junit_file is not None:
        files[junit_file] = junit(check)
    if markdown_file is not None:
        files[markdown_file] = markdown(check)
    return files
