"""`outage_if_now`: what the outage would be if the primary's site were lost at this instant and the
standby promoted; or its host, or a database there.

Theory of operation. A failover that begins at t ends after
  detect      the machines have been silent for long enough; a recovery manager that is dead must be
              back first
  decide      nothing if automatic, else the operator's time to answer
  fence       the old primary's site answers nothing, so a fence runs into its timeout
  drain       whatever has landed whole is restored, in order; replay goes on during detect, decide
              and fence
  recover, redirect, warm up
All but the drain are set by the scenario (and the operator's draw of that hour); to recover takes
longer by what open transactions have written (undo.py). The drain ends
when the last log that has landed by t is restored. Each restore takes what it took in the run, or,
if it never came to that, what its size costs. The first one that waits begins when it did in the
run, or when the drain begins if that is earlier (a replay delay, a retry or readers hold no longer
then). So value(t) = max(floor, until - t) between the instants at which something lands, begins or
is restored (falling.py), and nothing is sampled. Without a restored copy there is no way over until
a full has landed; its restore comes before the logs'.

If the host or a database is lost, the primary's share is left: what is finished there goes on being
copied and is waited for, up to failover.drain_limit, and the fence is obeyed. Of a lost database a
tail is taken, copied and restored: it counts as long as one of all that the next log holds. A copy
that is being rebuilt counts as if the site were lost.

Stated differences from a failover that is played: the curve counts a whole heartbeat for detect
(the failure comes just after a beat), so it lies at most one beat above. Restores of several
databases share the workers: the service's curve takes the larger of its longest database and the
sum of all divided by the workers, which is off by up to one restore. Accounts that a directory
lacks are left out. A detour of the link counts where heartbeats share it: the last one is so much
longer on its way. What a cloud manager would still have to configure is added to the whole curve
(cloud.py), in full: it is done after the drain, and what is done of it until then is not taken off.
A failover ends a restore that hangs (failover.restore_limit), tries it once more, and leaves behind
what hangs again; the curve counts that for the first restore that waits, not for later ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dr_sim.backups.model import Kind
from dr_sim.measures.exposure import NEVER_US
from dr_sim.measures.falling import Falling, joined_falling, worst_falling
from dr_sim.measures.happenings import lines_for, turns_of
from dr_sim.measures.spans import maximal
from dr_sim.measures.tables import Ints, Record, Tables, pick, run_end_us, tables, up_until_us
from dr_sim.measures.undo import undo_us
from dr_sim.scenario.kind import Explains
from dr_sim.scenario.model import USUAL_RTT_US, Law, Scenario
from dr_sim.scenario.throughput import stream_cap_bit_s
from dr_sim.streams import Streams
from dr_sim.units import HOUR_US

Bools = NDArray[np.bool_]
SITE = "site"
NO_WAY_US = 1 << 60
"""The outage where nothing can be promoted: longer than any run."""
_MOST_PPM = 10**12  # a factor of a million, the largest in a scenario
SERVED_AGAIN_PPM = 990_000
_ALL_PPM = 1_000_000


# ---- what every failover takes
@dataclass(slots=True)
class Way:
    """Holds what a failover takes beside its drain. before_us[i]: detect, decide and fence from
    start_us[i] on; late_us[i]: so much of it the last heartbeat is on its way beyond what the
    link's own distance takes, as there was a detour.
    """

    start_us: Ints
    before_us: Ints
    after_us: int  # recover, redirect, warm up
    down: list[tuple[int, int]]  # when the recovery manager was dead
    slow: Slowness
    silent_us: int
    drain_limit_us: int = NO_WAY_US
    restore_limit_us: int = NO_WAY_US
    recover_us: int = 0
    readers: list[tuple[int, int]] = field(default_factory=list)  # when readers held the copy open
    late_us: Ints = field(default_factory=lambda: np.zeros(1, np.int64))
    # what a tail adds, and from when on it adds so much
    tail_from_us: Ints = field(default_factory=lambda: np.zeros(1, np.int64))
    tail_us: Ints = field(default_factory=lambda: np.zeros(1, np.int64))

    def reading(self, at_us: Ints) -> Bools:
        """Whether readers hold the copy open when the drain begins. They are noticed by the first
        restore, or else by the recovery, which is then begun again.
        """
        found = np.zeros(len(at_us), np.bool_)
        then = at_us + self.before(at_us)
        for begin, end in self.readers:
            found |= (then >= begin) & (then < end)
        return found

    def before(self, at_us: Ints) -> Ints:
        return self.before_us[np.searchsorted(self.start_us, at_us, side="right") - 1]

    def tail(self, at_us: Ints) -> Ints:
        return self.tail_us[np.searchsorted(self.tail_from_us, at_us, side="right") - 1]

    def late(self, at_us: int) -> int:
        place = int(np.searchsorted(self.start_us, at_us, side="right")) - 1
        return int(self.late_us[place])

    @property
    def shortest_us(self) -> int:
        return int(self.before_us.min())

    def back_us(self, at_us: Ints) -> Ints:
        """For each instant when the drain can begin at the earliest, as the manager was dead then;
        0 if it was not.
        """
        found = np.zeros(len(at_us), np.int64)
        for begin, end in self.down:
            dead = (at_us >= begin) & (at_us < end)
            # silence has been long enough by then, or it is waited for
            found[dead] = end + self.before(np.array([end]))[0] - self.silent_us - self.late(end)
        return found


def way_over(
    t: Tables,
    scenario: Scenario,
    usual: bool = False,
    database: int = -1,
    failure_class: str = SITE,
) -> Way:
    """usual: the operator takes his usual time, as nobody can know how long he would take in this
    hour.
    """
    f = scenario.failover
    silent_us = f.silent_for_us + scenario.rank * f.turn_us + beat_on_way_us(scenario)
    fence_us = f.fence_timeout_us
    if failure_class != SITE:
        fence_us = f.fence_us + scenario.link.distance_us
    fixed = silent_us + fence_us
    start, before = [0], [fixed]
    if f.mode == "manual":
        if not f.approves:
            before = [NO_WAY_US]
        elif usual or f.answers_in.kind == "fixed":
            before = [fixed + usual_us(f.answers_in)]
        else:
            start, before = _by_the_hour(scenario, fixed, silent_us)
    down = _manager_down(t, run_end_us(t, scenario))
    turns, late = _detours(t, scenario)
    starts = np.unique(np.array([*start, *turns], np.int64))
    of_hour = np.searchsorted(np.array(start, np.int64), starts, side="right") - 1
    late_us = np.array(late, np.int64)[np.searchsorted(turns, starts, side="right") - 1]
    before_us = np.array(before, np.int64)[of_hour]
    tails = _tails(t, scenario, database) if failure_class == "database" else ()
    return Way(
        starts,
        np.where(before_us < NO_WAY_US, before_us + late_us, before_us),
        after_the_drain_us(scenario),
        down,
        Slowness.of(t, scenario),
        silent_us,
        f.drain_limit_us,
        f.restore_limit_us,
        usual_us(f.recover),
        _readers(t, scenario, database),
        late_us,
        *tails,
    )


def _tails(t: Tables, scenario: Scenario, database: int) -> tuple[Ints, Ints] | tuple[()]:
    """From when on a tail of that database takes so long: the log until the next backup of it is
    cut, and after the last as much as that held.
    """
    if database < 0 or scenario.databases[database].log.kind == "none":
        return ()
    made = t.of("truth.backup_finished", database)
    logs = made["kind"] == Kind.LOG
    begun = t.of("truth.backup_begin", database)
    cut = _first_of(begun["file"], begun["time_us"], made["file"][logs])
    held = made["nominal_bytes"][logs]
    if not len(cut):
        return ()
    order = np.argsort(cut, kind="stable")
    starts = np.append(np.int64(0), cut[order])
    sizes = np.append(held[order], held[order][-1])
    takes = [_tail_us(scenario, int(size)) for size in sizes]
    return starts, np.array(takes, np.int64)


def _tail_us(scenario: Scenario, size: int) -> int:
    """To back up so much log, send it alone over the link, hash and restore it."""
    backup, restore, link = (
        scenario.primary.log,
        scenario.secondary.restore[Kind.LOG],
        scenario.link,
    )
    stream = min(link.bandwidth_bit_s, stream_cap_bit_s(link.mss_bytes, link.rtt_us, link.loss_ppb))
    rates = [backup.rate_bytes_s, restore.rate_bytes_s, scenario.secondary.hash_bytes_s]
    moving = sum(-(-size * _ALL_PPM // rate) for rate in rates) + -(-size * 8 * _ALL_PPM // stream)
    return backup.fixed_us + restore.fixed_us + moving


def _detours(t: Tables, scenario: Scenario) -> tuple[list[int], list[int]]:
    """From when on the last heartbeat is so much longer on its way than the link's own distance
    takes: where heartbeats share the link, and events or faults make its round trips longer.
    """
    at, late = [0], [0]
    if scenario.heartbeat.own_path:
        return at, late
    params = {
        (line.kind.name, number): getattr(line.params, "more", 0)
        for number, line in lines_for(scenario, Explains.SLOW_LINK)
    }
    link, more = scenario.link, 0
    for row in turns_of(t, scenario, Explains.SLOW_LINK):
        by = params[row.values["what"], row.values["number"]]
        more += by if row.values["begins"] else -by
        on_way_us = max(0, link.rtt_us + more - USUAL_RTT_US) // 2
        if at[-1] == row.time_us:
            at.pop()
            late.pop()
        at.append(row.time_us)
        late.append(on_way_us - beat_on_way_us(scenario))
    return at, late


def _readers(t: Tables, scenario: Scenario, database: int) -> list[tuple[int, int]]:
    """When events let readers hold that database's copy open; faults that are drawn may name it,
    too.
    """
    if database < 0:
        return []
    name = scenario.databases[database].name
    found, since = [], None
    for row in turns_of(t, scenario, Explains.HELD_OPEN, name):
        if row.values["begins"]:
            since = row.time_us
        elif since is not None:
            found.append((since, row.time_us))
            since = None
    return [*found, (since, NO_WAY_US)] if since is not None else found


def beat_on_way_us(scenario: Scenario) -> int:
    """How long the last heartbeat is on its way, beyond what is usual."""
    return scenario.link.distance_us // 2


def _by_the_hour(scenario: Scenario, fixed_us: int, silent_us: int) -> tuple[list[int], list[int]]:
    """The operator is paged when the silence is long enough; how long he takes is drawn by the
    hour.
    """
    f = scenario.failover
    draws = Streams(scenario.seed, scenario.replication_no).of("operator", "answers in")
    began_us = scenario.begins_us
    last_us = began_us + scenario.run_for_us + silent_us
    hours = range(began_us // HOUR_US, last_us // HOUR_US + 1)
    start = [max(0, hour * HOUR_US - began_us - silent_us) for hour in hours]
    return start, [fixed_us + draws.law(hour, f.answers_in) for hour in hours]


def usual_us(law: Law) -> int:
    """A law's median, for an exponential one its mean."""
    return (law.a + law.b) // 2 if law.kind == "uniform" else law.a


