"""The phases of a failover, and of the fence around the old primary, as literal tables (R14, R15).

Any other move raises IllegalTransitionError and leaves the phase as it was.
"""

from __future__ import annotations

import enum

from dr_sim.machines import Transitions


class FailoverPhase(enum.StrEnum):
    WATCHING = "watching"
    CHOOSING = "choosing"  # one of several copies has said what it offers, and waits its turn
    CLAIMING = "claiming"  # one of several standbys asks whether it may
    DECIDING = "deciding"  # the operator was paged
    FENCING = "fencing"
    PREPARING = "preparing"  # a store has no machine: one is got
    DRAINING = "draining"
    TAIL = "tail"
    RECOVERING = "recovering"
    PROVISIONING = "provisioning"
    REDIRECTING = "redirecting"
    SERVING = "serving"
    UNFENCING = (
        "unfencing"  # it is left, and the old primary is to serve again
    )
    ABANDONED = "abandoned"


class FailoverEvent(enum.StrEnum):
    SILENT_FOR_LONG = "the machines have been silent for long"
    OFFERS = "one of several copies says what it offers"
    CLAIMS = "one of several standbys claims to take over"
    NOT_HERE = "another standby takes over, or it is needless"
    BEGUN = "begun"  # by order, by approval or by silence
    DECLINED = "declined by the operator, or the machines are heard again"
    FENCE_ANSWERED = "the fence is confirmed, or is not waited for"
    LACKS_MACHINE = "the same, and there is no machine here to restore onto"
    MACHINE_IS_THERE = "a machine to restore onto is there"
    EMPTIED = "all databases are emptied, but for their tails"
    TAILS_ARE_IN = "all tails are restored"
    ONLINE = "a database is online, and none is awaited"
    ONLINE_WITHOUT_ENTRIES = "the same, and the directory may lack entries"
    PROVISIONED = "the directory lacks nothing"
    REDIRECTED = "users are sent here"
    CALLED_OFF = "called off"
    YIELDED = "another standby was given the claim during a restart, or stands ready for it"
    GOES_BACK = (
        "nobody can bring it to its end, and the old primary was stopped"
    )
    UNFENCED = "the old primary takes writes again"
    NOT_UNFENCED = "it does not: it is lost, or another copy has stopped it"
    OVER = "over"


_P, _E = FailoverPhase, FailoverEvent

FAILOVER: Transitions[FailoverPhase, FailoverEvent] = Transitions(
    "a failover",
    _P.WATCHING,
    {
        _P.WATCHING: {
            _E.SILENT_FOR_LONG: _P.DECIDING,
            _E.BEGUN: _P.FENCING,
            _E.OFFERS: _P.CHOOSING,
            _E.CLAIMS: _P.CLAIMING,
            _E.GOES_BACK: _P.UNFENCING,
        },
        _P.CHOOSING: {
            _E.CLAIMS: _P.CLAIMING,
            _E.NOT_HERE: _P.WATCHING,
        },
        _P.CLAIMING: {
            _E.SILENT_FOR_LONG: _P.DECIDING,
            _E.BEGUN: _P.FENCING,
            _E.NOT_HERE: _P.WATCHING,
            _E.GOES_BACK: _P.UNFENCING,
        },
        _P.DECIDING: {
            _E.CLAIMS: _P.CLAIMING,  # an order, before a restart's claim was answered
            _E.BEGUN: _P.FENCING,
            _E.DECLINED: _P.ABANDONED,
        },
        _P.FENCING: {
            _E.FENCE_ANSWERED: _P.DRAINING,
            _E.LACKS_MACHINE: _P.PREPARING,
            _E.CALLED_OFF: _P.ABANDONED,
            _E.GOES_BACK: _P.UNFENCING,
        },
        _P.PREPARING: {
            _E.MACHINE_IS_THERE: _P.DRAINING,
            _E.CALLED_OFF: _P.ABANDONED,
            _E.GOES_BACK: _P.UNFENCING,
        },
        _P.DRAINING: {
            _E.EMPTIED: _P.TAIL,
            _E.CALLED_OFF: _P.ABANDONED,
            _E.GOES_BACK: _P.UNFENCING,
        },
        _P.TAIL: {
            _E.TAILS_ARE_IN: _P.RECOVERING,
            _E.CALLED_OFF: _P.ABANDONED,
            _E.GOES_BACK: _P.UNFENCING,
        },
        _P.UNFENCING: {
            _E.UNFENCED: _P.ABANDONED,
            _E.NOT_UNFENCED: _P.ABANDONED,
        },
        # from here on there is no way back, unless the claim was lost before the first database was
        # ordered online, or nothing could be brought online
        _P.RECOVERING: {
            _E.GOES_BACK: _P.UNFENCING,
            _E.YIELDED: _P.ABANDONED,
            _E.ONLINE: _P.REDIRECTING,
            _E.ONLINE_WITHOUT_ENTRIES: _P.PROVISIONING,
        },
        _P.PROVISIONING: {
            _E.PROVISIONED: _P.REDIRECTING,
        },
        _P.REDIRECTING: {
            _E.REDIRECTED: _P.SERVING,
        },
        _P.SERVING: {},
        _P.ABANDONED: {
            _E.OVER: _P.WATCHING,
        },
    },
)

