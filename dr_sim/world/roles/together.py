"""The parts that several standbys behind one primary have in common.

Each standby and the primary are a pair (pair.py). Each pair has its own rows, its own witness and
its own files, as if there were no other pair. The acts of the primary are recorded in the rows of
all pairs and reported to each witness, and each of its backups is a file in each pair. So the rows
of one pair contain everything that happened to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dr_sim.backups.model import BackupHeader
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
        assert isinstance(shared.witness, Witnesses)
        shared.witness.each.append(context.witness)
        shared.beside.append(context)
        return shared
    journal = SharedJournal(ground.journal, roles.numbers)
    return replace(
        context,
        journal=journal,
        clock=context.clock.recorded_in(journal),
        witness=Witnesses([context.witness]),
        beside=[],
    )


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
