"""A check in the forms that build servers read: JUnit XML, Markdown for a pull request, annotations
beside the line.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as Xml

from dr_sim.experiments.baseline import Change
from dr_sim.experiments.check import Check, Checked, broken, place
from dr_sim.experiments.judge import LineVerdict
from dr_sim.experiments.words import line_text, shown_value_and_bound
from dr_sim.files.output import printable
from dr_sim.measures.verdict import Outcome
from dr_sim.number_text import figures, number_texts, signed_text

_MARKS = {Outcome.PASS: "✅ pass", Outcome.UNKNOWN: "❔ unknown", Outcome.FAIL: "❌ fail"}


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
    text = f"{what} {moved} from {before} to {now}"
    if c.certain:
        return f"{text} (nothing in this scenario is left to chance)"
    by, least, most = (signed_text(x, d.unit) for x in (i.estimate, i.low, i.high))
    often = "less than 1 in 10^9" if d.p < 1e-9 else f"1 in {figures(1 / d.p, 2)}"
    return (
        f"{text}: by {by} [{least}, {most}]; {d.differing} of {d.pairs} runs differ (by "
        f"chance: {often})"
    )


def text(check: Check, took_s: float) -> str:
    """Return what the command prints."""
    out: list[str] = []
    for c in check.checked:
        runs = f"{c.distribution.n:,} run{'s' * (c.distribution.n > 1)}"
        out.append(f"{c.outcome.name:<8} {c.path}  {runs}  ({c.seconds:.1f} s)")
        if told := broken(c.distribution):
            out.append(f"   BROKEN: {told}")
        out += [f"  {line_text(v)}" for v in c.distribution.verdict]
        out += [f"   {'WORSE' if x.worse else 'BETTER':<8} {change_text(x)}" for x in c.changes]
    out += [f"no sla   {path}" for path in check.without]
    out += [f"new      {path}: not in the baseline" for path in check.unmatched]
    times = Counter(c.outcome for c in check.checked)
    counts = ", ".join(f"{times[outcome]} {outcome.name.lower()}" for outcome in Outcome)
    out.append(f"{len(check.checked)} checked: {counts}  ({took_s:.1f} s)")
    if check.tolerance is not None:
        out.append(
            f"compared with the baseline: a difference of at most {check.tolerance} does not count"
        )
    return "\n".join(out)


def _said(v: LineVerdict) -> str:
    value, bound = shown_value_and_bound(v)
    return f"{_of(v)} is {value}, promised {bound}" + (f"; {v.reason}" if v.reason else "")


def _of(v: LineVerdict) -> str:
    """Return what is promised, without the bound."""
    line = v.line
    parts = (line.measure, line.database, line.tenant, line.failure_class, line.fault)
    return " ".join(filter(None, parts))


# ---- JUnit
def junit(check: Check) -> str:
    """One suite a scenario, one case an SLA line (and one for the baseline); unknown is an error,
    or skipped where the scenario says `on_unknown: warn`.
    """
    suites = Xml.Element("testsuites", name="dr-sim check")
    for c in check.checked:
        suite = Xml.SubElement(suites, "testsuite", name=str(c.path), time=f"{c.seconds:.3f}")
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
                    "skipped" if c.scenario.on_unknown == "warn" else "error",
                    message=_said(v),
                )
        for change in c.changes:
            case = Xml.SubElement(
                suite,
                "testcase",
                classname=str(c.path),
                name=" ".join(
                    filter(None, ("baseline", change.difference.measure, change.difference.tenant))
                ),
                file=str(c.path),
                line="1",
                time="0.000",
            )
            if change.worse:
                Xml.SubElement(case, "failure", message=change_text(change))
        if told := broken(c.distribution):
            case = Xml.SubElement(suite, "testcase", classname=str(c.path), name="invariants")
            Xml.SubElement(case, "error", message=told)
        _count(suite)
    _count(suites)
    Xml.indent(suites)
    for element in suites.iter():
        element.attrib = {key: _printable(value) for key, value in element.attrib.items()}
    return Xml.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _count(suite: Xml.Element) -> None:
    suite.set("tests", str(len(list(suite.iter("testcase")))))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(len(list(suite.iter(tag)))))


def _printable(message: str) -> str:
    """Return a text without what XML has no room for: control characters and halves of
    characters.
    """
    return "".join(c if c.isprintable() else "?" for c in message)


# ---- Markdown
def markdown(check: Check) -> str:
    """A summary for a pull request: verdicts first, then a table."""
    worst = max((c.outcome for c in check.checked), default=Outcome.PASS)
    out = [
        f"### dr-sim check: {_MARKS[worst]}",
        "",
        "| | scenario | promise | measured | |",
        "|---|---|---|---|---|",
    ]
    for c in check.checked:
        for v in c.distribution.verdict:
            file, line = place(v, c.path)
            value, bound = shown_value_and_bound(v)
            cells = [_MARKS[v.outcome], f"{file}:{line}", f"{_of(v)} {bound}", value, v.reason]
            out.append("| " + " | ".join(_cell(x) for x in cells) + " |")
        for change in c.changes:
            cells = [
                "❌ worse" if change.worse else "✅ better",
                str(c.path),
                "as in the baseline",
                "",
                change_text(change),
            ]
            out.append("| " + " | ".join(_cell(x) for x in cells) + " |")
        if told := broken(c.distribution):
            out.append(f"| ❌ broken | {_cell(str(c.path))} | | | {told} |")
    notes = [f"- `{path}` promises nothing (no `sla:`)" for path in check.without]
    notes += [f"- `{path}` is not in the baseline" for path in check.unmatched]
    if notes:
        out += ["", *notes]
    return "\n".join(out) + "\n"


def _cell(text: str) -> str:
    """Return a text for a cell of a Markdown table: nothing in it is markup, and it has one
    line.
    """
    one_line = _printable(text.replace("\n", " "))
    return re.sub(r"([\\|`*_\[\]!~])", r"\\\1", one_line).replace("&", "&amp;").replace("<", "&lt;")


# ---- GitHub
def github_lines(check: Check) -> list[str]:
    """Workflow commands that show a message beside the line of a broken SLA."""
    out = []
    for c in check.checked:
        for v in c.distribution.verdict:
            if v.outcome is Outcome.PASS:
                continue
            file, line = place(v, c.path)
            level = (
                "error"
                if v.outcome is Outcome.FAIL or c.scenario.on_unknown == "fail"
                else "warning"
            )
            word = "missed" if v.outcome is Outcome.FAIL else "unknown"
            out.append(_command(level, file, line, f"SLA {v.line.id} {word}", _said(v)))
        out += [_of_change(c, change) for change in c.changes]
        if told := broken(c.distribution):
            out.append(_command("error", str(c.path), 1, "broken", told))
    return out


def _of_change(c: Checked, change: Change) -> str:
    level, title = (
        ("error", "worse than the baseline")
        if change.worse
        else ("notice", "better than the baseline")
    )
    return _command(level, str(c.path), 1, title, change_text(change))


def _command(level: str, file: str, line: int, title: str, message: str) -> str:
    return (
        f"::{level} file={_property(file)},line={line},title={_property(title)}::{_data(message)}"
    )


def _data(text: str) -> str:
    return _escaped(text).replace("%", "%25")


def _escaped(text: str) -> str:
    """Return a text in one line, its control characters shown as escapes."""
    return printable(text).replace("\r", "\\r").replace("\n", " ").replace("\x1b", "\\x1b")


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
