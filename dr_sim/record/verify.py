"""Verification of a recorded run. Every row against its stored hash; every recorded event into
fresh machines, the recovery manager and the cloud manager, which must give the recorded commands,
across crashes too: each store is rebuilt from the recorded saves, and each incarnation resumes from
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dr_sim.cloud import CloudConfig, CloudManager
from dr_sim.machines import Command, Machine, Save, SaveAll
from dr_sim.record.encoding import pairs_from_text
from dr_sim.record.journal import Journal
from dr_sim.record.journal_file import checks_of
from dr_sim.record.kinds import CLOUD_CLASS, KIND_ID, SEEN_CLASS
from dr_sim.record.pairs import Ints, pair_of, pairs_by_row
from dr_sim.recovery.saved import of_files
from dr_sim.stores import MemoryStore

_NO_KIND = -1


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows that tell of one machine: its lives, commands that a crash cut off, saves that
    failed, its store copied and restored; and what it was told and commanded.
    """

    name: str
    life: int
    done: int
    not_saved: int
    none_saved: int
    told: frozenset[int]
    copied: int = _NO_KIND
    restored: int = _NO_KIND
    upgraded: int = _NO_KIND

    @property
    def wanted(self) -> list[int]:
        apart = (
            self.life,
            self.done,
            self.not_saved,
            self.none_saved,
            self.copied,
            self.restored,
        )
        return [*apart, self.upgraded, *self.told]


_RECOVERY = _Rows(
    "recovery manager",
    KIND_ID["truth.manager"],
    KIND_ID["truth.commands_done"],
    KIND_ID["truth.store_write"],
    KIND_ID["truth.store_write_all"],
    frozenset(SEEN_CLASS),
)
_CLOUD = _Rows(
    "cloud manager",
    KIND_ID["truth.cloud_manager"],
    KIND_ID["truth.cloud_commands_done"],
    _NO_KIND,
    KIND_ID["truth.cloud_store_write"],
    frozenset(CLOUD_CLASS),
    KIND_ID["truth.cloud_store_copied"],
    KIND_ID["truth.cloud_store_restored"],
    KIND_ID["truth.cloud_upgrade"],
)


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
    builds: Mapping[int, Callable[[int, dict[str, str]], Machine]],
    stored_checks: np.ndarray | None = None,
    cloud: CloudConfig | None = None,
) -> Verified:
    """Replay the machines over the journal. builds: by pair, what makes the recovery manager of a
    life from its number and from what is stored; stored_checks: the row hashes that came with the
    file; cloud: the cloud manager's configuration, where there is one.
    """
    edited = _first_edit(journal, stored_checks)
    rows = len(journal) if edited is None else edited
    pairs = pairs_by_row(journal)
    replays = [
        _Replay(journal, _RECOVERY, build, pairs == pair)
        for pair, build in sorted(builds.items())
    ]
    found = _verified_in_order(replays, sorted(builds), journal, rows)
    if cloud is not None:
        lives = _CloudLives(cloud)
        replays.append(
            _Replay(
                journal, _CLOUD, lives.build, pairs == 0, lives.upgraded
            )
        )
        found.append(replays[-1].run(rows))
    found.append(_of_no_pair(journal, pairs, list(builds), rows))
    mismatch = min(
        (m for m in found if m is not None),
        key=lambda m: m.seq,
        default=None,
    )
    if edited is not None and mismatch is None:
        row = journal.row(edited)
        mismatch = Mismatch(
            edited,
            row.kind,
            row.time_us,
            "is not the row that was written: its hash differs",
        )
    events = sum(replay.events for replay in replays)
    commands = sum(replay.commands for replay in replays)
    return Verified(len(journal), events, commands, mismatch)


def _verified_in_order(
    replays: Sequence[_Replay],
    pairs: Sequence[int],
    journal: Journal,
    rows: int,
) -> list[Mismatch | None]:
    """Verify the recovery manager of each pair. One that has taken over a store begins with what
    the one before it had saved of files by then.
    """
    of_pair = dict(zip(pairs, replays, strict=True))
    before: dict[int, tuple[_Replay, int]] = {}
    for row in journal.rows("truth.manager_goes_on"):
        earlier = of_pair.get(row.values["pair"])
        if earlier is not None:
            before[pair_of(row.entity)] = earlier, row.seq
            earlier.remember(row.seq)
    found = []
    for pair, replay in of_pair.items():
        if pair in before:
            earlier, seq = before[pair]
            replay.begin_with(of_files(earlier.saved_at(seq)))
        found.append(replay.run(rows))
    return found


def _of_no_pair(
    journal: Journal, pairs: Ints, known: list[int], rows: int
) -> Mismatch | None:
    """The first row that is marked with a pair that the run has not had."""
    strange = np.flatnonzero(~np.isin(pairs[:rows], known))
    if not len(strange):
        return None
    row = journal.row(int(strange[0]))
    return Mismatch(
        row.seq, row.kind, row.time_us, "belongs to no pair of this run"
    )


