"""What is written again after it was validated, who comes back after he was disconnected: each is
decided anew.
"""

from __future__ import annotations

import pytest

from dr_sim.backups.model import Kind
from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.alerts.alerts import AlertId
from dr_sim.recovery.failover import draining
from dr_sim.recovery.failover.drain import Drain
from dr_sim.recovery.files.file import LOG, Failure, File
from tests.recovery.fake_world import DB, MINUTE, SECOND, FakeWorld, Here, begun, config

WAY = ["fencing", "draining", "tail", "recovering", "redirecting", "serving"]


def phases(world: FakeWorld) -> list[str]:
    return [command.phase for command in world.done if isinstance(command, c.EnterPhase)]


def dies(world: FakeWorld, site: bool = True) -> None:
    """Its machines are silent; of a lost database the share and the log can still be read."""
    world.reachable = not site
    if site:
        world.on_way.clear()
    for machine in ("sql1", "sql2"):
        world.silent[machine] = world.mono_us
        world.tell(
            e.HeartbeatLost(
                world.mono_us + SECOND, world.utc_us + SECOND, 0, machine, world.mono_us
            )
        )


def waiting(world: FakeWorld, logs: int) -> list[str]:
    """Logs that landed and were validated, and cannot be restored because people read the
    standby.
    """
    world.read_by = 1
    names = []
    for _ in range(logs):
        world.wait(5 * MINUTE)
        names.append(world.backup(Kind.LOG))
        world.land_all()
    return names


def lands_as(world: FakeWorld, name: str, what: Here) -> None:
    """The file of that name is written again, as that."""
    world.share[name] = what
    world.tell(
        e.Landed(world.mono_us, world.utc_us, 0, DB, name, what.backup.modified_utc_us, 1000)
    )
    world.settle()


@pytest.mark.parametrize("again", [0, 1, 5, 40])
@pytest.mark.parametrize("site", [True, False])
def test_readers_who_come_back_during_a_drain_are_disconnected_again(
    again: int, site: bool
) -> None:
    world = begun(FakeWorld(config()))
    waiting(world, 6)
    world.come_back = again
    dies(world, site)
    world.wait(5 * MINUTE)
    world.land_all()
    world.wait(5 * MINUTE)
    assert phases(world) == WAY
    assert world.redo == (600 if site else 700)


@pytest.mark.parametrize("again", [0, 2])
def test_readers_who_come_between_the_last_restore_and_the_promotion_are_disconnected(
    again: int,
) -> None:
    """Once at once, then at every retry, and people are told meanwhile."""
    world = begun(FakeWorld(config()))
    world.wait(5 * MINUTE)
    world.backup(Kind.LOG)
    world.land_all()
    dies(world)
    world.read_by = 1
    world.come_back = again
    world.wait(MINUTE)
    assert (phases(world) == WAY) is (not again)
    world.wait(20 * MINUTE)
    assert phases(world) == WAY and world.recovers == 1
    assert [a.event_id for _, a in world.alerts if a.event_id != AlertId.NOT_FENCED] == [
        AlertId.NOT_RECOVERED
    ] * again


@pytest.mark.parametrize("disconnected", [True, False])
def test_a_failover_that_is_called_off_admits_whom_it_has_kept_out(disconnected: bool) -> None:
    world = begun(FakeWorld(config()))
    manager = world.manager
    assert manager is not None
    db = manager.databases[DB]
    file = File("crm_2026_09_01_00_05_00_log_000", LOG, 0, 0, 0)
    file.failure = Failure(None, 3101 if disconnected else 3183, "")
    out: list[c.Command] = []
    db.drain = Drain(db, False)
    at = e.Event(SECOND, SECOND, 0)
    draining.refused(db, db.drain, file, at, out)
    db.stop_draining(at, out)
    assert [each for each in out if isinstance(each, (c.Disconnect, c.AdmitReaders))] == (
        [c.Disconnect(DB), c.AdmitReaders(DB)] if disconnected else []
    )


@pytest.mark.parametrize("by", ["an earlier drain", "the order to bring it online"])
def test_readers_are_admitted_whatever_part_of_the_failover_has_disconnected_them(by: str) -> None:
    """A database that cannot be brought online is drained a second time, and then the failover is
    left.
    """
    world = begun(FakeWorld(config()))
    manager = world.manager
    assert manager is not None
    db = manager.databases[DB]
    at = e.Event(SECOND, SECOND, 0)
    out: list[c.Command] = []
    db.start_draining(False, at, out)
    if by == "an earlier drain":
        file = File("crm_2026_09_01_00_05_00_log_000", LOG, 0, 0, 0)
        file.failure = Failure(None, 3101, "")
        assert db.drain is not None
        draining.refused(db, db.drain, file, at, out)
    else:
        manager.failover.online.failed(e.RecoverFailed(SECOND, SECOND, 0, DB, 3101, ""), out)
    db.start_draining(False, at, out)
    db.stop_draining(at, out)
    db.start_draining(False, at, out)
    db.stop_draining(at, out)
    assert [each for each in out if isinstance(each, (c.Disconnect, c.AdmitReaders))] == [
        c.Disconnect(DB),
        c.AdmitReaders(DB),
    ]


