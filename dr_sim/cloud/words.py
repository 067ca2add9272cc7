"""The words of the cloud manager: outcomes, states and reasons, as enums."""

from __future__ import annotations

import enum


class MirrorMode(enum.StrEnum):
    """How changes at the active side reach the other one."""

    JOBS = "jobs"  # each job that was done is done there too
    RECONCILE = (
        "reconcile"  # both sides are compared, and what differs is set
    )
    RUNBOOK = "runbook"  # people do it by hand


class OnFailure(enum.StrEnum):
    """Policy for a change that the other side does not take, after all attempts."""

    RETRY = "retry"
    SKIP = "skip"
    REBUILD = "rebuild"


class CallOutcome(enum.StrEnum):
    """Answers that a caller gets."""

    ACCEPTED = "accepted"
    AGAIN = "again"  # it had been accepted before; nothing more happens
    FOUND = "found"
    CONFLICT = "conflict"  # the id is known with other parameters
    STALE = "stale"  # a put on a state that is no longer the current one
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"  # no such operation, network or request


class Word(enum.StrEnum):
    """Answers of an agent about an attempt at a job."""

    STARTED = "started"
    RUNNING = "running"
    DONE = "done"
    DONE_BEFORE = "done before"  # when it was ordered to start it
    FAILED = "failed"
    GONE = "gone"  # its processes are dead, and it did not end by itself
    UNKNOWN = "unknown"  # it was never started here, and never will be
    CLEANED = "cleaned"
    NOT_CLEANED = "not cleaned"
    UNREACHABLE = "unreachable"


class WhyFailed(enum.StrEnum):
    """Why an attempt failed."""

    NONE = ""
    SCRIPT = "the script failed"
    NO_SCRIPT = "the script is not there"
    OLD_SCRIPT = "the script there is older"
    FOREIGN_ID = "an identifier of the other side"
    UNKNOWN_ID = "no such identifier"
    NO_IMAGE = "the image is not at the install point"
    OLD_IMAGE = "the image at the install point is an older one"
    NO_PHYSICAL = "the physical machine does not answer"
    NO_ROOM = "the physical machine has no room"


class JobKind(enum.StrEnum):
    CHANGE = "change"  # asked for by a caller, at the active side
    MIRROR = "mirror"  # a change that was done, done at the other side
    SET = "set"  # one entity of the other side becomes what it is at the active side
    REBUILD = "rebuild"  # the same, made from nothing
    DEPLOY = "deploy"  # a virtual machine is made of an image
    REMOVE = "remove"  # a virtual machine is removed
    UPGRADE = "renew"  # one becomes one of another image, where it is


DEPLOY_MACHINE, REMOVE_MACHINE = "deploy_machine", "remove_machine"
UPGRADE_MACHINE = "upgrade_machine"
SCRIPT_OF = {
    JobKind.DEPLOY: DEPLOY_MACHINE,
    JobKind.REMOVE: REMOVE_MACHINE,
    JobKind.UPGRADE: UPGRADE_MACHINE,
}
OF_MACHINES = frozenset(SCRIPT_OF)
"""Jobs of the machine manager: nothing of them is mirrored, as the same goals hold at both sides.
"""
MACHINE_SCRIPTS = frozenset(SCRIPT_OF.values())
"""Scripts of those jobs."""
OUT_OF_SERVICE = frozenset((JobKind.REMOVE, JobKind.UPGRADE))
"""Jobs that take a machine out of service. What was decided when one was ordered may be wrong when
it could begin at last: one that its agent has not begun comes to nothing, and it is decided again.
"""
BEGINS = {
    JobKind.CHANGE: 0,
    JobKind.MIRROR: 0,
    JobKind.SET: 0,
    JobKind.REBUILD: 0,
    JobKind.REMOVE: 1,
    JobKind.DEPLOY: 1,
    JobKind.UPGRADE: 1,
}
"""Which of the jobs that may begin at a side begins first: the lowest. A machine takes minutes, and
nobody waits for it as for a change. Jobs of one number begin in the order in which they came.
"""


class UpgradeStyle(enum.StrEnum):
    """How a farm comes to another image."""

    NEW_FARM = "new_farm"  # beside the old one, and databases are moved
    REPLACED = "replaced"  # each machine is removed, and made again
    IN_PLACE = "in_place"  # each machine stays, and becomes one of it


class ImageWord(enum.StrEnum):
    """How a copy of an image to a site's install point stands."""

    THERE = "there"
    COPYING = "copying"
    INTERRUPTED = "interrupted"
    NO_SOURCE = "no source"  # the active site's install point lacks it


class JobState(enum.StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    OVERDUE = "overdue"
    KILLING = "killing"
    CLEANING = "cleaning"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobMove(enum.StrEnum):
    START = "start"
    STARTED = "started"
    DONE = "done"
    AGAIN = "again"  # the attempt came to nothing, and there are more
    LIMIT = "limit"
    KILL = "kill"
    CLEAN = "clean"  # no process of it is alive any more
    FOUND = "found"  # its agent knows an attempt that the store does not
    CLEANED_FAILED = "cleaned after the last failure"
    CLEANED_CANCELLED = "cleaned after it was ended"
    SIDE_GONE = "the side it ran at is gone"
    NOT_BEGUN = (
        "not begun"  # by its agent, and whoever ordered it decides again
    )


class Notice(enum.StrEnum):
    """Dangers that people are notified of."""

    DRIFT = "drift"
    BLOCKED = "blocked"
    DIFFERENT = "different"
    FOREIGN_ID = "foreign identifier"
    NOT_COMPARED = "not compared"  # it was being changed at each look
    SKIPPED = "skipped"  # a change stays missing at the other side
    JOB_FAILED = "job failed"
    JOB_OVERDUE = "job overdue"
    NOT_CLEANED = "not cleaned"
    AGENT_SILENT = "agent silent"  # at a site, since the manager's start, and jobs wait for it
    NO_ROOM = "no room"  # for machines, at a site
    AT_LIMIT = "at the limit"  # of machines in a network, at a site
    AT_QUOTA = "at the quota"  # of a tenant's machines, at a site
    NO_IMAGE = "no image"  # at a site, nor where it could be copied from
    NOT_DEPLOYED = "not deployed"
    MANY_FAILED = "many failed"  # so many machines that none is replaced
    REPLACED = "replaced"  # a machine that was silent
    FAILOVER_OPEN = "failover not ended"  # beyond the limit of drift
    UPGRADE_HELD = "upgrade held"  # databases could not be moved, or a machine not upgraded


class UpgradePhase(enum.StrEnum):
    """How far the upgrade of a farm is (its table: machines/upgrades.py)."""

    DEPLOYING = "deploying"
    MOVING = "moving"
    HELD = "held"
    RETIRING = "retiring"
    REPLACING = "replacing"
    OVER = "over"
