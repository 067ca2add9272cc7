"""scenarios/real on the engines that they name: the record is the model's, and what the survivor
says it holds is what was restored.

Where nobody validates what lands, engines differ by nature in what they make of a damaged file:
those are stories of their own, and told in full here.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dr_sim.backups.model import Kind
from dr_sim.engines.sides import open_sides
from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.plain import summary_json
from dr_sim.measures.verdict import Outcome
from dr_sim.recovery.alerts.alerts import AlertId
from dr_sim.runs.run import Result, run
from dr_sim.world.kernel.agenda import Class
from dr_sim.world.world import World

from .runs import SCENARIOS, ran, rows, texts

REAL = SCENARIOS / "real"
MINUTE = 60_000_000
TIMED = {"sqlite-two-weeks": (120, 4_032), "postgres-week": (300, 2_016)}
"""Seconds of this process's time that it may take, and its five-minute logs."""
SMALL = sorted(path.stem for path in REAL.glob("*.yaml") if path.stem not in TIMED)
VALIDATED = [name for name in SMALL if name not in ("refused", "measured", "measured-sqlite")]


POSTGRES = [name for name in VALIDATED if not name.endswith("_sqlite")]


def on(engine: str, name: str) -> Result:
    return run(load_scenario(REAL / f"{name}.yaml", engine=engine, timing="modelled"))


def says_the_same(real: Result, model: Result) -> None:
    assert real.digest == model.digest
    assert (
        summary_json(real.summary)["violations"]
        == summary_json(real.summary)["silent_recoveries"]
        == []
    )
    losses = [
        [f["data_loss_us"] for f in summary_json(result.summary)["failovers"]]
        for result in (real, model)
    ]
    assert losses[0] == losses[1]
    assert [leg.journal.digest() for leg in real.whole.legs[1:]] == [
        leg.journal.digest() for leg in model.whole.legs[1:]
    ]


def test_the_library_is_there() -> None:
    assert {*SMALL} >= {
        "base",
        "torn",
        "flipped",
        "refused",
        "lost",
        "bridge",
        "hole",
        "tail",
        "fork",
        "overtaken",
    }


@pytest.mark.parametrize("name", VALIDATED)
def test_real_sqlite_files_tell_the_models_story(name: str) -> None:
    model = run(
        load_scenario(REAL / f"{name}.yaml", ["engine.imitates=sql_server"], engine="model")
    )
    says_the_same(on("sqlite", name), model)


MODEL_ONLY = {
    "setup_differs": "set up alike on both sides",
    "setup_differs_repaired": "set up alike on both sides",
    "call_off_failover": "set up alike on both sides",  # it holds that event
    "rotting_pages": "are not changed by dr_sim",
}
"""Refused for real engines when they are read, with these words."""
FAULTS = sorted(
    path.stem for path in (SCENARIOS / "faults").glob("*.yaml") if path.stem not in MODEL_ONLY
)


@pytest.mark.parametrize(("name", "words"), MODEL_ONLY.items())
def test_what_no_real_engine_can_do_is_refused(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_scenario(SCENARIOS / "faults" / f"{name}.yaml", engine="sqlite")


@pytest.mark.long
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_happens_to_real_sqlite_files_as_to_the_models(name: str) -> None:
    """SQLite's files are kept by SQL Server's rules, whatever a scenario's model imitates."""
    rules = "engine.imitates=sql_server"
    says_the_same(
        run(load_scenario(SCENARIOS / "faults" / f"{name}.yaml", [rules], engine="sqlite")),
        ran(f"faults/{name}", rules),
    )


def _postgres(name: str) -> None:
    assert load_scenario(REAL / f"{name}.yaml").engine.kind == "postgres"
    says_the_same(on("postgres", name), ran(f"real/{name}"))


@pytest.mark.parametrize("name", ["bridge", "tail"])
def test_real_postgres_servers_tell_the_models_story(name: str) -> None:
    _postgres(name)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in POSTGRES if name not in ("bridge", "tail")])
