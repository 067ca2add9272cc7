"""A small untimed world around the recovery manager: one database, a primary, a link, an engine, a
store.

It knows the chain rules by itself (an interval and a base), checks every hand-over against them,
and can crash the manager before any command or at a failing Save. Time moves only by `wait`, from
alarm to alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.backups.names import backup_name
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.config import (
    DatabaseConfig,
    FailoverConfig,
    FailoverCosts,
    ManagerConfig,
    Mode,
    OnHole,
    ReplayConfig,
    RestoreCost,
)
from dr_sim.recovery.events import FoundFile, NotFenced, NotSent, NotUnfenced, ValidationOutcome
from dr_sim.recovery.failover.policy import CopyChoice, CopyPolicy, Offer
from dr_sim.recovery.manager import RecoveryManager
from dr_sim.recovery.repair.refusals import Refused

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
START_UTC = 1_788_220_800 * SECOND  # 2026-09-01T00:00:00Z
DB = "crm"
OPERATORS = ("anna", "ben")
PREFERRED = CopyChoice(CopyPolicy.PREFERRED)
RESTORE = (RestoreCost(SECOND, 1000), RestoreCost(SECOND, 1000), RestoreCost(SECOND, 1000))
COSTS = FailoverCosts(
    workers=2,
    hash_bytes_s=1000,
    one_device=False,
    device_bytes_s=1000,
    before_us=20 * SECOND,
    after_us=MINUTE,
    asks=False,
    configured_at_most_us=None,
)


def config(
    on_hole: str = "bridge",
    otherwise: str = "resync",
    mode: str = "automatic",
    databases: tuple[str, ...] = (DB,),
    log_interval_us: int = 5 * MINUTE,
    other_interval_us: int = 0,
    full_interval_us: int = 0,
    machines: tuple[str, ...] = ("sql1", "sql2"),
    machines_silent: int = 0,
    standbys: tuple[int, int] = (1, 0),
    choose: CopyChoice = PREFERRED,
    planned_limit_us: int | None = None,
    **replay: int,
) -> ManagerConfig:
    rules: dict[str, Any] = {
        "attempts": 3, "age_us": 15 * MINUTE, "retry_us": 5 * MINUTE, "window_us": 15 * MINUTE,
        "critical_after_us": 30 * MINUTE, "delay_us": 0, "every_us": 0, "reverify_us": 0,
        "keeps": False, "restore": RESTORE, **replay,
    }  # fmt: skip
    return ManagerConfig(
        tuple(
            DatabaseConfig(
                name,
                log_interval_us,
                other_interval_us,
                full_interval_us,
                15 * MINUTE,
                72 * 60 * MINUTE,
                2,
                "\\\\recovery\\logs\\",
                "sql1",
            )
            for name in databases
        ),
        ReplayConfig(on_hole=OnHole(on_hole), otherwise=OnHole(otherwise), **rules),
        FailoverConfig(
            Mode(mode),
            30 * SECOND,
            machines_silent,
            machines,
            OPERATORS,
            "anna",
            10 * MINUTE,
            planned_limit_us,
            4 * 60 * MINUTE,
            False,
            *standbys,
            10 * SECOND,
            bool(rules["keeps"]),
            choose,
            COSTS,
        ),
    )


class BrokenError(AssertionError):
    """An invariant of replay does not hold."""


class CrashError(Exception):
    """The manager dies here."""


@dataclass
class Backup:
    header: BackupHeader
    name: str
    modified_utc_us: int
    at_primary: bool = True
    bad_at_primary: bool = False
    cut_off: bool = False


UNREACHABLE = NotUnfenced.UNREACHABLE
IN_USE = "Exclusive access could not be obtained."


@dataclass
class Here:
    """A file in the secondary's share."""

    backup: Backup
    damaged: bool = False


