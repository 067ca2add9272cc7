"""Scenario files damaged in what they mean: each number, word and line is possible somewhere, and
the whole is hostile.

tests/scenario/test_mutations.py damages the text; here a valid scenario gets values at the edges of
what is allowed, events and faults of every kind in the middle of whatever goes on, and sections of
other scenarios.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from dr_sim.faults import KINDS
from dr_sim.loading import load_scenario
from dr_sim.scenario import dump_resolved

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
LIBRARY = sorted(p for p in SCENARIOS.rglob("*.yaml") if "bad_input" not in p.parts)
_LENGTHS = (
    "0 s",
    "1 us",
    "999 us",
    "1 ms",
    "500 ms",
    "1 s",
    "7 s",
    "1 min",
    "59 min",
    "1 h",
    "3 h",
    "1 day",
    "9 days",
    "300 days",
    "36500 days",
    "36501 days",
    "99999999999 days",
    "4611686018427387904 us",
)
_SIZES = (
    "0 B",
    "1 B",
    "64 KiB",
    "1 MB",
    "10 GB",
    "999 GB",
    "1000 TB",
    "1001 TB",
    "4611686018427387904 B",
)
_RATES = (
    "0 per week",
    "1 per week",
    "3 per day",
    "1 per h",
    "10 per h",
    "1 per min",
    "1000000000 per s",
    "1 per us",
    "1 per 36500 days",
)
_PARTS = ("0 %", "1 ppb", "50 %", "99 %", "100 %", "101 %")
_WIDTHS = (
    "0 bit/s",
    "999 bit/s",
    "1 kbit/s",
    "64 kbit/s",
    "1 Mbit/s",
    "10 Gbit/s",
    "1000 Tbit/s",
    "99999 Tbit/s",
)
_DISKS = ("0 B/s", "1 kB/s", "1 MB/s", "1000 TB/s", "1001 TB/s")
_COUNTS = ("0", "1", "2", "1000", "1000000000", "1000000001", "999999999999999999", "9" * 40)
_LAWS = (
    "{p50: 1 us, p95: 36500 days}",
    "{p50: 1 s, p95: 2 s}",
    "{mean: 36500 days}",
    "{mean: 1 us}",
    "{from: 0 s, to: 36500 days}",
    "{from: 0 s, to: 0 s}",
)
_KINDS_OF_VALUE: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"\d[\d.]* ?(us|ms|s|min|h|days?|weeks?)$"), _LENGTHS + _LAWS),
    (re.compile(r"\d[\d.]* ?[kKMGT]?i?B$"), _SIZES),
    (re.compile(r"\d[\d.]* ?[kKMGT]?i?B/s$"), _DISKS),
    (re.compile(r"\d[\d.]* ?[kKMGT]?(bit/s|bps)$"), _WIDTHS),
    (re.compile(r"\d[\d.]* ?(%|ppm|ppb)$"), _PARTS),
    (re.compile(r".* per .*$"), (*_RATES, "1 TB per us", "1 B per 36500 days")),
    (re.compile(r"\d+$"), _COUNTS),
    (
        re.compile(r"every .*$"),
        ("every 1 s", "every 59 s", "every 36500 days", "every 1 us", "none", "daily 00:00"),
    ),
    (re.compile(r"(true|false)$"), ("true", "false")),
    (re.compile(r"(none|all)$"), ("none", "all", "1 s", "1 GB", "1")),
)
_LEAF = re.compile(
    r"(?m)(?<=: )('[^'\n]*'|\"[^\"\n]*\"|[^\s'\"{}\[\],:#][^\n{}\[\],#]*)(?=\s*$|[,}\]])"
)


@cache
def resolved(path: Path) -> str:
    """Every value of a scenario written out, a copy of it for each test that damages one."""
    return dump_resolved(load_scenario(path))


def value(rng: random.Random, text: str) -> str:
    """One value becomes another of its kind, mostly one at an edge."""
    found = list(_LEAF.finditer(text))
    match = rng.choice(found)
    here = match[1].strip("'\"").strip()
    others = next((others for kind, others in _KINDS_OF_VALUE if kind.match(here)), (here,))
    return text[: match.start(1)] + rng.choice(others) + text[match.end(1) :]


def instant(rng: random.Random, run_h: int = 11) -> str:
    return rng.choice(
        [
            "0 s",
            "1 us",
            f"{rng.randrange(1, run_h * 3600)} s",
            f"{rng.randrange(1, run_h)} h",
            f"{rng.randrange(1, 60)} min",
        ]
    )


def happening(rng: random.Random, databases: list[str]) -> tuple[str, str]:
    """A kind and its parameters as YAML, by the kind's own schema; most of them valid."""
    kind = rng.choice(KINDS)
    schema = kind.params.model_json_schema()
    required = schema.get("required", [])
    words = []
    for name, field in schema.get("properties", {}).items():
        if name not in required and rng.random() < 0.5:
            continue
        words.append(f"{name}: {_parameter(rng, name, field, databases)}")
    return kind.name, ", ".join(words)


