"""Three policies for a log that is lost for good, compared under the same luck (R11)."""

from __future__ import annotations

from dr_sim.backups.model import Kind
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Outcome
from dr_sim.runs.run import Result

from .runs import DAY, HOUR, MINUTE, SECOND, alerts, peak_us, ran, rows

POLICIES = ("bridge", "skip_ahead", "resync")


def policy(name: str) -> Result:
    result = ran(f"policies/{name}")
    assert result.verdict.outcome is Outcome.PASS, result.verdict.lines
    return result


def lost(result: Result) -> list[tuple[int, object]]:
    return [
        (r.time_us, r.values["detail"]) for r in rows(result, "truth.event", what="missing_file")
    ]


def first_tries(result: Result) -> dict[object, int]:
    """How long the restore of each log took at its first hand-over, by name."""
    begun = {r.values["name"]: r.time_us for r in rows(result, "seen.Restore")}
    return {
        name: r.time_us - begun[name]
        for r in rows(result, "seen.Restored")
        if "_log_" in str(name := r.values["name"]) and name in begun
    }


def test_they_meet_the_same_luck() -> None:
    runs = [policy(name) for name in POLICIES]
    assert len(lost(runs[0])) >= 8
    assert lost(runs[0]) == lost(runs[1]) == lost(runs[2])
    tries = [first_tries(result) for result in runs]
    for other in tries[1:]:
        both = tries[0].keys() & other.keys()
        # where both restored the same log of the same size, it took them as long
        sizes = [
            {
                r.values["name"]: r.values["nominal_bytes"]
                for r in rows(result, "truth.backup_finished")
            }
            for result in runs[:2]
        ]
        same = [name for name in both if sizes[0][name] == sizes[1].get(name, sizes[0][name])]
        assert len(same) > 3_000
        assert (
            sum(tries[0][name] != other[name] for name in same) <= len(same) // 100
        )  # some shared the disk with a full


def test_bridge_asks_for_an_incremental_for_each_hole() -> None:
    result = policy("bridge")
    asked = rows(result, "seen.TakeBackup")
    assert {r.values["kind"] for r in asked} == {Kind.INCREMENTAL}
    assert len(asked) <= len(lost(result)) // 2
    assert rows(result, "seen.Restore", replace=1) == []
    assert 20 * MINUTE < peak_us(result) < HOUR


def test_skip_ahead_asks_for_nothing_and_waits_for_the_next_set() -> None:
    result = policy("skip_ahead")
    assert rows(result, "seen.TakeBackup") == []
    restored = {str(r.values["name"]).split("_")[-2] for r in rows(result, "seen.Restored")}
    assert restored >= {"log", "incremental"}
    assert 12 * HOUR < peak_us(result) < DAY + HOUR
    # told all the while: every 5 min, and critical after half an hour
    told = [(t, level) for t, event, level, _ in alerts(result) if event == 1]
    assert len(told) > peak_us(result) // (5 * MINUTE)
    assert "critical" in {level for _, level in told}


def test_resync_replaces_the_copy_by_a_new_full() -> None:
    result = policy("resync")
    assert {r.values["kind"] for r in rows(result, "seen.TakeBackup")} == {Kind.FULL}
    replaced = rows(result, "seen.Restore", replace=1)
    assert len(replaced) == len(rows(result, "seen.TakeBackup"))
    # a replacement is landed and verified before the old copy is dropped
    validated = {r.values["name"]: r.time_us for r in rows(result, "seen.Validated")}
    assert all(validated[r.values["name"]] <= r.time_us for r in replaced)
    transfer = 50_000_000_000 * 8 * SECOND // 200_000_000
    assert peak_us(result) > 20 * MINUTE + transfer


def test_the_order_of_their_costs() -> None:
    exposure = [
        summary_json(policy(name).summary)["exposure"]["mean_us"]
        for name in ("bridge", "resync", "skip_ahead")
    ]
    assert exposure == sorted(exposure)
    sent = [
        summary_json(policy(name).summary)["link"]["bytes_sent"]
        for name in ("skip_ahead", "bridge", "resync")
    ]
    assert sent == sorted(sent)