def after_the_drain_us(scenario: Scenario) -> int:
    """From the last restore until 99 % of requests succeed again, all databases online, where no
    transaction must be undone.
    """
    f = scenario.failover
    spread = f.ttl_us + f.reconnect_us
    arrived = -(-SERVED_AGAIN_PPM * spread // _ALL_PPM)
    load = max(1, scenario.users.utilisation_ppm)
    needed = -(-SERVED_AGAIN_PPM * load // _ALL_PPM)
    cold = f.warm_up_from_ppm
    warm = 0
    if f.warm_up_us and needed > cold:
        warm = -(-(needed - cold) * f.warm_up_us // (_ALL_PPM - cold))
    return usual_us(f.recover) + f.switch_us + max(arrived, warm)


def _manager_down(t: Tables, end_us: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    since = None
    for row in t.rows("truth.manager"):
        if not row.values["up"]:
            since = row.time_us
        elif since is not None:
            found.append((since, row.time_us))
            since = None
    return [*found, (since, NO_WAY_US)] if since is not None else found


@dataclass(slots=True)
class Slowness:
    """By what restores take longer from each instant on, in millionths, where events or faults make
    them slow. A law counts by its usual value.
    """

    at_us: Ints
    factor_ppm: Ints

    @classmethod
    def of(cls, t: Tables, scenario: Scenario) -> Slowness:
        at, factor = [0], [_ALL_PPM]
        laws: dict[int, Law] = {}
        for number, line in lines_for(scenario, Explains.SLOW_RESTORE):
            laws.setdefault(number, line.params.by)
        for row in turns_of(t, scenario, Explains.SLOW_RESTORE):
            by = max(1, usual_us(laws[row.values["number"]]))
            at.append(row.time_us)
            factor.append(
                factor[-1] * by // _ALL_PPM if row.values["begins"] else factor[-1] * _ALL_PPM // by
            )
        return cls(np.array(at, np.int64), np.array([min(x, _MOST_PPM) for x in factor], np.int64))

    def at(self, times: Ints) -> Ints:
        return np.maximum(1, self.factor_ppm[np.searchsorted(self.at_us, times, side="right") - 1])

    def slowed(self, us: Ints, times: Ints) -> Ints:
        """How long work of so many microseconds takes then: exact, and about NO_WAY_US where that
        is more.
        """
        whole, rest = us // _ALL_PPM, us % _ALL_PPM
        factor = self.at(times)
        # so that the product stays within 64 bits
        fits = np.minimum(factor, NO_WAY_US // np.maximum(1, whole))
        slowed: Ints = whole * fits + rest * factor // _ALL_PPM
        return slowed


# ---- what waits for its restore
@dataclass(slots=True)
class Jobs:
    """Restores of one database in the order in which they must come. landed_us ascends: when it and
    all before it were there. begun_us, done_us: of its restore; NEVER_US if it never came to that.
    takes_us: as long as that took in the run; plain_us: what it would have taken had restores not
    been slow just then. due_us: a replay delay holds it until then.
    """

    landed_us: Ints
    begun_us: Ints
    done_us: Ints
    takes_us: Ints
    plain_us: Ints
    due_us: Ints
    full: Bools
    undo_us: Ints
    made_us: Ints  # it was finished at the primary
    ready_us: Ints  # it lay at the secondary: landed_us, but where the primary's share is left

    def __post_init__(self) -> None:
        """Cut off what takes so long that a sum of it would leave 64 bits is cut off: it never
        comes to an end.
        """
        most = NO_WAY_US // max(1, len(self.takes_us))
        self.takes_us, self.plain_us = (
            np.minimum(self.takes_us, most),
            np.minimum(self.plain_us, most),
        )


@dataclass(slots=True)
class Life:
    """From begin_us on until end_us the copy is one: it was there from the beginning (whole), or a
    full was restored first.
    """

    begin_us: int
    end_us: int
    whole: bool
    jobs: Jobs


def lives_of(t: Tables, scenario: Scenario, database: int) -> list[Life]:
    """The copies that there were of a database, one after the other."""
    end = run_end_us(t, scenario)
    lost = [at for at in t.of("truth.copy_gone", database)["time_us"].tolist() if at < end]
    turns = [(0, scenario.databases[database].seeded), *((at, False) for at in lost)]
    turns += [(at, True) for at in t.of("truth.copy_there", database)["time_us"].tolist()]
    begins, whole = map(list, zip(*sorted(turns), strict=True))
    return [
        Life(begin, stop, there, _jobs(t, scenario, database, begin, stop, there))
        for begin, stop, there in zip(begins, [*begins[1:], NEVER_US], whole, strict=True)
    ]


def _jobs(
    t: Tables, scenario: Scenario, database: int, begin_us: int, end_us: int, whole: bool
) -> Jobs:
    restored = t.of("truth.restored", database)
    restored = pick(restored, (restored["time_us"] >= begin_us) & (restored["time_us"] < end_us))
    files = _files(t, database, begin_us)
    reached = (
        np.maximum.accumulate(restored["redo_lsn"])
        if len(restored["redo_lsn"])
        else restored["redo_lsn"]
    )
    logs = files["kind"] == Kind.LOG
    # fulls and incrementals count if they were restored
    first = np.isin(files["file"], restored["file"]) & ~logs
    if not whole:
        first |= _a_full_that_could_be(files, restored, begin_us, end_us)
    from_lsn = _begins_at(files, restored, first, whole)
    wanted = (logs & (files["last_lsn"] > from_lsn)) | first
    files = pick(files, wanted)
    order = np.lexsort((files["kind"] == Kind.LOG, files["last_lsn"]))
    files = (
        pick(files, np.zeros(0, np.bool_))
        if not len(order)
        else {k: v[order] for k, v in files.items()}
    )
    replay = _ReplayedFiles(files, restored, reached)
    return _timed(t, scenario, database, replay, (begin_us, end_us))


def _files(t: Tables, database: int, begin_us: int) -> dict[str, Ints]:
    """Finished backups, and when each first lay whole at the secondary: of a copy that begins at
    begin_us only what has not been deleted there by then.
    """
    f = t.of("truth.backup_finished", database)
    landed = t.of("truth.landed", database)
    landed = pick(landed, landed["intact"] == 1)
    gone = t.of("truth.file_gone", database)
    gone = pick(gone, t.has_text(gone["where"], "secondary") & (gone["time_us"] <= begin_us))
    if len(gone["file"]):
        last = -_first_of(gone["file"][::-1], -gone["time_us"][::-1], landed["file"])
        landed = pick(landed, landed["time_us"] > last)
    names = ("file", "kind", "first_lsn", "last_lsn", "nominal_bytes", "time_us", "name")
    return {
        **{key: f[key] for key in names},
        "landed_us": _first_of(landed["file"], landed["time_us"], f["file"]),
    }


def _first_of(keys: Ints, values: Ints, wanted: Ints) -> Ints:
    """The first value of each wanted key; NEVER_US if there is none."""
    if not len(keys):
        return np.full(len(wanted), NEVER_US, np.int64)
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], NEVER_US)


def _a_full_that_could_be(
    files: dict[str, Ints], restored: dict[str, Ints], begin_us: int, end_us: int
) -> Bools:
    """Where no full was restored after the copy was gone: the newest that lay there then, or else
    the first that landed afterwards, if any.
    """
    fulls = files["kind"] == Kind.FULL
    none = np.zeros(len(fulls), np.bool_)
    if np.isin(files["file"][fulls], restored["file"]).any():
        return none
    landed = np.flatnonzero(fulls & (files["landed_us"] < end_us))
    if len(landed):
        before = landed[files["landed_us"][landed] <= begin_us]
        none[before[-1] if len(before) else landed[0]] = True
    return none


def _begins_at(files: dict[str, Ints], restored: dict[str, Ints], first: Bools, whole: bool) -> int:
    """Where the first log begins that this copy needs."""
    if whole or not first.any():
        return -1 if whole else NEVER_US
    return int(files["last_lsn"][np.flatnonzero(first)[0]])


@dataclass(frozen=True, slots=True)
class _ReplayedFiles:
    """The files of a copy, what was restored of them, and the LSN that each restore reached."""

    files: dict[str, Ints]
    restored: dict[str, Ints]
    reached: Ints


def _timed(
    t: Tables, scenario: Scenario, database: int, replay: _ReplayedFiles, span: tuple[int, int]
) -> Jobs:
    files, restored, reached = replay.files, replay.restored, replay.reached
    commands = t.of("seen.Restore", database)
    at = np.searchsorted(reached, files["last_lsn"])
    there = at < len(reached)
    row = np.minimum(at, max(0, len(reached) - 1))
    done = np.full(len(at), NEVER_US, np.int64)
    begun, takes = done.copy(), _cost_us(scenario, files)
    if len(reached):
        done[there] = restored["time_us"][row[there]]
        own = there & (restored["file"][row] == files["file"])
        asked = np.searchsorted(commands["time_us"], done[own], side="left") - 1
        begun[there] = done[there]
        asked_us = (
            commands["time_us"][np.maximum(asked, 0)] if len(commands["time_us"]) else done[own]
        )
        for off_us, on_us in _job_off(t, scenario, database):
            asked_us = np.where(
                (asked_us >= off_us) & (asked_us < on_us), np.minimum(on_us, done[own]), asked_us
            )
        took = done[own] - asked_us
        if len(scenario.databases) > scenario.replay.workers:  # some of that it waited for a worker
            took = np.minimum(took, takes[own])
        begun[own] = done[own] - took
        takes = np.where(there, 0, takes)
        takes[own] = took
    last_us = int(commands["time_us"][-1]) if len(commands["time_us"]) else 0
    if not any(off_us <= last_us < on_us for off_us, on_us in _job_off(t, scenario, database)):
        _under_way(t, database, files, (begun, done, takes), span)
    landed = np.maximum.accumulate(np.minimum(files["landed_us"], done)) if len(done) else done
    delay = scenario.replay.delay_us
    due = files["time_us"] + delay if delay else np.zeros(len(done), np.int64)
    plain = takes * _ALL_PPM // Slowness.of(t, scenario).at(np.minimum(begun, NEVER_US - 1))
    plain = np.where(there, plain, _cost_us(scenario, files))
    return Jobs(
        landed,
        begun,
        np.maximum.accumulate(done) if len(done) else done,
        takes,
        plain,
        due,
        files["kind"] == Kind.FULL,
        undo_us(t, scenario, database, files),
        files["time_us"],
        landed,
    )


def _job_off(t: Tables, scenario: Scenario, database: int) -> list[tuple[int, int]]:
    """When no restore of that database began, as its job did not run: until it ran again, or a
    failover drained by its own script.
    """
    name = scenario.databases[database].name
    drains = [r.time_us for r in t.rows("seen.EnterPhase") if r.values["phase"] == "draining"]
    found: list[tuple[int, int]] = []
    since: list[int] = []
    for row in turns_of(t, scenario, Explains.RESTORES_OFF, name):
        if row.values["begins"]:
            since.append(row.time_us)
        elif since:
            found.append((since.pop(0), row.time_us))
    found += [(begin, NO_WAY_US) for begin in since]
    spans = []
    for begin, end in found:
        spans.append((begin, min((at for at in drains if begin <= at < end), default=end)))
    return spans


def _cost_us(scenario: Scenario, files: dict[str, Ints]) -> Ints:
    """Return what each restore costs by its kind and size."""
    spec = scenario.secondary
    takes = np.zeros(len(files["file"]), np.int64)
    for kind in Kind:
        cost = spec.restore[kind]
        rate = min(cost.rate_bytes_s, spec.disk_bytes_s)
        mine = files["kind"] == kind
        size = files["nominal_bytes"][mine]
        takes[mine] = cost.fixed_us + -(-size * _ALL_PPM // rate)
    return takes


def _under_way(
    t: Tables,
    database: int,
    files: dict[str, Ints],
    of: tuple[Ints, Ints, Ints],
    span: tuple[int, int],
) -> None:
    """A restore that had been begun and had not ended when the run did: it ends when its cost says,
    or hangs.
    """
    begun, done, takes = of
    commands = t.of("seen.Restore", database)
    commands = pick(commands, (commands["time_us"] >= span[0]) & (commands["time_us"] < span[1]))
    if not len(commands["time_us"]):
        return
    since, name = int(commands["time_us"][-1]), int(commands["name"][-1])
    over = [
        t.of(kind, database)["time_us"]
        for kind in ("seen.Restored", "seen.RestoreFailed", "seen.NoRoom")
    ]
    over += [t["truth.manager"]["time_us"][t["truth.manager"]["up"] == 0]]
    if any((times > since).any() for times in over):
        return
    mine = np.flatnonzero((files["name"] == name) & (done == NEVER_US))
    if len(mine):
        i = mine[0]
        begun[i] = since
        ends = since + int(takes[i])
        done[i] = ends if ends >= t["truth.end"]["time_us"].max(initial=0) else NEVER_US - 1


# ---- the curve
def outage_if_now(
    record: Record,
    scenario: Scenario,
    database: int,
    usual: bool = False,
    failure_class: str = SITE,
) -> Falling:
    """Return the curve of one database by itself, to the loss of the site, its host or itself, for
    as long as it was up at the primary.
    """
    t = tables(record)
    end = up_until_us(t, scenario, database)
    way = way_over(t, scenario, usual, database, failure_class)
    lives = [life for life in lives_of(t, scenario, database) if life.begin_us < end]
    if failure_class != SITE:
        lives = [_with_the_share(life) for life in lives]
    found = [_of_life(life, way, min(end, life.end_us)) for life in lives]
    return joined_falling(found)


def _with_the_share(life: Life) -> Life:
    """Have what is finished at the primary waited for: it comes when it came in the run."""
    jobs = life.jobs
    if not life.whole or not len(jobs.made_us):
        return life
    there = np.maximum.accumulate(np.minimum(jobs.made_us, jobs.landed_us))
    return replace(life, jobs=replace(jobs, landed_us=there))


def outage_at(curve: Falling, scenario: Scenario, t_us: int) -> int:
    """The value that a failure at exactly t_us meets: without the part of a heartbeat that the
    curve counts in full.
    """
    if not len(curve.start_us):
        return 0
    i = max(0, int(np.searchsorted(curve.start_us, t_us, side="left")) - 1)
    since_beat = t_us % scenario.heartbeat.every_us
    return max(int(curve.floor_us[i]) - since_beat, int(curve.until_us[i]) - t_us)


def _of_life(life: Life, way: Way, end_us: int) -> Falling:
    jobs = life.jobs
    near = np.array(life.begin_us, np.int64)
    cuts = [np.atleast_1d(near), way.start_us, *(np.array(span, np.int64) for span in way.down)]
    for span in way.readers:
        held = np.array(span, np.int64)
        cuts.append(held - way.before(np.maximum(held, 0)))
    busy = _busy(jobs, way.shortest_us, end_us)
    cuts.append(way.tail_from_us)
    for times in (
        jobs.landed_us,
        jobs.begun_us,
        jobs.done_us,
        jobs.begun_us - way.before(jobs.begun_us),
        jobs.ready_us - way.before(jobs.ready_us),
        jobs.ready_us - way.before(jobs.ready_us) - way.drain_limit_us,
    ):
        cuts.append(_within(times, busy))
    if jobs.due_us.any():
        cuts.append(_within(jobs.due_us - way.before(jobs.due_us), busy))
    more = np.diff(jobs.undo_us, prepend=np.int64(0)) != 0
    cuts.append(jobs.landed_us[more])
    cuts += _where_limits_matter(jobs, way, busy)
    cuts += [np.array(span, np.int64) for span in busy]
    if not life.whole:
        cuts += [jobs.landed_us[:1], jobs.done_us[:1]]
    start = np.unique(np.concatenate(cuts))
    start = start[(start >= life.begin_us) & (start < end_us)]
    floor, until = _values(life, way, start, busy)
    return Falling(
        start, np.append(start[1:], np.int64(end_us)), floor + way.after_us, until + way.after_us
    )


def _where_limits_matter(jobs: Jobs, way: Way, busy: list[tuple[int, int]]) -> list[Ints]:
    """From when on a restore that goes on for longer than its limit would end by itself before the
    drain's limit is over, and when restores become slow, or are so no longer, before it is.
    """
    long = jobs.takes_us > way.restore_limit_us
    if not long.any():
        return []
    done = np.minimum(jobs.done_us[long], NEVER_US - 2)
    found = []
    for times in (done, way.slow.at_us):
        early = times - way.before(np.maximum(times, 0))
        found += [early, early - way.drain_limit_us, early - way.restore_limit_us]
    return [_within(times, busy) for times in found]


def _busy(jobs: Jobs, shortest_us: int, end_us: int) -> list[tuple[int, int]]:
    """When something waits, or is restored, for longer than a failover takes before its drain:
    elsewhere nothing is left to be restored then, and the jobs need not be looked at.
    """
    waits = (jobs.done_us - jobs.landed_us > shortest_us) & (jobs.landed_us < end_us)
    begin, stop = jobs.landed_us[waits], np.minimum(jobs.done_us[waits], end_us)
    return maximal(zip(begin.tolist(), stop.tolist(), strict=True))


def _within(times: Ints, spans: Sequence[tuple[int, int]]) -> Ints:
    if not spans:
        return times[:0]
    begins = np.array([begin for begin, _ in spans], np.int64)
    ends = np.array([end for _, end in spans], np.int64)
    of = np.searchsorted(begins, times, side="right") - 1
    return times[(of >= 0) & (times <= ends[np.maximum(of, 0)])]


def _values(life: Life, way: Way, start: Ints, busy: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    """Floor and until of each piece, without what comes after the drain."""
    jobs = life.jobs
    before, back = way.before(start), way.back_us(start)
    floor, until = before.copy(), back.copy()
    passed = np.searchsorted(jobs.done_us, start, side="right")
    landed = np.searchsorted(jobs.landed_us, start, side="right")
    waits = landed > passed
    floor += np.where(~waits & way.reading(start), way.recover_us, 0)
    if waits.any():
        i = np.flatnonzero(waits)
        f, u = _with_a_drain(jobs, way, start[i], passed[i], landed[i])
        floor[i], until[i] = f, u
    if jobs.undo_us.any():
        undo = np.where(landed > 0, jobs.undo_us[np.maximum(landed - 1, 0)], 0)
        floor, until = floor + undo, np.where(until > 0, until + undo, 0)
    tail = way.tail(start)
    floor, until = floor + tail, np.where(until > 0, until + tail, 0)
    if not life.whole:  # until a full has landed there is nothing to promote
        there = jobs.landed_us[0] if len(jobs.landed_us) else NEVER_US
        floor[start < there] = NO_WAY_US
    return floor, until


def _with_a_drain(
    jobs: Jobs, way: Way, start: Ints, passed: Ints, landed: Ints
) -> tuple[Ints, Ints]:
    before, back = way.before(start), way.back_us(start)
    total, plain = (np.append(np.int64(0), np.cumsum(x)) for x in (jobs.takes_us, jobs.plain_us))
    then = start + before  # restores that only the drain begins are as slow as they are then
    due = (
        np.searchsorted(jobs.due_us, start + before, side="right") if jobs.due_us.any() else landed
    )
    prompt = np.clip(due, passed, landed)
    begins = jobs.begun_us[passed]
    hangs = jobs.done_us[passed] == NEVER_US - 1
    drained_from = np.maximum(start + before, back)
    # what is not here yet comes by itself
    by_itself = (begins <= drained_from) | (jobs.ready_us[passed] > drained_from)
    by_itself &= prompt > passed
    # the last one that is due by itself may come later than those before it end
    last = np.maximum(prompt - 1, 0)
    last_ends = jobs.due_us[last] + jobs.takes_us[last]
    work = total[prompt] - total[passed]
    held = way.slow.slowed(plain[landed] - plain[prompt], then)
    all_of_it = way.slow.slowed(plain[landed] - plain[passed], then)
    floor = np.where(by_itself, before + held, before + all_of_it)
    until = np.where(
        by_itself,
        np.maximum(np.maximum(begins + work, last_ends), back) + held,
        np.where(back > 0, back + all_of_it, 0),
    )
    floor[hangs & (begins <= start)] = NO_WAY_US
    given_up = jobs.ready_us[landed - 1] > drained_from + way.drain_limit_us
    waits_us = np.maximum(0, way.drain_limit_us - way.tail(start))  # the tail is added later
    floor[given_up], until[given_up] = (before + waits_us)[given_up], 0
    ended = _ended_by_the_limit(jobs, way, drained_from, passed, by_itself) & ~given_up
    if ended.any():
        at, first = drained_from[ended], passed[ended]
        rest = plain[landed[ended]] - plain[first + 1]
        f, u = _tried_again(jobs, way, (at, begins[ended], first), by_itself[ended], rest)
        floor[ended] = before[ended] + f
        waited = back[ended]
        until[ended] = np.maximum(u, np.where(waited > 0, waited + f, 0))
    return floor, until


def _ended_by_the_limit(
    jobs: Jobs, way: Way, drained_from: Ints, first: Ints, by_itself: Bools
) -> Bools:
    """Is the first restore that waits ended, as it would go on for longer than a failover lets
    it?
    """
    limit = max(way.restore_limit_us, way.drain_limit_us)
    begins = jobs.begun_us[first]
    ends = np.where(jobs.done_us[first] >= NEVER_US - 1, NO_WAY_US, begins + jobs.takes_us[first])
    latest = np.maximum(drained_from + way.drain_limit_us, begins + way.restore_limit_us)
    slow = way.slow.slowed(jobs.plain_us[first], drained_from) > limit
    ended: Bools = np.where(by_itself, ends > latest, slow) & ~jobs.full[first]
    return ended


def _tried_again(
    jobs: Jobs, way: Way, when: tuple[Ints, Ints, Ints], by_itself: Bools, rest_us: Ints
) -> tuple[Ints, Ints]:
    """Return what a drain takes from its beginning on if the first restore is ended by the limit,
    and the instant at which it ends at the earliest. when: the drain begins, that restore began,
    its job. It is tried again for no longer than the drain's limit; if it hangs again, the rest is
    left.
    """
    drained_from, begins, first = when
    limit = max(way.restore_limit_us, way.drain_limit_us)
    in_drain = np.where(by_itself, way.drain_limit_us, limit)
    earliest = np.where(by_itself, begins + way.restore_limit_us, 0)
    ends = np.maximum(drained_from + in_drain, earliest)
    again = way.slow.slowed(jobs.plain_us[first], ends)
    stands = again > way.drain_limit_us
    more = np.where(stands, way.drain_limit_us, again + way.slow.slowed(rest_us, ends))
    return in_drain + more, np.where(by_itself, earliest + more, 0)


def outage_of_service(
    record: Record, scenario: Scenario, curves: Sequence[Falling], usual: bool = False
) -> Falling:
    """The worst of databases, and where they share the restore workers, all that waits divided by
    these.
    """
    workers = scenario.replay.workers
    found = list(curves)
    if len(found) > workers:
        t = tables(record)
        found.append(_shared(t, scenario, way_over(t, scenario, usual)))
    return worst_falling(found)


def _shared(t: Tables, scenario: Scenario, way: Way) -> Falling:
    """The sum of what waits in all databases, as steps, done by all workers at once. What is held
    back until the drain begins comes after all that goes on by itself.
    """
    end = min(up_until_us(t, scenario, i) for i in range(len(scenario.databases)))
    prompt, held = _Steps(), _Steps()
    for i in range(len(scenario.databases)):
        for life in lives_of(t, scenario, i):
            jobs = life.jobs
            long = (jobs.done_us - jobs.landed_us > way.shortest_us) & (jobs.landed_us < end)
            landed, done = jobs.landed_us[long], jobs.done_us[long]
            free = (
                np.maximum(jobs.due_us[long], np.minimum(jobs.begun_us[long], done))
                - way.shortest_us
            )
            free = np.clip(free, landed, done)
            held.add(landed, free, way.slow.slowed(jobs.plain_us[long], landed))
            prompt.add(free, done, jobs.takes_us[long])
    workers = scenario.replay.workers
    start = np.unique(np.concatenate((np.zeros(1, np.int64), way.start_us, *prompt.at, *held.at)))
    start = start[start < end]
    floor = (
        np.maximum(way.before(start), prompt.sum_at(start) // workers)
        + held.sum_at(start) // workers
    )
    return Falling(
        start,
        np.append(start[1:], np.int64(end)),
        floor + way.after_us,
        np.zeros(len(start), np.int64),
    )


class _Steps:
    """A sum of amounts, each there from one instant to another."""

    def __init__(self) -> None:
        self.at: list[Ints] = []
        self.by: list[Ints] = []

    def add(self, from_us: Ints, until_us: Ints, amount: Ints) -> None:
        self.at += [from_us, until_us]
        self.by += [amount, -amount]

    def sum_at(self, times: Ints) -> Ints:
        """At each instant; what begins or ends there is counted."""
        if not self.at:
            return np.zeros(len(times), np.int64)
        at, by = np.concatenate(self.at), np.concatenate(self.by)
        order = np.argsort(at, kind="stable")
        total = np.append(np.int64(0), np.cumsum(by[order]))
        return np.asarray(total[np.searchsorted(at[order], times, side="right")])
