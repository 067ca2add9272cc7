"""A new scenario from a template and the answers to a few questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Template

from dr_sim.loading.editor import MODELINE
from dr_sim.scenario.fields import bounds, times
from dr_sim.scenario.fields.fields import LONGEST_VALUE
from dr_sim.scenario.fields.values import LONGEST_NAME, is_name
from dr_sim.units import UnitError

_FOLDER = Path(__file__).parent / "templates"
DEFAULT_TEMPLATE = "sql-server"


@dataclass(frozen=True, slots=True)
class TemplateQuestion:
    """One thing that a new scenario must say. check: raises UnitError if it cannot be read."""

    key: str
    text: str
    default: str
    check: Callable[[str], object]


def _names(text: str) -> list[str]:
    """The names in a list with commas or spaces between."""
    names = text.replace(",", " ").split()
    if not names:
        raise UnitError("name at least one database, as in crm")
    for i, name in enumerate(names):
        if (
            not is_name(name)
            or not name.replace("_", "").replace("-", "").isalnum()
        ):
            raise UnitError(
                f"{name[:40]!r}: write letters, digits, _ and -, as in crm_eu"
            )
        if len(name) > LONGEST_NAME:
            raise UnitError(
                f"{name[:40]!r} is longer than {LONGEST_NAME} characters"
            )
        if name in names[:i]:
            raise UnitError(f"{name!r} is named twice")
    return names


def _log_schedule(text: str) -> None:
    if times.parse_schedule(text).kind != "every":
        raise UnitError(f"{text[:40]!r}: write for example 'every 5 min'")


QUESTIONS = (
    TemplateQuestion("databases", "names of the databases", "crm", _names),
    TemplateQuestion("size", "size of each", "500 GB", bounds.size),
    TemplateQuestion(
        "log_volume", "log that each writes", "350 KiB/s", bounds.volume
    ),
    TemplateQuestion(
        "full",
        "full backups start",
        "weekly Sun 01:00",
        times.parse_schedule,
    ),
    TemplateQuestion(
        "log",
        "log backups (or WAL segments) start",
        "every 5 min",
        _log_schedule,
    ),
    TemplateQuestion(
        "bandwidth",
        "bandwidth to the other site",
        "200 Mbit/s",
        bounds.bandwidth,
    ),
    TemplateQuestion(
        "rpo",
        "most data that may be lost, as a time (RPO)",
        "15 min",
        bounds.duration,
    ),
    TemplateQuestion(
        "rto", "longest outage (RTO)", "30 min", bounds.duration
    ),
)


_OF_TEMPLATE = {
    "tenants": {
        "databases": "tenant",
        "size": "5 GB",
        "log_volume": "20 KiB/s",
        "log": "every 15 min",
        "bandwidth": "1 Gbit/s",
        "rpo": "30 min",
    }
}


def usual(question: TemplateQuestion, template: str) -> str:
    """Return the answer that is taken where none is given."""
    return _OF_TEMPLATE.get(template, {}).get(
        question.key, question.default
    )


def template_names() -> list[str]:
    """Return the names of the templates, the usual one first."""
    names = sorted(path.stem for path in _FOLDER.glob("*.yaml"))
    return sorted(names, key=lambda name: name != DEFAULT_TEMPLATE)


def template_about(name: str) -> str:
    """Return what a template is for."""
    first = _text(name).partition("\n")[0]
    return first.removeprefix("#").strip()


def checked(question: TemplateQuestion, template: str, answer: str) -> str:
    """Return an answer as it is written in the file. Raises UnitError if it cannot be read."""
    text = answer.strip() or usual(question, template)
    if len(text) > LONGEST_VALUE or not text.isprintable():
        raise UnitError("is too long, or holds control characters")
    question.check(text)
    return text


def new_scenario(template: str, name: str, answers: dict[str, str]) -> str:
    """Return the text of a scenario. answers: by the questions' keys; the defaults for others."""
    values = {
        question.key: usual(question, template) for question in QUESTIONS
    } | answers
    values["databases"] = "\n".join(
        _database(each, template, values)
        for each in _names(values["databases"])
    )
    values["name"] = name
    body = Template(_text(template)).substitute(values)
    return f"{MODELINE}\n{body}"


def _database(name: str, template: str, values: dict[str, str]) -> str:
    keys = {
        "size": values["size"],
        "log_volume": values["log_volume"],
        "full": values["full"],
    }
    if template == "sql-server":
        keys["differential"] = "daily 01:00"
    keys["log"] = values["log"]
    if template == "tenants":
        keys = {"copies": "50", **keys}
    lines = [
        f"  {name}:",
        *(f"    {key}: {value}" for key, value in keys.items()),
    ]
    return "\n".join(lines)


def _text(name: str) -> str:
    return (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
