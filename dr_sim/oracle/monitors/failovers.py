"""The order of a failover (R14 to R16): begun for a reason, the old primary stopped first, emptied,
brought online, users last; nothing given up early or in silence; and every failover ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dr_sim.oracle.monitors.alerts import ERRORS, MISSING, position_before
from dr_sim.oracle.monitors.primary import silent_at
from dr_sim.oracle.monitors.story import (
    LOG,
    OFF,
    SECOND_US,
    SLACK_US,
    Breach,
    PhaseRow,
    Story,
    kind_in_name,
)
from dr_sim.record.journal import Row

LEFT_BEHIND, NOT_FENCED, TWO_PRIMARIES, NOTHING_HERE = 6, 12, 13, 15
NEXT = {
    "": ("watching", "claiming", "deciding", "fencing"),
    "watching": ("claiming", "deciding", "fencing"),
    "claiming": ("watching", "deciding", "fencing"),
    "deciding": ("fencing", "abandoned"),
    "fencing": ("draining", "abandoned"),
    "draining": ("tail", "abandoned"),
    "tail": ("recovering", "abandoned"),
    "recovering": ("provisioning", "redirecting", "abandoned"),
    "provisioning": ("redirecting",),
    "redirecting": ("serving",),
    "serving": (),
    "abandoned": ("watching",),
}
"""The order that R15 asks for. A restart announces its phase again."""
_ONLINE = ("recovering", "provisioning", "redirecting", "serving")
_ORDERS = ("seen.FailoverOrdered", "seen.FailoverOrderedToPoint")


@dataclass(slots=True)
class Attempt:
    """One failover, from its first phase to its end or the run's. until_seq: the row that ended
    it.
    """

    begin: PhaseRow
    phases: list[PhaseRow]
    until_seq: int
    until_us: int

    def first(self, phase: str) -> PhaseRow | None:
        return next((row for row in self.phases if row.phase == phase), None)

    @property
    def last(self) -> str:
        return self.phases[-1].phase


def attempts(story: Story) -> list[Attempt]:
    """Return the failovers of a run. What comes after one that serves is part of it."""
    found: list[Attempt] = []
    going: Attempt | None = None
    for row in story.phases:
        if going is None and row.phase not in OFF:
            going = Attempt(row, [], len(story.journal), story.end_us)
            found.append(going)
        if going is not None:
            going.phases.append(row)
            if row.phase == "abandoned":
                going.until_seq, going.until_us = row.seq, row.time_us
                going = None
    return found


def _in(story: Story, attempt: Attempt, *kinds: str) -> list[Row]:
    return [
        row
        for row in story.rows(*kinds)
        if attempt.begin.seq < row.seq < attempt.until_seq
    ]


def _accepted(story: Story, row: Row) -> bool:
    """Return whether an answer reached the life of the manager that had asked for it."""
    incarnation = 0
    for life in story.rows("truth.manager"):
        if life.seq > row.seq:
            break
        incarnation = life.values["incarnation"]
    return row.values["incarnation"] in (0, incarnation)


# ---- R14
def orders_are_obeyed_or_refused(story: Story) -> Iterator[Breach]:
    """Whoever may orders a failover, and it begins or is refused; whoever may not is refused."""
    operators = story.scenario.failover.operators
    for row in story.rows(*_ORDERS):
        operator = row.values["operator"]
        refused = [
            each
            for each in story.rows("seen.RefuseOrder")
            if each.seq > row.seq
            and each.time_us <= row.time_us + 2 * SLACK_US
            and each.values["operator"] == operator
        ]
        until_us = row.time_us + 2 * SLACK_US
        if until_us > story.end_us or not story.up_between(
            row.time_us, until_us
        ):
            continue
        if operator not in operators and not refused:
            yield Breach(
                "R14", row.seq, row.time_us, -1,
                f"an order of {operator!r}, who may not give one, is not refused",
            )  # fmt: skip
        begun = story.failover_within(row.time_us, until_us)
        if operator in operators and not refused and not begun:
            yield Breach(
                "R14", row.seq, row.time_us, -1,
                f"an order of {operator!r} is neither obeyed nor refused",
            )  # fmt: skip


def begun_for_a_reason(story: Story) -> Iterator[Breach]:
    """A failover begins by an order, by an operator's word, or by silence that is long enough; a
    planned one only if the chain is whole.
    """
    for attempt in attempts(story):
        begin = attempt.begin
        if begin.phase != "fencing" or _was_on_before(story, begin):
            continue
        order = _order_before(story, begin)
        if (
            order is None
            and not _approved(story, begin)
            and not _silent_for_long(story, begin)
        ):
            yield Breach(
                "R14", begin.seq, begin.time_us, -1,
                "a failover begins without an order, an operator's word, or silence that is "
                "long enough",
            )  # fmt: skip
        if order is not None and order.values.get("planned"):
            yield from _begun_over_a_hole(story, begin)


def _was_on_before(story: Story, begin: PhaseRow) -> bool:
    """Return whether a restart only announces again what a life before had begun and saved."""
    life = story.life_at(begin.time_us)[0]
    return begin.time_us - life <= SECOND_US and life > story.first_start_us


def _order_before(story: Story, begin: PhaseRow) -> Row | None:
    """Return the order of somebody who may that could have begun it: the share may have been
    looked at first.
    """
    orders = [
        row
        for row in story.rows(*_ORDERS)
        if row.seq < begin.seq
        and begin.time_us - row.time_us <= 2 * SLACK_US
        and row.values["operator"] in story.scenario.failover.operators
    ]
    return orders[-1] if orders else None


def _approved(story: Story, begin: PhaseRow) -> bool:
    return any(
        row.seq < begin.seq
        and begin.time_us - row.time_us <= SECOND_US
        and row.values["approve"]
        and row.values["operator"] in story.scenario.failover.operators
        for row in story.rows("seen.OperatorAnswered")
    )


def _long_from_us(story: Story, silent: dict[str, int]) -> int | None:
    """Return from when on enough machines have been silent for long enough; None: too few are."""
    spec, machines = story.scenario.failover, story.scenario.machines
    needed = spec.machines_silent or len(machines)
    seen = sorted(at for machine, at in silent.items() if machine in machines)
    return (
        seen[needed - 1] + spec.silent_for_us if len(seen) >= needed else None
    )


def _silent_for_long(story: Story, begin: PhaseRow) -> bool:
    if story.scenario.failover.mode != "automatic":
        return False
    at = _long_from_us(story, silent_at(story, begin.seq))
    return at is not None and at <= begin.time_us


def _begun_over_a_hole(story: Story, begin: PhaseRow) -> Iterator[Breach]:
    for row in story.rows("seen.RaiseAlert"):
        database = story.database(row.values["database"])
        recent = (
            begin.time_us - story.retry_us - SLACK_US
            <= row.time_us
            <= begin.time_us
        )
        if (
            not recent
            or row.seq > begin.seq
            or row.values["event_id"] not in (MISSING, ERRORS)
        ):
            continue
        since = story.between("seen.Restored", database, row.seq, begin.seq)
        news = ("seen.Landed", "seen.Validated")
        if since.stop == since.start and not any(
            (found := story.between(kind, database, row.seq, begin.seq)).stop
            > found.start
            for kind in news
        ):
            yield Breach(
                "R15", begin.seq, begin.time_us, database,
                "a planned failover begins while the chain is broken: it would lose data",
            )  # fmt: skip
            return


def a_silent_primary_is_acted_upon(story: Story) -> Iterator[Breach]:
    """Silence that is long enough is acted upon: a failover, a page that is sent again until it is
    answered, or word that there is nothing to fail over to. One of several standbys waits its turn,
    and then claims; another may be there before it.
    """
    changes = story.rows(
        "seen.HeartbeatLost", "seen.HeartbeatBack", "seen.Inventory"
    )
    for row, following in pairwise([*changes, None]):
        assert row is not None
        at = _long_from_us(story, silent_at(story, row.seq + 1))
        if at is None:
            continue
        end_us = following.time_us if following is not None else story.end_us
        due_us = (
            max(at, row.time_us, story.life_at(max(at, row.time_us))[0])
            + 2 * SLACK_US
        )
        due_us += story.scenario.rank * story.scenario.failover.turn_us
        if due_us >= end_us or not story.up_between(
            due_us - 2 * SLACK_US, due_us
        ):
            continue
        if _acted(story, at, due_us):
            continue
        yield Breach(
            "R14", row.seq, due_us, -1,
            "the primary has been silent for long enough, and nothing is done",
        )  # fmt: skip
    yield from _pages_are_repeated(story)


def _acted(story: Story, at_us: int, due_us: int) -> bool:
    if story.failover_within(0, due_us):
        return any(
            row.phase not in OFF
            for row in story.phases
            if row.time_us <= due_us
        )
    declined = any(
        row.time_us <= due_us and not row.values["approve"]
        for row in story.rows("seen.OperatorAnswered")
    )
    told = any(
        row.values["event_id"] == NOTHING_HERE and row.time_us <= due_us
        for row in story.rows("seen.RaiseAlert")
    )
    paged = any(
        row.time_us <= due_us for row in story.rows("seen.PageOperator")
    )
    looked = any(
        at_us <= row.time_us <= due_us for row in story.rows("seen.ListShare")
    )
    no = (
        "seen.RefuseOrder",
        "seen.ClaimRefused",
    )  # an order, or another standby takes over
    refused = any(row.time_us <= due_us for row in story.rows(*no))
    return declined or told or paged or looked or refused


def _pages_are_repeated(story: Story) -> Iterator[Breach]:
    """A page may reach nobody: it is sent again at every retry until it is answered."""
    pages = story.rows("seen.PageOperator")
    for row, following in pairwise([*pages, None]):
        assert row is not None
        due_us = row.time_us + story.retry_us + SLACK_US
        if following is not None and following.time_us <= due_us:
            continue
        if due_us >= story.end_us or not story.up_between(row.time_us, due_us):
            continue
        later = [
            (r.seq, r.time_us) for r in story.rows("seen.OperatorAnswered")
        ]
        later += [(r.seq, r.time_us) for r in story.phases]
        over = any(
            row.seq < seq and time_us <= due_us for seq, time_us in later
        )
        if not over:
            yield Breach(
                "R14", row.seq, row.time_us, -1,
                "a page that nobody has answered is not sent again at the next retry",
            )  # fmt: skip


# ---- R15: the order
def phases_follow_the_order(story: Story) -> Iterator[Breach]:
    """Each phase follows the one before it; nothing is stopped or redirected outside of one."""
    for before, entered in pairwise([PhaseRow(-1, 0, ""), *story.phases]):
        if entered.phase != before.phase and entered.phase not in NEXT.get(
            before.phase, ()
        ):
            yield Breach(
                "R15", entered.seq, entered.time_us, -1,
                f"the failover goes from {before.phase or 'its start'} to {entered.phase}",
            )  # fmt: skip
    for row in story.rows("seen.Fence", "seen.Recover", "seen.Redirect"):
        if not story.failing_over(row.seq):
            yield Breach(
                "R15", row.seq, row.time_us, row.entity,
                f"{row.kind.removeprefix('seen.')} is ordered, and no failover is on",
            )  # fmt: skip


def stopped_before_emptied(story: Story) -> Iterator[Breach]:
    """The old primary is asked to stop, and has answered or not, before anything is emptied."""
    for attempt in attempts(story):
        draining = attempt.first("draining")
        if draining is None:
            continue
        answers = [
            row
            for row in _in(story, attempt, "seen.Fenced", "seen.FenceFailed")
            if row.seq < draining.seq
        ]
        if not answers:
            yield Breach(
                "R15", draining.seq, draining.time_us, -1,
                "the secondary is emptied before the old primary has answered the fence",
            )  # fmt: skip


def fenced_until_confirmed(story: Story) -> Iterator[Breach]:
    """A fence that failed is told, and asked for again until it is confirmed (R16)."""
    spec = story.scenario.failover
    longest_us = (
        max(story.retry_us, spec.silent_for_us)
        + spec.fence_timeout_us
        + SLACK_US
    )
    for attempt in attempts(story):
        confirmed = [
            r.seq
            for r in _in(story, attempt, "seen.Fenced")
            if _accepted(story, r)
        ]
        for row in _in(story, attempt, "seen.FenceFailed"):
            due_us = row.time_us + longest_us
            if any(seq < row.seq for seq in confirmed) or not _accepted(
                story, row
            ):
                continue
            if due_us > attempt.until_us or not story.up_between(
                row.time_us, due_us
            ):
                continue
            again = any(
                row.seq < each.seq and each.time_us <= due_us
                for each in _in(story, attempt, "seen.Fence", "seen.Fenced")
            )
            if not again:
                yield Breach(
                    "R16", row.seq, row.time_us, -1,
                    "the fence has failed, and is not asked for again",
                )  # fmt: skip
            if story.phase_at(row.seq) != "serving" and not _told(
                story, NOT_FENCED, row.time_us
            ):
                yield Breach(
                    "R16", row.seq, row.time_us, -1,
                    "the fence has failed, and nobody is told that two may accept writes",
                )  # fmt: skip


def _told(story: Story, event: int, at_us: int) -> bool:
    return any(
        row.values["event_id"] == event
        and at_us <= row.time_us <= at_us + SLACK_US
        for row in story.rows("seen.RaiseAlert")
    )


def not_called_off_once_stopped(story: Story) -> Iterator[Breach]:
    """A primary that has been stopped is not left without a successor."""
    for attempt in attempts(story):
        if attempt.last != "abandoned":
            continue
        stopped = [
            row
            for row in story.rows("truth.fenced")
            if attempt.begin.seq < row.seq < attempt.until_seq
            and row.values["writes_stop"]
        ]
        if stopped:
            yield Breach(
                "R15", attempt.until_seq, attempt.until_us, -1,
                "the failover is called off, and the old primary has been stopped: nobody serves",
            )  # fmt: skip


# ---- R15: emptied, the tail, what stays behind
def _recovers(story: Story, attempt: Attempt) -> list[Row]:
    """Return the first order to bring each database online."""
    found: dict[int, Row] = {}
    for row in _in(story, attempt, "seen.Recover"):
        found.setdefault(row.entity, row)
    return list(found.values())


def _to_a_point(story: Story, row: Row) -> bool:
    return any(
        each.seq < row.seq
        and each.values["target"] in ("", story.name(row.entity))
        for each in story.rows("seen.FailoverOrderedToPoint")
    )


def _limit_us(story: Story, attempt: Attempt) -> int:
    """Return when the drain's limit is over: it counts from the first emptying."""
    draining = attempt.first("draining")
    begun_us = attempt.begin.time_us if draining is None else draining.time_us
    return begun_us + story.scenario.failover.drain_limit_us


