"""Bugs in how a backup is asked for in place of one that is of no use: fulls of rotten pages, and
incrementals that stand on each other.
"""

from __future__ import annotations

from tests.mutants.planting import Mutant, one

RENEWED: tuple[Mutant, ...] = (
    one(
        "rotten_full_asked_at_once", "R11",
        "a repair asks for another full at once when the last one holds rotten pages",
        "recovery/repair/repairs.py",
        "    if kind is FULL and not db.rotten.may_ask(e):\n",
        "    if kind is FULL and not db.rotten.may_ask(e) and not db.repair.on:\n",
    ),
    one(
        "rotten_wait_does_not_grow", "R11",
        "each wait for the next full of rotten pages is as long as the first",
        "recovery/files/rotten.py",
        "        return min(FIRST_WAIT_US << doublings, LONGEST_WAIT_US)\n",
        "        return min(FIRST_WAIT_US, LONGEST_WAIT_US << doublings)\n",
    ),
    one(
        "rotten_answer_not_noticed", "R11",
        "a full that people call rotten before the answer about it comes makes no wait",
        "recovery/repair/rot.py",
        "    if e.name in db.rotten:\n",
        "    if e.name not in db.rotten:\n",
    ),
    one(
        "incremental_on_the_lost_one", "R11",
        "a lost incremental is replaced by one that stands on it",
        "recovery/files/bases.py",
        "        if not stands_on_full(header):\n"
        "            return True\n",
        "        if not stands_on_full(header):\n"
        "            return False\n",
    ),
)  # fmt: skip
