"""The phases of a restore beside the service, as a literal table (W3).

Any other move raises IllegalTransitionError and leaves the phase as it was.
"""

from __future__ import annotations

import enum

from dr_sim.machines import Transitions


class BesidePhase(enum.StrEnum):
    NONE = "none"
    PREPARING = "preparing"  # an empty server is got
    RESTORING = "restoring"
    COPYING = "copying"  # what was lost is copied back to the primary


class BesideEvent(enum.StrEnum):
    ORDERED = "ordered"
    SERVER_IS_THERE = "an empty server is there"
    REACHED = "all before the instant is restored"
    COPIED_BACK = "what was lost is back at the primary"
    WRONG_INSTANT = "people have looked at it, and want another instant"
    BEGUN_AGAIN = "begun again: nobody knows what the server holds"
    GIVEN_UP = "given up: the backups here lead no further"
    CALLED_OFF = "people have gone over to another way"


_P, _E = BesidePhase, BesideEvent

BESIDE: Transitions[BesidePhase, BesideEvent] = Transitions(
    "a restore beside the service",
    _P.NONE,
    {
        _P.NONE: {
            _E.ORDERED: _P.PREPARING,
        },
        _P.PREPARING: {
            _E.SERVER_IS_THERE: _P.RESTORING,
            _E.BEGUN_AGAIN: _P.PREPARING,
            _E.CALLED_OFF: _P.NONE,
        },
        _P.RESTORING: {
            _E.REACHED: _P.COPYING,
            _E.BEGUN_AGAIN: _P.PREPARING,
            _E.GIVEN_UP: _P.NONE,
            _E.CALLED_OFF: _P.NONE,
        },
        _P.COPYING: {
            _E.COPIED_BACK: _P.NONE,
            _E.WRONG_INSTANT: _P.PREPARING,
            _E.CALLED_OFF: _P.NONE,
        },
    },
)