def tails_are_asked_for(story: Story) -> Iterator[Breach]:
    """Whether the old primary's log can be read is known only by trying: its tail is asked for."""
    for attempt in attempts(story):
        asked = {row.entity for row in _in(story, attempt, "seen.TakeTail")}
        for row in _recovers(story, attempt):
            if row.entity in asked or not story.log_interval_us(row.entity):
                continue
            if row.time_us >= _limit_us(story, attempt) or _to_a_point(
                story, row
            ):
                continue
            yield Breach(
                "R15", row.seq, row.time_us, row.entity,
                "the database is brought online, and the old primary's tail was never asked for",
            )  # fmt: skip


def _awaited(story: Story, attempt: Attempt, row: Row) -> list[str]:
    """Return the logs that the primary's share has told of, or the tail, and that have not landed
    when a database is brought online.
    """
    names: set[str] = set()
    for each in _in(story, attempt, "seen.ShareAnswered", "seen.TailTaken"):
        if (
            each.seq > row.seq
            or each.entity != row.entity
            or not _accepted(story, each)
        ):
            continue
        if each.kind == "seen.TailTaken":
            names |= {each.values["name"]} - {""}
        elif each.values["reachable"]:
            names |= {
                n
                for n in json.loads(each.values["waiting"])
                if kind_in_name(n) == LOG
            }
    landed = story.of("seen.Landed", row.entity)
    here = {
        story.text(n) for n in landed["name"][landed["seq"] < row.seq].tolist()
    }
    for each in story.rows("seen.Inventory"):
        if each.seq < row.seq:
            files = json.loads(each.values["files"])
            here |= {file[0] for file in files.get(story.name(row.entity), [])}
    refused = {
        each.values["name"]
        for each in _in(story, attempt, "seen.RecopyFailed")
        if each.entity == row.entity
    }
    return sorted(names - here - refused)


