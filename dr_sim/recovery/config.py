"""The configuration of the recovery manager: its service, in integers. The world builds it from a
scenario.

No field has a default: every value comes from the scenario, whose defaults name their sources.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from dr_sim.recovery.failover.policy import CopyChoice


class OnHole(enum.StrEnum):
    """How to get past a hole in the chain (R11)."""

    BRIDGE = "bridge"
    SKIP_AHEAD = "skip_ahead"
    RESYNC = "resync"


class Mode(enum.StrEnum):
    """Who begins a failover when the machines are silent (R14)."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """One database of the service.

    log_interval_us 0: the database takes no log backups (a search index, for example), so no log is
    missed and no tail is taken. other_interval_us: how often a full or an incremental is due, at
    the longest; 0: none is scheduled. full_interval_us: how often a full is due, at the longest; 0:
    none is scheduled, so `skip_ahead` has nothing to wait for. landing_us: a log that lands later
    than that after it was finished is late. share_path: what comes before a replicated name in a
    full path at the secondary, with its last separator. machine: the machine it lives on; while
    that is silent, nobody asks it for a backup. retention_us, keep_fulls: how long files stay in
    the secondary's share, and the least number of fulls that stay.
    """

    name: str
    log_interval_us: int
    other_interval_us: int
    full_interval_us: int
    landing_us: int
    retention_us: int
    keep_fulls: int
    share_path: str
    machine: str


@dataclass(frozen=True, slots=True)
class RestoreCost:
    """The known cost of a restore of one kind of backup: a fixed part, and its bytes."""

    fixed_us: int
    rate_bytes_s: int

    def takes_us(self, size_bytes: int) -> int:
        """Return how long the restore of so many bytes takes."""
        return self.fixed_us + -(
            -size_bytes * 1_000_000 // self.rate_bytes_s
        )


@dataclass(frozen=True, slots=True)
class ReplayConfig:
    """Limits and habits of replay, for all databases (R6-R12).

    attempts: a log whose attempts are above it is in trouble; age_us: so is one older than this
    since its backup finished; retry_us: between retries; window_us: no log landed for so long is an
    alert; critical_after_us: an alert that lasts so long is critical; on_hole, otherwise: how a
    hole is got past; delay_us: replay delay, counted from the instant the log was cut;
    every_us: restore job at whole multiples of the monotonic clock (0: as soon as a log has
    landed); reverify_us: how often what is still needed is hashed again (0: on arrival only).
    keeps: this place is a store: files are kept, and restored in a failover only (kept.py).
    held_us: each backup comes there so much later by design, held back or on the road. restore: by
    kind, what the restore of a full, an incremental and a log is known to cost here.
    """

    attempts: int
    age_us: int
    retry_us: int
    window_us: int
    critical_after_us: int
    on_hole: OnHole
    otherwise: OnHole
    delay_us: int
    every_us: int
    reverify_us: int
    keeps: bool
    restore: tuple[RestoreCost, RestoreCost, RestoreCost]
    held_us: int = 0


@dataclass(frozen=True, slots=True)
class FailoverCosts:
    """The known costs of a failover to this place, for what it says of itself (policy.py).

    workers: how many restores run at once; one_device: all of them read from one device, at
    device_bytes_s. before_us: what passes between
    silence that is long enough and the first restore; after_us: between the last restore and
    service, without the configuration of the site. asks: a cloud manager has to configure it, and
    knows how long that takes. configured_at_most_us: for how long a failover waits for that; None:
    without an end.
    """

    workers: int
    hash_bytes_s: int
    one_device: bool
    device_bytes_s: int
    before_us: int
    after_us: int
    asks: bool
    configured_at_most_us: int | None


@dataclass(frozen=True, slots=True)
class FailoverConfig:
    """When and by whom the service is failed over (R14).

    mode: who begins it; machines: those of the primary; machines_silent: how many of them
    must have been silent for silent_for_us (0: all); operators: who may order a failover; on_duty:
    who is paged; drain_limit_us: how long draining and the tails, all together, may wait for files
    on their way. Replaying what has landed has no limit, but one restore has: restore_limit_us;
    then it is taken to hang. A planned failover waits on and says so at every limit, until
    planned_limit_us is over (None: without an end): then the old primary serves again. directory:
    there is one that replicates apart from the databases, and users need what it lacks. standbys:
    how many there are; rank: which of them this is, 0 is preferred; turn_us: how long each waits
    for the one before it. gets_machine: no machine stands here: one is got before anything is
    restored. choose: by what one of them is chosen; costs: what this one is known to cost.
    """

    mode: Mode
    silent_for_us: int
    machines_silent: int
    machines: tuple[str, ...]
    operators: tuple[str, ...]
    on_duty: str
    drain_limit_us: int
    planned_limit_us: int | None
    restore_limit_us: int
    directory: bool
    standbys: int
    rank: int
    turn_us: int
    gets_machine: bool
    choose: CopyChoice
    costs: FailoverCosts


@dataclass(frozen=True, slots=True)
class ManagerConfig:
    databases: tuple[DatabaseConfig, ...]
    replay: ReplayConfig
    failover: FailoverConfig
