"""Tells stories: a few events that belong together, and lead where events that are drawn one by one
hardly ever do.

Theory of operation. Much of the logic runs only when one thing follows another within minutes: a
planned failover whose link is cut, which is called off, and is ordered again. Of ten thousand
swarms a few hold that. So a part of the cases tells a story: what it begins with, what always
follows, and a few of the things that may go wrong around it, each at its distance from the
beginning. What instant it begins at, and the parameters of what goes wrong, are drawn as usual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from dr_sim.explore.services import Service
from dr_sim.faults import (
    ad_hoc_full,
    admin_change,
    agent_silent,
    backup_cut_off,
    bad_image,
    bad_machine,
    call_off_failover,
    capacity_taken,
    careless_clean_up,
    changed_by_hand,
    clean_up_fails,
    cloud_crash,
    cloud_store_restored,
    cloud_upgrade,
    corrupt_at_rest,
    corrupt_in_transit,
    disk_full,
    duplicate_file,
    half_written,
    host_returns,
    install_point_lost,
    late_file,
    link_outage,
    log_full,
    lose,
    lose_secondary,
    manager_crash,
    mirror_off,
    missing_file,
    mistake,
    order_failover,
    packet_loss,
    partition,
    paused_backups,
    readers,
    recovery_model,
    replication_off,
    replication_stopped,
    roll_back_upgrade,
    rotting_pages,
    script_escapes,
    script_fails,
    script_half_done,
    script_hangs,
    script_missing,
    second_log_job,
    set_goals,
    setup_differs,
    silent_backups,
    slow_restore,
    staging_full,
    standby_broken,
    throttle,
    torn_copy,
    upgrade,
    wrong_mapping,
    wrong_restore,
)
from dr_sim.scenario.kind import EventKind

Value = str | dict[str, Any]
Event = tuple[str, Value | None]
"""An event: the name of its kind, and its value; None: the value is drawn."""


class Fault(Protocol):
    """A module of dr_sim/faults."""

    KIND: EventKind


Written = tuple[Fault, Value | None]
"""The same as it is written here."""


_MINUTE = 60
_AT_ONCE = (-_MINUTE, -1, 0, 0, 1, 1, 5, 20, 50, 90, 110, 130)
_AROUND = (
    -20 * _MINUTE,
    -5 * _MINUTE,
    *_AT_ONCE,
    4 * _MINUTE,
    12 * _MINUTE,
)
_BEFORE = (
    -40 * _MINUTE,
    -20 * _MINUTE,
    -11 * _MINUTE,
    -6 * _MINUTE,
    -3 * _MINUTE,
    *_AT_ONCE,
)
_AFTER = (
    1,
    20,
    2 * _MINUTE,
    6 * _MINUTE,
    11 * _MINUTE,
    20 * _MINUTE,
    35 * _MINUTE,
)
_LONG_AFTER = (*_AFTER, 60 * _MINUTE, 100 * _MINUTE)

_IN_THE_NIGHT = (
    *_LONG_AFTER, 8 * _MINUTE, 9 * _MINUTE, 12 * _MINUTE, 14 * _MINUTE, 16 * _MINUTE, 25 * _MINUTE,
)  # fmt: skip
_BEFORE_AND_AFTER = (
    *_BEFORE, 2 * _MINUTE, 4 * _MINUTE, 8 * _MINUTE, 12 * _MINUTE, 22 * _MINUTE, 25 * _MINUTE,
    30 * _MINUTE, 40 * _MINUTE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EventStory:
    """Holds what happens, and of what services it can be told.

    begins: it begins with one of these. follows: each of these comes after that, as many seconds
    later as one of the numbers says. goes_wrong: one to three of these happen, as many seconds
    after the beginning as one of `when` says. dies_before: commands before which a manager may
    die. options: of the service, of which one each is drawn: section, key, values.
    """

    begins: tuple[Written, ...]
    goes_wrong: tuple[Fault | Written, ...]
    when: tuple[int, ...]
    follows: tuple[tuple[Written, tuple[int, ...]], ...] = ()
    dies_before: tuple[str, ...] = ()
    options: tuple[tuple[str, str, tuple[Any, ...]], ...] = ()
    fits: Callable[[Service], bool] = field(default=lambda base: True)


def _has_one_standby(base: Service) -> bool:
    return "copies" not in base.tree


def _has_cloud(base: Service) -> bool:
    return "cloud" in base.tree


def _has_machines(base: Service) -> bool:
    return base.machines is not None


def _has_standbys(base: Service) -> bool:
    return _stores(base) == 0


def has_store(base: Service) -> bool:
    """Return whether a store is among the places behind the primary."""
    return _stores(base) > 0


def _stores(base: Service) -> int:
    copies = base.tree.get("copies")
    if not copies:
        return -1
    return sum("store" in of for of in copies.values())


_PLANNED: Written = (order_failover, {"by": "dba", "planned": "true"})
_AT_ONCE_ORDERED: Written = (
    order_failover,
    {"by": "dba", "planned": "false"},
)
_CALLED_OFF: Written = (call_off_failover, {"by": "dba"})
_LOST = tuple[Written, ...](
    ((lose, "database"), (lose, "host"), (lose, "site"))
)
_FILES = (
    corrupt_in_transit, half_written, torn_copy, backup_cut_off, missing_file,
    late_file, corrupt_at_rest, duplicate_file, replication_stopped,
)  # fmt: skip
_ROOM = (disk_full, staging_full, log_full)
_LINK = (
    link_outage,
    throttle,
    partition,
    replication_off,
    packet_loss,
)
_IN_A_FAILOVER = (
    "Fence", "Unfence", "EnterPhase", "TakeTail", "Save", "Recover", "Redirect", "AskShare",
    "Disconnect", "RaiseAlert", "SetAlarm",
)  # fmt: skip
_SCRIPTS: tuple[Written, ...] = tuple(
    (name, {"times": times, "duration": "40 min"})
    for name in (
        script_hangs,
        script_fails,
        script_half_done,
        script_escapes,
    )
    for times in ("2", "30")
)

_HURRIED: Written = (order_failover, {"by": "mallory", "planned": "false"})
_HANGS: Written = (slow_restore, {"by": "2000", "duration": "2 h"})
_ALL_FULLS: Written = (
    corrupt_in_transit,
    {"database": "", "kind": "full", "files": "9"},
)
_ALL_INCREMENTALS: Written = (
    corrupt_in_transit,
    {"database": "", "kind": "incremental", "files": "9"},
)
_SCRIPTS_FAIL: Written = (
    script_fails,
    {"times": "30", "duration": "40 min"},
)

STORIES: tuple[EventStory, ...] = (
    EventStory(  # a planned failover is hindered, and goes back where it has a limit
        (_PLANNED,),
        (*_LINK, *_FILES, *_ROOM, slow_restore, readers, lose, paused_backups, _HURRIED),
        _AROUND,
        dies_before=_IN_A_FAILOVER,
        options=(("failover", "planned_limit", ("2 min", "15 min", "none")),),
        fits=_has_one_standby,
    ),
    EventStory(  # a planned failover goes back, and the old primary does not hear of it at once
        (_PLANNED,),
        (link_outage, partition, lose, call_off_failover, readers, throttle),
        (110, 115, 118, 120, 121, 130, 3 * _MINUTE, 6 * _MINUTE),
        follows=(
            ((setup_differs, {"database": "", "because": "file_added"}), (-_MINUTE, -1)),
            ((link_outage, None), (-1, 60, 110, 115, 119)),
        ),
        dies_before=("Unfence", "Unfence", "EnterPhase", "Save", "SetAlarm"),
        options=(
            ("failover", "planned_limit", ("2 min",)),
            ("failover", "silent_for", ("90 s", "5 min")),
        ),
        fits=_has_one_standby,
    ),
    EventStory(  # a failover is called off, and comes again
        (_PLANNED, _AT_ONCE_ORDERED),
        (*_LINK, *_FILES, slow_restore, readers, lose, call_off_failover),
        _AROUND,
        follows=(
            (_CALLED_OFF, (1, 1, 5, 20, 90, 5 * _MINUTE)),
            (_AT_ONCE_ORDERED, (2 * _MINUTE, 6 * _MINUTE, 20 * _MINUTE, 90 * _MINUTE)),
        ),
        dies_before=_IN_A_FAILOVER,
    ),
    EventStory(  # a planned failover takes too long, and an operator waits for it no longer
        (_PLANNED,),
        (*_LINK, *_FILES, slow_restore, readers, lose, _HURRIED),
        _AROUND,
        follows=(
            ((link_outage, None), (-_MINUTE, -1, 1)),
            (_AT_ONCE_ORDERED, (5, 20, 50, 90, 3 * _MINUTE, 10 * _MINUTE)),
        ),
        dies_before=_IN_A_FAILOVER,
        options=(("failover", "planned_limit", ("15 min", "none")),),
    ),
    EventStory(  # backups do not come, and the manager dies before it is time to report that
        (
            (paused_backups, {"database": "", "duration": "12 h"}),
            (silent_backups, None),
            (replication_stopped, None),
        ),
        (manager_crash, manager_crash, paused_backups, link_outage, lose_secondary, ad_hoc_full),
        _LONG_AFTER,
        follows=(((manager_crash, {}), (_MINUTE, 20 * _MINUTE, 45 * _MINUTE, 75 * _MINUTE)),),
    ),
    EventStory(  # what has yet to come is in trouble when the primary dies
        (*_LOST, _AT_ONCE_ORDERED),
        (*_FILES, *_LINK, backup_cut_off, _HANGS, _HANGS, readers, readers, setup_differs,
         standby_broken, wrong_restore),
        _BEFORE,
        dies_before=_IN_A_FAILOVER,
        options=(
            ("failover", "mode", ("automatic",)),
            ("failover", "restore_limit", ("30 min", "4 h")),
        ),
    ),
    EventStory(  # a host is silent, and is back
        ((lose, "host"),),
        (partition, link_outage, call_off_failover, lose, order_failover),
        _AROUND,
        follows=(((host_returns, {}), (20, 60, 100, 3 * _MINUTE, 20 * _MINUTE)),),
        dies_before=(*_IN_A_FAILOVER, "PageOperator"),
        options=(("failover", "operator", ({"approves": "true"}, {"approves": "false"})),),
        fits=_has_one_standby,
    ),
    EventStory(  # a mistake is undone beside the service
        (
            (mistake, {"database": "", "noticed": "1 min", "then": ["restore_beside"],
                         "lost": "50 MB"}),
            (mistake, {"database": "", "noticed": "20 min", "then": ["restore_beside"],
                         "lost": "50 MB", "misjudged": "5 min"}),
            (mistake, None),
        ),
        (*_FILES, *_ROOM, slow_restore, readers, link_outage, lose, careless_clean_up),
        _BEFORE_AND_AFTER,
        dies_before=("RestoreBeside", "CopyBack", "Save", "SetAlarm", "RestoreUntil"),
    ),
    EventStory(  # a chain is broken, and something is in the way of its repair
        ((missing_file, None), (corrupt_at_rest, None), (half_written, None), _ALL_FULLS,
         _ALL_INCREMENTALS,
         (second_log_job, None), (recovery_model, None), (standby_broken, None)),
        (*_FILES, disk_full, paused_backups, standby_broken, missing_file, lose_secondary,
         ad_hoc_full, silent_backups, slow_restore, _HANGS, careless_clean_up, order_failover),
        _LONG_AFTER,
        dies_before=("TakeBackup", "Drop", "Save", "AskShare", "Recopy", "Restore", "Fetch"),
        options=(("replay", "on_hole", ("resync", "resync", "bridge", "skip_ahead")),),
        fits=_has_one_standby,
    ),
    EventStory(  # one of several standbys takes over, or does not
        (*_LOST, _PLANNED, _AT_ONCE_ORDERED, (partition, None)),
        (partition, lose, slow_restore, missing_file, corrupt_in_transit,
         standby_broken, call_off_failover, lose_secondary, manager_crash),
        _AROUND,
        dies_before=(*_IN_A_FAILOVER, "Claim", "Claim", "ReleaseClaim"),
        fits=_has_standbys,
    ),
    EventStory(  # a store lacks what it should keep
        ((missing_file, None), (corrupt_at_rest, None), _ALL_FULLS, _ALL_FULLS),
        (*_FILES, silent_backups, paused_backups, lose_secondary, lose, disk_full,
         careless_clean_up, second_log_job, mistake),
        _LONG_AFTER,
        dies_before=("Save", "Recopy", "AskShare", "TakeBackup", "Delete", "RaiseAlert"),
        fits=has_store,
    ),
    EventStory(  # a store holds no full for long
        ((lose_secondary, None),),
        (*_FILES, paused_backups, silent_backups, link_outage, manager_crash, lose),
        _LONG_AFTER,
        follows=(
            (_ALL_FULLS, (-1, _MINUTE)),
            ((manager_crash, {}), (2 * _MINUTE, 35 * _MINUTE, 100 * _MINUTE)),
        ),
        fits=has_store,
    ),
    EventStory(  # an old side is lost while its configuration is still brought over
        (_PLANNED,),
        (*_SCRIPTS, cloud_crash, cloud_crash, agent_silent, mirror_off, changed_by_hand),
        _AROUND,
        follows=(
            ((script_hangs, {"times": "30", "duration": "40 min"}), (-_MINUTE, 20)),
            ((lose, "site"), (90, 3 * _MINUTE, 5 * _MINUTE)),
            ((manager_crash, {}), (4 * _MINUTE, 6 * _MINUTE, 9 * _MINUTE)),
        ),
        fits=_has_cloud,
    ),
    EventStory(  # identifiers of another site stand in the mapping table
        ((wrong_mapping, None),),
        (mirror_off, cloud_crash, changed_by_hand, script_fails, order_failover, lose,
         wrong_mapping, cloud_store_restored, agent_silent),
        _LONG_AFTER,
        fits=_has_cloud,
    ),
    EventStory(  # machines fall silent while they are made
        ((set_goals, None), (upgrade, None)),
        (bad_machine, bad_machine, capacity_taken, cloud_crash, agent_silent, set_goals),
        _IN_THE_NIGHT,
        follows=(
            ((bad_machine, None), (_MINUTE, 3 * _MINUTE, 6 * _MINUTE)),
            ((bad_machine, None), (2 * _MINUTE, 4 * _MINUTE, 9 * _MINUTE)),
        ),
        fits=_has_machines,
    ),
    EventStory(  # pages rot at the primary, and something happens to the fulls before and after
        ((rotting_pages, None),),
        (*_FILES, *_LOST, lose_secondary, ad_hoc_full, paused_backups, standby_broken,
         careless_clean_up, disk_full, link_outage, order_failover, mistake),
        _LONG_AFTER,
        dies_before=("Save", "Drop", "TakeBackup", "Restore", "Delete", "RaiseAlert"),
    ),
    EventStory(  # an upgrade night
        ((upgrade, None),),
        (roll_back_upgrade, roll_back_upgrade, _SCRIPTS_FAIL, script_hangs, cloud_crash,
         agent_silent, set_goals, bad_machine, capacity_taken, bad_image, upgrade,
         order_failover, lose, install_point_lost, mirror_off, cloud_upgrade),
        _IN_THE_NIGHT,
        options=(
            ("physical", "A", ({"compute": "8"}, {"compute": "4"})),
            ("physical", "B", ({"compute": "8"}, {"compute": "4"})),
        ),
        fits=_has_machines,
    ),
    EventStory(  # machines fall silent
        ((bad_machine, None), (capacity_taken, None)),
        (bad_machine, bad_machine, capacity_taken, cloud_crash, set_goals, upgrade,
         agent_silent, install_point_lost, lose),
        _LONG_AFTER,
        fits=_has_machines,
    ),
    EventStory(  # an agent is silent when it matters
        ((agent_silent, {"duration": "30 min", "site": "A"}), _SCRIPTS[0], _SCRIPTS[1]),
        (cloud_crash, cloud_upgrade, script_hangs, order_failover, lose),
        (*_AFTER, 9 * _MINUTE, 14 * _MINUTE),
        follows=(
            ((agent_silent, {"duration": "30 min", "site": "A"}), (0, 5 * _MINUTE, 9 * _MINUTE)),
            ((cloud_crash, {}), (1, 2 * _MINUTE, 10 * _MINUTE)),
        ),
        fits=_has_cloud,
    ),
    EventStory(  # jobs fail, and so does what should help
        _SCRIPTS,
        (cloud_crash, cloud_crash, agent_silent, clean_up_fails, script_missing,
         script_fails, script_hangs, order_failover, lose, mirror_off, admin_change,
         cloud_upgrade, changed_by_hand, wrong_mapping, cloud_store_restored),
        (*_LONG_AFTER, 9 * _MINUTE, 14 * _MINUTE),
        fits=_has_cloud,
    ),
)  # fmt: skip


def named(what: Fault | Written) -> Event:
    """Return an event of a story: where only its kind is named its value is drawn."""
    fault, value = what if isinstance(what, tuple) else (what, None)
    return fault.KIND.name, value


def told_of(base: Service, possible: list[str]) -> list[EventStory]:
    """Return the stories that can be told of a service, if only these kinds of event happen."""
    kinds = set(possible)
    told = []
    for story in STORIES:
        begins = {named(what)[0] for what in story.begins}
        goes_wrong = {named(what)[0] for what in story.goes_wrong}
        fits = kinds & begins and kinds & goes_wrong and story.fits(base)
        if fits:
            told.append(story)
    return told


def with_options(
    r: Random, story: EventStory, tree: dict[str, Any]
) -> None:
    """Give the service the options that the story needs."""
    for section, key, values in story.options:
        tree.setdefault(section, {})[key] = r.choice(values)