def nothing_is_given_up_early(story: Story) -> Iterator[Breach]:
    """Check that the drain waits for what is on its way, and the tail, until its limit is over."""
    for attempt in attempts(story):
        for row in _recovers(story, attempt):
            if row.time_us >= _limit_us(story, attempt) or _to_a_point(
                story, row
            ):
                continue
            awaited = _awaited(story, attempt, row)
            if awaited:
                yield Breach(
                    "R15", row.seq, row.time_us, row.entity,
                    f"{awaited[0]} is on its way, the drain's limit is not over, and the "
                    "database is brought online without it",
                )  # fmt: skip


def what_stays_behind_is_told(story: Story) -> Iterator[Breach]:
    """Check that event 6 tells what a failover leaves behind when a database is brought online."""
    for attempt in attempts(story):
        for row in _recovers(story, attempt):
            if _to_a_point(story, row):
                continue
            told = any(
                each.values["event_id"] == LEFT_BEHIND
                and each.values["database"] == story.name(row.entity)
                and attempt.begin.time_us <= each.time_us <= row.time_us
                for each in story.rows("seen.RaiseAlert")
            )
            left = _awaited(story, attempt, row) or _beyond(story, row)
            if left and not told:
                yield Breach(
                    "R15", row.seq, row.time_us, row.entity,
                    f"{left[0]} stays behind, and nobody is told",
                )  # fmt: skip


