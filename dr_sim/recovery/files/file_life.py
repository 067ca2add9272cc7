"""The life of a file in the secondary's share, as two literal tables.

Theory of operation. Two states change independently, because a file may be hashed again while the
engine reads it. The content of the file (`Content`) changes when the file lands, when its hash is
known, and when no copy of it can be obtained. The need for the file (`Need`) changes when it is
handed to the engine, when the engine answers, and when the position of the database moves past it.
Only `HeldFiles` (files.py) moves a file, and only along these tables. Anything else raises
IllegalTransitionError and leaves the file as it was.
"""

from __future__ import annotations

import enum

from dr_sim.machines import Transitions


class Content(enum.StrEnum):
    """The state of the file under that name."""

    ABSENT = "absent"
    UNREAD = "unread"  # seen after a restart and taken for restored; its header was not read
    CHECKING = "checking"  # a Validate command is out
    WHOLE = "whole"  # the hash agreed
    BAD = "bad"  # it did not, or the file is gone; it may be copied again
    LOST = "lost"  # and it cannot be copied again


class Need(enum.StrEnum):
    """Whether anything waits for the file."""

    WAITED_FOR = "waited for"
    IN_HAND = "in hand"  # the engine is reading it
    DONE = (
        "done"  # restored, or its range is behind the database's position
    )
    IN_HAND_AGAIN = "in hand again"  # the engine is reading it, and nothing waits for it


class FileEvent(enum.StrEnum):
    """The events of a file."""

    # events that change the content
    LANDED = "landed"
    FOUND = "found after a restart"
    FOUND_WHOLE = "found after a restart, its header is stored"
    FOUND_OLD = "found after a restart, older than the last restore"
    LOOKED_INTO = "looked into"
    PASSED = "passed validation"
    FAILED = "failed validation"
    FAILED_UNNEEDED = "failed validation, and nothing waits for it"
    REFUSED = "refused by the engine"
    GIVEN_UP = "given up"
    SET_ASIDE = "set aside: people know that its pages have rotted"
    TAKEN_UP_AGAIN = "taken up again"
    GONE = "gone"
    # events that change the need
    HANDED_OVER = "handed over"
    RESTORED = "restored"
    SENT_BACK = "sent back"
    NEEDED = "needed"
    PASSED_BY = "passed by"


_E = FileEvent

CONTENT: Transitions[Content, FileEvent] = Transitions(
    "what lies here of a file",
    Content.ABSENT,
    {
        Content.ABSENT: {
            _E.LANDED: Content.CHECKING,
            _E.FOUND: Content.CHECKING,
            _E.FOUND_WHOLE: Content.WHOLE,
            _E.FOUND_OLD: Content.UNREAD,
        },
        Content.UNREAD: {
            _E.LOOKED_INTO: Content.CHECKING,
            _E.GONE: Content.ABSENT,
        },
        Content.CHECKING: {
            _E.LANDED: Content.CHECKING,
            _E.PASSED: Content.WHOLE,
            _E.FAILED: Content.BAD,
            _E.FAILED_UNNEEDED: Content.LOST,
            _E.REFUSED: Content.CHECKING,
            _E.SET_ASIDE: Content.LOST,
            _E.GIVEN_UP: Content.LOST,
            _E.GONE: Content.ABSENT,
        },
        Content.WHOLE: {
            _E.LANDED: Content.CHECKING,
            _E.PASSED: Content.WHOLE,
            _E.FAILED: Content.BAD,
            _E.REFUSED: Content.CHECKING,
            _E.SET_ASIDE: Content.LOST,
            _E.GONE: Content.ABSENT,
        },
        # a second answer may come: a file may be hashed twice at the same time
        Content.BAD: {
            _E.LANDED: Content.CHECKING,
            _E.PASSED: Content.WHOLE,
            _E.FAILED: Content.BAD,
            _E.FAILED_UNNEEDED: Content.LOST,
            _E.REFUSED: Content.CHECKING,
            _E.SET_ASIDE: Content.LOST,
            _E.GIVEN_UP: Content.LOST,
            _E.GONE: Content.ABSENT,
        },
        Content.LOST: {
            _E.LANDED: Content.CHECKING,
            _E.PASSED: Content.WHOLE,
            _E.FAILED: Content.BAD,
            _E.FAILED_UNNEEDED: Content.LOST,
            _E.REFUSED: Content.CHECKING,
            _E.SET_ASIDE: Content.LOST,
            _E.GIVEN_UP: Content.LOST,
            _E.TAKEN_UP_AGAIN: Content.BAD,
            _E.GONE: Content.ABSENT,
        },
    },
)

NEED: Transitions[Need, FileEvent] = Transitions(
    "the need for a file",
    Need.WAITED_FOR,
    {
        Need.WAITED_FOR: {
            _E.HANDED_OVER: Need.IN_HAND,
            _E.NEEDED: Need.WAITED_FOR,
            _E.PASSED_BY: Need.DONE,
        },
        Need.IN_HAND: {
            _E.RESTORED: Need.DONE,
            _E.SENT_BACK: Need.WAITED_FOR,
            _E.NEEDED: Need.IN_HAND,
            _E.PASSED_BY: Need.IN_HAND_AGAIN,
        },
        # a full that was restored once is restored again over a copy that is lost
        Need.DONE: {
            _E.HANDED_OVER: Need.IN_HAND_AGAIN,
            _E.NEEDED: Need.WAITED_FOR,
            _E.PASSED_BY: Need.DONE,
        },
        Need.IN_HAND_AGAIN: {
            _E.RESTORED: Need.DONE,
            _E.SENT_BACK: Need.DONE,
            _E.NEEDED: Need.IN_HAND,
            _E.PASSED_BY: Need.IN_HAND_AGAIN,
        },
    },
)
