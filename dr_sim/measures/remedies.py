"""Remedies in words: what happened while a cause of a loss or a phase of an outage lasted, and what
would help against it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dr_sim.measures.causes.ledger import (
    WAITS_FOR_A_COPY,
    WAITS_FOR_A_MACHINE,
)
from dr_sim.measures.outage_now.ways import CLOSED, RESTORE, TAKEN
from dr_sim.measures.summary.types import FailoverSummary
from dr_sim.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class CauseRemedy:
    """A sentence on what happened while a cause lasted, and what would help against it."""

    what: str
    helps: str


REMEDIES = {
    "paused": CauseRemedy(
        "the backup jobs were paused",
        "a shorter replay.window, so that paused backup jobs are reported sooner",
    ),
    "log interval": CauseRemedy(
        "what was written since the last log backup began was in no backup",
        "a shorter log interval (databases.*.log)",
    ),
    "backup interval": CauseRemedy(
        "what was written since the last backup began was in no backup",
        "log backups (databases.*.log), or more frequent incrementals",
    ),
    "log backup": CauseRemedy(
        "the log backup was still being made",
        "a faster disk or log backup at the primary (primary.disk, primary.log.rate)",
    ),
    "link down": CauseRemedy(
        "the link was down", "a second path, or a shorter replication.retry"
    ),
    "replicator": CauseRemedy(
        "the replicator waited before it tried again",
        "a shorter replication.retry",
    ),
    "transfer": CauseRemedy(
        "backups were crossing the link",
        "more link.bandwidth, or link.sharing: priority",
    ),
    "queued": CauseRemedy(
        "backups waited for a free slot of the replicator",
        "more link.bandwidth, link.sharing: priority, or more replication.slots",
    ),
    "copy job": CauseRemedy(
        "backups waited for the next copy job",
        "a shorter replication.every",
    ),
    "staging full": CauseRemedy(
        "the staging area was full", "a larger replication.staging"
    ),
    "replication s": CauseRemedy(
        "replication stood still",
        "a shorter replay.window, so that its standstill is reported sooner",
    ),
    "hole in the chain": CauseRemedy(
        "a backup was missing or of no use, and those after it could not be restored",
        "replay.on_hole: bridge, and incrementals to bridge with",
    ),
    "stays at its source": CauseRemedy(
        "backups had not left the place that they came from",
        "a store that fetches more often (store.every), or a shorter store.hold",
    ),
    "on its way to the store before": CauseRemedy(
        "backups had not reached the store that feeds this one",
        "a store that is fed by the primary itself, or a shorter store.hold there",
    ),
    "on the road": CauseRemedy(
        "backups were on the road", "a shorter store.transit"
    ),
    "earlier history": CauseRemedy(
        "after the failover no other place held what was written before it",
        "one more standby (copies), or more link.bandwidth to seed the new one",
    ),
    "waits for": CauseRemedy(
        "recovery waited for another backup to come",
        "more link.bandwidth: a full must cross it",
    ),
}
"""By words in the cause; the first that fits counts."""
NO_SETTING_HELPS = ("failed", "refused", "empty", "cut off")
"""Words of a cause against which no setting of a scenario is a remedy."""
BRIDGED_SOONER = "a shorter replay.age, after which a hole is bridged"
_OF_THE_LINK = [REMEDIES[cause] for cause in ("transfer", "queued")]
LESS_OR_WIDER = (
    "more link.bandwidth: the link is offered more than it can carry"
)
ANSWERED_SOONER = (
    "operators who answer sooner (failover.operator.answers_in)"
)

OUTAGE_REMEDIES = {
    "detect": CauseRemedy(
        "nobody had noticed the failure yet",
        "a shorter failover.silent_for, or more frequent heartbeats (heartbeat.every)",
    ),
    "decide": CauseRemedy(
        "somebody had to decide",
        f"failover.mode: automatic, or {ANSWERED_SOONER}",
    ),
    "repair": CauseRemedy(
        "people tried to repair what had failed",
        "an earlier word to fail over (failover.operator.repairs_first)",
    ),
    "fence": CauseRemedy(
        "the old primary had to be stopped",
        "a shorter failover.fence_timeout",
    ),
    "drain": CauseRemedy(
        "the last backups were still on the way",
        "more link.bandwidth, or a shorter failover.drain_limit",
    ),
    "recover": CauseRemedy(
        "the databases were brought online",
        "a shorter failover.recover, or shorter transactions: those that are open are undone",
    ),
    "provision": CauseRemedy(
        "the new site was being set up",
        "a shorter directory.replicate, or machines that are ready before a failure",
    ),
    "redirect": CauseRemedy(
        "users were sent to the new primary",
        "a shorter failover.redirect.switch or failover.redirect.ttl",
    ),
    "warm_up": CauseRemedy(
        "the new primary was not at its full speed yet",
        "a shorter failover.warm_up.for",
    ),
}
"""By phase of the outage."""
CONFIGURED = CauseRemedy(
    "the new site was being configured",
    "a shorter cloud.mirror.every or jobs.rebuild, or a cloud manager that stands apart",
)
"""The remedy of a phase provision that waited for a cloud manager."""
RESTORED_FIRST = CauseRemedy(
    "what had landed and waited was restored",
    "a faster secondary.restore_rate, more replay.workers, or a standby that keeps up",
)
OTHERS_ANSWERED = CauseRemedy(
    "other machines still answered, and a failover needs more silent ones",
    "a smaller failover.machines_silent, or an order by hand",
)
"""The remedy of a phase detect in which too few machines were silent."""
HUNG = CauseRemedy(
    "a restore hung until it was ended",
    "a shorter failover.restore_limit",
)
"""The remedies of a drain that was spent on that."""
NO_COPY = CauseRemedy(
    "there was no copy to promote, and a full had to come first",
    "more link.bandwidth, or one more standby (copies)",
)
"""The remedy of a phase recover that waited for a copy."""
RESTORE_REMEDIES = {
    "drain": CauseRemedy(
        "the backups were read and restored",
        "a faster store (store.read, secondary.restore_rate), or a standby",
    ),
    "recover": CauseRemedy(
        "no full had been hashed at the store yet",
        "a faster secondary.hash_rate, or a standby",
    ),
    "provision": CauseRemedy(
        "there was no machine to restore onto yet",
        "a machine that is ready sooner (store.machine), or a standby",
    ),
}
"""By phase of an outage that ends, or would end, with a restore from a store."""


def remedy(
    cause: str, scenario: Scenario, overloaded: bool = False
) -> CauseRemedy | None:
    """Return what would help against a cause; None if nothing is known that is not set already.
    overloaded: the link, which is offered more than it can carry.
    """
    if any(words in cause for words in NO_SETTING_HELPS):
        return None
    found = next(
        (r for words, r in REMEDIES.items() if words in cause), None
    )
    if found in _OF_THE_LINK and overloaded:
        return replace(found, helps=LESS_OR_WIDER)
    bridged = scenario.replay.on_hole == "bridge"
    if found is not None and bridged and "hole in the chain" in cause:
        return replace(found, helps=BRIDGED_SOONER)
    return found


def outage_remedy(
    phase: str, scenario: Scenario, f: FailoverSummary
) -> CauseRemedy | None:
    """Return what would help against a long phase of an outage; None if that is not known."""
    if phase == "provision":
        return _provision_remedy(scenario, f)
    if restores(f) and phase in RESTORE_REMEDIES:
        return RESTORE_REMEDIES[phase]
    if phase == "drain":
        return _drain_remedy(f)
    if phase == "recover":
        return _recover_remedy(f)
    if phase == "detect" and _too_few_silent(scenario, f):
        return OTHERS_ANSWERED
    found = OUTAGE_REMEDIES.get(phase)
    asked = scenario.failover.mode != "automatic"
    if found is not None and phase == "decide" and not asked:
        return replace(found, helps=ANSWERED_SOONER)
    return found


def _too_few_silent(scenario: Scenario, f: FailoverSummary) -> bool:
    """Did no failover begin, for far longer than a silence takes to be noticed, because other
    machines went on? A lost site leaves none.
    """
    failover, beat_us = scenario.failover, scenario.heartbeat.every_us
    noticed_us = failover.silent_for_us + 2 * beat_us
    detect_us = f.phases_us["detect"]
    several = len(scenario.machines) > 1 and failover.machines_silent != 1
    return (
        several
        and f.failure_class == "host"
        and not f.manager_down_us
        and detect_us > noticed_us
        and detect_us == sum(f.phases_us.values())
    )


def _drain_remedy(f: FailoverSummary) -> CauseRemedy:
    half_us = f.phases_us["drain"] / 2
    if f.drain_hung_us >= half_us:
        return HUNG
    if f.drain_restoring_us >= half_us:
        return RESTORED_FIRST
    return OUTAGE_REMEDIES["drain"]


def _recover_remedy(f: FailoverSummary) -> CauseRemedy | None:
    if f.outage_note:
        return None
    waited_us = sum(
        line.duration_us
        for line in f.outage_ledger.lines
        if line.cause == "recover" and line.detail == WAITS_FOR_A_COPY
    )
    if 2 * waited_us >= f.phases_us["recover"]:
        return NO_COPY
    return OUTAGE_REMEDIES["recover"]


def _provision_remedy(
    scenario: Scenario, f: FailoverSummary
) -> CauseRemedy:
    machine_us = sum(
        line.duration_us
        for line in f.outage_ledger.lines
        if line.cause == "provision" and line.detail == WAITS_FOR_A_MACHINE
    )
    if 2 * machine_us > f.phases_us["provision"]:
        return RESTORE_REMEDIES["provision"]
    if scenario.cloud is not None:
        return CONFIGURED
    return OUTAGE_REMEDIES["provision"]


def restores(f: FailoverSummary) -> bool:
    """Was the way back that was taken, or is each that is still open, a restore from a store?"""
    taken = [way for way in f.ways if way.standing == TAKEN]
    opened = taken or [way for way in f.ways if way.standing != CLOSED]
    return bool(opened) and all(way.how == RESTORE for way in opened)


def longest_phase(f: FailoverSummary) -> tuple[str, int] | None:
    """(phase, how long it took) of the phase that an outage consists of most; None if of none."""
    phases = max(
        f.phases_us.items(), key=lambda each: each[1], default=None
    )
    return phases if phases is not None and phases[1] else None