def _parameter(
    rng: random.Random, name: str, field: dict[str, object], databases: list[str]
) -> str:
    for one in [field, *(field.get("anyOf") or [])]:  # type: ignore[misc]
        if "enum" in one:
            return str(rng.choice(one["enum"]))
        if one.get("type") == "boolean":
            return rng.choice(["true", "false"])
        if one.get("type") == "integer":
            return rng.choice(["1", "1", "2", "5", "1000000"])
    text = f"{field}"
    if name == "database":
        return rng.choice(databases)
    if name == "machine":
        return "sql1"
    if "in bytes" in text:
        return rng.choice(["all", *_SIZES]) if "all" in text else rng.choice(_SIZES[1:8])
    if "a part" in text or "a small part" in text:
        return rng.choice(_PARTS[1:4])
    if "bandwidth" in text:
        return rng.choice(_WIDTHS[1:6])
    if "factor" in text:
        return rng.choice(["1", "3", "1000000", "{p50: 3, p95: 40}"])
    return rng.choice([*_LENGTHS[:15], *_LAWS]) if "anyOf" in field else rng.choice(_LENGTHS[:15])


def databases_of(text: str) -> list[str]:
    block = re.search(r"(?m)^databases:\n((?:[ ].*\n)+)", text)
    return re.findall(r"(?m)^  ('?[^\s:'][^:\n]*'?):", block[1]) if block else ["crm"]


def event(rng: random.Random, text: str) -> str:
    """One more line under events."""
    kind, parameters = happening(rng, databases_of(text))
    line = f"  - {{at: {instant(rng)}, {kind}: {{{parameters}}}}}"
    if re.search(r"(?m)^events:\n", text):
        return re.sub(r"(?m)^events:\n", lambda found: f"{found[0]}{line}\n", text, count=1)
    return f"{text.rstrip()}\nevents:\n{line}\n"


def fault(rng: random.Random, text: str) -> str:
    """One more line under faults."""
    kind, parameters = happening(rng, databases_of(text))
    again = rng.choice(
        [
            "",
            "",
            ", again: {chance: 90 %, after: 1 min}",
            ", with_site_loss: 100 %",
            ", again: {chance: 50 %, after: 1 us}",
        ]
    )
    line = f"  {kind}: {{rate: {rng.choice(_RATES[:6])}, {parameters}{again}}}".replace(", }", "}")
    if re.search(r"(?m)^faults:\n", text):
        return re.sub(r"(?m)^faults:\n", lambda found: f"{found[0]}{line}\n", text, count=1)
    return f"{text.rstrip()}\nfaults:\n{line}\n"


def loss(rng: random.Random, text: str) -> str:
    """A failure, or an order, so that there is a second stretch."""
    what = rng.choice(
        [
            "lose: site",
            "lose: host",
            "lose: database",
            "order_failover: {by: dba, planned: true}",
            "order_failover: {by: dba, planned: false}",
        ]
    )
    line = f"  - {{at: {instant(rng, 10)}, {what}}}"
    if re.search(r"(?m)^events:\n", text):
        return re.sub(r"(?m)^events:\n", lambda found: f"{found[0]}{line}\n", text, count=1)
    return f"{text.rstrip()}\nevents:\n{line}\n"


def automatic(rng: random.Random, text: str) -> str:
    return re.sub(r"(?m)^  mode: manual$", "  mode: automatic", text)


def unseeded(rng: random.Random, text: str) -> str:
    return re.sub(r"seeded: true", "seeded: 'false'", text, count=1)


def section(rng: random.Random, text: str) -> str:
    """A section of another scenario in the place of its own."""
    blocks = re.split(r"(?m)^(?=\S)", resolved(rng.choice(LIBRARY)))
    block = rng.choice([b for b in blocks if ":" in b])
    key = block.partition(":")[0]
    mine = re.split(r"(?m)^(?=\S)", text)
    return "".join(block if one.partition(":")[0] == key else one for one in mine)


MUTATIONS: tuple[Callable[[random.Random, str], str], ...] = (
    value, value, value, event, event, event, fault, fault, loss, automatic, unseeded, section,
)  # fmt: skip


def mutant(seed: int) -> str:
    """The scenario of that seed."""
    rng = random.Random(f"meant {seed}")
    text = resolved(rng.choice(LIBRARY))
    for _ in range(rng.choice([1, 1, 2, 3, 5, 8])):
        try:
            text = rng.choice(MUTATIONS)(rng, text)
        except (IndexError, ValueError):  # nothing left of that sort to damage
            continue
    return text
