"""The succession from one pair of a run to the next: the databases, their numbers, and the old
primary where it can follow.

After a failover both sides keep the servers that they have, and change roles (engines/sides.py).
The new primary continues where it was brought online: its fork, its LSNs and its commits are
numbered on, its log backups follow on those before, and so does its differential base. By SQL
Server's rules the log chain continues over RESTORE ... WITH RECOVERY; PostgreSQL archives on at
once, on the new timeline.

The old primary's database becomes the copy behind it, without a new seed, if five things hold: it
was not lost; its server had not fallen over a full disk, in the middle of a write (what lies behind
its last whole record is not trusted); it took no more writes when the new one began; it takes log
backups; and it ended exactly where the new primary begins, in LSN, fork and content. By SQL
Server's rules it was left restoring by its tail; where no tail was needed, as the last log backup
held everything, an empty one is taken now (BACKUP LOG ... WITH NORECOVERY). By PostgreSQL's rules
it is started as a standby that follows the newest timeline. Whatever else the old primary has is
dropped and seeded again: each database is decided on by itself.

Another standby of the same primary is looked at by the same rule; and if it is behind that place it
may catch up (catching_up.py). A copy that cannot is restored from backups at hand (at_hand.py), or
seeded again.

A lost primary that is back later is looked at by the same rule. What it holds beyond the place at
which the new primary begins is a history of its own: no log of the new primary fits on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dr_sim.backups.model import Kind, RestoreState
from dr_sim.engines.port import BackupOrder, EngineError
from dr_sim.oracle.witnessed import Lineage
from dr_sim.world.kernel.context import Context
from dr_sim.world.kernel.workload import Before
from dr_sim.world.primary.primary_database import PrimaryDatabase
from dr_sim.world.roles.at_hand import ChainAtHand, chain_at_hand
from dr_sim.world.roles.catching_up import Behind, look_behind
from dr_sim.world.stores.kept_chain import KeptChain, kept_chain

if TYPE_CHECKING:
    from dr_sim.world.roles.pair import Pair

_EMPTY_TAIL = "//primary/empty tail"


@dataclass(frozen=True, slots=True)
class Heir:
    """One database as the next pair takes it over. copy: the old primary's, if it continues as a
    copy. before: what was written up to where it begins. behind: what that copy lacks; None: it
    stands exactly there. why: why another standby's copy cannot follow, '' if it can. at_hand: the
    backups from which that one is restored; None: by a new full. kept: the backups that a store
    continues with; None: it is no store's.
    """

    lineage: Lineage
    files_made: int
    copy: RestoreState | None
    before: Before
    behind: Behind | None = None
    why: str = ""
    at_hand: ChainAtHand | None = None
    kept: KeptChain | None = None

    @property
    def needs_a_full(self) -> bool:
        """Return whether a full is taken for that place at once, as nothing there leads on."""
        leads_on = self.kept is not None and self.kept.leads_on
        return self.copy is None and self.at_hand is None and not leads_on


def heirs_of(pair: Pair) -> dict[str, Heir]:
    """Return the databases that a failover has brought online by now, by name."""
    found: dict[str, Heir] = {}
    for index, lineage in sorted(pair.promotion.lineages.items()):
        db = pair.primary.databases[index]
        wrote_until_us = db.writes_until_us
        stopped = (
            not db.down
            and not db.failed
            and wrote_until_us is not None
            and wrote_until_us <= pair.promotion.online_us[index]
        )
        follows = stopped and _stands_at(pair.context, db, lineage)
        copy = (
            pair.context.primary_engine.state(db.spec.name)
            if follows
            else None
        )
        until_us = pair.promotion.holds_until_us(index)
        if wrote_until_us is not None:
            until_us = min(until_us, wrote_until_us)
        before = Before(pair.context.workloads[index], until_us)
        found[db.spec.name] = Heir(lineage, db.files_made, copy, before)
    return found


def copies_at(
    pair: Pair, heirs: Mapping[str, Heir]
) -> dict[str, RestoreState]:
    """Return, by name, the databases of a lost primary that is back, which stand where these begin:
    they can follow without a new seed.
    """
    found: dict[str, RestoreState] = {}
    for db in pair.primary.databases:
        heir = heirs.get(db.spec.name)
        if heir is None or db.failed or db.down:
            continue
        if _stands_at(pair.context, db, heir.lineage):
            found[db.spec.name] = pair.context.primary_engine.state(
                db.spec.name
            )
    return found


def heirs_beside(
    pair: Pair,
    heirs: Mapping[str, Heir],
    new_primary: str,
    earlier: Sequence[Pair],
) -> dict[str, Heir]:
    """Return the same as they are for another standby of the same primary. copy: its own, if it can
    follow the new primary. earlier: all pairs up to now.
    """
    found = {}
    for name, heir in heirs.items():
        index, of = pair.index_of(name), heir.lineage
        copy = _copy_beside(pair, index, of)
        found[name] = replace(heir, copy=copy)
        if copy is not None:
            continue  # it follows
        kept = kept_chain(pair, index, of, new_primary, earlier)
        if kept is not None:
            found[name] = replace(heir, copy=None, kept=kept)
            continue
        behind = look_behind(pair, index, of, new_primary, earlier)
        if isinstance(behind, Behind):
            cut_us = min(behind.cut_us, heir.before.until_us)
            behind = replace(behind, cut_us=cut_us)
            found[name] = replace(heir, copy=behind.state, behind=behind)
        else:
            at_hand = chain_at_hand(pair, index, of, new_primary, earlier)
            found[name] = replace(
                heir, copy=None, why=behind.value, at_hand=at_hand
            )
    return found


def _copy_beside(
    pair: Pair, index: int, lineage: Lineage
) -> RestoreState | None:
    """Return where that standby's copy stands, if that is exactly where the new primary begins."""
    engine, name = (
        pair.context.secondary_engine,
        pair.context.scenario.databases[index].name,
    )
    state = pair.secondary.copies.standing(index)
    parent = lineage.parents[lineage.fork].left
    if state is None:
        return None
    if (state.fork, state.redo_lsn) != (parent, lineage.lsn):
        return None
    try:
        reading = engine.read_witness(name)
    except EngineError:
        return None
    return (
        state
        if (reading.commits, reading.digest)
        == (lineage.commits, lineage.digest)
        else None
    )


def _stands_at(
    context: Context, db: PrimaryDatabase, lineage: Lineage
) -> bool:
    """Return whether the old primary's database is left restoring exactly where the new begins.
    One whose pages have rotted is always seeded again.
    """
    engine, name = context.primary_engine, db.spec.name
    if db.spec.log.kind == "none" or db.rot is not None:
        return False
    parent = lineage.parents[lineage.fork].left
    state = engine.state(name)
    if not state.exists or (state.fork, state.redo_lsn) != (
        parent,
        lineage.lsn,
    ):
        return False
    try:
        reading = engine.read_witness(name)
        if (reading.commits, reading.digest) != (
            lineage.commits,
            lineage.digest,
        ):
            return False
        if not state.restoring:
            _take_empty_tail(context, db, lineage)
    except EngineError:
        return False
    return True


def _take_empty_tail(
    context: Context, db: PrimaryDatabase, lineage: Lineage
) -> None:
    engine, utc = context.primary_engine, context.primary_utc_us()
    number = db.next_number
    tail = engine.begin_backup(
        db.spec.name,
        BackupOrder(
            Kind.LOG, _EMPTY_TAIL, utc, 0, backup_id=number, tail=True
        ),
    )
    tail.finish(lineage.commits, lineage.lsn, utc)
    context.primary_files.delete(_EMPTY_TAIL)
