"""Bugs in why an order is refused, or obeyed. They were committed before the monitor of refusals
(dr_sim/oracle/monitors/refusals.py).
"""

from __future__ import annotations

from tests.mutants.planting import Mutant, one

REFUSING: tuple[Mutant, ...] = (
    one(
        "no_full_is_ever_early_enough", "R14",
        "an order to restore beside the service is refused for a full that is here",
        "recovery/repair/beside.py",
        "        if not has_full_before(self._db, at):\n",
        "        if at:\n",
    ),
    one(
        "anybody_restores_beside", "R14",
        "anybody may have a database restored beside the service",
        "recovery/repair/beside.py",
        "        if e.operator not in operators:\n",
        "        if not e.operator:\n",
    ),
    one(
        "one_is_always_on_beside", "R14",
        "an order to restore beside the service is refused for one that is not on",
        "recovery/repair/beside.py",
        "        if self.on:\n            return OrderRefused(\n",
        "        if not self.on:\n            return OrderRefused(\n",
    ),
    one(
        "nothing_is_here_though_all_is", "R14",
        "an order is refused because nothing was restored, though all was",
        "recovery/failover/orders.py",
        "    if refused is None and not watching.something_here(f):\n        if not e.planned",
        "    if refused is None and watching.something_here(f):\n        if not e.planned",
    ),
    one(
        "chains_without_a_repair_are_broken", "R14",
        "a planned failover is refused for a chain that is whole",
        "recovery/failover/orders.py",
        "        if db.watch.breaks_the_chain or db.repair.on:\n",
        "        if db.watch.breaks_the_chain or not db.repair.on:\n",
    ),
    one(
        "copy_that_is_early_enough_is_restored_anew", "R14",
        "an order to an instant is refused for a full that nobody needs",
        "recovery/failover/orders.py",
        "        restores = past or not db.state.exists\n",
        "        restores = past or db.state.exists\n",
    ),
    one(
        "every_copy_holds_later_data", "R14",
        "an order to an instant is refused for later data that the copy does not hold",
        "recovery/failover/orders.py",
        "        if past and not e.anew:\n",
        "        if not e.anew:\n",
    ),
    one(
        "full_of_later_counts", "R14",
        "a full that was finished after an instant counts as one before it",
        "recovery/replay/waiting.py",
        "        file.modified_utc_us <= at_utc_us for",
        "        file.modified_utc_us >= at_utc_us for",
    ),
)  # fmt: skip
