"""A file that has landed in the secondary's share: what is known of it.

Only its owner, `HeldFiles` (files.py), writes to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from dr_sim.backups.model import KIND_OF_WORD, BackupHeader, Kind
from dr_sim.recovery.events import ValidationOutcome
from dr_sim.recovery.files.file_life import CONTENT, NEED, Content, Need
from dr_sim.recovery.repair.refusals import says_nothing_of_it

FULL, INCREMENTAL, LOG = Kind.FULL, Kind.INCREMENTAL, Kind.LOG


def kind_of(name: str) -> Kind | None:
    """Return the kind that a replicated name carries; None if it is no backup's name."""
    parts = name.rsplit("_", 2)
    return KIND_OF_WORD.get(parts[1]) if len(parts) == 3 else None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file is of no use: what validation or the engine reported."""

    outcome: ValidationOutcome | None  # None: validation has found nothing
    error_number: int
    error_text: str


NOTHING_WRONG = Failure(None, 0, "")


class File:
    """A file that has landed.

    done: nothing waits for it: it is restored, or its range is behind the database's position.
    attempts: the read counter (R5). failures: validations that failed in a row. contradictions: how
    often the primary has said of a file that had passed that it is another one. passing: refusals
    of the engine that said nothing about the file. presumed: a restart took it for restored.
    refused: the engine did not take it. failure: what was said of it last. retry_at_mono_us: when
    it may be tried again. due_mono_us: when the replay delay lets it be restored. overtaken:
    another copy has landed while it is hashed, so that hash says nothing.
    """

    __slots__ = (
        "attempts",
        "content",
        "contradictions",
        "done",
        "due_mono_us",
        "failure",
        "failures",
        "header",
        "kind",
        "landed_mono_us",
        "modified_utc_us",
        "name",
        "need",
        "overtaken",
        "passing",
        "presumed",
        "refused",
        "retry_at_mono_us",
        "size_bytes",
    )

    copied = (
        True  # for backups.retention: what lies here came from the primary
    )

    def __init__(
        self,
        name: str,
        kind: Kind,
        modified_utc_us: int,
        size_bytes: int,
        landed_mono_us: int,
    ) -> None:
        self.name = name
        self.kind = kind
        self.modified_utc_us = modified_utc_us
        self.size_bytes = size_bytes
        self.landed_mono_us = landed_mono_us
        self.content = CONTENT.start
        self.need = NEED.start
        self.done = False
        self.header: BackupHeader | None = None
        self.attempts = 0
        self.failures = 0
        self.contradictions = 0
        self.passing = 0
        self.presumed = False
        self.refused = False
        self.overtaken = False
        self.failure = NOTHING_WRONG
        self.retry_at_mono_us = 0
        self.due_mono_us = 0

    def hopeless(self, attempts: int) -> bool:
        """Tell whether the engine has refused it more often than that, for reasons of the file's
        own (R8).
        """
        return self.attempts - self.passing > attempts

    def ready(self, mono_us: int) -> bool:
        """Tell whether it may be handed over."""
        if self.content is not Content.WHOLE:
            return False
        return not self.refused or self.retry_at_mono_us <= mono_us

    @property
    def taken_for_restored(self) -> bool:
        """Tell whether a restart took it for restored, and its header is not read yet."""
        return self.presumed and self.header is None

    @property
    def cut_off(self) -> bool:
        """Tell whether its backup never finished: it truncated nothing, so the next one covers its
        range (R10), and no other copy of it is better.
        """
        return self.failure.outcome is ValidationOutcome.NO_MANIFEST

    @property
    def refused_here(self) -> bool:
        """Tell whether the engine has refused it for what is at this side: another copy would be
        refused in the same way.
        """
        return self.refused and says_nothing_of_it(
            self.failure.error_number
        )

    def order(self) -> tuple[int, int, str]:
        """Return the place of a log in the queue: by where it begins, the longer one later."""
        header = self.header
        assert header is not None, "only validated files are put in order"
        return (header.first_lsn, header.last_lsn, self.name)

    def age_order(self) -> tuple[int, str]:
        return (self.modified_utc_us, self.name)


def quiet_log(name: str, header: BackupHeader, landed_us: int) -> File:
    """Return a log that has landed whole and been restored at the first attempt."""
    file = File(
        name,
        LOG,
        header.finished_utc_us,
        header.nominal_bytes,
        landed_us,
    )
    file.header = header
    file.content = Content.WHOLE
    file.need = Need.DONE
    file.done = True
    file.attempts = 1
    return file
