"""A kind of event: a fault, an order, a burst of work. Each one lives in a file of its own in
dr_sim/faults, with all that other rooms need to know about it: they read these attributes, and
never compare a kind's name.

A fault changes bytes, times or reachability, never a flag that the recovery logic could read.
"""

from __future__ import annotations

import enum
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

PRIMARY, COPY, BOTH, ALL = "primary", "copy", "both", "all"
"""Whom an event affects where there are several standbys: the primary, or one of the copies."""
RECORDED_OUTAGE = "recorded_outage"
"""An outage of the link that a recorded series holds (world/link/recorded.py): no line under
`events:` brings it.
"""


class Explains(enum.Enum):
    """A cause in a ledger: a line of that cause names the events whose kind explains it."""

    LINK_DOWN = "link down"
    SLOW_LINK = "the link is slower"
    STOPPED = "replication stands still"
    SWITCHED_OFF = "a membership is switched off"
    STAGING_FULL = "nothing more can be staged"
    HELD_BACK = "a file is held back on its way"
    DAMAGED_COPY = "a copy lands damaged, or is damaged where it lies"
    FILE_LOST = "a backup is not where the others are looked for"
    COPY_LOST = "the secondary's copy of a database, or its files, are lost"
    CUT_OFF = "a backup is cut off"
    EMPTY_BACKUP = "a backup holds nothing"
    PAUSED = "backup jobs are paused"
    REFUSED = "the engine refuses a log backup"
    NO_ROOM = "a disk has no room"
    LOG_FULL = "a transaction log cannot grow"
    RESTORE_REFUSED = "nothing can be restored"
    NOT_SET_UP = "the secondary is not set up for what a backup holds"
    HELD_OPEN = "somebody reads a standby's database and so keeps restores out of it"
    RESTORES_OFF = "restores that are ordered are not begun"
    SLOW_RESTORE = "a restore takes longer"
    UNDO = "a transaction is open, and is undone if its copy is promoted"
    LOSS = "the primary, or part of it, is lost"
    ORDER = "a person orders a failover"
    WRONG_TIME = "a clock shows a wrong time"


@dataclass(frozen=True, slots=True)
class RestOfScenario:
    """The rest of a scenario that a kind may look at when it checks its parameters. engine, rules:
    '' where they could not be read. things: what the cloud manager changes, databases and farms;
    none where there is no cloud manager. databases: those of them that are databases. events: kind
    and parameters of every line under `events:`. standbys, stores: the places behind the first
    primary. networks: the things in each network of the cloud manager. farms: that have machines,
    with their images. loads: farms that follow a load. images: that machines can be made of.
    physical: names of physical machines. sizes: of databases, in bytes. tenants: whose data each
    database holds.
    """

    engine: str
    rules: str
    things: tuple[str, ...]
    databases: tuple[str, ...]
    events: Sequence[tuple[EventKind, Any]]
    standbys: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    farms: Mapping[str, str] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    physical: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    tenants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    loads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MachinesThere:
    """The machines of a service, of which an exploration draws. farms: with their images. physical:
    names of physical machines, by site, class and number. loads: farms that follow a load.
    """

    farms: Mapping[str, str]
    images: tuple[str, ...]
    physical: tuple[str, ...]
    loads: tuple[str, ...] = ()

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name[0] for name in self.physical))


Drawn = Callable[[Random, str], Any]
"""Draws the parameters of an event, as people write them, for the database or machine of that
name.
"""
DrawnOfMachines = Callable[[Random, MachinesThere], Any]
"""Draws the same for the machines that are there; None where it has nothing to happen to."""


def _nothing_to_say(params: Any, around: RestOfScenario) -> list[str]:
    return []


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EventKind:
    """One kind of event. Compared by identity, and pickled as the name of the module it lives in.

    scalar: the field that a bare value fills. drawable: may stand under `faults:` with a rate.
    models: what it stands for in the world outside. source: where its figures come from. happen:
    makes it happen, given an Occurrence of the world and the parameters. needs_log: it does
    something to log backups, so its database must have some. needs_primary: it does something to a
    database of the primary or to its backup jobs, so nothing is left to do when that has been lost.
    needs_cloud: it affects the cloud manager, or what that works with. needs_machines: it affects
    the machines that the cloud manager looks after. needs_load: it affects a farm that follows a
    load. place: where something that lasts is, so that it outlasts a failover: 'link', 'alerts',
    'primary' or 'secondary' for the site on that side, '' for what it affected and ends with.
    turned: the parameters by which it is the same when the two sides have changed places; None: it
    is not felt there. example: of its
    keys, where the required ones alone say too little. explains: the causes in a ledger whose
    reason it is. loses: the class of failure that it is ('site', 'host', 'database'); None: it is
    no failure. brings_back: what of a lost primary is there again by it ('site', 'host'); None:
    nothing. check: what is wrong with its parameters in this scenario, a sentence each. steady:
    under `faults:` it needs no rate, and is then on from the start to the end. draws: parameters,
    as written, that an exploration draws for a database (dr_sim/explore); None: it draws none.
    draws_of_machines: the same, of what happens to machines. draws_of_host: the same, of what
    happens to one of the primary's machines.
    leads_over: a failover may come of it. affects: 'primary', 'copy', 'both' (the primary and one
    copy) or 'all' (whatever copies there are), where there are several standbys; '': not known, and
    it is refused there. at_stores: it may affect a store, as it is about the way there, its files
    or a restore, not about replay. last: how long after its instant that happens for which it is
    there (a law of scenario/model.py); None: at its instant. goes_back: somebody may order by it to
    restore a database as of an earlier instant. heals: False: the design cannot get past it by
    itself, so nothing is promised after it but that nothing wrong is done. at_api: it concerns
    calls and the life of the cloud manager, so it can be played against a real API (dr_sim/chaos).
    also: names that people write for it from habit.
    """

    name: str
    params: type[Any]  # pydantic's; no more is known of it here
    scalar: str | None
    drawable: bool
    models: str
    source: str
    happen: Callable[[Any, Any], None]
    needs_log: bool = False
    needs_primary: bool = False
    needs_cloud: bool = False
    needs_machines: bool = False
    needs_load: bool = False
    place: Callable[[Any], str] = lambda params: ""
    turned: Callable[[Any], Any | None] = lambda params: params
    example: str = ""
    explains: tuple[Explains, ...] = ()
    loses: Callable[[Any], str] | None = None
    brings_back: str | None = None
    check: Callable[[Any, RestOfScenario], list[str]] = _nothing_to_say
    steady: bool = False
    draws: Drawn | None = None
    draws_of_machines: DrawnOfMachines | None = None
    draws_of_host: Drawn | None = None
    leads_over: bool = False
    affects: Callable[[Any], str] = lambda params: ""
    at_stores: Callable[[Any], bool] = lambda params: False
    last: Callable[[Any], Any] = lambda params: None
    goes_back: Callable[[Any], bool] = lambda params: False
    heals: bool = True
    at_api: bool = False
    also: tuple[str, ...] = ()

    def whom(self, params: Any) -> str:
        """Return whom it affects where there are several standbys, as `affects` says; the cloud
        manager is the service's, whatever copies there are.
        """
        return ALL if self.needs_cloud else self.affects(params)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Callable[[str], EventKind], tuple[str]]:
        return _kind_in, (self.happen.__module__,)


def _kind_in(module: str) -> EventKind:
    """Return the kind that lives in a module."""
    found = importlib.import_module(module).KIND
    assert isinstance(found, EventKind)
    return found
