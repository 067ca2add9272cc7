"""Valid scenarios of ordinary events in bad combinations: no invariant breaks, nothing ends in an
error, nothing is lost in vain.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.runs.run import Result, run
from tests.at_length import some_or_all

from .runs import ran, rows

BASE = """\
name: hostile
run_for: {run_for}
databases: {databases}
link: {{bandwidth: 200 Mbit/s}}
{more}
"""
CRM = "{crm: {size: 50 GB}}"

Played = Callable[..., Result]


@pytest.fixture
def played(tmp_path: Path) -> Played:
    def play(more: str, databases: str = CRM, run_for: str = "1 day", *overrides: str) -> Result:
        path = tmp_path / "s.yaml"
        path.write_text(BASE.format(run_for=run_for, databases=databases, more=more))
        result = run(load_scenario(path, overrides))
        assert summary_json(result.summary)["violations"] == []
        return result

    return play


def happened(result: Result, kind: str) -> list[str]:
    return [
        str(r.values["detail"])
        for leg in result.whole.legs
        for r in leg.journal.rows("truth.event")
        if r.values["what"] == kind
    ]


# ---- invariants
@pytest.mark.parametrize("mode", ["automatic", "manual"])
@pytest.mark.parametrize("back", ["1 h 38 s", "1 h 41 s", "1 h 50 s"])
@pytest.mark.parametrize("what", ["database", "host", "site"])
def test_readers_who_come_back_during_a_drain_are_turned_away(
    what: str, back: str, mode: str, played: Played
) -> None:
    result = played(
        f"failover: {{mode: {mode}, operator: {{answers_in: 0 s}}}}\n"
        f"events: [{{at: 20 min, readers: {{database: crm, duration: 2 h}}}}, {{at: 1 h 1 "
        f"s, lose: {what}}}, "
        f"{{at: {back}, readers: {{database: crm, duration: 10 min}}}}]"
    )
    (failover,) = summary_json(result.summary)["failovers"]
    assert failover["data_loss_us"] == (0 if what == "database" else 301_000_000)
    if what == "database":  # the drain has begun by then
        assert (
            "nothing: readers are turned away: the recovery manager holds the database for itself"
            in happened(result, "readers")
        )


@pytest.mark.parametrize("engine", ["sql_server", "postgres"])
def test_readers_who_come_again_and_again_lose_nothing(engine: str, played: Played) -> None:
    result = played(
        f"engine: {{imitates: {engine}}}\nfailover: {{mode: automatic}}\nevents: [{{at: 1 "
            f"h, lose: database}}]\n"
        "faults: {readers: {rate: 1 per min, database: crm, duration: 5 min, again: "
            "{chance: 90 %, after: 5 min}}}",
        CRM, "6 h",
    )  # fmt: skip
    assert summary_json(result.summary)["failovers"][0]["data_loss_us"] == 0


@pytest.mark.parametrize("at", ["10 h 1 min", "9 h 59 min 59 s"])
@pytest.mark.parametrize("validate", ["[hash]", "[hash, properties]"])
@pytest.mark.parametrize("files", [1, 2])
def test_an_older_version_of_a_last_log_is_found_out_in_the_drain(
    files: int, validate: str, at: str, played: Played
) -> None:
    result = played(
        f"failover: {{mode: automatic}}\nreplay: {{validate: '{validate}'}}\n".replace("'", "")
        + f"events: [{{at: {at}, older_version: {{database: crm, files: {files}}}}}, {{at: "
        f"10 h 2 min, lose: database}}]"
    )
    assert summary_json(result.summary)["failovers"][0]["data_loss_us"] == 0


@pytest.mark.parametrize(
    "how",
    [
        "torn_copy: crm",
        "torn_copy: {database: crm, leaves: whole size}",
        "older_version: crm",
        "corrupt_in_transit: {database: crm}",
    ],
)
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("copy_rate", ["clone", "1 MB/s"])
def test_what_is_written_over_a_validated_file_is_validated_anew(
    how: str, workers: int, copy_rate: str, played: Played
) -> None:
    """It waits for readers to go, for a worker, or for its working copy."""
    played(
        f"replay: {{workers: {workers}}}\nsecondary: {{copy_rate: {copy_rate}}}\n"
        "events: [{at: 1 h, readers: {database: crm, duration: 20 min}}, {at: 1 h 4 min, "
            "duplicate_file: crm},\n"
        f"  {{at: 1 h 4 min 30 s, duplicate_file: {{database: crm, after: 5 s}}}}, {{at: "
            f"1 h 5 min 30 s, {how}}}]",
        "{crm: {size: 50 GB}, web: {size: 90 GB}, erp: {size: 20 GB}}", "4 h",
    )  # fmt: skip


@pytest.mark.parametrize("after", [1, 50, 99])
def test_what_lands_while_a_file_is_restored_is_not_what_was_restored(
    after: int, played: Played
) -> None:
    result = played(
        f"events: [{{at: 1 h 2 min, half_written: {{database: crm, after: {after} %}}}}, "
        f"{{at: 1 h 5 min 2 s, older_version: crm}}]"
    )
    assert summary_json(result.summary)["alerts"]["missed"] == 0


@pytest.mark.parametrize("at", ["1 h 31 min", "1 h 33 min", "1 h 38 min"])
def test_a_limit_that_is_over_while_a_base_is_checked_costs_no_tail(
    at: str, played: Played
) -> None:
    """A full of 5 GB is 3 min 20 on its way and hashed for 8 min 20: the drain's limit of 10 min is
    over, and the limit of a retry, before anything is restored. The log can still be read.
    """
    result = played(
        "failover: {mode: automatic}\nsecondary: {hash_rate: 10 MB/s}\nevents:\n"
        f"  - {{at: 90 min, operator_mistake: wipes the secondary host}}\n  - {{at: {at}, lose: "
        "database}",
        "{crm: {size: 5 GB, full: every 1 h, incremental: none}}", "4 h",
    )  # fmt: skip
    assert summary_json(result.summary)["failovers"][0]["data_loss_us"] == 0


def test_a_database_that_waits_for_its_only_way_back_shortens_no_other_ones_wait_for_its_tail(
    played: Played,
) -> None:
    """At the drain's limit, 10 min, a log of crm is still being restored. So its tail is asked for,
    and waited for until 10 min later. It is 1.5 GB, 8 min on its way. Nothing of erp is here, so it
    is looked at every 5 min.
    """
    result = played(
        "failover: {mode: automatic}\nevents:\n  - {at: 62 min, slow_restore: {by: 330, duration: "
        "2 h}}\n  - {at: 85 min, lose: database}",
        "{crm: {size: 5 GB, incremental: none, log: every 30 min, log_volume: 1 MB/s}, "
        "erp: {size: 20 GB, seeded: 'false', full: every 1 h, incremental: none}}",
        "3 h", "link.bandwidth=50 Mbit/s",
    )  # fmt: skip
    databases = summary_json(result.summary)["failovers"][0]["databases"]
    assert {each["name"]: each["data_loss_us"] for each in databases} == {"crm": 0, "erp": None}


def test_readers_come_back() -> None:
    result = ran("faults/readers_come_back")
    assert len(rows(result, "seen.Disconnect")) == 1 and len(rows(result, "truth.promoted")) == 1


# ---- every event is defined in every state
DATABASE_KINDS = (
    "readers: {database: erp, duration: 7 s}",
    "late_file: {database: erp, by: {p50: 1 min, p95: 1 h}}",
    "missing_file: erp",
    "torn_copy: erp",
    "half_written: erp",
    "older_version: erp",
    "duplicate_file: erp",
    "silent_backups: {database: erp, duration: 1 h}",
    "paused_backups: {database: erp, duration: 1 h}",
    "recovery_model: {database: erp, duration: 1 h}",
    "ad_hoc_full: erp",
    "second_log_job: erp",
    "index_maintenance: {database: erp, log: 1 GB}",
    "log_full: {database: erp, duration: 10 min}",
    "corrupt_at_rest: {database: erp}",
    "corrupt_in_transit: {database: erp}",
    "backup_cut_off: {database: erp, after: 30 %}",
    "careless_clean_up: {database: erp, older_than: 1 h}",
    "lose: {what: database, database: erp}",
)


@pytest.mark.parametrize("event", some_or_all(DATABASE_KINDS, 3))
@pytest.mark.parametrize("loss", ["lose: database", "lose: site"])
def test_an_event_on_a_database_that_did_not_come_online_is_a_recorded_nothing(
    event: str, loss: str, played: Played
) -> None:
    result = played(
        f"failover: {{mode: automatic}}\nevents: [{{at: 0 s, {loss}}}, {{at: 2 h, {event}}}]",
        "{erp: {size: 10 GB, seeded: 'false'}, web: {size: 10 GB}}", "6 h",
    )  # fmt: skip
    kind = event.partition(":")[0]
    assert (
        len(result.whole.legs) == 2
        and happened(result, kind)[-1] == "nothing: database erp is not in service"
    )


@pytest.mark.parametrize("event", some_or_all(DATABASE_KINDS, 3))
@pytest.mark.parametrize("at", ["1 us", "40 min 45 s", "41 min 55 s", "43 min", "3 h"])
def test_any_event_at_any_stage_of_a_failover(event: str, at: str, played: Played) -> None:
    """Before, in the drain, between promotion and redirection, before the new primary has a full,
    and later.
    """
    result = played(
        f"failover: {{mode: automatic}}\nevents: [{{at: 40 min, lose: site}}, {{at: {at}, "
        f"{event}}}]",
        "{erp: {size: 100 GB}}",
        "6 h",
    )
    assert summary_json(result.summary)["failovers"]


@pytest.mark.parametrize("imitates", ["sql_server", "postgres"])
@pytest.mark.parametrize("minutes", [3, 60])
def test_a_recovery_model_that_is_switched_before_the_first_full(
    minutes: int, imitates: str, played: Played
) -> None:
    """The new primary has no chain to break yet: what its engine answers is recorded."""
    result = played(
        f"engine: {{imitates: {imitates}}}\nfailover: {{mode: automatic}}\n"
        f"events: [{{at: 1 h, lose: site}}, {{at: 1 h 3 min, recovery_model: {{database: "
            f"crm, duration: {minutes} min}}}}]",
        "{crm: {size: 500 GB}}", "36 h",
    )  # fmt: skip
    assert len(result.whole.legs) == 2


@pytest.mark.parametrize("what", ["site", "host", "database"])
@pytest.mark.parametrize("part", ["50 %", "100 %"])
def test_a_loss_that_brings_a_loss_comes_once(what: str, part: str, played: Played) -> None:
    played(
        f"faults: {{lose: {{rate: 1 per h, what: {what}, with_site_loss: {part}}}}}",
        "{crm: {size: 5 GB}}",
        "6 h",
    )


def test_clocks_that_add_up_stay_within_the_calendar(played: Played) -> None:
    """A hundred errors of a hundred years each."""
    events = ", ".join(
        f"{{at: {i} min, wrong_clock: {{side: {'primary' if i % 2 else 'secondary'}, "
        f"{'ahead' if i % 3 else 'behind'}: 36500 days}}}}"
        for i in range(1, 100)
    )
    played(f"events: [{events}]", CRM, "4 h")


# ---- numbers
@pytest.mark.parametrize(("override", "told"), [
    ("databases.crm.size=1001 TB", "the most for a size"),
    ("databases.crm.size=4611686018427387904 B", "the most for a size"),
    ("databases.crm.log_volume=1 TB per ms", "more than 1 TB/s"),
    ("databases.crm.log_volume=1 TB per s", ""),
    ("databases.crm.log_volume={bytes: "
        "1125899906842624 1125899906842624, interval: 1 s}", "the run would back up about"),
    ("databases.crm.full=every 1 s", ""),
    ("databases.crm={size: 900 TB, full: every 1 s}", "the run would back up about"),
    ("databases.crm.transactions=1000000001 per s", "the most for a rate"),
    ("link.bandwidth=999 bit/s", "the least for a bandwidth"),
    ("link.bandwidth=1001 Tbit/s", "the most for a bandwidth"),
    ("primary.disk=1 B/s", "the least for a rate in bytes"),
    ("secondary.copy_rate=1 B/s", "the least for a rate in bytes"),
    ("secondary.restore_full={fixed: 40000 days, rate: 1 MB/s}", "the most for a duration"),
    ("secondary.restore_tail=1000001", "the most for a factor"),
    ("replay.retry=1 ms", "the least for a time between two tries"),
    ("replay.retry=0 s", "the least for a time between two tries"),
    ("replay.window=999 ms", "the least for a time between two tries"),
    ("replay.reverify=59 s", "the least for a time between checks"),
    ("replay.reverify=0 s", ""),
    ("replay.every=1 ms", "the least for a time between two tries"),
    ("replay.attempts=1000000001", "the most for a number"),
    ("replication.retry=1 us", "the least for a time between two tries"),
    ("replication.retry=0 s", ""),
    ("replication.every=1 us", "the least for a time between two tries"),
    ("replication.slots=100000000000000000", "the most for a number"),
    ("heartbeat.every=1 us", "the least for a time between heartbeats"),
    ("failover.silent_for=20 ms", "the least for a time between two tries"),
    ("failover.drain_limit=0 s", "the least for a time between two tries"),
    ("failover.recover=40000 days", "the most for a duration"),
    ("failover.operator.answers_in={p50: 1 s, p95: 40000 days}", "the most for a duration"),
    ("directory.changes=1000000 per s", "directory.changes: this run may have about"),
    ("users.requests=1 per us", ""),
    ("users.requests=2000000000 per s", "the most for a rate"),
    ("seed=999999999999999999", ""),
    ("seed=1000000000000000000", "a larger number than dr_sim can count"),
    ("events=[{at: 1 h, wrong_clock: "
        "{side: primary, ahead: 40000 days}}]", "the most for a duration"),
    ("events=[{at: 1 h, late_file: {database: "
        "crm, by: 1 s, files: 2000000}}]", "must be at most 1000000"),
    ("events=[{at: 1 h, throttle: {to: 3 bit/s, duration: 1 s}}]", "the least for a bandwidth"),
    ("faults={index_maintenance: {rate: 10 "
        "per h, database: crm, log: 999 TB}}", "the run would back up about"),
    ("faults={latency: {rate: 1 per s, more: 1 s, duration: 1 s, again: {chance: 99 %, "
        "after: 1 s}}}", "would draw about"),
    ("recorded.link={values: 1 "
        "99999999999999999999, step: 1 min}", "whole numbers above 0 and at most"),
    ("recorded.outages={spans: 0-0.000001, period: 2 us}", "recorded.outages: this run may have about"),
    ("recorded.outages={spans: 1e999999999-2, period: 1 h}", "is no span"),
    ("sla={data_loss: at most 40000 days}", "the most for a duration"),
])  # fmt: skip
def test_every_number_has_a_smallest_and_a_largest_value(
    override: str, told: str, tmp_path: Path
) -> None:
    """With the key and what would be right. What is within them runs, and no sum leaves 64 bits."""
    path = tmp_path / "s.yaml"
    path.write_text(BASE.format(run_for="12 h", databases=CRM, more=""))
    if not told:
        assert summary_json(run(load_scenario(path, [override])).summary)["violations"] == []
        return
    with pytest.raises(InputError) as refused:
        load_scenario(path, [override])
    assert told in str(refused.value) and len(refused.value.problems) == 1
    assert any(right in str(refused.value) for right in ("write", "must be at most"))


@pytest.mark.parametrize(("key", "every", "run_for", "loads"), [
    ("replay.retry", "1 s", "14 days", True), ("replay.retry", "1 s", "100 days", False), ("replay.retry", "5 min", "36500 days", True),
    ("replication.retry", "1 s", "100 days", False), ("replay.reverify", "1 min", "36500 days", False),
    ("directory.replicate", "every 1 s", "100 days", False), ("monitor.every", "1 s", "100 days", False),
])  # fmt: skip
def test_what_is_tried_without_end_is_counted_beforehand(
    key: str, every: str, run_for: str, loads: bool, tmp_path: Path
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(BASE.format(run_for=run_for, databases=CRM, more=""))
    if loads:
        load_scenario(path, [f"{key}={every}"])
        return
    with pytest.raises(InputError, match="this run may have about"):
        load_scenario(path, [f"{key}={every}"])
