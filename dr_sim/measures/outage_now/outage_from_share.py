"""`outage_if_now` where the standby has no copy and the primary's share is left, as its host or a
database is lost: the newest full in that share, and what follows it, is fetched and restored.

Theory of operation. What lies in the share changes only when a backup is finished, deleted or
damaged there. Between two such instants the way back takes what it takes to send the chain over
the link, to hash and restore its full, and to restore the rest one after the other. It begins when
the drain does, or when the recovery manager is back.

Stated differences from a restore that is played: all of the chain is fetched, though some of it may
have come over by then; the link is as the scenario's section says, whatever else is sent; where
several databases have no copy, each gets an equal part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from dr_sim.measures.outage_now.outage_from_store import (
    Turn,
    WayBack,
    lost_at,
    rotten_fulls,
    ways_back_by,
)
from dr_sim.measures.outage_now.way_over import NO_WAY_US, Way
from dr_sim.measures.tables import Bools, Ints, Tables
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.throughput import stream_cap_bit_s

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Fetched:
    """A way back by what lies in the primary's share: from each instant on, what it takes to fetch
    and restore it. NO_WAY_US: no full lies there. full_us: when its full was made.
    """

    since_us: Ints
    takes_us: Ints
    full_us: Ints

    def takes_the_place(self, start: Ints, made_us: int) -> Bools:
        """Return whether the full there is newer than one that was made then: it is fetched, though
        the other is on its way.
        """
        place = np.searchsorted(self.since_us, start, side="right") - 1
        newer: Bools = self.full_us[place] > made_us
        return newer

    def values(self, start: Ints, way: Way) -> tuple[Ints, Ints]:
        """Floor and until at each instant, without what comes after the drain."""
        place = np.searchsorted(self.since_us, start, side="right") - 1
        takes = self.takes_us[place]
        back = way.back_us(start)
        none = (takes >= NO_WAY_US) | (back >= NO_WAY_US)
        floor = np.where(none, NO_WAY_US, way.before(start) + takes)
        until = np.where(none | (back == 0), 0, back + takes)
        return floor, until


def fetched_from_share(
    t: Tables, scenario: Scenario, database: int, parts: int
) -> Fetched:
    """parts: number of databases that have no copy, which share the link."""
    backs = backs_from_share(t, scenario, database, parts)
    takes = [
        NO_WAY_US if back.takes_us is None else back.takes_us
        for back in backs
    ]
    since = [back.since_us for back in backs]
    fulls = [back.full_us for back in backs]
    return Fetched(
        *(np.array(each, np.int64) for each in (since, takes, fulls))
    )


def backs_from_share(
    t: Tables, scenario: Scenario, database: int, parts: int = 1
) -> list[WayBack]:
    """Return the ways back by what lies in the primary's share, from instant 0 on, with the time to
    fetch it.
    """
    turns = _at_the_primary(t, database)
    found = []
    for back in ways_back_by(t, scenario, database, turns):
        if back.takes_us is not None:
            fetch_us = _fetch_us(back, scenario, parts)
            takes_us = back.takes_us + fetch_us
            back = replace(back, takes_us=takes_us, ready_us=0)
        found.append(back)
    return found


def _fetch_us(back: WayBack, scenario: Scenario, parts: int) -> int:
    """Return the time to send all of it, the full as one stream, and to hash the full, which comes
    last. To a store it is on the road, too.
    """
    link = scenario.link
    width = max(1, link.bandwidth_bit_s // parts)
    stream = min(
        width, stream_cap_bit_s(link.mss_bytes, link.rtt_us, link.loss_ppb)
    )
    sent_us = max(
        -(-back.reads_bytes * 8 * _SECOND_US // width),
        -(-back.full_bytes * 8 * _SECOND_US // stream),
    )
    if scenario.store is not None:
        sent_us += scenario.store.transit_us
    secondary = scenario.secondary
    hash_bytes_s = min(secondary.hash_bytes_s, secondary.disk_bytes_s)
    return sent_us + -(-back.full_bytes * _SECOND_US // hash_bytes_s)


def _at_the_primary(t: Tables, database: int) -> Iterator[Turn]:
    made = t.of("truth.backup_finished", database)
    earlier = set(t.of("truth.carried", database)["file"].tolist())
    rotten = rotten_fulls(t, database)
    lost = list(lost_at(t, database, "primary"))
    # the first full of a store never lay there
    never = {(at, number) for at, number, _ in lost}
    for at, number in zip(
        made["time_us"].tolist(), made["file"].tolist(), strict=True
    ):
        # an earlier primary's lies there only if it has landed at this one
        here = number not in earlier and number not in rotten
        if here and (at, number) not in never:
            yield at, number, True
    for number in t.of("truth.carried_there", database)["file"].tolist():
        yield 0, number, True
    yield from lost
