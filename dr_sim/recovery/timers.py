"""The alarms that the recovery manager sets, by name."""

from __future__ import annotations

import enum


class Timer(enum.StrEnum):
    """The subject of an alarm."""

    # ---- of one database
    RETRY = "retry"  # something that is stuck, damaged or lost is looked at again
    WINDOW = "window"  # no log has landed for the window, perhaps
    OVERDUE = "overdue"  # of a database without logs: no backup has come as scheduled, perhaps
    FULL_OVERDUE = (
        "full overdue"  # no full has come to a store as scheduled, perhaps
    )
    WAITS = "waits"  # a log that has landed waits for too long, perhaps
    LATE = "late"  # the last log was restored too late, and none has come in time since, perhaps
    LATE_LANDING = "late landing"  # the same of landings
    CHAIN = (
        "chain"  # a store lacks a log that later ones follow on, perhaps
    )
    UNPROTECTED = "unprotected"  # there is still no first copy, perhaps
    STANDBY = "standby"  # the copy is lost: reported again
    DELAY = "delay"  # the replay delay lets a log go
    JOB = "job"  # the restore job's hour
    ROOM = "room"  # a refusal that passes may be over
    LAST = "last"  # the last backup of a database without logs is asked for again
    BESIDE = "beside"  # a restore beside the service waits: a log is missing, or the primary
    REVERIFY = "reverify"
    PRUNE = "prune"
    # ---- of the service
    SILENT = (
        "silent"  # the machines have been silent for long enough, perhaps
    )
    CHOOSE = "choose"  # other copies have had time to say what they offer; or this one's turn is
    TURN = (
        "turn"  # this copy's turn to carry out an order that was passed on
    )
    PAGE = "page"  # the operator has not answered
    FENCE = "fence"  # the fence is asked for again
    PLANNED = "planned"  # the limit of a planned failover
    UNFENCE = "unfence"  # the old primary is asked again to serve
    DRAIN = "drain"  # the limit for emptying the pipe
    TAIL = "tail"  # the tails are asked for again
    HANGS = "hangs"  # restores that take long are examined
    RECOVER = "recover"  # what could not be brought online is ordered again