def _first_edit(journal: Journal, stored: np.ndarray | None) -> int | None:
    if stored is None:
        return None
    wrong = np.flatnonzero(checks_of(journal) != stored)
    return int(wrong[0]) if len(wrong) else None


class _CloudLives:
    """Builds the lives of a cloud manager; one that has been upgraded is of a newer version."""

    def __init__(self, config: CloudConfig) -> None:
        self._config = config

    def build(
        self, incarnation: int, stored: dict[str, str]
    ) -> CloudManager:
        return CloudManager(self._config, incarnation, stored)

    def upgraded(self) -> None:
        self._config = replace(
            self._config, version=self._config.version + 1
        )


class _Replay:
    """One machine, given again the events in its own rows (mine)."""

    def __init__(
        self,
        journal: Journal,
        of: _Rows,
        make: Callable[[int, dict[str, str]], Machine],
        mine: Ints,
        upgraded: Callable[[], None] = lambda: None,
    ) -> None:
        """make: a machine of that life, with what earlier ones have saved. upgraded: told that
        later lives are of a newer version.
        """
        self._mine = mine
        self._journal = journal
        self._of = of
        self._make = make
        self._upgraded = upgraded
        self._manager: Machine | None = None
        self._expected: Sequence[Command] = ()
        self._next = 0
        self._copy: dict[str, str] = {}
        self._store = MemoryStore()
        # rows at which what the store holds is kept, and what was kept
        self._marks: list[int] = []
        self._saved: dict[int, dict[str, str]] = {}
        self.events = 0
        self.commands = 0

    def begin_with(self, saved: Mapping[str, str]) -> None:
        """Begin with a store that holds this."""
        self._store.save_all(saved)

    def remember(self, seq: int) -> None:
        """Keep what the store holds at that row, for `saved_at`: to be called in the rows' order,
        before `run`.
        """
        self._marks.append(seq)

    def saved_at(self, seq: int) -> dict[str, str]:
        """Return what the store held at that row; after `run`."""
        return self._saved.get(seq, {})

    def run(self, rows: int) -> Mismatch | None:
        """Verify a number of rows from the first on."""
        journal = self._journal
        kinds = journal.kinds()
        wanted = np.isin(kinds[:rows], self._of.wanted) & self._mine[:rows]
        for seq in np.flatnonzero(wanted).tolist():
            self._keep_until(seq)
            what = self._row(seq, int(kinds[seq]))
            if what:
                row = journal.row(seq)
                return Mismatch(seq, row.kind, row.time_us, what)
        self._keep_until(rows)
        if rows == len(journal) and self._next < len(self._expected):
            return Mismatch(
                rows,
                "end",
                0,
                f"the machine also commands {self._expected[self._next]}",
            )
        return None

    def _keep_until(self, seq: int) -> None:
        """Keep what the store holds for every mark before that row."""
        while self._marks and self._marks[0] < seq:
            self._saved[self._marks.pop(0)] = self._store.load()

    def _row(self, seq: int, kind_id: int) -> str:
        if kind_id == self._of.life:
            return self._life(seq)
        if kind_id == self._of.done:
            values = self._journal.row(seq).values
            if (values["done"], values["of"]) != (
                self._next,
                len(self._expected),
            ):
                return f"{self._next} of {len(self._expected)} commands were recorded before it"
            self._next = len(self._expected)
            return ""
        if kind_id == self._of.upgraded:
            if not self._journal.row(seq).values["begins"]:
                self._upgraded()
            return ""
        if kind_id == self._of.copied:
            self._copy = self._store.load()
            return ""
        if kind_id == self._of.restored:
            self._store = MemoryStore()
            self._store.save_all(self._copy)
            return ""
        if kind_id == self._of.not_saved:
            values = self._journal.row(seq).values
            return self._failed_save(
                Save(values["key"], values["value"]), values["ok"]
            )
        try:
            if kind_id == self._of.none_saved:
                values = self._journal.row(seq).values
                return self._failed_save(
                    SaveAll(pairs_from_text(values["entries"])),
                    values["ok"],
                )
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
        self._manager = self._make(
            row.values["incarnation"], self._store.load()
        )
        self._expect(self._manager.resume())
        return ""

    def _event(self, event: Any) -> str:
        if self._next < len(self._expected):
            return (
                f"before it the machine commands {self._expected[self._next]}, which is not "
                "recorded"
            )
        if self._manager is None:
            return f"no {self._of.name} was up to be told this"
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
        if (
            self._next >= len(self._expected)
            or self._expected[self._next] != command
        ):
            return "the machine does not command this"
        if ok:  # the store failed when it was done
            self._save(command)
        return ""

    def _expect(self, commands: Sequence[Command]) -> None:
        self._expected = commands
        self._next = 0
