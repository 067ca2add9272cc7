"""Standbys that are behind the first position of a new primary: they catch up without a new seed
where the logs lie there or at the new primary, else they are seeded, and it is said why (R16, W5).
"""

from __future__ import annotations

from typing import Any

import pytest

from dr_sim.backups.model import Kind
from dr_sim.measures.summary.plain import summary_json
from dr_sim.record.pairs import pair_of
from dr_sim.runs.run import Result
from dr_sim.screen.run import screen
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.primary.backup_file import CarriedFile
from dr_sim.world.primary.pruning import RETENTION
from dr_sim.world.roles.catching_up import WhySeeded
from dr_sim.world.world import World

from .runs import MINUTE, SECOND, at, ceil_div, failover, ran, rows

BEHIND = "copies/behind"
FAILED = at(1, "10:07")
ONLINE = FAILED + (30 + 21 + 10) * SECOND
FAR, LATE = 3, 4
"""The pairs behind near: A is lost, and there is no new site."""
LOG = 20_000_000
FAR_BIT_S = 600_000
ANY = "sla=[{outage: at most 1 h}]"
SHORT = "run_for=11 h"


def sound(result: Result) -> dict[str, Any]:
    found = summary_json(result.summary)
    assert found["violations"] == []
    return found


def restored(result: Result, pair: int) -> list[tuple[int, int]]:
    """(instant, fork) of what a pair has restored."""
    found = result.journal.rows("truth.restored")
    return [(r.time_us, r.values["fork"]) for r in found if pair_of(r.entity) == pair]


def why(result: Result) -> list[tuple[str, str]]:
    (found,) = summary_json(result.summary)["failovers"]
    return [(one["place"], one["why"]) for one in found["cannot_follow"]]


# ---- both follow
def test_both_follow_and_no_full_is_made_or_sent() -> None:
    result = ran(BEHIND)
    sound(result)
    found = failover(result)
    assert (found["follow"], found["seeded_anew"], found["cannot_follow"]) == (
        ["far", "late"],
        [],
        [],
    )
    assert found["data_loss_us"] == 120 * SECOND
    assert rows(result, "truth.backup_begin", kind=int(Kind.FULL)) == []


def test_the_one_on_a_slow_link_is_sent_what_it_lacks_by_the_new_primary() -> None:
    """A log of 266.7 s, and after it near's first one: of 1:59, 105.8 s over the same link."""
    result = ran(BEHIND)
    old_us = ceil_div(8 * LOG, FAR_BIT_S)
    first = LOG * (at(1, "10:10") - ONLINE) // (5 * MINUTE)
    new_us = old_us + ceil_div(8 * first, FAR_BIT_S)
    (old, fork_1), (new, fork_2), *_ = restored(result, FAR)
    assert (fork_1, fork_2) == (1, 2)
    assert old_us < old - ONLINE < old_us + 2 * SECOND
    assert new_us < new - ONLINE < new_us + 2 * SECOND
    assert failover(result)["unprotected_us"] == new - ONLINE


def test_the_one_that_waits_on_purpose_goes_on_waiting_for_an_hour() -> None:
    """Its share holds all that it lacks: it takes a log each five minutes, an hour after its
    cut.
    """
    found = restored(ran(BEHIND), LATE)
    first = at(1, "10:10")
    for i, (time_us, fork) in enumerate(found[:20]):
        due_us = first + i * 5 * MINUTE
        assert due_us < time_us < due_us + 3 * SECOND
        assert fork == (1 if due_us < at(1, "11:10") else 2)
    carried = [r for r in rows(ran(BEHIND), "truth.carried") if pair_of(r.entity) == LATE]
    assert [row.values["here"] for row in carried] == [1] * 12  # those of 9:10 to 10:05


def test_the_ledger_of_the_time_unprotected_is_that_of_the_first_to_restore() -> None:
    found = failover(ran(BEHIND))["unprotected_ledger"]
    lines = {line["cause"]: line["duration_us"] for line in found["lines"]}
    first = LOG * (at(1, "10:10") - ONLINE) // (5 * MINUTE)
    assert lines["log interval"] == at(1, "10:10") - ONLINE
    assert abs(lines["transfer"] - ceil_div(8 * first, FAR_BIT_S)) < SECOND
    assert sum(lines.values()) == failover(ran(BEHIND))["unprotected_us"]


def test_each_is_as_exposed_as_what_it_lacks_is_old() -> None:
    """far lacks what was written since 10:00:00 until it has the log of 10:05:00, 266.7 s after
    near is online: 12:28. late holds all that near holds, and is as exposed as near was.
    """
    far, late = sound(ran(BEHIND))["legs"][1]["copies"]
    peak_us = ONLINE + ceil_div(8 * LOG, FAR_BIT_S) - at(1, "10:00")
    assert peak_us < far["exposure"]["max_us"] < peak_us + SECOND
    assert late["exposure"]["max_us"] < 5 * MINUTE + 3 * SECOND


