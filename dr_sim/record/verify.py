"""Does a recorded run hold together? Every row against its stored hash; every recorded event into
fresh recovery machines, which must give the recorded commands, across crashes too: the store is
rebuilt from the recorded Saves, and each incarnation resumes from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dr_sim.machines import Command, Save, SaveAll
from dr_sim.record.encoding import pairs_from_text
from dr_sim.record.journal import KIND_ID, SEEN_CLASS, Journal
from dr_sim.record.journal_file import checks_of
from dr_sim.recovery.config import ManagerConfig
from dr_sim.recovery.manager import RecoveryManager
from dr_sim.stores import MemoryStore

_MANAGER = KIND_ID["truth.manager"]
_DONE = KIND_ID["truth.commands_done"]
_NOT_SAVED = KIND_ID["truth.store_write"]
_NONE_SAVED = KIND_ID["truth.store_write_all"]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first row that does not hold."""

    seq: int
    kind: str
    time_us: int
    what: str


@dataclass(frozen=True, slots=True)
class Verified:
    rows: int
    events: int
    commands: int
    mismatch: Mismatch | None


def verify(
    journal: Journal,
    config: ManagerConfig,
    start_utc_us: int,
    stored_checks: np.ndarray | None = None,
) -> Verified:
    """Replay the machines over the journal; stored_checks: the row hashes that came with the
    file.
    """
    edited = _first_edit(journal, stored_checks)
    replay = _Replay(journal, config, start_utc_us)
    mismatch = replay.run(len(journal) if edited is None else edited)
    if edited is not None and mismatch is None:
        row = journal.row(edited)
        mismatch = Mismatch(
            edited, row.kind, row.time_us, "is not the row that was written: its hash differs"
        )
    return Verified(len(journal), replay.events, replay.commands, mismatch)


def _first_edit(journal: Journal, stored: np.ndarray | None) -> int | None:
    if stored is None:
        return None
    wrong = np.flatnonzero(checks_of(journal) != stored)
    return int(wrong[0]) if len(wrong) else None


class _Replay:
    def __init__(self, journal: Journal, config: ManagerConfig, start_utc_us: int) -> None:
        self._journal = journal
        self._config = config
        self._start_utc_us = start_utc_us
        self._manager: RecoveryManager | None = None
        self._expected: list[Command] = []
        self._next = 0
        self._store = MemoryStore()
        self.events = 0
        self.commands = 0

    def run(self, rows: int) -> Mismatch | None:
        """Over the first so many rows."""
        journal = self._journal
        kinds = journal.kinds()
        wanted = np.isin(kinds[:rows], [_MANAGER, _DONE, _NOT_SAVED, _NONE_SAVED, *SEEN_CLASS])
        for seq in np.flatnonzero(wanted).tolist():
            what = self._row(seq, int(kinds[seq]))
            if what:
                row = journal.row(seq)
                return Mismatch(seq, row.kind, row.time_us, what)
        if rows == len(journal) and self._next < len(self._expected):
            return Mismatch(
                rows, "end", 0, f"the machine also commands {self._expected[self._next]}"
            )
        return None

    def _row(self, seq: int, kind_id: int) -> str:
        if kind_id == _MANAGER:
            return self._life(seq)
        if kind_id == _DONE:
            values = self._journal.row(seq).values
            if (values["done"], values["of"]) != (self._next, len(self._expected)):
                return f"{self._next} of {len(self._expected)} commands were recorded before it"
            self._next = len(self._expected)
            return ""
        if kind_id == _NOT_SAVED:
            values = self._journal.row(seq).values
            return self._failed_save(Save(values["key"], values["value"]), values["ok"])
        try:
            if kind_id == _NONE_SAVED:
                values = self._journal.row(seq).values
                return self._failed_save(SaveAll(pairs_from_text(values["entries"])), values["ok"])
            told = self._journal.told(seq)
        except ValueError as error:  # an edited row can say anything at all
            return f"is nothing that a machine could be told: {error}"
        if isinstance(told, Command):
            return self._command(told)
        return self._event(told)

    def _life(self, seq: int) -> str:
        row = self._journal.row(seq)
        if self._next < len(self._expected):
            return (
                f"before it the machine commands {self._expected[self._next]}, which is not "
                "recorded"
            )
        if not row.values["up"]:
            self._manager = None
            return ""
        self._manager = RecoveryManager(self._config, row.values["incarnation"], self._store.load())
        self._expect(self._manager.resume())
        return ""

    def _event(self, event: Any) -> str:
        if self._next < len(self._expected):
            return (
                f"before it the machine commands {self._expected[self._next]}, which is not "
                "recorded"
            )
        if self._manager is None:
            return "no recovery manager was up to be told this"
        self.events += 1
        try:
            self._expect(self._manager.handle(event))
        except Exception as error:  # so can what it is told
            return f"the machine cannot take it: {error!r}"
        return ""

    def _command(self, command: Command) -> str:
        if self._next >= len(self._expected):
            return "the machine does not command this"
        expected = self._expected[self._next]
        if command != expected:
            return f"the machine commands {expected}"
        self._next += 1
        self.commands += 1
        self._save(command)
        return ""

    def _save(self, command: Command) -> None:
        if isinstance(command, Save):
            self._store.save(command.key, command.value)
        elif isinstance(command, SaveAll):
            self._store.save_all(dict(command.entries))

    def _failed_save(self, command: Command, ok: int) -> str:
        if self._next >= len(self._expected) or self._expected[self._next] != command:
            return "the machine does not command this"
        if ok:  # the store failed when it was done
            self._save(command)
        return ""

    def _expect(self, commands: list[Command]) -> None:
        self._expected = commands
        self._next = 0
