"""The consequences of a repair (repair.py): files are handed over, backups are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.backups.model import Kind
from dr_sim.machines import Command, Event
from dr_sim.recovery.alerts import telling
from dr_sim.recovery.commands import Validate
from dr_sim.recovery.config import OnHole
from dr_sim.recovery.files.file import FULL, INCREMENTAL, LOG, File, kind_of
from dr_sim.recovery.files.file_life import Content
from dr_sim.recovery.repair.refusals import needs_somebody, passes_here
from dr_sim.recovery.replay.waiting import behind, pass_covered

if TYPE_CHECKING:
    from dr_sim.recovery.replay.replay import DatabaseReplay

# errors of an incremental on the wrong full: SQL Server's, and dr_sim's where it is silent
WRONG_BASE_ERRORS = (3136, 60017)


def begin(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Begin by the policy; a database that holds nothing usable has no choice."""
    if db.repair.on or db.drain is not None or db.rules.keeps:
        return
    db.repair.begin(
        db.rules.on_hole if db.state.exists else OnHole.RESYNC, out
    )
    pursue(db, e, out)


def switch(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Continue with the other policy, as this one cannot work."""
    db.repair.switch(out)
    pursue(db, e, out)


def pursue(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Restore a file that is here, or ask for one that is not. While a log is being restored that
    lies before the place, which may take hours, what gets past the place can be asked for.
    """
    in_hand = db.files.in_hand
    if db.looking or (
        in_hand is not None and not _leads_up_to(db, in_hand)
    ):
        return
    repair = db.repair
    file, _ = db.ways.candidate(e.mono_us)
    if file is not None:
        db.advance(e, out)
    elif repair.policy is OnHole.BRIDGE:
        _ask(db, INCREMENTAL, e, out)
    elif repair.policy is OnHole.RESYNC:
        if not db.state.exists and _full_is_checked(db):
            return  # one is here, and is handed over as soon as its hash agrees
        if not db.state.exists and not repair.sought_first:
            repair.seek_first(out)
        else:
            _ask(db, FULL, e, out)
    elif not db.config.full_interval_us and not db.ways.leads_past(
        e.mono_us
    ):
        switch(db, e, out)


def _leads_up_to(db: DatabaseReplay, in_hand: File) -> bool:
    """Return whether the file in the engine's hand is a log before the place that nothing gets
    past.
    """
    stuck = db.watch.stuck
    return (
        in_hand.kind is LOG
        and stuck is not None
        and not db.watch.holds_up(in_hand)
    )


def _full_is_checked(db: DatabaseReplay) -> bool:
    return any(
        file.kind is FULL
        and file.content is Content.CHECKING
        and not file.refused
        for file in db.files.not_in_runs()
    )


def _ask(
    db: DatabaseReplay, kind: Kind, e: Event, out: list[Command]
) -> None:
    """Ask the primary for a backup. Where no copy is here its share is listed first: the backups
    there may be the better way (share_listed). It is listed again where the primary takes no full.
    """
    repair = db.repair
    if repair.asked or repair.unanswered or db.fetching.asked:
        return
    if not db.state.exists and (
        not repair.sought_chain or _takes_no_full(db)
    ):
        db.fetching.ask(out)
        return
    _ask_primary(db, kind, e, out)


def _takes_no_full(db: DatabaseReplay) -> bool:
    """Return whether the primary takes no full: it is dead, or has refused one."""
    return db.machine_silent or db.repair.failures > 0


def _ask_primary(
    db: DatabaseReplay, kind: Kind, e: Event, out: list[Command]
) -> None:
    if db.machine_silent:
        return  # a dead primary takes no backup
    if kind is FULL and not db.rotten.may_ask(e):
        return  # it would hold rotten pages, as the last one does
    if not _is_refused_here(db, kind):
        db.repair.ask(kind, e, out)


def share_listed(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Have the newest chain of the primary's share sent, if it is the better first copy or the
    primary takes no full. Otherwise ask it for a full.
    """
    repair = db.repair
    if not db.fetching.silent:
        repair.seek_chain()
    waits = repair.asked or repair.unanswered or bool(repair.name)
    if not repair.on or waits or db.state.exists or db.looking:
        return
    names: list[str] = []
    if _takes_no_full(db):
        names = fetch(db, out)
    elif db.fetching.is_worth_it(e.utc_us):
        names = _chosen(db, out)
        for name in names:  # new logs are sent beside them
            db.recopy(name, out)
    fulls = [name for name in names if kind_of(name) is FULL]
    if fulls:
        repair.comes(fulls[0], out)
    else:
        _ask_primary(db, FULL, e, out)


def fetch(db: DatabaseReplay, out: list[Command]) -> list[str]:
    """Have the files sent that the best way lacks here, before any other file of the database;
    return their names.
    """
    names = _chosen(db, out)
    db.fetching.send(names, out)
    return names


def _chosen(db: DatabaseReplay, out: list[Command]) -> list[str]:
    """Return the names of the files that the best way lacks here. Files that lie here and were
    taken for restored are read first.
    """
    unread, names = db.fetching.choose()
    for file in unread:
        db.files.look_into(file)
        out.append(Validate(db.name, file.name))
    return names


def _is_refused_here(db: DatabaseReplay, kind: Kind) -> bool:
    """Return whether a backup of that kind is here that would help, and is refused for what is at
    this side: another one would be refused in the same way. It is tried again.
    """
    here = (Content.CHECKING, Content.WHOLE)
    return any(
        file.kind is kind
        and file.refused_here
        and file.content in here
        and _would_help(db, file)
        for file in db.files.not_in_runs()
    )


def _would_help(db: DatabaseReplay, file: File) -> bool:
    header = file.header
    if header is None or not db.state.exists:
        return header is not None
    return header.last_lsn >= db.ways.goal()


def retry(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Retry while the place is not passed. The backup that was asked for may be here and whole, and
    a restart fell between its hash and what followed from it: that is done now.
    """
    repair = db.repair
    if not repair.on or repair.asked:
        return
    if repair.look_for_it(e, out):
        pursue(db, e, out)
        return
    file = db.files.get(repair.name)
    if file is not None and file.content is Content.WHOLE:
        validated(db, file, e, out)


def resume(db: DatabaseReplay, e: Event, out: list[Command]) -> None:
    """Continue after a restart: the full that takes the place of the copy, or that is to be the
    copy, may be here and whole already, and nothing else may land for hours.
    """
    repair = db.repair
    if db.rules.keeps or repair.asked:
        return
    fulls = db.files.whole_fulls
    if db.state.exists:
        resync = repair.on and repair.policy is OnHole.RESYNC
        fulls = [f for f in fulls if resync and f.name == repair.name]
    if fulls:
        db.advance(e, out)


def validated(
    db: DatabaseReplay, file: File, e: Event, out: list[Command]
) -> None:
    """Handle a full or an incremental that is here and whole."""
    repair = db.repair
    if not repair.on or db.files.in_hand is not None:
        return
    repair.whole(file, out)
    if file.name != repair.name:
        return
    assert file.header is not None
    if behind(db, file.header):
        pass_covered(db, file.header)
        db.look(e, out)
        # nothing was written since: the damaged file holds nothing that is lacking
        if db.watch.stuck is None:
            if repair.on:
                repair.end(out)
            return
    if repair.policy is not OnHole.BRIDGE or db.ways.bridges(file.header):
        return
    if db.ways.leads_past(e.mono_us):
        # its base is not the copy's, but lies here: no backup has to be sent
        repair.take_what_lies_here(out)
        pursue(db, e, out)
    else:
        switch(db, e, out)


def restored(db: DatabaseReplay, file: File, out: list[Command]) -> None:
    """Handle a full or an incremental that was restored. The full that was asked for holds
    everything, even if nobody has written since.
    """
    repair = db.repair
    if repair.on and file.kind is FULL and file.name == repair.name:
        repair.end(out)
    db.ways.stepped(file.name)


def refused(
    db: DatabaseReplay, file: File, e: Event, out: list[Command]
) -> None:
    """Handle a file that the engine did not take."""
    db.ways.drop()
    number, repair = file.failure.error_number, db.repair
    if passes_here(number) and db.state.exists:
        return
    if needs_somebody(number):
        if file.kind is not LOG and db.drain is None:
            telling.tell_set_up(db, file, e, out)
        return
    if db.drain is not None:
        return
    if not db.state.exists:
        if repair.on:
            repair.copy_is_lost(out)
        else:
            begin(db, e, out)
    if file.kind is LOG or not repair.on:
        return
    hopeless = file.hopeless(db.rules.attempts)
    if repair.policy is OnHole.BRIDGE and (
        hopeless or number in WRONG_BASE_ERRORS
    ):
        switch(db, e, out)
    elif hopeless:
        db.files.give_up(file)
        repair.useless(out)
        pursue(db, e, out)
