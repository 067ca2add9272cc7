"""Fulls and incrementals that have landed and reach past every log there: a failover restores one
beside the logs, as it holds writes that nothing else holds.

Theory of operation. A standby that is restored log by log needs no full and no incremental of the
schedule. But each holds what was written while it was made, and the log that holds that too is cut
an interval later. From its landing until that log lands it is part of what survives the loss of the
site (truth.survivable says so), and so a failover restores it: that takes what its bytes cost. By
PostgreSQL's rules it cannot be put onto a standby: the full on which it stands is restored first,
and each incremental between.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dr_sim.backups.model import Kind
from dr_sim.measures.exposure.exposure import NEVER_US
from dr_sim.measures.tables import Ints, Tables, pick, up_until_us
from dr_sim.record.sets import among
from dr_sim.scenario.model import Scenario


def _none() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class BesideTheLogs:
    """From from_us[i] until until_us[i] a failover restores the backup file[i] for takes_us[i]
    beside the logs. The spans do not overlap.
    """

    from_us: Ints = field(default_factory=_none)
    until_us: Ints = field(default_factory=_none)
    takes_us: Ints = field(default_factory=_none)
    file: Ints = field(default_factory=_none)

    def at(self, times: Ints) -> Ints:
        """Return how long such a backup takes that is there at each instant, else 0."""
        if not len(self.from_us):
            return np.zeros(len(times), np.int64)
        place = np.searchsorted(self.from_us, times, side="right") - 1
        there = (place >= 0) & (times < self.until_us[place])
        return np.where(there, self.takes_us[place], 0)

    def without(self, files: Ints) -> BesideTheLogs:
        """Return it without these backups, by their file ids."""
        kept = ~among(self.file, files)
        return BesideTheLogs(
            self.from_us[kept],
            self.until_us[kept],
            self.takes_us[kept],
            self.file[kept],
        )


def past_the_logs(
    t: Tables,
    scenario: Scenario,
    database: int,
    files: dict[str, Ints],
    cost_us: Ints,
) -> BesideTheLogs:
    """files: the finished backups and when each lay whole at the secondary; cost_us: what each
    restore costs.
    """
    kept = t.of("truth.survivable", database)
    kept = pick(kept, t.has_text(kept["class"], "site"))
    restored = t.of("truth.restored", database)
    before = restored["time_us"] < up_until_us(t, scenario, database)
    by_then = among(files["file"], restored["file"][before])
    others = (files["kind"] != Kind.LOG) & ~by_then
    others &= among(files["landed_us"], kept["time_us"])
    logs = pick(files, files["kind"] == Kind.LOG)
    found: list[tuple[int, int, int, int]] = []
    for place in np.flatnonzero(others).tolist():
        covers = logs["last_lsn"] >= files["last_lsn"][place]
        until_us = int(logs["landed_us"][covers].min(initial=NEVER_US))
        landed_us = int(files["landed_us"][place])
        if landed_us < until_us:
            takes_us = _takes_us(scenario, files, cost_us, place)
            file = int(files["file"][place])
            found.append((landed_us, until_us, takes_us, file))
    if not found:
        return BesideTheLogs()
    found.sort()
    ends = [later[0] for later in found[1:]] + [NEVER_US]
    spans = [
        (begin, min(until, end), takes, file)
        for (begin, until, takes, file), end in zip(
            found, ends, strict=True
        )
    ]
    table = np.array(spans, np.int64).reshape(-1, 4)
    return BesideTheLogs(*table.T)


def _takes_us(
    scenario: Scenario, files: dict[str, Ints], cost_us: Ints, place: int
) -> int:
    """Return how long it takes to restore that backup, with what it stands on by PostgreSQL's
    rules.
    """
    own_us = int(cost_us[place])
    is_full = files["kind"][place] == Kind.FULL
    by_postgres = scenario.engine.postgres_rules
    if is_full or not by_postgres:
        return own_us
    before = files["last_lsn"] < files["last_lsn"][place]
    before &= files["landed_us"] <= files["landed_us"][place]
    fulls = np.flatnonzero(before & (files["kind"] == Kind.FULL))
    if not len(fulls):
        return own_us
    base = int(fulls[np.argmax(files["last_lsn"][fulls])])
    between = before & (files["kind"] == Kind.INCREMENTAL)
    between &= files["last_lsn"] > files["last_lsn"][base]
    return own_us + int(cost_us[base]) + int(cost_us[between].sum())