def _beyond(story: Story, row: Row) -> list[str]:
    """Return the logs that are here and whole and end past the database's position."""
    fork, redo = position_before(story, row.entity, row.seq)
    if fork < 0:
        return []
    rows = story.of("seen.Validated", row.entity)
    beyond = (rows["seq"] < row.seq) & (rows["header.kind"] == LOG)
    beyond &= (rows["header.last_lsn"] > redo) & (rows["header.fork"] == fork)
    beyond &= rows["header.last_lsn"] > rows["header.first_lsn"]
    names = rows["name"][beyond]
    for kind in ("seen.Delete", "seen.ValidationFailed", "seen.Restored"):
        other = story.of(kind, row.entity)
        names = names[~np.isin(names, other["name"][other["seq"] < row.seq])]
    return [story.text(name) for name in names[:1].tolist()]


def nothing_is_restored_after_recovery(story: Story) -> Iterator[Breach]:
    """Once a database is being brought online nothing more is handed to it."""
    for attempt in attempts(story):
        for row in _in(story, attempt, "seen.Restore", "seen.RestoreUntil"):
            ordered = [
                each
                for each in _in(story, attempt, "seen.Recover")
                if each.entity == row.entity and each.seq < row.seq
            ]
            if not ordered:
                continue
            since = ordered[-1].seq
            undone = any(
                since < each.seq < row.seq
                for each in story.rows("seen.RecoverFailed", "seen.Inventory")
            )
            if not undone:
                yield Breach(
                    "R15", row.seq, row.time_us, row.entity,
                    f"{row.values['name']} is handed over after the database was ordered online",
                )  # fmt: skip
                break