def test_real_postgres_servers_tell_the_models_story_at_length(name: str) -> None:
    _postgres(name)


@pytest.mark.long
@pytest.mark.parametrize("name", TIMED)
def test_weeks_of_logs_in_minutes(name: str) -> None:
    limit_s, logs = TIMED[name]
    scenario = load_scenario(REAL / f"{name}.yaml")
    begun = time.process_time()
    result = run(scenario)
    assert time.process_time() - begun <= limit_s
    assert result.verdict.outcome is Outcome.PASS
    made = summary_json(result.summary)["backups"]
    assert made["log"] + made["cut_off"] >= logs - 1
    says_the_same(result, ran(f"real/{name}"))
    (promoted,) = rows(result, "truth.promoted")
    assert promoted.values["commits"] > logs * 2_900


def kept_by_the_primary(event: str) -> tuple[int, list[int], World]:
    """(the closed segments that the real primary keeps at most, and at each time a minute after a
    log's) in an hour and a quarter.
    """
    scenario = load_scenario(
        REAL / "link_down.yaml",
        ["run_for=75 min", "after_failover.new_secondary=none", f"events=[{{at: 8 min, {event}}}]"],
    )
    kept: list[int] = []
    with open_sides("postgres", scenario.engine.scale, imitates="postgres") as sides:
        world = World(scenario, sides=sides)

        def look(at_us: int) -> None:
            database = sides.primary.databases["crm"]  # type: ignore[attr-defined]
            kept.append(
                len(
                    [
                        place
                        for place in (database.folder / "spool").iterdir()
                        if "." not in place.name
                    ]
                )
            )
            world.context.agenda.at(at_us + 5 * MINUTE, Class.FAULT, -1, look, at_us + 5 * MINUTE)

        world.context.agenda.at(6 * MINUTE, Class.FAULT, -1, look, 6 * MINUTE)
        world.run()
    return max(kept), kept, world


@pytest.mark.long
def test_a_damaged_link_never_fills_the_primary() -> None:
    """Segments are let go when a backup in the local share holds them, wherever that has got to;
    unless there is no room.
    """
    most, kept, world = kept_by_the_primary("link_outage: 1 h")
    assert len(kept) == 14 and most <= 3  # what an incremental has closed since the last log
    assert rows(world, "truth.writes") == [] and len(rows(world, "truth.backup_finished")) >= 14
    landed = [row.time_us for row in rows(world, "truth.landed")]
    assert not [t for t in landed if 8 * MINUTE < t < 68 * MINUTE] and len(landed) >= 14
    most, kept, world = kept_by_the_primary("disk_full: {disk: primary_share, duration: 24 min}")
    assert most >= 6 and kept[-1] <= 3
    assert [row.values["refused"] for row in rows(world, "truth.writes")] == [1, 0]


