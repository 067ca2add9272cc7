"""Tells what makes cases of one exploration differ beyond their events: options that come from
another of its services, and things that happen once more later.

Theory of operation. An exploration draws from a few dozen services, as the instants of each come
from a run of its own. Most options hardly move those instants: how files are checked, what is kept,
when a failover begins. So a case may take whole sections from another service. And what a first
time has left behind (a clock of an alert, a counter, a set of names) shows only when the same
happens again: so an event may be repeated, minutes or hours later.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from random import Random

from dr_sim.explore.case import Tree
from dr_sim.units import SECOND_US, parse_duration

SECTIONS = (
    "primary",
    "secondary",
    "replication",
    "replay",
    "heartbeat",
    "manager",
    "failover",
)
"""Sections that a case may take from another service."""
_OWN = {"secondary": "data_capacity", "failover": "choose"}
"""Keys that depend on the databases and copies of the service: they stay as they are."""
_VARIES = 0.5
"""How often a case takes sections from another service."""
REPEATED = 0.15
"""How often something happens once more in a case."""
_LATER_S = (120, 600, 1200, 3600, 7200)


def varied(r: Random, tree: Tree, others: Sequence[Tree]) -> None:
    """Give a case, perhaps, one to three sections of another service."""
    if len(others) < 2 or r.random() >= _VARIES:
        return
    other = r.choice(others)
    for section in r.sample(SECTIONS, r.randint(1, 3)):
        taken = deepcopy(other[section])
        own = _OWN.get(section, "")
        taken.pop(own, None)
        if own in tree[section]:
            taken[own] = tree[section][own]
        tree[section] = taken


def once_more(r: Random, events: Sequence[Tree], latest_us: int) -> Tree:
    """Return one of these events again, later, but not after that instant."""
    again = deepcopy(r.choice(events))
    at_us = parse_duration(again["at"])
    later_us = at_us + r.choice(_LATER_S) * SECOND_US
    again["at"] = instant_text(min(later_us, max(latest_us, at_us)))
    return again


def instant_text(instant_us: int) -> str:
    """Write an instant as a scenario holds it, in seconds and microseconds."""
    seconds, beyond = divmod(instant_us, SECOND_US)
    return f"{seconds} s" if not beyond else f"{seconds} s {beyond} us"