def users_come_last(story: Story) -> Iterator[Breach]:
    """Users are sent here when every database that was ordered online has answered, and the
    directory holds what they need.
    """
    for attempt in attempts(story):
        for row in _in(story, attempt, "seen.Redirect")[:1]:
            before = [
                each
                for each in _in(story, attempt, "seen.Recover", "seen.Recovered",
                                "seen.RecoverFailed", "seen.Inventory", "seen.Provisioned")
                if each.seq < row.seq
            ]  # fmt: skip
            open_ones: set[int] = set()
            for each in before:
                if each.kind == "seen.Recover":
                    open_ones.add(each.entity)
                elif each.kind == "seen.Inventory":
                    open_ones.clear()
                else:
                    open_ones.discard(each.entity)
            if open_ones:
                name = story.name(min(open_ones))
                yield Breach(
                    "R15", row.seq, row.time_us, min(open_ones),
                    f"users are sent here before {name} is online",
                )  # fmt: skip
            complete = any(each.kind == "seen.Provisioned" for each in before)
            if story.scenario.directory.changes_num and not complete:
                yield Breach(
                    "R15", row.seq, row.time_us, -1,
                    "users are sent here before the directory holds their accounts",
                )  # fmt: skip


# ---- R16, and the end
def two_primaries_are_told(story: Story) -> Iterator[Breach]:
    """An old primary that was not stopped and is heard again is told at once (event 13)."""
    for attempt in attempts(story):
        confirmed = [
            r.seq
            for r in _in(story, attempt, "seen.Fenced")
            if _accepted(story, r)
        ]
        for row in _in(story, attempt, "seen.HeartbeatBack"):
            if any(seq < row.seq for seq in confirmed):
                continue
            if row.values["machine"] not in silent_at(story, row.seq):
                continue
            until_us = row.time_us + SLACK_US
            if until_us > story.end_us or not story.up_between(
                row.time_us, until_us
            ):
                continue
            if story.phase_at(row.seq) in _ONLINE and not _told(
                story, TWO_PRIMARIES, row.time_us
            ):
                yield Breach(
                    "R16", row.seq, row.time_us, -1,
                    f"{row.values['machine']} is heard again and was not stopped; nobody is told",
                )  # fmt: skip


