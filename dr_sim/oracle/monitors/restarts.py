"""Tells what a restart leaves behind: late answers to an earlier life cause nothing."""

from __future__ import annotations

from collections.abc import Iterator

from dr_sim.oracle.monitors.story import Breach, Story
from dr_sim.record.kinds import KINDS, RecordKind

NO_COMMANDS = ("seen.ignored", "seen.MonitorAlert")


def _is_command(kind: RecordKind) -> bool:
    if not kind.name.startswith("seen.") or kind.name in NO_COMMANDS:
        return False
    return all(name != "mono_us" for name, _ in kind.fields)


COMMAND_KINDS = frozenset(kind.name for kind in KINDS if _is_command(kind))
"""The kinds of record of commands: events carry the time, commands do not."""


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
                "S1", after, row.time_us, row.entity,
                f"a late answer ({row.values['event']}) to incarnation "
                f"{row.values['incarnation']} causes a command",
            )  # fmt: skip
