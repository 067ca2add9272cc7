"""Pages that rot at the primary: what notices them, and the way back (W3)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from dr_sim.errors import InputError
from dr_sim.loading import load_scenario
from dr_sim.measures.summary.types import MistakeSummary
from dr_sim.recovery.commands import EnterPhase
from dr_sim.recovery.events import PagesSound
from dr_sim.recovery.files.rotten import RottenFulls
from dr_sim.recovery.repair import rot
from dr_sim.runs.run import Result, run
from dr_sim.world.world import World

SECOND = 1_000_000
MIN = 60 * SECOND
HOUR = 60 * MIN

SERVICE = """
run_for: {days} days
databases:
  app: {{size: 50 GB, log_volume: 20 MB per 5 min, full: daily 01:00, incremental: none, log: every 5 min}}
link: {{bandwidth: 1 Gbit/s}}
"""
STANDBY = "copies: {near: {}}\n"
STORE = "copies: {vault: {store: {read: 200 MB/s, machine: 10 min, retention: 7 days}}}\n"


def outcome(tmp_path: Path, copies: str, *events: str, days: int = 2) -> Result:
    path = tmp_path / "s.yaml"
    lines = "".join(f"  - {event}\n" for event in events)
    text = f"{SERVICE.format(days=days)}{copies}events:\n{lines}"
    path.write_text(text, encoding="utf-8")
    return run(load_scenario(path))


def rots(what: str, at: str = "Mon 14:00") -> str:
    return f"{{at: {at}, rotting_pages: {{database: app, {what}}}}}"


def rot_of(result: Result) -> MistakeSummary:
    (found,) = [m for m in result.summary.mistakes if m.rot is not None]
    return found


def fulls_in(result: Result, kind: str) -> list[int]:
    return [row.values["file"] for row in result.journal.rows(kind)]


def test_a_standby_that_logs_feed_is_sound(tmp_path: Path) -> None:
    """The full of Tue 01:00 holds the pages. The copy does not: the failover loses nothing, and
    leaves them behind. The old primary does not follow with its rotten pages: it is seeded again.
    """
    result = outcome(tmp_path, STANDBY, rots("queried: 20 h, decided: 10 min, then: failover"))
    assert result.summary.violations == []
    found, (failover,) = rot_of(result), result.summary.failovers
    assert found.rot is not None and (found.rot.noticed_by, found.rot.fulls) == ("a query", 1)
    assert found.noticed_us == 34 * HOUR
    assert found.gone and found.place == "near" and found.right_us == failover.served_again_us
    assert failover.data_loss_us == 0
    assert failover.seeded_anew == ["app"]
    assert not list(result.journal.rows("truth.rot_promoted"))


def test_a_store_restores_the_full_before(tmp_path: Path) -> None:
    """From the full of Mon 01:00, and not from that of Tue 01:00; nothing is lost, as logs and the
    tail hold no pages. By hand: 10 min; a second and 50 GB at 200 MB/s; 397 logs of 20 MB from Mon
    01:05 to Tue 10:05 in 1.1 s each, and the tail; 10 s, 60 s and 8 s: 22:48 with what is hashed.
    """
    result = outcome(tmp_path, STORE, rots("queried: 20 h, decided: 10 min, then: restore"))
    assert result.summary.violations == []
    (failover,) = result.summary.failovers
    assert failover.data_loss_us == 0
    by_hand_us = 10 * MIN + 251 * SECOND + 397 * 1_100_000 + 78 * SECOND
    assert failover.outage_us is not None
    assert 0 <= failover.outage_us - by_hand_us < 6 * SECOND
    (rotten,) = fulls_in(result, "truth.backup_rotten")
    assert rotten not in fulls_in(result, "truth.restored")
    assert rot_of(result).gone


def test_sound_pages_are_copied_back_beside_the_service(tmp_path: Path) -> None:
    result = outcome(tmp_path, STORE, rots("checked: 20 h, then: restore_pages"), days=3)
    assert result.summary.violations == []
    assert result.summary.failovers == []
    found = rot_of(result)
    assert found.rot is not None and found.rot.noticed_by == "a check"
    assert found.copied_back_bytes == 8_000 and found.place == "vault"
    # the full of Wed 01:00 is sound again
    assert len(fulls_in(result, "truth.backup_rotten")) == 1


def test_a_backup_that_verifies_fails_and_notices(tmp_path: Path) -> None:
    """The full of Tue 01:00 reads 50 GB, and then fails with 3043: there is none."""
    what = "backups_verify: true, then: failover"
    result = outcome(tmp_path, STANDBY, rots(what))
    assert result.summary.violations == []
    found = rot_of(result)
    assert found.rot is not None and (found.rot.noticed_by, found.rot.fulls) == ("a backup", 0)
    (failed,) = result.journal.rows("truth.backup_failed")
    assert failed.values["number"] == 3043 and failed.time_us == found.noticed_us
    alerts = [a for a in result.journal.rows("seen.RaiseAlert") if a.values["event_id"] == 9]
    assert alerts and "3043 BACKUP 'app' detected an error on page" in alerts[0].values["text"]


def test_the_alert_has_the_engine_s_words(tmp_path: Path) -> None:
    result = outcome(tmp_path, STANDBY, rots("queried: 1 h"))
    alerts = [a for a in result.journal.rows("seen.RaiseAlert") if a.values["event_id"] == 27]
    (alert,) = alerts
    assert alert.time_us == 15 * HOUR
    assert "database [app] pages have rotted" in alert.values["text"]
    assert "824 SQL Server detected" in alert.values["text"]
    assert rot_of(result).right_us is None


WIPED = "{at: Tue 02:00, operator_mistake: {what: wipes the secondary}}"


def test_a_copy_from_a_rotten_full_is_restored_again(tmp_path: Path) -> None:
    """The standby is wiped on Tue 02:00, and restored from the full of Tue 01:00. People find the
    pages there, too: nobody fails over to it until it is restored from the full of Mon 01:00.
    """
    what = "queried: 20 h, decided: 10 min, then: [failover, restore_pages]"
    result = outcome(tmp_path, STANDBY, rots(what), WIPED, days=3)
    assert result.summary.violations == []
    assert result.summary.failovers == []
    (known,) = result.journal.rows("truth.rot_known")
    assert known.values["copy"] == 1
    fulls = set(fulls_in(result, "truth.backup_rotten"))
    after = [
        row.values["file"]
        for row in result.journal.rows("truth.restored")
        if row.time_us > known.time_us
    ]
    assert after and not fulls & set(after)
    assert rot_of(result).place == "near"


def test_who_does_not_notice_serves_rot(tmp_path: Path) -> None:
    """The copy is restored from a rotten full, and the site is lost before anything reads the
    pages. No logic could know; the witness tells that the service continues with them.
    """
    lost = "{at: Tue 09:00, lose: site}"
    result = outcome(tmp_path, STANDBY, rots("queried: 20 h, then: failover"), WIPED, lost)
    assert result.summary.violations == []
    assert len(list(result.journal.rows("truth.rot_promoted"))) == 1
    found = rot_of(result)
    assert not found.gone and found.right_us is None and found.noticed_us is None


def test_exposure_counts_no_rotten_full(tmp_path: Path) -> None:
    """A store keeps one day: from Wed 01:04 on only rotten fulls lie there, and a loss of the site
    would lose everything. Nobody is told, as nothing has read the pages.
    """
    store = STORE.replace("7 days", "1 day")
    sound = outcome(tmp_path, store, "{at: Mon 14:00, manager_crash: {}}", days=4)
    rotten = outcome(tmp_path, store, rots("queried: 90 h"), days=4)
    assert rotten.summary.violations == []
    before, after = sound.summary.exposure.max_us, rotten.summary.exposure.max_us
    assert before is not None and before < HOUR
    assert after is not None and after > 2 * 24 * HOUR


def test_a_store_s_own_fulls_hold_them_too(tmp_path: Path) -> None:
    """The vault takes a full of its own on Mon 16:00, and the schedule one on Tue 01:00."""
    own = STORE.replace("retention: 7 days", "schedule: {full: daily 16:00}")
    copies = own.replace("{vault", "{near: {}, vault")
    result = outcome(tmp_path, copies, rots("queried: 20 h, then: restore_pages"))
    assert result.summary.violations == []
    found = rot_of(result)
    assert found.rot is not None and found.rot.fulls == 2
    assert found.copied_back_bytes == 8_000


# ---- planted bugs
RESTORES = "queried: 20 h, decided: 10 min, then: restore"
CRASH = "{at: Tue 10:12, manager_crash: {}}"


def broken_by(result: Result) -> set[str]:
    return {violation.invariant for violation in result.summary.violations}


def test_a_manager_that_does_not_listen_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RottenFulls, "said", lambda self, e, out: None)
    assert "rot" in broken_by(outcome(tmp_path, STORE, rots(RESTORES)))


def test_a_manager_that_forgets_in_a_restart_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies while it waits for its machine, and resumes the failover."""
    sound = outcome(tmp_path, STORE, rots(RESTORES), CRASH)
    assert sound.summary.violations == []
    monkeypatch.setattr(RottenFulls, "_save", lambda self, out: None)
    assert "rot" in broken_by(outcome(tmp_path, STORE, rots(RESTORES), CRASH))


