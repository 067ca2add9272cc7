"""The witness of agents that are silent since before a restart of the manager (law 37 of
docs/cloud.md): requests that wait for them are reported.

The manager starts nothing at an agent that it has not heard since its start. So no attempt of a
request that waits there can be overdue. If the agents of the active side are silent when the
manager starts, and a request waits for them, a notice must come once they have been silent for the
time limit and a retry. From a failover on this law says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from dr_sim.oracle.cloud.asked import things_of_requests
from dr_sim.oracle.cloud.breach import CloudBreach
from dr_sim.oracle.cloud.reach import REACH_ROWS, AgentsReach
from dr_sim.record.journal import Journal, Row
from dr_sim.scenario.cloud_model import FIRST
from dr_sim.scenario.model import Scenario
from dr_sim.units import MINUTE_US

_ENDS_ALL = ("truth.cloud_provision", "truth.cloud_store_restored")
_KINDS = (
    *REACH_ROWS,
    *_ENDS_ALL,
    "truth.cloud_acknowledged",
    "truth.cloud_script",
    "cloud.Notify",
    "truth.end",
)
_NOTICES = ("agent silent", "job overdue")


@dataclass(slots=True)
class _UnheardSide:
    """since_us: when the manager started and did not hear the agents of the active side; None: it
    has heard them. waiting: requests that have not begun, each with its network and since when.
    known: networks of which people know it.
    """

    since_us: int | None = None
    waiting: dict[str, tuple[str, int]] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    reach: AgentsReach = field(default_factory=AgentsReach)

    def read(self, row: Row) -> None:
        """Take up a row about who can be reached."""
        self.reach.read(row)
        is_cut = any(
            n
            for name, n in self.reach.cut.items()
            if FIRST in (name, *name.split())
        )
        if not (self.reach.up and is_cut):
            self.since_us = None
        elif row.kind == "truth.cloud_manager":
            self.since_us = row.time_us
            self.known.clear()


def unheard_broken(
    journal: Journal, scenario: Scenario
) -> Iterator[CloudBreach]:
    """Yield the requests that wait for silent agents while nobody knows it."""
    spec = scenario.cloud
    assert spec is not None
    network_of = {
        name: network
        for name, (network, _) in things_of_requests(journal).items()
    }
    jobs, seen = spec.jobs, _UnheardSide()
    # the question about agents, the notice, and what the manager does in between
    longest_us = jobs.time_limit_us + 2 * jobs.retry_us
    for row in journal.rows(*_KINDS):
        v = row.values
        if row.kind in _ENDS_ALL:
            return
        for job in _unknown(seen, row.time_us, longest_us):
            seen.known.add(seen.waiting[job][0])
            yield CloudBreach(
                row.time_us,
                row.seq,
                "cloud 37",
                f"{job} waits for agents of {FIRST} that have been silent for "
                f"{longest_us / MINUTE_US:.3g} min since the manager's start, and no notice "
                "says so",
            )
        if row.kind in REACH_ROWS:
            seen.read(row)
        elif row.kind == "truth.cloud_acknowledged":
            network = network_of.get(f"{v['client']}/{v['request']}")
            if network is not None and v["job"] not in seen.begun:
                seen.waiting.setdefault(v["job"], (network, row.time_us))
        elif row.kind == "truth.cloud_script" and v["what"] == "begins":
            seen.begun.add(v["job"])
            seen.waiting.pop(v["job"], None)
        elif row.kind == "cloud.Notify" and v["notice"] in _NOTICES:
            seen.known.add(v["network"])


def _unknown(seen: _UnheardSide, now_us: int, longest_us: int) -> list[str]:
    """Return the first request of each network that should be known to wait by now."""
    if seen.since_us is None:
        return []
    found: dict[str, str] = {}
    for job, (network, since_us) in seen.waiting.items():
        due_us = max(seen.since_us + longest_us, since_us + longest_us)
        if network not in seen.known and due_us < now_us:
            found.setdefault(network, job)
    return list(found.values())
