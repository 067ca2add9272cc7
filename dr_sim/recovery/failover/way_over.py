"""The steps of a failover: the pipes are emptied, the tails taken, the databases brought online
here, the directory completed, and users sent here (R15).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dr_sim.machines import CancelAlarm, Command, Event, SetAlarm
from dr_sim.recovery import events
from dr_sim.recovery.commands import GetMachine, Provision, Redirect
from dr_sim.recovery.failover import choosing, claiming, going_back
from dr_sim.recovery.failover.failover_table import (
    EMPTYING,
    FailoverEvent,
    FailoverPhase,
)
from dr_sim.recovery.replay.waiting import leads_on
from dr_sim.recovery.timers import Timer

if TYPE_CHECKING:
    from dr_sim.recovery.failover.failover import Failover


# ---- emptying
def go_on(f: Failover, e: Event, out: list[Command]) -> None:
    """Continue: the old primary is stopped, or not waited for. A store gets a machine first."""
    if f.config.gets_machine:
        f.move(FailoverEvent.LACKS_MACHINE, out)
        out.append(GetMachine())
    else:
        _drain(f, FailoverEvent.FENCE_ANSWERED, e, out)


def machine_is_there(
    f: Failover, e: events.MachineIsThere, out: list[Command]
) -> None:
    if f.phase is FailoverPhase.PREPARING:
        _drain(f, FailoverEvent.MACHINE_IS_THERE, e, out)


def _drain(
    f: Failover, why: FailoverEvent, e: Event, out: list[Command]
) -> None:
    """Begin to drain."""
    if f.silence.is_long(e.mono_us):
        f.stop_waiting()
    f.emptying.begin(e)
    f.move(why, out)
    f.emptying.start(e, f.planned, out)
    going_back.set_limit(f, e, out)
    progress(f, e, out)


def progress(f: Failover, e: Event, out: list[Command]) -> None:
    """Check after every event of a failover whether this phase's work is done."""
    if going_back.if_better(f, e, out) or choosing.leave_if_lost(f, e, out):
        return
    if isinstance(e, events.CopySeen):
        copy_seen(f, e, out)
    emptying = f.emptying
    empties = f.phase in EMPTYING
    if (empties or emptying.later) and emptying.look_further(e, out):
        f.save(out)
    if f.phase is FailoverPhase.DRAINING and emptying.idle():
        f.move(FailoverEvent.EMPTIED, out)
    if empties or emptying.later:
        emptying.take_tails(e, f.planned, out)
    if f.brings_online and f.claiming.held:
        restored = emptying.restored_by_now()
        for name in restored:
            emptying.comes_now(name)
            emptying.tell_left_of(name, e, out)
            f.online.order(name, out)
        if restored:
            f.save(out)
    # wait until the old primary has answered whether it stopped
    undecided = f.needless and not f.fencing.confirmed
    ours = f.claiming.held
    if (
        f.phase is FailoverPhase.TAIL
        and emptying.done()
        and not undecided
        and ours
    ):
        if choosing.leaves(f, e, out) or going_back.in_vain(f, e, out):
            return
        if not emptying.later:  # the limit is theirs from now on
            out.append(CancelAlarm("", Timer.DRAIN))
        if f.planned:
            out.append(CancelAlarm("", Timer.PLANNED))
        emptying.tell_left(e, out)
        f.move(FailoverEvent.TAILS_ARE_IN, out)
        recover(f, e, out)


def tail_taken(
    f: Failover, e: events.TailTaken, out: list[Command]
) -> None:
    f.emptying.tail_taken(e)


def tail_failed(
    f: Failover, e: events.TailFailed, out: list[Command]
) -> None:
    f.emptying.tail_failed(e, f.planned, out)


