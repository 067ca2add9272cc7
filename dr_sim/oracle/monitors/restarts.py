"""Tells what a restart leaves behind: late answers to an earlier life cause nothing."""

from __future__ import annotations

from collections.abc import Iterator

from dr_sim.oracle.monitors.story import Breach, Story
from dr_sim.record.journal import KINDS

NO_COMMANDS = ("seen.ignored", "seen.MonitorAlert")
COMMAND_KINDS = frozenset(
    kind.name
    for kind in KINDS
    if kind.name.startswith("seen.")
    and kind.name not in NO_COMMANDS
    and "mono_us" not in [name for name, _ in kind.fields]
)
"""Names what machines command: whatever they are told carries the time."""


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
        if after < len(kinds) and KINDS[int(kinds[after])].name in COMMAND_KINDS:
            yield Breach(
                "S1", after, row.time_us, row.entity,
                f"a late answer ({row.values['event']}) to incarnation "
                f"{row.values['incarnation']} causes a command",
            )  # fmt: skip
