"""Where a backup file is on its way from the primary to one standby or store."""

from __future__ import annotations

import enum


class TransferState(enum.StrEnum):
    """The state of a file for one receiver; the journal records it (truth.file_state).

    From QUEUED to NO_ROOM: the thing that the file waits for now. An outage, a full disk or a
    person may put any of them in the place of any other, so there is no table of moves: the
    replicator computes it (link/replication.py).
    """

    NEW = ""  # nobody has offered it yet
    QUEUED = "queued"  # only a slot is missing, or the next copy job
    STAGING = "staging"  # its folder's staging area is full
    OFF = "off"  # somebody has switched its folder off
    STOPPED = "stopped"  # the replicator stands still
    BACKOFF = "backoff"  # the connection was lost, and is tried again later
    WAITING = "waiting"  # the link is down
    NO_ROOM = "no_room"  # the receiver's disk is full
    SENDING = "sending"
    LANDED = "landed"
    GONE = "gone"  # it was lost before it was sent
    # on the way to a store (stores/store_feed.py)
    BEFORE = "before"  # it has yet to land at the store that feeds this one
    KEPT = "kept"  # it stays at its source until it is fetched
    ON_THE_ROAD = (
        "on the road"  # it has left its source and crossed the link
    )


AT_REST = (TransferState.NEW, TransferState.LANDED, TransferState.GONE)
"""States of a file that is not on its way: new, there, or lost."""
