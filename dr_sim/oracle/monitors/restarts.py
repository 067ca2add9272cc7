"""Tells what a restart leaves behind: late answers to an earlier life cause nothing, and a phase of
a failover is durable before it is entered.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from dr_sim.oracle.monitors.story import Breach, Ints, PhaseRow, Story
from dr_sim.record.kinds import KIND_ID, KINDS, RecordKind

NO_COMMANDS = ("seen.ignored", "seen.MonitorAlert")


def _is_command(kind: RecordKind) -> bool:
    if not kind.name.startswith("seen.") or kind.name in NO_COMMANDS:
        return False
    return all(name != "mono_us" for name, _ in kind.fields)


def _is_told(kind: RecordKind) -> bool:
    """Return whether it is a kind of what the logic was told: such a row begins a list of
    commands.
    """
    return (
        kind.name.startswith("seen.") and ("mono_us", "int") in kind.fields
    )


_TOLD = frozenset(kind.id for kind in KINDS if _is_told(kind))
COMMAND_KINDS = frozenset(kind.name for kind in KINDS if _is_command(kind))
"""The kinds of record of commands: events carry the time, commands do not."""


def phases_are_durable_first(story: Story) -> Iterator[Breach]:
    """A phase of a failover that is saved is saved before it is entered: a restart in between is
    to continue in it (S1).
    """
    if not story.phases:
        return
    kinds = story.journal.kinds()
    save = KIND_ID["seen.Save"]
    for before, entered in pairwise([PhaseRow(-1, 0, ""), *story.phases]):
        if entered.phase == before.phase:
            continue  # announced again after a restart
        earlier = _commands_around(kinds, entered.seq, -1)
        later = _commands_around(kinds, entered.seq, 1)
        if save in later and save not in earlier:
            yield Breach(
                "S1",
                entered.seq,
                entered.time_us,
                -1,
                f"the failover enters its phase {entered.phase} before that is durable",
            )


def the_fence_is_durable_first(story: Story) -> Iterator[Breach]:
    """That an order to stop may have been obeyed is saved before the order goes out: a restart in
    between is to know of it (S1). What is saved just after the order should have been before.
    """
    fences = story.rows("seen.Fence")
    if not fences:
        return
    kinds = story.journal.kinds()
    saves = story["seen.Save"]
    for row in fences:
        first, last = list_around(kinds, row.seq)
        inside = (saves["seq"] > first) & (saves["seq"] < last)
        earlier = inside & (saves["seq"] < row.seq)
        later = inside & (saves["seq"] > row.seq)
        again = np.isin(saves["key"][later], saves["key"][earlier])
        resumed = int(kinds[first]) == KIND_ID["seen.Inventory"]
        too_late = later.any() and not (earlier.any() or resumed)
        if too_late or again.any():
            yield Breach(
                "S1",
                row.seq,
                row.time_us,
                -1,
                "the primary is ordered to stop before it is durable that it may have stopped",
            )


def list_around(kinds: Ints, seq: int) -> tuple[int, int]:
    """Return the row that the list of a command follows on, and the one after the list."""
    first = last = seq
    while first > 0 and int(kinds[first]) not in _TOLD:
        first -= 1
    while last < len(kinds) and int(kinds[last]) not in _TOLD:
        last += 1
    return first, last


def _commands_around(kinds: Ints, seq: int, step: int) -> list[int]:
    """Return the kinds of the commands before (step -1) or after that row in its list. A list that
    follows on an inventory begins with what a life before has saved.
    """
    found: list[int] = []
    for place in range(seq + step, len(kinds) if step > 0 else -1, step):
        kind = int(kinds[place])
        if kind == KIND_ID["seen.Inventory"]:
            return [*found, KIND_ID["seen.Save"]] if step < 0 else found
        if kind in _TOLD or kind == KIND_ID["seen.EnterPhase"]:
            break
        found.append(kind)
    return found


def late_answers_cause_nothing(story: Story) -> Iterator[Breach]:
    """An answer that an earlier incarnation asked for is recorded and ignored (S1).

    The row after seen.ignored is the answer; what it caused would be the row after that.
    """
    ignored = story.rows("seen.ignored")
    if not ignored:
        return
    kinds = story.journal.kinds()
    for row in ignored:
        after = row.seq + 2
        if (
            after < len(kinds)
            and KINDS[int(kinds[after])].name in COMMAND_KINDS
        ):
            yield Breach(
                "S1",
                after,
                row.time_us,
                row.entity,
                f"a late answer ({row.values['event']}) to incarnation "
                f"{row.values['incarnation']} causes a command",
            )
