"""The parts that several standbys behind one primary have in common.

Each standby and the primary are a pair (pair.py). Each pair has its own rows, its own witness and
its own files, as if there were no other pair. The acts of the primary are recorded in the rows of
all pairs and reported to each witness, and each of its backups is a file in each pair. So the rows
of one pair contain everything that happened to it.

A store may have backups of its own schedule: a second chain (world/primary/own_backups.py). Its
pair has these, and the logs if it has none of its own. The other pairs have what the databases'
schedules make. Neither pair knows the files of the other chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dr_sim.backups.model import BackupHeader
from dr_sim.backups.run_tables import ByName
from dr_sim.oracle.witness import Witness
from dr_sim.record.pairs import SharedJournal
from dr_sim.world.kernel.context import Context

if TYPE_CHECKING:
    from dr_sim.world.primary.primary_database import PrimaryDatabase
    from dr_sim.world.roles.pair import Pair
    from dr_sim.world.roles.pair_context import Ground, Roles


class Witnesses(Witness):
    """Tells each of them what happens at the primary. Nothing else may be asked of them
    together.
    """

    def __init__(self, each: Sequence[Witness]) -> None:
        self.each = list(each)

    def made(
        self, t: int, db: int, file: int, header: BackupHeader, commits: int
    ) -> None:
        for witness in self.each:
            witness.made(t, db, file, header, commits)

    def made_rotten(
        self, db: int, file: int, header: BackupHeader, commits: int
    ) -> None:
        for witness in self.each:
            witness.made_rotten(db, file, header, commits)

    def damaged(self, t: int, db: int, file: int, where: str) -> None:
        for witness in self.each:
            witness.damaged(t, db, file, where)

    def gone(self, t: int, db: int, file: int, where: str) -> None:
        for witness in self.each:
            witness.gone(t, db, file, where)

    def log_kept(self, t: int, db: int, kept: bool) -> None:
        for witness in self.each:
            witness.log_kept(t, db, kept)

    def writes_changed(self, t: int, db: int) -> None:
        for witness in self.each:
            witness.writes_changed(t, db)


def shared_context(
    lead: Pair | None, ground: Ground, context: Context, roles: Roles
) -> Context:
    """Return the context of the primary: what it does is recorded for each of its standbys. lead:
    the first pair behind that primary; None: it is this one, with that context.
    """
    if lead is not None:
        shared = lead.shared
    elif ground.scenario.has_own_backups:
        shared = _with_two_chains(ground, context, roles)
    else:
        journal = SharedJournal(ground.journal, roles.numbers)
        return replace(
            context,
            journal=journal,
            clock=context.clock.recorded_in(journal),
            witness=Witnesses([context.witness]),
            beside=[],
        )
    _add(shared, context)
    first_chain = shared.first_chain
    own = context.scenario.own_schedule
    if first_chain is not None and own is None:
        _add_to_part(first_chain, context, roles)
    first_logs = shared.first_logs
    if first_logs is None:
        return shared
    if own is not None and own.has_logs:
        shared.log_chains.append(context)
    else:
        _add_to_part(first_logs, context, roles)
    return shared


def _with_two_chains(
    ground: Ground, context: Context, roles: Roles
) -> Context:
    """Return the context of a primary whose fulls and incrementals go to the places without a
    schedule of their own, and its logs to those without logs of their own. context: of the first
    place. If it does not know all files of the schedules, the primary knows them by itself.
    """
    by_name = context.by_name
    if context.scenario.own_schedule is not None:
        by_name = [ByName() for _ in by_name]
    journal = SharedJournal(ground.journal, roles.numbers)
    shared = replace(
        context,
        journal=journal,
        clock=context.clock.recorded_in(journal),
        witness=Witnesses([]),
        beside=[],
        by_name=by_name,
    )
    shared.first_chain = _of_some(ground, shared)
    if ground.scenario.has_own_logs:
        shared.first_logs = _of_some(ground, shared)
        shared.log_chains.append(shared.first_logs)
    return shared


def _of_some(ground: Ground, shared: Context) -> Context:
    """Return the context of a part of what the primary does, which no place gets yet."""
    return replace(
        shared,
        journal=SharedJournal(ground.journal, []),
        witness=Witnesses([]),
        beside=[],
    )


def _add_to_part(part: Context, context: Context, roles: Roles) -> None:
    """Let a place get a part of what the primary does."""
    assert isinstance(part.journal, SharedJournal)
    part.journal.add(roles.number)
    _add(part, context)


def _add(shared: Context, context: Context) -> None:
    """Let one more place have what the primary does in a context."""
    assert isinstance(shared.witness, Witnesses)
    shared.witness.each.append(context.witness)
    if context.by_name is not shared.by_name:
        shared.beside.append(context)


def hear_primary(lead: Pair) -> None:
    """Pass on what the primary reports to all of its standbys."""

    def error(
        db: PrimaryDatabase, what: str, number: int, text: str
    ) -> None:
        for pair in lead.together:
            pair.hands.other_side.primary_error(
                db.spec.name, what, number, text
            )

    def stepped(database: int) -> None:
        lead.journal.pack_if_many()
        for pair in lead.together:
            pair.outside.stir(database)

    def finished(database: int) -> None:
        for pair in lead.together:
            pair.outside.turn(database)

    primary = lead.primary
    primary.error_hook = error
    primary.log_space.fallen = lead.losses.fallen
    primary.stepped_hook = stepped
    primary.finished_hook = finished
