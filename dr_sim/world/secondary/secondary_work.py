"""Work at the secondary: a file that is being hashed or restored, or waits for its turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dr_sim.engines.port import RestoreOp
from dr_sim.world.kernel.agenda import Entry
from dr_sim.world.kernel.sharing import Flow
from dr_sim.world.primary.backup_file import BackupFile

NOT_THERE = (60005, "The file is not in the share.")


@dataclass(frozen=True, slots=True)
class StopAt:
    """The place where a restore of a log stops: the database then holds that many commits, up to
    that LSN. at_us: the instant.
    """

    commits: int
    lsn: int
    at_us: int


class Work:
    """A hash or a restore under way, or waiting for a worker. done(work, ...) is called with the
    outcome; incarnation is that of the recovery manager that asked for it. A restore whose op is
    None has not been handed over: it is being copied.
    """

    __slots__ = (
        "begun_us",
        "claimed_bytes",
        "content",
        "done",
        "entry",
        "file",
        "flow",
        "incarnation",
        "lacks",
        "landings",
        "op",
        "replace",
        "stop",
    )

    def __init__(
        self,
        file: BackupFile,
        incarnation: int,
        done: Callable[..., None],
        replace: bool = False,
        stop: StopAt | None = None,
    ) -> None:
        self.file = file
        # the backup that was read, whatever lands under its name meanwhile
        self.content = file.content
        self.landings = file.landings
        self.incarnation = incarnation
        self.done = done
        self.replace = replace
        self.stop = stop
        self.op: RestoreOp | None = None
        self.begun_us = -1  # when a worker took it up
        self.flow: Flow | None = None
        self.entry: Entry | None = None
        self.claimed_bytes = 0  # of the data disk, for the restore
        # why there was no room: bytes required, free, of the old copy
        self.lacks: tuple[int, int, int] | None = None