def test_a_manager_that_keeps_a_rotten_copy_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is restored again for some 10 min; without that the loss of the site serves found."""
    events = rots("queried: 20 h, decided: 10 min"), WIPED, "{at: Tue 12:00, lose: site}"
    sound = outcome(tmp_path, STANDBY, *events)
    assert sound.summary.violations == []
    assert not list(sound.journal.rows("truth.rot_promoted"))
    monkeypatch.setattr(rot, "begin_again", lambda db, e, out: None)
    assert "rot" in broken_by(outcome(tmp_path, STANDBY, *events))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SERVICE.format(days=1) + STANDBY + "engine: {kind: sqlite}\n", "real sqlite"),
        (SERVICE.format(days=1) + STORE, "then: failover is to a standby, and there is none"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "s.yaml"
    event = rots("queried: 1 h, then: failover")
    path.write_text(f"{text}events:\n  - {event}\n", encoding="utf-8")
    with pytest.raises(InputError, match=said):
        load_scenario(path)


def test_a_way_back_needs_something_that_notices(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    event = rots("then: failover")
    text = f"{SERVICE.format(days=1)}{STANDBY}events:\n  - {event}\n"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="nobody orders a way back from what nobody notices"):
        load_scenario(path)


SLOW = """
run_for: 60 min
databases: {app: {size: 200 MB}}
link: {bandwidth: 200 Mbit/s}
events:
  - at: 0 s
    rotting_pages: {database: app, queried: 1 min, then: [failover, restore]}
  - at: 0 s
    slow_restore: {by: 2000, duration: 2 h}