@pytest.mark.parametrize("engine", ["model", pytest.param("postgres", marks=pytest.mark.long)])
def test_a_promoted_server_refuses_incrementals_until_it_has_a_full_of_its_own(engine: str) -> None:
    _, leg = on(engine, "after_failover").whole.legs
    (refused,) = [
        r
        for r in leg.journal.rows("truth.backup_skipped")
        if r.values["reason"] == "refused by the engine"
    ]
    assert leg.begins_us == 61 * MINUTE + MINUTE // 60
    assert leg.begins_us + refused.time_us == 90 * MINUTE
    assert refused.values["kind"] == Kind.INCREMENTAL
    words = {
        "model": "55000 WAL summaries are required",
        "postgres": "WAL summaries are required on timeline 2",
    }
    assert words[engine] in str(refused.values["words"])
    made = [
        ((leg.begins_us + row.time_us) // MINUTE, row.values["kind"], row.values["fork"])
        for row in leg.journal.rows("truth.backup_finished")
    ]
    assert {fork for _, _, fork in made} == {2}
    assert [(at, kind) for at, kind, _ in made if kind != Kind.LOG][:2] == [
        (111, Kind.FULL),
        (120, Kind.INCREMENTAL),
    ]
    # its logs go on: it has a full, another's
    assert len([at for at, kind, _ in made if kind == Kind.LOG and at < 111]) == 10
    restored = [row.values["fork"] for row in leg.journal.rows("truth.restored")]
    assert set(restored) == {2} and len(restored) > 20


@pytest.mark.long
def test_a_disk_full_of_log_fells_the_server_which_says_so_and_is_started_again() -> None:
    result = on("postgres", "archive_full")
    told = [text for text in texts(result) if "the primary refuses writes" in text]
    assert len(told) == 5 and all(
        "could not write to" in text and "File too large" in text for text in told
    )
    failed = [text for text in texts(result) if "the log backup failed" in text]
    assert len(failed) >= 8 and all("No space left on device" in text for text in failed)
    writes = [(row.time_us, row.values["refused"]) for row in rows(result, "truth.writes")]
    assert [refused for _, refused in writes] == [1, 0]
    assert (
        abs(writes[0][0] - 85 * MINUTE) < 1_000_000 and 0 < writes[1][0] - 105 * MINUTE < 13_000_000
    )
    (fell,) = summary_json(result.summary)["failovers"]
    assert fell["by_itself"] and fell["outage_us"] == writes[1][0] - writes[0][0]


def test_a_real_server_refuses_damage_in_its_own_words() -> None:
    result = on("postgres", "refused")
    (short, alert) = texts(result)
    assert "was restored without an error, but the database stands at [" in short
    assert "while restoring is: 60024 The server stopped replaying at 0/" in alert
    assert "incorrect resource manager data checksum in record at 0/" in alert or "invalid" in alert
    assert (
        summary_json(result.summary)["exposure"]["max_us"]
        == summary_json(ran("real/refused").summary)["exposure"]["max_us"]
    )
    assert result.verdict.outcome is Outcome.PASS


@pytest.mark.parametrize(
    "engine", ["sqlite", "model", pytest.param("postgres", marks=pytest.mark.long)]
)
def test_a_silent_short_recovery_is_an_outcome_of_its_own(engine: str) -> None:
    """Nobody validates: the last log is applied up to the damage, called restored, and the
    promotion a success.
    """
    result = run(load_scenario(SCENARIOS / "negative/silent_short_recovery.yaml", engine=engine))
    (silent,) = summary_json(result.summary)["silent_recoveries"]
    assert silent["sound"] and silent["held"] < silent["claimed"] == 72_000
    assert [r.values["commits"] for r in rows(result, "truth.promoted")] == [silent["held"]]
    assert result.verdict.exit_code == 5 and summary_json(result.summary)["violations"] == []
    assert [r.values["event_id"] for r in rows(result, "seen.RaiseAlert")] == [
        AlertId.FELL_SHORT,
        AlertId.NOT_FENCED,
    ]
    (short, _) = texts(result)
    assert (
        "was restored without an error, but the database stands at [" in short
        and "the data between are missing" in short
    )
    (failover,) = summary_json(result.summary)["failovers"]
    # transactions of 20,000,000 / 3,000 B each, from the first that is lacking to 2:04:58
    assert failover["transactions_lost"] == 74_980 - silent["held"]
    assert (
        abs(failover["user_bytes_lost"] - failover["transactions_lost"] * 20_000_000 // 3_000)
        < 20_000
    )
    validated = run(
        load_scenario(
            SCENARIOS / "negative/silent_short_recovery.yaml",
            ["replay.validate=[hash]"],
            engine=engine,
        )
    )
    assert (
        validated.verdict.exit_code == 0
        and summary_json(validated.summary)["silent_recoveries"] == []
    )


def test_each_real_scenario_names_a_real_engine() -> None:
    for path in REAL.glob("*.yaml"):
        assert load_scenario(path).engine.kind in ("sqlite", "postgres"), path
        assert Path(path).stem == load_scenario(path).name or path.stem == "base"