def a_failover_ends_or_says_why(story: Story) -> Iterator[Breach]:
    """A failover serves in the end, or goes on, or says what it waits for."""
    spec, users = story.scenario.failover, story.scenario.failover
    longest_us = max(
        spec.drain_limit_us, spec.restore_limit_us, story.retry_us
    )
    longest_us += (
        story.retry_us + spec.fence_timeout_us + users.switch_us + users.ttl_us
    )
    longest_us += 2 * story.scenario.manager_restart_us + 10 * SLACK_US
    signs = (
        "seen.RaiseAlert", "seen.EnterPhase", "seen.Restored", "seen.Recovered",
        "seen.RecoverFailed", "seen.Redirected", "seen.Landed", "seen.RestoreFailed",
        "seen.EndRestore", "seen.RestoreGoesOn", "seen.Fence", "seen.Recover", "seen.Provision",
    )  # fmt: skip
    for attempt in attempts(story):
        if attempt.last in ("abandoned", "serving"):
            continue
        seqs = [row.time_us for row in _in(story, attempt, *signs)]
        last_us = max([attempt.begin.time_us, *seqs])
        if attempt.last == "provisioning":
            continue  # by hand, for as long as it takes
        if story.end_us - last_us > longest_us and story.up_between(
            last_us + SECOND_US, story.end_us
        ):
            yield Breach(
                "R15", attempt.phases[-1].seq, last_us, -1,
                f"the failover stands in its phase {attempt.last}, and says nothing",
            )  # fmt: skip


def planned_loses_nothing(story: Story) -> Iterator[Breach]:
    """A planned failover of a primary that lives loses nothing (R15)."""
    if story.count("truth.failed") or story.count("seen.HeartbeatLost"):
        return
    operators = story.scenario.failover.operators
    orders = [
        row
        for row in story.rows(*_ORDERS)
        if row.values["operator"] in operators
    ]
    if not orders or any(not row.values.get("planned") for row in orders):
        return
    for row in story.rows("truth.promoted"):
        if row.values["transactions_lost"]:
            yield Breach(
                "R15", row.seq, row.time_us, row.entity,
                f"a planned failover loses {row.values['transactions_lost']} transactions",
            )  # fmt: skip
