"""Sections of a scenario about failovers: who decides, and what is done one after the other."""

from __future__ import annotations

from typing import Annotated, Literal

from dr_sim.scenario.choose_field import ChooseField
from dr_sim.scenario.laws import Law
from dr_sim.scenario.quantities import (
    Beat,
    DiskRate,
    Duration,
    DurationOrBuilt,
    DurationOrNone,
    Period,
    Ppm,
    YesNo,
)
from dr_sim.scenario.section import Section, about
from dr_sim.scenario.values import (
    MachinesSilent,
    NameList,
    Positive,
)


class HeartbeatKeys(Section):
    every: Annotated[Beat, Positive] = about(
        "time between heartbeats of a machine"
    )
    path: Literal["own", "data link"] = about(
        "whether heartbeats share the link with the data"
    )


class OperatorKeys(Section):
    answers_in: Law = about("time an operator takes to answer")
    approves: YesNo = about(
        "whether the operator on duty agrees to fail over"
    )
    repairs_first: Law = about(
        "time that people try to repair what has failed, before the operator gives his word; what "
        "is back by then serves again"
    )


class RedirectKeys(Section):
    switch: Duration = about("time to send requests to the other side")
    ttl: Duration = about("how long clients may keep the old name")
    reconnect: Duration = about(
        "how long clients take to notice and reconnect"
    )


class WarmUpKeys(Section):
    length: Duration = about("time until caches are warm", alias="for")
    start: Ppm = about("capacity right after the switch", alias="from")


class FailoverKeys(Section):
    mode: Literal["manual", "automatic"] = about("who decides")
    silent_for: Annotated[Period, Positive] = about(
        "silence of heartbeats that counts as a failure"
    )
    machines_silent: MachinesSilent = about(
        "how many machines must be silent; a machine is, if any database on it is lost, "
        "and the service fails over as a whole"
    )
    operators: NameList = about("who may order a failover")
    on_duty: str = about("the operator who is paged")
    operator: OperatorKeys = about("the person who is paged")
    fence: Duration = about("a fence that is obeyed takes so long")
    fence_timeout: Duration = about(
        "a fence that reaches nothing is given up after so long"
    )
    drain_limit: Period = about(
        "how long a failover waits for files on their way and for the tails, all "
        "together; what has landed is replayed, however long that takes"
    )
    planned_limit: DurationOrNone = about(
        "how long a planned failover may wait for what it would lose; after that the old primary "
        "serves again; none: it waits without an end"
    )
    restore_limit: Annotated[Period, Positive] = about(
        "once the drain limit is over, a restore of a log or an incremental that has gone "
        "on for longer hangs: it is ended and tried once more"
    )
    recover: Law = about(
        "time to bring a database online, without what it must undo"
    )
    undo_rate: Annotated[DiskRate, Positive] = about(
        "speed at which bringing a database online undoes open transactions, by SQL Server's rules"
    )
    turn: Annotated[Period, Positive] = about(
        "with several standbys, each waits so long for the one before it to take over"
    )
    lease: Annotated[Period, Positive] = about(
        "with several standbys, one that began a failover and died loses its turn after so long"
    )
    choose: ChooseField = about(
        "with several copies, which of them takes over: the first in their order, or by what each "
        "says that it would lose and how long it would take"
    )
    redirect: RedirectKeys = about("how requests get to the other side")
    warm_up: WarmUpKeys = about("how caches get warm")


class AfterFailoverKeys(Section):
    new_secondary: DurationOrBuilt = about(
        "after a promotion a new secondary is in place, to be seeded, after so long; built: when "
        "the machines of all farms run there; none: never"
    )
