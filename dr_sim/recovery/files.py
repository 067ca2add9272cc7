"""What the recovery logic knows of one file in the secondary's share."""

from __future__ import annotations

from dr_sim.backups.model import BackupHeader, Kind

UNKNOWN, CHECKING, VALID, BAD, LOST = range(5)
"""UNKNOWN: seen after a restart, taken for restored, its header not read. CHECKING: a Validate is
out. VALID: the hash agreed. BAD: it did not, or the file is gone. LOST: and it cannot be copied
again.
"""

_KINDS = {kind.word: int(kind) for kind in Kind}
LOG = int(Kind.LOG)
INCREMENTAL = int(Kind.INCREMENTAL)
FULL = int(Kind.FULL)


def kind_of(name: str) -> int:
    """The kind that a replicated name bears, -1 if it is no backup's name."""
    parts = name.rsplit("_", 2)
    return _KINDS.get(parts[1], -1) if len(parts) == 3 else -1


class File:
    """A landed file. done: restored, or its range is behind the database's position: nothing waits
    for it.

    attempts is the read counter (R5); failures counts validations that failed in a row;
    contradictions how often the primary has said of one that had passed that it is another file;
    passing how many of its refusals said nothing about it; the monotonic instants retry_at and due
    say when it may be handed over again, and when the replay delay lets it.
    """

    __slots__ = (
        "attempts",
        "contradictions",
        "done",
        "due_mono_us",
        "error_number",
        "error_text",
        "failures",
        "header",
        "kind",
        "landed_mono_us",
        "modified_utc_us",
        "name",
        "outcome",
        "passing",
        "refused",
        "retry_at_mono_us",
        "size_bytes",
        "state",
    )

    copied = True  # to backups.retention: what lies here came from the primary

    def __init__(
        self, name: str, kind: int, modified_utc_us: int, size_bytes: int, landed_mono_us: int
    ) -> None:
        self.name = name
        self.kind = kind
        self.modified_utc_us = modified_utc_us
        self.size_bytes = size_bytes
        self.landed_mono_us = landed_mono_us
        self.state = CHECKING
        self.header: BackupHeader | None = None
        self.done = False
        self.attempts = 0
        self.failures = 0
        self.contradictions = 0
        self.passing = 0
        self.refused = False
        self.retry_at_mono_us = 0
        self.due_mono_us = 0
        self.outcome = ""
        self.error_number = 0
        self.error_text = ""

    def hopeless(self, attempts: int) -> bool:
        """Has the engine refused it too often, for reasons of its own? attempts: the limit (R8)."""
        return self.attempts - self.passing > attempts

    def order(self) -> tuple[int, int, str]:
        """Logs are kept in this order: by where they begin, the longer one later."""
        header = self.header
        assert header is not None, "only validated files are put in order"
        return (header.first_lsn, header.last_lsn, self.name)

    def age_order(self) -> tuple[int, str]:
        return (self.modified_utc_us, self.name)