OFF = (
    _P.WATCHING,
    _P.CHOOSING,
    _P.CLAIMING,
    _P.DECIDING,
    _P.UNFENCING,
    _P.ABANDONED,
)
BEFORE_RECOVERY = (_P.FENCING, _P.PREPARING, _P.DRAINING, _P.TAIL)
EMPTYING = (_P.DRAINING, _P.TAIL)
BRINGS_ONLINE = (_P.RECOVERING, _P.PROVISIONING, _P.REDIRECTING, _P.SERVING)


class FenceStatus(enum.StrEnum):
    """The certainty that the old primary has stopped."""

    OPEN = "open"  # no order to stop can have arrived
    ASKED = "asked"  # the first one is out
    UNKNOWN = "unknown"  # one may have arrived
    ASKED_AGAIN = "asked again"
    CONFIRMED = "confirmed"  # it has answered so, or is known to be off


class FenceEvent(enum.StrEnum):
    ASKED = "asked"
    FENCED = "fenced"
    UNREACHABLE = "unreachable"  # the order was never delivered
    NO_ANSWER = "no answer"  # it may have been obeyed
    LEFT = (
        "the failover is left before the answer"  # it may be obeyed later
    )
    LIFTS = "an order to serve again goes out"  # from now on nothing is known for certain
    LIFTED = "it serves again"


FENCE: Transitions[FenceStatus, FenceEvent] = Transitions(
    "the fence",
    FenceStatus.OPEN,
    {
        FenceStatus.OPEN: {
            FenceEvent.ASKED: FenceStatus.ASKED,
            FenceEvent.LIFTS: FenceStatus.UNKNOWN,  # another copy's fence
        },
        FenceStatus.ASKED: {
            FenceEvent.FENCED: FenceStatus.CONFIRMED,
            FenceEvent.UNREACHABLE: FenceStatus.OPEN,
            FenceEvent.NO_ANSWER: FenceStatus.UNKNOWN,
            FenceEvent.LEFT: FenceStatus.UNKNOWN,
        },
        FenceStatus.UNKNOWN: {
            FenceEvent.ASKED: FenceStatus.ASKED_AGAIN,
            FenceEvent.LIFTS: FenceStatus.UNKNOWN,
            FenceEvent.LIFTED: FenceStatus.OPEN,
        },
        FenceStatus.ASKED_AGAIN: {
            FenceEvent.FENCED: FenceStatus.CONFIRMED,
            FenceEvent.UNREACHABLE: FenceStatus.UNKNOWN,
            FenceEvent.NO_ANSWER: FenceStatus.UNKNOWN,
            FenceEvent.LEFT: FenceStatus.UNKNOWN,
        },
        # a failover that was left to another copy begins again
        FenceStatus.CONFIRMED: {
            FenceEvent.ASKED: FenceStatus.ASKED_AGAIN,
            FenceEvent.LIFTS: FenceStatus.UNKNOWN,
        },
    },
)
