"""Sections of a scenario about failovers: who decides, and what is done one after the other."""

from __future__ import annotations

from typing import Annotated, Literal

from dr_sim.scenario.fields.choose_field import ChooseField
from dr_sim.scenario.fields.laws import Law
from dr_sim.scenario.fields.quantities import (
    Beat,
    DiskRate,
    Duration,
    DurationOrBuilt,
    DurationOrNone,
    Period,
    Ppm,
    YesNo,
)
from dr_sim.scenario.fields.values import (
    MachinesSilent,
    NameList,
    Positive,
)
from dr_sim.scenario.keys.section import Section, about


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
        "whether the operator on duty agrees to the failover"
    )
    repairs_first: Law = about(
        "time for which people try to repair the failed part before the "
        "operator orders the failover; a part that returns by then "
        "serves again"
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
    mode: Literal["manual", "automatic"] = about(
        "who decides about a failover"
    )
    silent_for: Annotated[Period, Positive] = about(
        "silence of heartbeats that counts as a failure"
    )
    machines_silent: MachinesSilent = about(
        "number of machines that must be silent before a failover; a "
        "machine is silent if any database on it is lost; the service "
        "fails over as a whole"
    )
    operators: NameList = about("the people who may order a failover")
    on_duty: str = about("the operator who is paged")
    operator: OperatorKeys = about("the person who is paged")
    fence: Duration = about("duration of a fence that the other side obeys")
    fence_timeout: Duration = about(
        "time after which a fence that reaches nothing is given up"
    )
    drain_limit: Period = about(
        "how long a failover waits for files in transfer and for the "
        "tails, in total; landed files are replayed, however long that "
        "takes"
    )
    planned_limit: DurationOrNone = about(
        "how long a planned failover may wait for data that it would "
        "lose; after that the old primary serves again; none: it waits "
        "without limit"
    )
    restore_limit: Annotated[Period, Positive] = about(
        "after the drain limit, a restore of a log or an incremental "
        "that has run for longer than this counts as hanging: it is "
        "ended and tried once more"
    )
    recover: Law = about(
        "time to bring a database online, without the time for undo"
    )
    undo_rate: Annotated[DiskRate, Positive] = about(
        "speed at which bringing a database online undoes open transactions, by SQL Server's rules"
    )
    turn: Annotated[Period, Positive] = about(
        "with several standbys: how long each waits for the previous one "
        "to take over"
    )
    lease: Annotated[Period, Positive] = about(
        "with several standbys: time after which one that began a "
        "failover and died loses its claim"
    )
    choose: ChooseField = about(
        "with several copies: which of them takes over, the first in "
        "their order, or by the loss and the outage that each one offers"
    )
    redirect: RedirectKeys = about("how requests get to the other side")
    warm_up: WarmUpKeys = about("how caches get warm")


class AfterFailoverKeys(Section):
    new_secondary: DurationOrBuilt = about(
        "time from a promotion until a new secondary is in place and can "
        "be seeded; built: when the machines of all farms run there; "
        "none: never"
    )
