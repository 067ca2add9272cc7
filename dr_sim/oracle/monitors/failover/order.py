"""The order of a failover (R15, R16): the old primary stopped first, users last, nothing restored
after recovery; and every failover ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from dr_sim.oracle.monitors.attempts import (
    NOT_FENCED,
    ORDERS,
    TWO_PRIMARIES,
    Attempt,
    attempts,
    cannot_serve,
    is_accepted,
    rows_in,
)
from dr_sim.oracle.monitors.failover.causes import long_from_us
from dr_sim.oracle.monitors.story import (
    SECOND_US,
    SLACK_US,
    Breach,
    PhaseRow,
    Story,
)
from dr_sim.record.journal import Row

NEXT = {
    "": ("watching", "choosing", "claiming", "deciding", "fencing"),
    "watching": (
        "choosing",
        "claiming",
        "deciding",
        "fencing",
        "unfencing",
    ),
    "choosing": ("watching", "claiming"),
    "claiming": ("watching", "deciding", "fencing", "unfencing"),
    "deciding": ("claiming", "fencing", "abandoned"),
    "fencing": ("preparing", "draining", "unfencing", "abandoned"),
    "preparing": ("draining", "unfencing", "abandoned"),
    "draining": ("tail", "unfencing", "abandoned"),
    "tail": ("recovering", "unfencing", "abandoned"),
    "unfencing": ("abandoned",),
    "recovering": ("provisioning", "redirecting", "unfencing", "abandoned"),
    "provisioning": ("redirecting",),
    "redirecting": ("serving",),
    "serving": (),
    "abandoned": ("watching",),
}
"""The order that R15 asks for. A restart announces its phase again."""
_ONLINE = ("recovering", "provisioning", "redirecting", "serving")


# ---- R15: the order
def phases_follow_the_order(story: Story) -> Iterator[Breach]:
    """Each phase follows the one before it; nothing is stopped or redirected outside of one."""
    for before, entered in pairwise([PhaseRow(-1, 0, ""), *story.phases]):
        if not _follows(story, before, entered):
            yield Breach(
                "R15",
                entered.seq,
                entered.time_us,
                -1,
                f"the failover goes from {before.phase or 'its start'} to {entered.phase}",
            )
    for row in story.rows("seen.Fence", "seen.Recover", "seen.Redirect"):
        if not story.failing_over(row.seq):
            yield Breach(
                "R15",
                row.seq,
                row.time_us,
                row.entity,
                f"{row.kind.removeprefix('seen.')} is ordered, and no failover is on",
            )


def _follows(story: Story, before: PhaseRow, entered: PhaseRow) -> bool:
    """Return whether a phase may follow. One that a life has saved, and died before it could say
    so, is said by the next life, unless no failover is on.
    """
    follow = NEXT.get(before.phase, ())
    if entered.phase == before.phase or entered.phase in follow:
        return True
    restarted = any(
        before.seq < row.seq < entered.seq
        for row in story.rows("truth.manager")
    )
    return (
        restarted
        and "watching" in follow
        and entered.phase in NEXT["watching"]
    )


def stopped_before_emptied(story: Story) -> Iterator[Breach]:
    """The old primary is asked to stop, and has answered or not, before anything is emptied."""
    for attempt in attempts(story):
        draining = attempt.first("draining")
        if draining is None:
            continue
        answers = [
            row
            for row in rows_in(
                story, attempt, "seen.Fenced", "seen.FenceFailed"
            )
            if row.seq < draining.seq
        ]
        if not answers:
            yield Breach(
                "R15",
                draining.seq,
                draining.time_us,
                -1,
                "the secondary is emptied before the old primary has answered the fence",
            )


def fenced_until_confirmed(story: Story) -> Iterator[Breach]:
    """A fence that failed is reported, and asked for again until it is confirmed (R16)."""
    spec = story.scenario.failover
    longest_us = (
        max(story.retry_us, spec.silent_for_us)
        + spec.fence_timeout_us
        + SLACK_US
    )
    for attempt in attempts(story):
        confirmed = [
            r.seq
            for r in rows_in(story, attempt, "seen.Fenced")
            if is_accepted(story, r)
        ]
        for row in rows_in(story, attempt, "seen.FenceFailed"):
            due_us = row.time_us + longest_us
            if any(seq < row.seq for seq in confirmed) or not is_accepted(
                story, row
            ):
                continue
            if due_us > attempt.until_us or not story.up_between(
                row.time_us, due_us
            ):
                continue
            again = any(
                row.seq < each.seq and each.time_us <= due_us
                for each in rows_in(
                    story, attempt, "seen.Fence", "seen.Fenced"
                )
            )
            if not again:
                yield Breach(
                    "R16",
                    row.seq,
                    row.time_us,
                    -1,
                    "the fence has failed, and is not asked for again",
                )
            until_us = row.time_us + SLACK_US
            if story.phase_at(row.seq) != "serving" and not _told(
                story,
                NOT_FENCED,
                _told_since_us(story, attempt, row),
                until_us,
            ):
                yield Breach(
                    "R16",
                    row.seq,
                    row.time_us,
                    -1,
                    "the fence has failed, and no alert says that two primaries may accept writes",
                )


def not_called_off_once_stopped(story: Story) -> Iterator[Breach]:
    """A primary that has been stopped is not left without a successor: it serves again, or cannot.
    One of several copies may leave it to another (left.py).
    """
    if story.scenario.ranks > 1:
        return
    for attempt in attempts(story):
        if attempt.last != "abandoned":
            continue
        stopped = [
            row
            for row in story.rows("truth.fenced")
            if row.seq < attempt.until_seq
            and row.values["writes_stop"]
            and not story.serves_again(row.time_us)
        ]
        if stopped and not cannot_serve(story, attempt):
            yield Breach(
                "R15",
                attempt.until_seq,
                attempt.until_us,
                -1,
                "the failover is called off, and the old primary has been stopped: nobody serves",
            )


def nothing_is_restored_after_recovery(story: Story) -> Iterator[Breach]:
    """Once a database is being brought online nothing more is handed to it."""
    for attempt in attempts(story):
        for row in rows_in(
            story, attempt, "seen.Restore", "seen.RestoreUntil"
        ):
            ordered = [
                each
                for each in rows_in(story, attempt, "seen.Recover")
                if each.entity == row.entity and each.seq < row.seq
            ]
            if not ordered:
                continue
            since = ordered[-1].seq
            undone = any(
                since < each.seq < row.seq
                for each in story.rows(
                    "seen.RecoverFailed", "seen.Inventory"
                )
            )
            if not undone:
                yield Breach(
                    "R15",
                    row.seq,
                    row.time_us,
                    row.entity,
                    f"{row.values['name']} is handed over after the database was ordered online",
                )
                break


def users_come_last(story: Story) -> Iterator[Breach]:
    """Users are sent here when every database that was ordered online has answered, and the
    directory holds what they need.
    """
    for attempt in attempts(story):
        for row in rows_in(story, attempt, "seen.Redirect")[:1]:
            before = [
                each
                for each in rows_in(
                    story,
                    attempt,
                    "seen.Recover",
                    "seen.Recovered",
                    "seen.RecoverFailed",
                    "seen.Inventory",
                    "seen.Provisioned",
                )
                if each.seq < row.seq
            ]
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
                    "R15",
                    row.seq,
                    row.time_us,
                    min(open_ones),
                    f"users are sent here before {name} is online",
                )
            complete = any(
                each.kind == "seen.Provisioned" for each in before
            )
            if story.scenario.directory.changes_num and not complete:
                yield Breach(
                    "R15",
                    row.seq,
                    row.time_us,
                    -1,
                    "users are sent here before the directory holds their accounts",
                )


# ---- R16, and the end
def _told_since_us(story: Story, attempt: Attempt, failed: Row) -> int:
    """Return from when on an alert about that answer counts. An answer to an earlier failover may
    come in this one: then more answers come than were asked for, and one alert is enough.
    """
    asked = rows_in(story, attempt, "seen.Fence")
    answers = rows_in(story, attempt, "seen.FenceFailed")
    asked_before = sum(each.seq < failed.seq for each in asked)
    answered = sum(each.seq <= failed.seq for each in answers)
    if answered > asked_before:
        return attempt.begin.time_us
    return failed.time_us


def two_primaries_are_told(story: Story) -> Iterator[Breach]:
    """An old primary that was not stopped and is heard again is reported at once (event 13), be it
    that a restart finds a machine that was silent before.
    """
    for attempt in attempts(story):
        confirmed = [
            r.seq
            for r in rows_in(story, attempt, "seen.Fenced")
            if is_accepted(story, r)
        ]
        for row in rows_in(
            story, attempt, "seen.HeartbeatBack", "seen.Inventory"
        ):
            if any(seq < row.seq for seq in confirmed):
                continue
            heard = story.heard_at(row)
            if not heard:
                continue
            if row.kind == "seen.Inventory" and _told(
                story, TWO_PRIMARIES, attempt.begin.time_us, row.time_us
            ):
                continue  # people know
            until_us = row.time_us + SLACK_US
            if until_us > story.end_us or not story.up_between(
                row.time_us, until_us
            ):
                continue
            if story.phase_at(row.seq) in _ONLINE and not _told(
                story, TWO_PRIMARIES, row.time_us, until_us
            ):
                yield Breach(
                    "R16",
                    row.seq,
                    row.time_us,
                    -1,
                    f"{heard[0]} answers again and was not stopped; no alert says so",
                )


def a_failover_ends_or_says_why(story: Story) -> Iterator[Breach]:
    """A failover serves in the end, or continues, or says what it waits for."""
    spec, users = story.scenario.failover, story.scenario.failover
    longest_us = max(
        spec.drain_limit_us, spec.restore_limit_us, story.retry_us
    )
    longest_us += (
        story.retry_us
        + spec.fence_timeout_us
        + users.switch_us
        + users.ttl_us
    )
    longest_us += 2 * story.scenario.manager_restart_us + 10 * SLACK_US
    signs = (
        "seen.RaiseAlert",
        "seen.EnterPhase",
        "seen.Restored",
        "seen.Recovered",
        "seen.RecoverFailed",
        "seen.Redirected",
        "seen.Landed",
        "seen.RestoreFailed",
        "seen.EndRestore",
        "seen.RestoreGoesOn",
        "seen.Fence",
        "seen.Recover",
        "seen.Provision",
    )
    for attempt in attempts(story):
        if attempt.last in ("abandoned", "serving"):
            continue
        seqs = [row.time_us for row in rows_in(story, attempt, *signs)]
        last_us = max([attempt.begin.time_us, *seqs])
        if attempt.last == "provisioning":
            continue  # by hand, for as long as it takes
        if story.end_us - last_us > longest_us and story.up_between(
            last_us + SECOND_US, story.end_us
        ):
            yield Breach(
                "R15",
                attempt.phases[-1].seq,
                last_us,
                -1,
                f"the failover stands in its phase {attempt.last}, and says nothing",
            )


def planned_loses_nothing(story: Story) -> Iterator[Breach]:
    """A planned failover of a primary that lives loses nothing (R15). A restart may find that the
    primary is silent: then people decide, or nothing is waited for any more, and it is planned no
    more.
    """
    if story.count("truth.failed") or story.count("seen.HeartbeatLost"):
        return
    operators = story.scenario.failover.operators
    orders = [
        row
        for row in story.rows(*ORDERS)
        if row.values["operator"] in operators
    ]
    if not orders or any(not row.values.get("planned") for row in orders):
        return
    for row in story.rows("truth.promoted"):
        lost = row.values["transactions_lost"]
        if lost and not (
            _was_decided(story, row.seq) or _was_found_silent(story, row)
        ):
            yield Breach(
                "R15",
                row.seq,
                row.time_us,
                row.entity,
                f"a planned failover loses {lost} transactions",
            )


def _was_decided(story: Story, seq: int) -> bool:
    """Return whether the failover that went on at that row began with a decision of people, who
    were asked because the primary was silent.
    """
    begun = [each for each in attempts(story) if each.begin.seq < seq]
    if not begun:
        return False
    before = [row for row in story.phases if row.seq < begun[-1].begin.seq]
    watched = [row.seq for row in before if row.phase == "watching"]
    since_seq = watched[-1] if watched else -1
    return any(
        row.phase == "deciding" and row.seq > since_seq for row in before
    )


def _was_found_silent(story: Story, row: Row) -> bool:
    """Return whether the primary was silent for long at that row, as an inventory showed."""
    silent_us = long_from_us(story, story.silent_at(row.seq))
    return silent_us is not None and silent_us <= row.time_us


def _told(story: Story, event: int, from_us: int, until_us: int) -> bool:
    return any(
        row.values["event_id"] == event
        and from_us <= row.time_us <= until_us
        for row in story.rows("seen.RaiseAlert")
    )