IN_USE, NO_ROOM = 3101, 3257


@pytest.mark.parametrize(
    ("refusals", "disconnects", "tried_at_once"),
    [
        ((IN_USE,), 1, [True]),
        ((IN_USE, IN_USE, IN_USE), 1, [True, True, True]),
        ((IN_USE, NO_ROOM, IN_USE), 1, [True, False, True]),
        ((NO_ROOM, NO_ROOM), 0, [False, False]),
    ],
)
def test_whatever_readers_kept_out_before_a_failover_is_tried_again_at_once(
    refusals: tuple[int, ...], disconnects: int, tried_at_once: list[bool]
) -> None:
    """They are disconnected once. Only a refusal after that waits for the next retry."""
    world = begun(FakeWorld(config()))
    manager = world.manager
    assert manager is not None
    drain = Drain(manager.databases[DB], False)
    at_us, out = 10 * MINUTE, list[c.Command]()
    at_once = []
    for number in refusals:
        file = File("crm_2026_09_01_00_05_00_log_000", LOG, 0, 0, 0)
        file.failure = Failure(None, number, "")
        at_once.append(drain.refused_before(file, at_us, out)[0] == at_us)
    assert at_once == tried_at_once
    assert len([each for each in out if isinstance(each, c.Disconnect)]) == disconnects
    file.failure = Failure(None, IN_USE, "")
    retry_at_us, _ = drain.refused(file, at_us, out)
    assert (retry_at_us == at_us) is (not disconnects), "they were back at once, or never there"


@pytest.mark.parametrize("logs", [1, 3])
@pytest.mark.parametrize("which", [0, -1])
def test_a_validated_log_that_is_overwritten_by_a_torn_copy_is_not_handed_over(
    logs: int, which: int
) -> None:
    """The fake world fails if it is. It is copied again, and the chain goes on."""
    world = begun(FakeWorld(config()))
    names = waiting(world, logs)
    name = names[which]
    lands_as(world, name, Here(world.backups[name], damaged=True))
    world.read_by = 0
    world.land_all()
    world.wait(10 * MINUTE)
    assert world.redo == 100 * logs
    assert [c.Recopy(DB, name)] == [each for each in world.done if isinstance(each, c.Recopy)]


@pytest.mark.parametrize("older", [0, 1])
def test_a_validated_log_that_is_overwritten_by_an_older_version_is_restored_only_as_itself(
    older: int,
) -> None:
    """The older one was restored already, or waits as well; its hash agrees. The hole shows it, the
    primary is asked.
    """
    world = begun(FakeWorld(config()))
    world.wait(5 * MINUTE)
    first = world.backup(Kind.LOG)
    world.land_all()
    names = [first, *waiting(world, 3)]
    lands_as(world, names[2], Here(world.backups[names[older]]))
    world.read_by = 0
    world.wait(20 * MINUTE)
    world.land_all()
    world.wait(20 * MINUTE)
    world.land_all()  # what was taken because nothing had come for so long
    assert world.redo == world.written
    assert [name for name, _, _ in world.replayed][:4] == names


@pytest.mark.parametrize("which", ["the tail", "the log before it"])
@pytest.mark.parametrize("times", [1, 2])
def test_an_older_version_under_the_name_of_a_last_log_is_found_out_in_the_drain(
    which: str, times: int
) -> None:
    """There is no next log whose hole would show it: the name says when it was begun."""
    world = begun(FakeWorld(config()))
    for _ in range(2):
        world.wait(5 * MINUTE)
        old = world.backup(Kind.LOG)
        world.land_all()
    if which == "the log before it":
        world.wait(5 * MINUTE)
        name = world.backup(Kind.LOG)
        world.on_way.remove(name)
        lands_as(world, name, Here(world.backups[old]))
    world.wait(MINUTE)
    dies(world, site=False)
    world.wait(30 * SECOND)
    if which == "the tail":
        name = world.on_way[-1]
    for _ in range(times):
        assert phases(world) != WAY
        world.on_way.remove(name)
        lands_as(world, name, Here(world.backups[old]))
    world.land_all()
    assert phases(world) == WAY
    assert world.redo == world.written


def test_a_second_log_within_a_second_bears_a_later_name_and_is_no_older_version() -> None:
    world = begun(FakeWorld(config()))
    world.wait(5 * MINUTE)
    for _ in range(3):
        world.backup(Kind.LOG)
    dies(world, site=False)
    world.wait(30 * SECOND)
    world.land_all()
    assert phases(world) == WAY and world.redo == world.written
    assert not any(isinstance(each, c.Recopy) for each in world.done)