def tail_rang(f: Failover, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'tail': ask for the tails of a planned failover again."""
    if f.phase in EMPTYING and f.planned:
        f.emptying.tails_again(out)


def drain_rang(f: Failover, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'drain': the limit for emptying the pipes is over."""
    if f.phase not in EMPTYING and not f.emptying.later:
        return
    if f.planned and not f.silence.is_long(e.mono_us):
        f.emptying.wait_on(e, out)
        return
    if f.planned:  # the primary died in the middle of it
        f.stop_waiting()
        f.emptying.wait_for_nothing()
        f.save(out)
    choosing.waits_in_vain(f, e, out)
    waited_for = set(f.emptying.later)
    f.emptying.wait_no_longer(e, out)
    if f.emptying.later != waited_for:
        f.save(out)
    f.hanging.look(e, out)
    progress(f, e, out)


# ---- bringing online
def recover(
    f: Failover, e: Event, out: list[Command], again: bool = False
) -> None:
    """Order all databases online. again: after a restart."""
    _restore_useless(f, e, out, again)
    f.online.begin(f.emptying.later, again, out)
    _recovered_all(f, out)


def _restore_useless(
    f: Failover, e: Event, out: list[Command], again: bool = False
) -> None:
    """Restore those databases first whose copies may not be brought online as they are. again:
    after a restart; an earlier incarnation may have ordered them before that was known.
    """
    names = f.online.useless(f.emptying.later)
    for name in names:
        if again:
            f.online.may_have_been_ordered(name)
        f.online.tell(name, e, out)
        f.emptying.restore_first(name, e, out)
    if names:
        f.save(out)
        out.append(SetAlarm("", Timer.RECOVER, e.mono_us + f.retry_us))


def recover_again(f: Failover, e: Event, out: list[Command]) -> None:
    """Order all databases online after a restart. The claim may have been lost before the first
    order: until it is given again nothing is ordered, and nothing more is restored. A planned
    failover has left nothing behind; else what has landed meanwhile is restored first.
    """
    if not f.claiming.held:
        for db in f.databases.values():
            db.hold_for_recovery()
        return
    for name, db in f.databases.items():
        waits = name in f.emptying.later
        if not (f.planned or waits) and leads_on(db):
            f.online.look_first(name, out)
    recover(f, e, out, again=True)


def copy_seen(f: Failover, e: events.CopySeen, out: list[Command]) -> None:
    """Restore what has landed, unless the copy is being brought online by an earlier order."""
    if not f.online.looked(e.database):
        return
    if e.usable:
        f.emptying.restore_landed(e.database, e, out)
        f.save(out)
    else:
        f.online.order(e.database, out)


def claim_given(
    f: Failover, e: events.ClaimGiven, out: list[Command]
) -> None:
    """Continue with what has waited for the claim."""
    waited = not f.claiming.held
    claiming.given(f, e, out)
    if waited and f.phase is FailoverPhase.RECOVERING:
        later_again(f, e, out)
        recover_again(f, e, out)


def recovered(f: Failover, e: events.Recovered, out: list[Command]) -> None:
    f.online.recovered(e, out)
    _recovered_all(f, out)


def recover_failed(
    f: Failover, e: events.RecoverFailed, out: list[Command]
) -> None:
    f.online.failed(e, out)
    _recovered_all(f, out)


def observed(f: Failover, e: events.Inventory, out: list[Command]) -> None:
    """Take up an inventory that was asked for because something could not be brought online."""
    if f.brings_online:
        for found in f.online.observed(e):
            recovered(f, found, out)
        names = f.online.nothing_to_recover()
        for name in names:
            f.emptying.restore_first(name, e, out)
        if names:
            f.save(out)


def later_again(f: Failover, e: Event, out: list[Command]) -> None:
    """Continue after a restart with the databases that are restored while the others are online.
    One of them may have been ordered to be brought online before.
    """
    for name in sorted(f.emptying.later):
        if f.databases[name].promoted:
            f.emptying.comes_now(name)
        else:
            f.online.may_have_been_ordered(name)
            f.emptying.restore_first(name, e, out)
    if f.emptying.later:
        out.append(SetAlarm("", Timer.RECOVER, e.mono_us + f.retry_us))


def recover_rang(f: Failover, e: Event, out: list[Command]) -> None:
    """Handle the alarm 'recover': order again what could not be brought online; where nothing is
    here, look for it again.
    """
    _restore_useless(f, e, out)
    f.online.again(out)
    for name in f.emptying.without_a_way():
        f.online.tell(name, e, out)
        f.emptying.restore_first(name, e, out)
    if f.emptying.later:
        out.append(SetAlarm("", Timer.RECOVER, e.mono_us + f.retry_us))


def _recovered_all(f: Failover, out: list[Command]) -> None:
    if f.phase is not FailoverPhase.RECOVERING or f.online.unanswered:
        return
    if not any(db.promoted for db in f.databases.values()):
        return
    if f.config.directory:
        f.move(FailoverEvent.ONLINE_WITHOUT_ENTRIES, out)
        out.append(Provision())
    else:
        f.move(FailoverEvent.ONLINE, out)
        out.append(Redirect())


# ---- users
def provisioned(
    f: Failover, e: events.Provisioned, out: list[Command]
) -> None:
    """Send users here: the accounts and computers that the directory here lacked are there."""
    if f.phase is FailoverPhase.PROVISIONING:
        f.move(FailoverEvent.PROVISIONED, out)
        out.append(Redirect())


def redirected(
    f: Failover, e: events.Redirected, out: list[Command]
) -> None:
    if f.phase is FailoverPhase.REDIRECTING:
        f.move(FailoverEvent.REDIRECTED, out)