"""


def test_people_who_act_on_a_command_wait_until_the_others_are_carried_out(tmp_path: Path) -> None:
    """The planned failover is called off after its limit. People see that, and order the next way
    back: the manager has left the first one by then.
    """
    path = tmp_path / "slow.yaml"
    path.write_text(SLOW, encoding="utf-8")
    result = run(load_scenario(path))
    assert result.summary.violations == []
    rows = list(result.whole.legs[0].journal.rows())
    what = [
        row.values["phase"] if row.kind == "seen.EnterPhase" else "ordered"
        for row in rows
        if row.kind in ("seen.EnterPhase", "seen.FailoverOrdered")
    ]
    first = ["ordered", "fencing", "draining", "tail", "unfencing", "abandoned", "watching"]
    assert what == [*first, "ordered", "fencing", "draining", "tail"]


def test_no_machine_is_told_anything_between_two_commands(tmp_path: Path) -> None:
    """What a hand tells while it carries out a command is heard when all are carried out."""
    path = tmp_path / "slow.yaml"
    path.write_text(SLOW, encoding="utf-8")
    world = World(load_scenario(path))
    driver = world.pairs[0].driver
    hurries = partial(driver.tell_new, PagesSound, "app")
    driver.give({EnterPhase: lambda _: hurries()})
    rows = list(world.run().rows())
    entered = next(i for i, row in enumerate(rows) if row.kind == "seen.EnterPhase")
    after = [row.kind for row in rows[entered + 1 :] if row.time_us == rows[entered].time_us]
    assert after[:2] == ["seen.Fence", "seen.PagesSound"]


def test_a_full_of_rotten_pages_is_asked_for_again_after_waits_that_grow(tmp_path: Path) -> None:
    """The copy comes from the full of Mon 01:00, which is rotten, as is each that follows. By hand:
    a full takes a second and 50 GB at 187.5 MB/s, 4:28, and people name it as soon as it is made.
    So they are asked for at 10:30, and from 11:35, 13:40 and 17:45 on: an hour, two hours, four,
    eight and sixteen after they were named, at the next retry. They were 58.
    """
    lost = "{at: Mon 04:00, lose_secondary: 30 min}"
    result = outcome(tmp_path, "", rots("queried: 10 h", "Mon 00:30"), lost)
    assert result.summary.violations == []
    asked = [
        row.time_us // MIN
        for row in result.journal.rows("seen.TakeBackup")
        if row.values["kind"] == 0
    ]
    by_hand = ((10, 30), (11, 35), (13, 40), (17, 45), (25, 50), (41, 55))
    assert asked == [60 * hours + minutes for hours, minutes in by_hand]


@pytest.mark.parametrize("events", [
    # no copy is here while the next full waits
    ["{at: 58 min, rotting_pages: {database: crm, queried: 20 min}}",
     "{at: 104 min, lose_secondary: 5 min}"],
    # the full that was asked for is lost, and another one was asked for in its place
    ["{at: 64 min, rotting_pages: {database: crm, queried: 90 min}}",
     "{at: 82 min, lose_secondary: 5 min}",
     "{at: 64 min, missing_file: {database: crm, kind: full, where: both}}"],
    # the full that was asked for was restored long before people call it rotten
    ["{at: 36 min, rotting_pages: {database: crm, queried: 90 min}}",
     "{at: 99 min, lose_secondary: 5 min}"],
])  # fmt: skip
def test_a_wait_for_sound_pages_is_no_neglect(tmp_path: Path, events: list[str]) -> None:
    path = tmp_path / "s.yaml"
    lines = "".join(f"  - {event}\n" for event in events)
    path.write_text(
        "run_for: 10 h\ndatabases: {crm: {size: 5 GB, full: every 4 h, incremental: none}}\n"
        f"link: {{bandwidth: 200 Mbit/s}}\nevents:\n{lines}",
        encoding="utf-8",
    )
    assert run(load_scenario(path)).summary.violations == []
