"""Holds what the witness of the cloud manager has read of a journal so far."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from dr_sim.oracle.cloud.sites import SitesInUse
from dr_sim.record.journal import Row
from dr_sim.scenario.cloud_model import Cloud

Key = tuple[int, str, str]  # network, site, and a job, a change or a thing
Thing = tuple[int, str]  # network, and a thing there


@dataclass(slots=True)
class InStore:
    """Holds what the manager's store must know: it goes back with the store to an old copy."""

    asked: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # accepted -> what it asks for
    over: dict[str, str] = field(
        default_factory=dict
    )  # job -> the last state it was in
    attempt: dict[str, int] = field(
        default_factory=dict
    )  # job -> its newest attempt
    acknowledged: dict[str, int] = field(default_factory=dict)
    wrong_rows: set[Key] = field(
        default_factory=set
    )  # things whose row of the mapping table is wrong
    mirror_off: set[int] = field(
        default_factory=set
    )  # networks that are not mirrored
    off_since: dict[int, int] = field(
        default_factory=dict
    )  # network -> when people switched its mirror off

    def copy(self) -> InStore:
        return InStore(
            dict(self.asked),
            dict(self.over),
            dict(self.attempt),
            dict(self.acknowledged),
            set(self.wrong_rows),
            set(self.mirror_off),
            dict(self.off_since),
        )


@dataclass(slots=True)
class CloudSeen:
    """Holds what has been read of the journal so far. spec: the scenario's."""

    spec: Cloud
    known: InStore = field(default_factory=InStore)
    copied: InStore = field(
        default_factory=InStore
    )  # as of the last copy of the store
    calls: dict[int, Row] = field(
        default_factory=dict
    )  # those not answered yet
    logged: bool = (
        True  # the last call that was received has a line in the log
    )
    may_be: set[str] = field(
        default_factory=set
    )  # requests of callers who may make them
    upgrades: set[str] = field(
        default_factory=set
    )  # beginnings of the names of moves that belong to upgrades
    restored_us: int = -1  # when the store was last put back
    told_done: str = (
        ""  # the job of which the manager has just heard that it is done
    )
    change_of: dict[str, str] = field(
        default_factory=dict
    )  # job -> the change it makes
    alive: dict[Key, int] = field(
        default_factory=dict
    )  # job -> its attempt
    at_once: dict[tuple[int, str], int] = field(default_factory=dict)
    at_work: dict[Key, str] = field(
        default_factory=dict
    )  # thing -> the job whose script changes it
    changing: dict[Key, str] = field(
        default_factory=dict
    )  # change -> the job that makes it
    done: dict[Key, str] = field(
        default_factory=dict
    )  # change -> the job that made it
    done_of: dict[Key, set[Key]] = field(
        default_factory=lambda: defaultdict(set)
    )  # thing -> changes of it that were made, up to when it was set as a whole
    escaped: set[Key] = field(default_factory=set)  # changes, by side
    cleaned: set[Key] = field(default_factory=set)
    made: set[Key] = field(default_factory=set)  # jobs that were done
    died: set[Key] = field(
        default_factory=set
    )  # jobs whose process died with a site that is lost
    begun_at: dict[str, set[Key]] = field(
        default_factory=lambda: defaultdict(set)
    )  # by job
    order: dict[tuple[int, str], list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )
    reached: dict[tuple[int, str], int] = field(default_factory=dict)
    told_of: set[str] = field(
        default_factory=set
    )  # jobs that were given up, as somebody was told
    older: dict[tuple[int, str], set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )  # changes of a thing at the side that a failover leaves
    newer: dict[tuple[int, str], str] = field(
        default_factory=dict
    )  # a later one that took effect at the side to which it goes
    once_wrong: set[Thing] = field(
        default_factory=set
    )  # things whose row of the mapping table was wrong at some time
    not_known: set[Thing] = field(
        default_factory=set
    )  # of which the manager cannot know what is there
    silent: Counter[str] = field(
        default_factory=Counter
    )  # why a site's agents cannot be reached: so many reasons
    left_silent: bool = (
        False  # the side that the last failover left was silent then
    )
    begun_there: set[Key] = field(default_factory=set)  # changes, by side
    owed: dict[Key, str] = field(
        default_factory=dict
    )  # changes that are to be begun at a side, as a job was left at a silent one
    goes_to: str = ""  # where a failover goes that has not ended
    sites: SitesInUse = field(default_factory=SitesInUse)
    in_place: str = ""  # a new second side that no manager configures yet
    up: bool = True  # the manager is
    scripts_missing: bool = False  # at some side, at some time
    begun: dict[str, int] = field(
        default_factory=dict
    )  # change -> when, first
    lane_of: dict[str, tuple[str, str]] = field(default_factory=dict)
    last_disturbed_us: int = 0

    @property
    def cut(self) -> bool:
        """Return whether some agents cannot be reached."""
        return any(self.silent.values())