@dataclass
class FakeWorld:
    config: ManagerConfig
    crash_before: Callable[[c.Command], str] = lambda command: ""  # 'crash', 'fail' or ''
    mono_us: int = 0
    store: dict[str, str] = field(default_factory=dict)
    backups: dict[str, Backup] = field(default_factory=dict)
    on_way: list[str] = field(default_factory=list)
    share: dict[str, Here] = field(default_factory=dict)
    alarms: dict[tuple[str, str], int] = field(default_factory=dict)
    answers: list[e.Event] = field(default_factory=list)
    done: list[c.Command] = field(default_factory=list)  # every command executed
    alerts: list[tuple[int, c.RaiseAlert]] = field(default_factory=list)
    # (name, from, to): how the position moved
    replayed: list[tuple[str, int, int]] = field(default_factory=list)
    incarnation: int = 0
    reachable: bool = True
    host_lost: bool = False  # its share can be reached, its log cannot be read
    paused: str = ""
    primary_ahead_us: int = 0  # its wall clock, of the truth
    idle: bool = False  # nobody writes
    written: int = 0
    log_start: int = 0
    full_first: int = 0
    engine_refuses: int = 0
    read_by: int = 0  # people who read the standby
    come_back: int = 0  # so often they are back a second after they were disconnected
    refusal: int = 3101  # the error that it refuses with
    backups_refused: str = ""  # why the primary takes no full or incremental, if it does not
    # the next log is applied up to its middle, and that is called a success
    falls_short: bool = False
    restoring: str = ""
    hangs: int = 0  # so many restores, from the next on, never end by themselves
    hung_since_us: int = -1  # when the one that hangs began; -1: none does
    no_worker: bool = False  # what hangs only waits for a worker
    landed_mono_us: int = 0  # when a file last landed
    broken: bool = False
    # by name, whether it was when it was last validated
    whole: dict[str, bool] = field(default_factory=dict)
    told_whole: dict[str, bool] = field(default_factory=dict)  # the same, once the manager knows
    counted: dict[str, int] = field(default_factory=dict)  # by name, the counter at its last read
    # the engine at the secondary
    redo: int = 0
    base: int = 0
    exists: bool = True
    wiped: bool = False  # the copy is no more, and nobody has noticed
    room: int = 2  # copies that the disk holds; 0: not even the next one by itself
    promoted: bool = False
    brought_online: bool = False  # by the order of an earlier incarnation
    fenced: bool = False
    fence_hangs: bool = False
    unfence_hangs: bool = False
    serves_again: bool = False  # and no order to stop has gone out since
    claimed_by: str = ""  # another standby has claimed to take over
    claims: Any = None  # the place where several standbys claim (world/roles/claims.py)
    place: str = ""  # where this one is
    silent: dict[str, int] = field(default_factory=dict)
    recovers: int = 0
    machine_comes: bool = True  # one to restore onto, where there is only a store

    def __post_init__(self) -> None:
        self.manager: RecoveryManager | None = None

    def fail(self, text: str) -> NoReturn:
        self.broken = True
        raise BrokenError(text)

    # ---- the primary
    @property
    def utc_us(self) -> int:
        return START_UTC + self.mono_us

    @property
    def primary_utc_us(self) -> int:
        return self.utc_us + self.primary_ahead_us

    def backup(self, kind: Kind, cut_off: bool = False) -> str:
        self.written += 0 if self.fenced or self.idle else 100
        first = self.log_start if kind is Kind.LOG else self.written - 50
        name = backup_name(DB, self.primary_utc_us, kind, 0, self.backups)
        base = 0
        if kind is Kind.FULL:
            self.full_first = first
        elif kind is Kind.INCREMENTAL:
            base = self.full_first
        header = BackupHeader(
            DB,
            len(self.backups) + 1,
            kind,
            1,
            first,
            self.written,
            first,
            self.full_first,
            base,
            1,
            0,
            self.primary_utc_us,
            self.primary_utc_us + SECOND,
            nominal_bytes=1 + 1000 * (kind is Kind.FULL) + 100 * (kind is Kind.INCREMENTAL),
        )
        self.backups[name] = Backup(header, name, self.primary_utc_us + SECOND, cut_off=cut_off)
        self.on_way.append(name)
        if kind is Kind.LOG and not cut_off:
            self.log_start = self.written
        return name

    # ---- the link
    def land(self, name: str, damaged: bool = False) -> None:
        self.on_way.remove(name)
        self.landed_mono_us = self.mono_us
        backup = self.backups[name]
        self.share[name] = Here(backup, damaged or backup.bad_at_primary)
        self.tell(e.Landed(self.mono_us, self.utc_us, 0, DB, name, backup.modified_utc_us, 1000))

    def land_all(self) -> None:
        for _ in range(200):
            if not self.on_way:
                return
            self.land(self.on_way[0])
            self.settle()
        self.fail("what lands brings ever more")

    def can_be_copied(self, name: str) -> bool:
        backup = self.backups[name]
        return backup.at_primary and not backup.bad_at_primary and not backup.cut_off

    # ---- the manager
    def start(self) -> None:
        self.incarnation += 1
        self.restoring = ""
        self.hung_since_us = -1
        self.alarms.clear()
        self.manager = RecoveryManager(self.config, self.incarnation, dict(self.store))
        self.run(self.manager.resume())

    def tell(self, event: e.Event) -> None:
        assert self.manager is not None
        self.run(self.manager.handle(event))

    def run(self, commands: list[c.Command]) -> None:
        try:
            for command in commands:
                how = self.crash_before(command)
                if how == "crash" or (how == "fail" and isinstance(command, c.Save)):
                    raise CrashError
                self.execute(command)
        except CrashError:
            self.start()

    def settle(self, rounds: int = 500) -> None:
        """Give the answers that are due, in order, until nothing more comes."""
        while self.answers:
            rounds -= 1
            if rounds < 0:
                self.fail("it never comes to rest")
            self.settle_one()

    def settle_one(self) -> None:
        """Give the next answer that is due."""
        answer = self.answers.pop(0)
        if answer.incarnation != self.incarnation:
            return  # the manager would drop it
        if isinstance(answer, (e.Restored, e.RestoreFailed)):
            answer = self.finish_restore(answer)
        answer.mono_us, answer.utc_us = self.mono_us, self.utc_us
        alerts, incarnation = len(self.alerts), self.incarnation
        if isinstance(answer, (e.Validated, e.ValidationFailed)):
            self.tell_validation(answer)
        else:
            self.tell(answer)
        if (
            isinstance(answer, e.Restored)
            and self.replayed[-1][2] < self.backups[answer.name].header.last_lsn
        ):
            told = [alert.event_id for _, alert in self.alerts[alerts:]]
            if 17 not in told and self.incarnation == incarnation:
                self.fail(f"{answer.name} was restored up to its middle, and nobody was told")

    def tell_validation(self, answer: e.Validated | e.ValidationFailed) -> None:
        """A manager that dies over the answer may not have kept it: the next one knows what was
        known before.
        """
        name, incarnation = answer.name, self.incarnation
        before = self.told_whole.get(name, False)
        self.told_whole[name] = self.whole[name]
        self.tell(answer)
        if self.incarnation != incarnation:
            self.told_whole[name] = self.told_whole[name] or before

    def wait(self, us: int) -> None:
        """Time passes; alarms go off in order."""
        until = self.mono_us + us
        for _ in range(1000):
            if not self.alarms:
                break
            key, at = min(self.alarms.items(), key=lambda item: (item[1], item[0]))
            if at > until:
                break
            del self.alarms[key]
            self.mono_us = max(self.mono_us, at)
            self.tell(e.Alarm(self.mono_us, self.utc_us, self.incarnation, *key))
            self.settle()
        else:
            self.fail("alarms without end")
        self.mono_us = until

    # ---- the hands
    def answer(self, make: type[e.Event], *args: Any) -> None:
        self.answers.append(make(self.mono_us, self.utc_us, self.incarnation, *args))

    def execute(self, command: c.Command) -> None:
        self.done.append(command)
        match command:
            case c.Save(key, value):
                self.check_save(key, value)
                self.store[key] = value
                if not value:
                    del self.store[key]
            case c.SetAlarm(scope, what, at):
                self.alarms[scope, what] = at
            case c.CancelAlarm(scope, what):
                self.alarms.pop((scope, what), None)
            case c.LookAtCopy(_):
                usable = self.exists and not self.promoted and not self.brought_online
                self.answer(e.CopySeen, DB, usable)
            case c.TakeInventory():
                self.inventory()
            case c.Validate(_, name):
                self.validate(name)
            case c.Recopy(_, name):
                self.recopy(name)
            case c.ListShare(_):
                whole = {
                    b.name: b.header
                    for b in self.backups.values()
                    if b.at_primary and not b.cut_off
                }
                self.answer(e.ShareListed, DB, self.reachable, whole if self.reachable else {})
            case c.Fetch(_, names):
                for name in names:
                    self.recopy(name)
            case c.Delete(_, name):
                self.share.pop(name, None)
            case c.Restore(_, name, replace):
                self.begin_restore(name, replace)
            case c.Drop(_):
                self.drop()
            case c.EndRestore(_, name, begun_before):
                self.end_restore(name, begun_before)
            case c.RaiseAlert():
                self.alerts.append((self.mono_us, command))
            case c.AskPrimary(_, fork, lsn):
                self.ask_primary(fork, lsn)
            case c.TakeBackup(_, kind):
                if not self.reachable:
                    self.answer(e.BackupFailed, DB, kind, Refused("unreachable"))
                elif self.backups_refused and kind != Kind.LOG:
                    self.answer(e.BackupFailed, DB, kind, Refused(self.backups_refused))
                else:
                    self.answer(e.BackupTaken, DB, kind, self.backup(Kind(kind)))
            case c.AskShare(_):
                finished = {
                    name: self.backups[name].modified_utc_us
                    for name in sorted(self.on_way)
                    if self.reachable
                }
                self.answer(e.ShareAnswered, DB, self.reachable, finished)
            case c.TakeTail(_):
                if not self.reachable:
                    self.answer(e.TailFailed, DB, Refused("unreachable"))
                elif self.host_lost:
                    self.answer(e.TailFailed, DB, Refused("host lost: the log cannot be read"))
                elif self.fenced and self.log_start == self.written:
                    self.answer(e.TailTaken, DB, "")
                else:
                    self.answer(e.TailTaken, DB, self.backup(Kind.LOG))
            case c.MakeOffer(rank, opened, holds, takes) if self.claims is not None:
                offer = Offer(self.place, rank, opened, holds, takes)
                self.claims.offer(offer, self.hear_offers)
            case c.Claim(ready) if self.claims is not None:
                holder = self.claims.claim(self.place, self.hear_freed, ready)
                if holder == self.place:
                    self.answer(e.ClaimGiven)
                else:
                    self.answer(e.ClaimRefused, holder)
            case c.ReleaseClaim(declined) if self.claims is not None:
                self.claims.release(self.place, declined)
            case c.YieldClaim() if self.claims is not None:
                if self.claims.yields(self.place):
                    self.answer(e.ClaimYielded)
            case c.OfferToYield() if self.claims is not None:
                self.claims.would_yield(self.place, lambda: self.answer(e.ReadyCopyWaits))
            case c.Claim():
                if self.claimed_by:
                    self.answer(e.ClaimRefused, self.claimed_by)
                else:
                    self.answer(e.ClaimGiven)
            case c.Fence() if self.fence_hangs:
                pass  # the test answers
            case c.Fence():
                self.serves_again = False
                if self.reachable and not self.fenced:
                    self.fenced = True
                    self.written += 100  # written since the last log: what the tail holds
                self.answer(
                    *((e.Fenced,) if self.reachable else (e.FenceFailed, NotFenced.UNREACHABLE))
                )
            case c.Unfence() if self.unfence_hangs:
                pass  # the test answers
            case c.Unfence():
                if self.promoted:
                    self.fail("the old primary serves again, and so does the new one")
                if self.reachable:
                    self.fenced, self.serves_again = False, True
                self.answer(*((e.Unfenced,) if self.reachable else (e.UnfenceFailed, UNREACHABLE)))
            case c.Disconnect(_):
                self.read_by = 0
                if self.come_back:
                    self.come_back -= 1
                    self.mono_us += SECOND
                    self.read_by = 1
            case c.Recover(_) if self.read_by:
                self.answer(e.RecoverFailed, DB, 3101, IN_USE)
            case c.Recover(_):
                if self.claims is not None:
                    self.claims.keep(self.place)
                self.recovers += 1
                if self.serves_again:
                    self.fail("the old primary serves again, and nobody has asked it to stop since")
                if self.promoted:
                    self.fail("promoted twice")
                self.promoted = True
                self.answer(e.Recovered, DB, 2, self.redo)
            case c.GetMachine():
                if self.machine_comes:
                    self.answer(e.MachineIsThere)
            case c.Redirect():
                self.answer(e.Redirected)

    def hear_offers(self, offers: tuple[Offer, ...], awaited: int) -> None:
        self.answer(e.OffersHeard, offers, awaited)

    def hear_freed(self, declined: bool) -> None:
        self.answer(e.ClaimFreed, declined)

    def check_save(self, key: str, value: str) -> None:
        if (
            key.startswith("attempts/")
            and value
            and int(value) != int(self.store.get(key, "0")) + 1
        ):
            self.fail(f"{key} goes from {self.store.get(key, '0')} to {value}")

    def inventory(self) -> None:
        state = RestoreState(1, self.redo, self.base, not self.promoted, self.exists)
        files = tuple(
            FoundFile(name, here.backup.modified_utc_us, 1000) for name, here in self.share.items()
        )
        self.answer(e.Inventory, {DB: state}, {DB: files}, dict(self.silent))

    def validate(self, name: str) -> None:
        here = self.share.get(name)
        self.look_at(name)
        if here is None:
            self.answer(
                e.ValidationFailed,
                DB,
                name,
                ValidationOutcome.MISSING,
                60005,
                "The file is not in the share.",
            )
        elif here.backup.cut_off:
            self.answer(
                e.ValidationFailed,
                DB,
                name,
                ValidationOutcome.NO_MANIFEST,
                60003,
                "The backup was cut off.",
            )
        elif here.damaged:
            self.answer(
                e.ValidationFailed,
                DB,
                name,
                ValidationOutcome.HASH_MISMATCH,
                60001,
                "The hash does not agree.",
            )
        else:
            self.answer(e.Validated, DB, name, here.backup.header)

    def look_at(self, name: str) -> None:
        here = self.share.get(name)
        self.whole[name] = here is not None and not here.damaged and not here.backup.cut_off

    def believe(self, name: str) -> None:
        """Validation that never looks at the bytes."""
        self.look_at(name)
        self.answer(e.Validated, DB, name, self.share[name].backup.header)

    def recopy(self, name: str) -> None:
        if not self.reachable:
            self.answer(e.RecopyFailed, DB, name, NotSent.UNREACHABLE)
        elif not self.backups[name].at_primary:
            self.answer(e.RecopyFailed, DB, name, NotSent.MISSING)
        elif name not in self.on_way:
            self.on_way.append(name)

    def ask_primary(self, fork: int, lsn: int) -> None:
        covering = ""
        for backup in self.backups.values():
            h = backup.header
            if (
                h.fork == fork
                and h.kind is Kind.LOG
                and backup.at_primary
                and not backup.cut_off
                and h.first_lsn <= lsn < h.last_lsn
            ):
                covering = backup.name
        self.answer(
            e.PrimaryAnswered,
            DB,
            self.reachable,
            covering,
            covering in self.on_way,
            self.log_start <= lsn,
            self.paused,
            self.primary_utc_us,
        )

    def header_of(self, name: str) -> BackupHeader:
        """Of what lies under that name, or did before it was deleted."""
        here = self.share.get(name)
        return (self.backups[name] if here is None else here.backup).header

    def begin_restore(self, name: str, replace: bool) -> None:
        """Checks that need no trust in the recovery logic: the counter, one at a time, no gap,
        nothing twice.
        """
        if self.restoring:
            self.fail(f"{name} is handed over while {self.restoring} is being restored")
        if self.promoted:
            self.fail(f"{name} is handed over after the promotion")
        if not self.told_whole.get(name):
            self.fail(f"{name} is handed over, which was not whole when it was validated")
        count = int(self.store.get(f"attempts/{DB}/{name}", "0"))
        if count <= self.counted.get(name, 0):
            self.fail(f"{name} is read again, but its counter still says {count}")
        self.counted[name] = count
        header = self.header_of(name)
        if header.kind is Kind.LOG and header.first_lsn > self.redo:
            self.fail(f"{name} begins at {header.first_lsn}, the database is at {self.redo}: a gap")
        if header.kind is not Kind.FULL and header.last_lsn <= self.redo:
            self.fail(
                f"{name} ends at {header.last_lsn}, the database is at {self.redo}: replayed twice"
            )
        if header.kind is Kind.FULL and self.exists and not replace:
            self.fail(f"{name} is restored over a database without replace")
        if header.kind is not Kind.FULL and not self.exists:
            self.fail(f"{name} is restored over nothing")
        self.restoring = name
        if self.hangs:
            self.hangs -= 1
            self.hung_since_us = self.mono_us
            return
        self.answer(e.Restored, DB, name, 0, 0, 0)

    def end_restore(self, name: str, begun_before_us: int) -> None:
        if self.restoring != name or self.hung_since_us < 0:
            return  # its answer is on its way
        if self.no_worker or self.hung_since_us >= begun_before_us:
            self.answer(e.RestoreGoesOn, DB, name, -1 if self.no_worker else self.hung_since_us)
            return
        if self.share[name].backup.header.kind is Kind.FULL:
            self.fail(f"the restore of {name}, a full, is ended: nothing would be left")
        self.hung_since_us = -1
        self.engine_refuses, self.refusal = 1, 596
        self.answer(e.Restored, DB, name, 0, 0, 0)

    def drop(self) -> None:
        """Only for a full that is here and whole, and only if there is no room for both. A store
        drops what it has restored in a failover, once that was left.
        """
        entered = [each.phase for each in self.done if isinstance(each, c.EnterPhase)]
        left = self.config.replay.keeps and entered[-1:] == ["watching"]
        full = [
            name
            for name, here in self.share.items()
            if not here.damaged and here.backup.header.kind is Kind.FULL
        ]
        needless = not full or self.room >= 2
        if not self.exists or (needless and not left):
            self.fail("the old copy is dropped for nothing")
        self.exists, self.redo, self.base = False, 0, 0

    def finish_restore(self, answer: e.Event) -> e.Event:
        assert isinstance(answer, e.Restored)
        name = self.restoring
        self.restoring = ""
        header = self.header_of(name)
        if self.read_by:
            return e.RestoreFailed(0, 0, self.incarnation, DB, name, 3101, False, IN_USE)
        if self.engine_refuses:
            self.engine_refuses -= 1
            failed = (DB, name, self.refusal, not self.exists, IN_USE)
            return e.RestoreFailed(0, 0, self.incarnation, *failed)
        if self.wiped:
            self.wiped, self.exists, self.redo, self.base = False, False, 0, 0
            gone = "The log or differential backup cannot be restored: no files are ready."
            return e.RestoreFailed(0, 0, self.incarnation, DB, name, 3117, True, gone)
        if name not in self.share:
            missing = (DB, name, 3201, False, "The backup device cannot be opened.")
            return e.RestoreFailed(0, 0, self.incarnation, *missing)
        if self.share[name].damaged:
            return e.RestoreFailed(
                0,
                0,
                self.incarnation,
                DB,
                name,
                3183,
                False,
                "RESTORE detected an error on page (1:1).",
            )
        if header.kind is Kind.INCREMENTAL and header.differential_base_lsn != self.base:
            return e.RestoreFailed(
                0,
                0,
                self.incarnation,
                DB,
                name,
                3136,
                False,
                "This differential backup cannot be restored.",
            )
        if header.kind is Kind.FULL and self.exists + 1 > self.room:
            size = 1 if self.room else 2  # larger than what is here
            free, held = max(0, self.room - self.exists), int(self.exists)
            return e.NoRoom(
                0,
                0,
                self.incarnation,
                DB,
                name,
                3257,
                size,
                free,
                held,
                "There is insufficient free space.",
            )
        if header.kind is Kind.FULL:
            self.base, self.exists = header.first_lsn, True
        elif header.kind is Kind.LOG and header.database_backup_lsn > self.base:
            self.base = header.database_backup_lsn
        end = header.last_lsn
        if self.falls_short and header.kind is Kind.LOG and self.redo + 1 < end:
            self.falls_short = False
            # damage that nobody has seen: it is applied up to there, and called a success
            end = (self.redo + end) // 2
        self.replayed.append((name, self.redo, end))
        self.redo = end
        return e.Restored(0, 0, self.incarnation, DB, name, 1, self.redo, self.base)


def begun(world: FakeWorld) -> FakeWorld:
    world.start()
    world.settle()
    return world