def test_a_second_failure_costs_what_the_first_left_open() -> None:
    """near is lost at 10:11:00, with far still at 10:00:00: 5 min of the old primary's writes up to
    10:05:00 are lost, and 2:59 of near's; 10 a second.
    """
    again = 'events=[{at: "Mon 10:07", lose: site}, {at: "Mon 10:11", lose: site}]'
    result = ran(BEHIND, again, ANY, SHORT)
    _, second = sound(result)["failovers"]
    assert (second["primary"], second["new_primary"]) == ("near", "far")
    assert second["data_loss_us"] == at(1, "10:11") - at(1, "10:00")
    assert second["transactions_lost"] == 10 * (300 + 179)
    assert abs(second["user_bytes_lost"] - (LOG + LOG * 179 // 300)) <= 1
    lines = second["loss_ledger"]["lines"]
    assert sum(line["duration_us"] for line in lines) == second["data_loss_us"]


# ---- it cannot follow
def test_a_copy_that_has_gone_further_is_seeded_anew() -> None:
    """near is on the slow link here, and takes over without the log that far has restored."""
    copies = "copies={near: {link: {bandwidth: 600 kbit/s}, replication: {slots: 1}}, far: {}}"
    result = ran(BEHIND, copies, ANY, SHORT)
    sound(result)
    assert why(result) == [("far", WhySeeded.FURTHER)]
    assert failover(result)["seeded_anew"] == ["crm"]
    said = screen(result.summary, result.scenario, result.verdict)
    assert f"seeded again at far: {WhySeeded.FURTHER}" in said


def test_where_a_log_lies_at_neither_it_is_seeded_anew() -> None:
    """far has heard nothing since 7:00. near burned at 8:00 with its share, and was seeded by a
    full of 8:10: the logs before that lay at the lost site alone.
    """
    events = (
        'events=[{at: "Mon 07:02", link_outage: 5 h, copy: far}, '
        '{at: "Mon 08:00", lose_secondary: 10 min, copy: near}, {at: "Mon 10:07", lose: site}]'
    )
    result = ran(BEHIND, events, ANY, SHORT)
    sound(result)
    assert why(result) == [("far", WhySeeded.HOLE)]
    found = failover(result)
    assert (found["follow"], found["new_primary"]) == (["late"], "near")


def test_a_copy_that_is_lost_is_seeded_anew() -> None:
    events = (
        'events=[{at: "Mon 10:06", lose_secondary: 8 h, copy: far}, {at: "Mon 10:07", lose: site}]'
    )
    assert why(ran(BEHIND, events, ANY, SHORT)) == [("far", WhySeeded.NO_COPY)]


def test_a_log_that_goes_at_the_new_primary_before_it_was_sent_is_got_past() -> None:
    """Retention may take it there: far asks for an incremental, as for any other hole."""
    world = World(ran(BEHIND).scenario)

    def goes() -> None:
        far = world.pair
        (file,) = far.context.by_name[0].values()
        assert isinstance(file, CarriedFile)
        assert file.there is not None and far.left_behind is not None and file.at_primary
        far.left_behind._delete(world.pairs[0], "secondary", file.there.file, RETENTION)
        assert not file.at_primary

    world.agenda.at(ONLINE + SECOND, Class.HOUSEKEEPING, -1, goes)
    journal = world.run()
    assert list(journal.rows("truth.violation")) == []
    gone = [r for r in journal.rows("truth.file_gone") if pair_of(r.entity) == FAR]
    assert (gone[0].values["where"], gone[0].values["why"]) == ("primary", RETENTION)
    asked = [r.values["kind"] for r in journal.rows("seen.TakeBackup")]
    assert asked == [int(Kind.INCREMENTAL)]


@pytest.mark.parametrize("imitates", ["sql_server", "postgres"])
def test_by_a_planned_swap_too_and_back(imitates: str) -> None:
    """Two swaps within the hour: late is then two forks behind, and catches up over both. Its first
    logs after the second swap are those of 9:35 to 10:00 and the tail of 10:02, then those of 10:05
    to 10:30 and the tail of 10:32.
    """
    events = (
        'events=[{at: "Mon 10:02", order_failover: dba}, {at: "Mon 10:32", order_failover: dba}]'
    )
    result = ran(BEHIND, events, ANY, f"engine.imitates={imitates}")
    first, second = sound(result)["failovers"]
    assert (first["follow"], second["follow"]) == (["A", "far", "late"], ["near", "far", "late"])
    assert (first["data_loss_us"], second["data_loss_us"]) == (0, 0)
    assert rows(result, "truth.backup_begin", kind=int(Kind.FULL)) == []
    late = pair_of(rows(result, "truth.standby", place="late")[-1].entity)
    assert [fork for _, fork in restored(result, late)][:15] == [1] * 7 + [2] * 7 + [3]


def test_what_befell_the_old_primary_s_share_says_nothing_of_the_new_one_s() -> None:
    """The log that far lacks was damaged there before the site was lost; near's is whole."""
    hurt = "corrupt_at_rest: {database: crm, files: 2, where: primary}"
    events = f'events=[{{at: "Mon 10:06:30", {hurt}}}, {{at: "Mon 10:07", lose: site}}]'
    result = ran(BEHIND, events, ANY, SHORT)
    sound(result)
    assert failover(result)["follow"] == ["far", "late"]
    assert [list(leg.journal.rows("truth.damaged")) for leg in result.whole.legs[1].every] == [
        [],
        [],
    ]
