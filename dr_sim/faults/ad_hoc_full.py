"""A person takes a full backup by hand, to a place of his own; unless it is copy-only it moves the
differential base. By PostgreSQL's rules it never does: an incremental is taken against the manifest
of a backup of our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.model import Kind as BackupKind
from dr_sim.scenario.fields.fields import Params, default
from dr_sim.scenario.fields.named import DatabaseName
from dr_sim.scenario.fields.quantities import YesNo
from dr_sim.scenario.kind import PRIMARY, EventKind

if TYPE_CHECKING:
    from dr_sim.world.kernel.occurrence import Occurrence


class AdHocFull(Params):
    database: DatabaseName
    copy_only: YesNo = default(
        "false", "vendor documentation: only where someone thought of it"
    )


def happen(event: Occurrence, params: AdHocFull) -> None:
    from dr_sim.world.primary.primary_database import Order

    world = event.world
    index = world.index_of(params.database)
    event.begins("ad-hoc full", index)
    copy_only = (
        params.copy_only or world.context.scenario.engine.postgres_rules
    )
    order = Order(BackupKind.FULL, copy_only=copy_only, elsewhere=True)
    world.primary.backups.begin_order(world.primary.databases[index], order)
    event.ends("ad-hoc full", index)


KIND = EventKind(
    "ad_hoc_full",
    AdHocFull,
    "database",
    True,
    "somebody makes a full for a test system. Later incrementals are "
    "based on it, so their restore on the secondary's full fails (3136). "
    "By PostgreSQL's rules it changes nothing",
    "vendor documentation of copy-only backups; operators' threads: incrementals on a "
    "base that nobody has; PostgreSQL's documentation of pg_basebackup --incremental",
    happen,
    needs_primary=True,
    draws=lambda r, db: {
        "database": db,
        "copy_only": r.choice(["true", "false"]),
    },
    affects=lambda params: PRIMARY,
)
