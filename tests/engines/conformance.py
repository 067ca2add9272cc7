"""The one conformance suite of dr_sim/engines/port.py: every engine passes it, told nothing but
bytes.

A `Servers` fixture gives servers, each with files of its own; a file reaches another server by
copying its bytes. Where engines differ by nature they declare it in a `Behaviour`; the suite holds
them to what they declare. After every refusal the database must stand where it stood and hold what
it held.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dr_sim.backups.model import BackupHeader, Kind, RestoreState
from dr_sim.engines.commits import mark
from dr_sim.engines.files import flipped
from dr_sim.engines.port import BackupOrder, Engine, EngineError, Files, WitnessReading
from tests.at_length import some_or_all

DB = "crm"
LSN_A_COMMIT = 4096  # what the suite lets a commit write
MINUTE_US = 60_000_000


@dataclass(frozen=True)
class Behaviour:
    """What an engine is by nature. refusals: situation -> the error numbers it may answer with."""

    refusals: dict[str, set[int]]
    zone: Callable[[bytes, str], range]  # where 'header', 'body' and 'tail' of a backup file lie
    body_damage: dict[Kind, set[str]]
    """What a flipped byte in a body of that kind may lead to: 'refused'; 'shows': the restore
    succeeds and the database holds something else or less; 'hides': the byte meant nothing.
    """
    lsn_exact: bool = True  # positions are those told to commit_to
    # a log that is restored brings the differential base that it was cut under
    carries_base: bool = True
    # an incremental is taken against the last backup, be that an incremental itself
    on_incrementals: bool = False
    several_chains: bool = False
    """It keeps the log for each chain, and each chain's incrementals stand on its own backups."""
    old_base_after_failover: bool = True
    """A promoted database takes incrementals on what it was restored from, wherever the promotion
    fell. If not: only where it fell into the middle of a log segment, as behind a tail.
    """


@dataclass
class Server:
    engine: Engine
    files: Files
    made: int = 0

    def write(self, commits: int, database: str = DB) -> None:
        self.engine.commit_to(database, commits, commits * LSN_A_COMMIT)

    def backup(
        self, kind: Kind, path: str, commits: int | None = None, database: str = DB, **how: Any
    ) -> BackupHeader:
        """A whole backup; commits: how far the database comes while it runs."""
        self.made += 1
        n = self.engine.read_witness(database).commits if commits is None else commits
        begun = self.engine.begin_backup(
            database,
            BackupOrder(kind, path, self.made * MINUTE_US, 10**6, backup_id=self.made, **how),
        )
        return begun.finish(n, n * LSN_A_COMMIT, self.made * MINUTE_US + 5).header

    def log(self, path: str, **how: Any) -> BackupHeader:
        return self.backup(Kind.LOG, path, **how)

    def full(self, path: str, commits: int | None = None, **how: Any) -> BackupHeader:
        return self.backup(Kind.FULL, path, commits, **how)

    def incremental(self, path: str, commits: int | None = None, **how: Any) -> BackupHeader:
        return self.backup(Kind.INCREMENTAL, path, commits, **how)

    def restore(self, path: str, *, replace: bool = False, database: str = DB) -> RestoreState:
        return self.engine.begin_restore(database, path, replace=replace).finish()

    @property
    def reading(self) -> WitnessReading:
        return self.engine.read_witness(DB)


@dataclass
class Servers:
    """The fixture: opens a server more each time it is asked. place: the folder in which the
    servers keep what is theirs; None: they keep nothing on disk.
    """

    behaviour: Behaviour
    open: Callable[[], Server]
    place: Callable[[], Path | None] = lambda: None

    def pair(self) -> tuple[Server, Server]:
        primary = self.open()
        primary.engine.create(DB)
        return primary, self.open()

    def refuses(
        self, server: Server, path: str, situation: str, *, replace: bool = False
    ) -> EngineError:
        """The restore is refused as declared, and nothing has changed."""
        exists = server.engine.state(DB).exists
        before = (server.engine.state(DB), server.reading if exists else None)
        with pytest.raises(EngineError) as told:
            server.restore(path, replace=replace)
        assert told.value.number in self.behaviour.refusals[situation], (situation, str(told.value))
        assert told.value.text
        assert (server.engine.state(DB), server.reading if exists else None) == before
        return told.value


def ship(path: str, source: Server, target: Server) -> bytes:
    data = source.files.read(path)
    target.files.write(path, data)
    return data


def holds(server: Server, n: int, fork: int = 1) -> None:
    """Exactly commits 0..n-1, nothing else."""
    assert server.reading == WitnessReading(n, mark(DB, fork, n))


def goes_on(server: Server, path: str, whole: bytes, *following: str, n: int) -> None:
    """With the file as it was, and what follows it, the chain leads to commits 0..n-1."""
    server.files.write(path, whole)
    for each in (path, *following):
        server.restore(each)
    holds(server, n)


def chain(p: Server, s: Server, logs: int = 4) -> list[str]:
    """A restored full and so many logs of ten commits each, which have landed: log 1 ends with
    commit 19.
    """
    p.write(10)
    p.full("full")
    ship("full", p, s)
    s.restore("full", replace=True)
    names = []
    for i in range(1, logs + 1):
        p.write(10 + 10 * i)
        p.log(f"log {i}")
        ship(f"log {i}", p, s)
        names.append(f"log {i}")
    return names


def held(place: Path | None) -> tuple[set[int], Counter[str], set[str]]:
    """What this process holds now: its children and theirs, its open files and sockets, and the
    paths in a folder.
    """
    opened: Counter[str] = Counter()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the folder's own
            opened[re.sub(r"[0-9]+", "", os.readlink(link))] += 1
    there = {str(p) for p in place.rglob("*")} if place is not None else set()
    return set(_children(os.getpid())), opened, there


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                yield int(child)
                yield from _children(int(child))


def close_after_use(servers: Servers) -> tuple[object, object, object]:
    """What is held before two servers are opened, in use, and after both are closed."""
    for server in servers.pair():  # what a process keeps for all its servers is there from now on
        server.engine.close()
    before = held(servers.place())
    p, s = servers.pair()
    s.restore(chain(p, s, 1)[0])
    used = held(servers.place())
    for server in (p, s):
        server.engine.close()
    after = held(servers.place())
    for server in (p, s):
        server.engine.close()  # a second time nothing happens
    return before, used, after


class Conformance:
    """Subclass it in a test file that has a `servers` fixture."""

    # ---- the end
    def test_close_leaves_no_process_no_open_file_and_no_folder(self, servers: Servers) -> None:
        before, used, after = close_after_use(servers)
        assert after == before
        assert (used != before) == (servers.place() is not None)

    # ---- an undamaged chain
    def test_logs_in_order_bring_the_secondary_to_where_the_primary_was(
        self, servers: Servers
    ) -> None:
        p, s = servers.pair()
        for i, name in enumerate(chain(p, s), 1):
            header = s.engine.read_header(name)
            assert (header.database, header.kind, header.fork) == (DB, Kind.LOG, 1)
            state = s.restore(name)
            holds(s, 10 + 10 * i)
            assert state == s.engine.state(DB)
            assert (state.fork, state.restoring, state.exists) == (1, True, True)
            if servers.behaviour.lsn_exact:
                assert state.redo_lsn == header.last_lsn == (10 + 10 * i) * LSN_A_COMMIT

    def test_the_header_read_from_bytes_is_the_header_that_finish_returned(
        self, servers: Servers
    ) -> None:
        p, s = servers.pair()
        p.write(3)
        made = [
            p.full("a"),
            p.log("b"),
            p.incremental("c", 7),
            p.full("d", copy_only=True),
            p.log("e", tail=True),
        ]
        for path, header in zip("abcde", made, strict=True):
            ship(path, p, s)
            assert s.engine.read_header(path) == header
        assert [h.copy_only for h in made] == [False, False, False, True, False]
        assert [h.is_tail for h in made] == [False, False, False, False, True]
        assert made[2].differential_base_lsn == made[0].first_lsn
        assert (
            made[1].started_utc_us == 2 * MINUTE_US and made[1].finished_utc_us == 2 * MINUTE_US + 5
        )

    def test_a_log_begins_where_the_last_ended_and_is_cut_at_its_begin(
        self, servers: Servers
    ) -> None:
        p, s = servers.pair()
        chain(p, s, 1)
        p.write(30)
        begun = p.engine.begin_backup(DB, BackupOrder(Kind.LOG, "cut", 0, 10**6, backup_id=90))
        p.write(40)
        cut = begun.finish(40, 40 * LSN_A_COMMIT, 9).header
        assert cut.first_lsn == s.engine.read_header("log 1").last_lsn
        assert p.engine.log_starts_at(DB) == cut.last_lsn
        s.restore("log 1")
        ship("cut", p, s)
        s.restore("cut")
        holds(s, 30)
        assert p.log("rest").first_lsn == cut.last_lsn
        ship("rest", p, s)
        s.restore("rest")
        holds(s, 40)

    def test_a_full_holds_everything_up_to_its_end_and_the_log_across_it_fits(
        self, servers: Servers
    ) -> None:
        p, s = servers.pair()
        chain(p, s, 1)
        p.write(30)
        full = p.engine.begin_backup(DB, BackupOrder(Kind.FULL, "long", 0, 10**6, backup_id=91))
        p.write(35)
        p.log("stale")
        p.write(45)
        header = full.finish(45, 45 * LSN_A_COMMIT, 9).header
        p.write(60)
        p.log("across")
        for path in ("long", "stale", "across"):
            ship(path, p, s)
        s.restore("long", replace=True)
        holds(s, 45)
        assert s.engine.state(DB).differential_base_lsn == header.first_lsn
        servers.refuses(s, "stale", "stale")
        s.restore("across")
        holds(s, 60)

    def test_an_incremental_on_its_full_then_logs(self, servers: Servers) -> None:
        p, s = servers.pair()
        chain(p, s, 2)
        p.incremental("inc", 37)
        p.write(50)
        p.log("after")
        third = servers.open()
        for path in ("full", "inc", "after"):
            ship(path, p, third)
        third.restore("full", replace=True)
        holds(third, 10)
        third.restore("inc")
        holds(third, 37)
        third.restore("after")
        holds(third, 50)

    def test_an_empty_log_changes_nothing(self, servers: Servers) -> None:
        p, s = servers.pair()
        s_names = chain(p, s, 1)
        s.restore(s_names[0])
        header = p.log("empty")
        assert header.first_lsn == header.last_lsn
        ship("empty", p, s)
        s.restore("empty")
        holds(s, 20)
        p.write(25)
        p.log("next")
        ship("next", p, s)
        s.restore("next")
        holds(s, 25)

    def test_names_in_any_script(self, servers: Servers) -> None:
        p, s = servers.open(), servers.open()
        name = "Büro_Öl ' \" 顧客 /..%"
        p.engine.create(name)
        p.write(4, name)
        p.backup(Kind.FULL, "full", database=name)
        p.write(9, name)
        p.backup(Kind.LOG, "log", database=name)
        for path in ("full", "log"):
            ship(path, p, s)
            assert s.engine.read_header(path).database == name
            s.restore(path, replace=path == "full", database=name)
        assert s.engine.read_witness(name) == WitnessReading(9, mark(name, 1, 9))

    def test_lsns_have_no_bound(self, servers: Servers) -> None:
        if not servers.behaviour.lsn_exact:
            return  # this engine's positions are its own
        p, s = servers.pair()
        for i, lsn in enumerate((2**74 + 1, 2**74 + 2)):
            p.engine.commit_to(DB, i + 1, lsn)
            header = p.engine.begin_backup(
                DB, BackupOrder(Kind.LOG if i else Kind.FULL, "x", 0, 1, backup_id=i)
            ).finish(i + 1, lsn, 1)
            ship("x", p, s)
            assert s.engine.read_header("x") == header.header
            assert s.restore("x", replace=not i).redo_lsn == lsn
        holds(s, 2)

    # ---- chain rules
    def test_a_gap_is_refused_and_heals_when_the_missing_log_comes(self, servers: Servers) -> None:
        p, s = servers.pair()
        names = chain(p, s)
        servers.refuses(s, names[1], "gap")
        servers.refuses(s, names[3], "gap")
        for name in names:
            s.restore(name)
        holds(s, 50)

    def test_stale_and_duplicate_logs_change_nothing(self, servers: Servers) -> None:
        p, s = servers.pair()
        names = chain(p, s)
        for name in names[:2]:
            s.restore(name)
        servers.refuses(s, names[0], "stale")
        servers.refuses(s, names[1], "stale")
        s.restore(names[2])
        holds(s, 40)

    def test_another_databases_backups_are_refused(self, servers: Servers) -> None:
        p, s = servers.pair()
        chain(p, s, 1)
        p.engine.create("hr")
        p.write(10, "hr")
        p.backup(Kind.FULL, "hr full", database="hr")
        p.write(20, "hr")
        p.backup(Kind.LOG, "hr log", database="hr")
        for path in ("hr full", "hr log"):
            ship(path, p, s)
            servers.refuses(s, path, "wrong_database", replace=path == "hr full")

    def test_an_incremental_bridges_a_hole(self, servers: Servers) -> None:
        p, s = servers.pair()
        names = chain(p, s)
        s.restore(names[0])
        p.incremental("inc", 53)
        p.write(60)
        p.log("after")
        ship("inc", p, s)
        ship("after", p, s)
        servers.refuses(s, "after", "gap")
        s.restore("inc")
        holds(s, 53)
        s.restore("after")
        holds(s, 60)

    def test_an_incremental_on_the_wrong_full_is_refused(self, servers: Servers) -> None:
        p, s = servers.pair()
        chain(p, s, 1)
        p.full("moves the base")
        p.incremental("inc", 33)
        ship("inc", p, s)
        servers.refuses(s, "inc", "wrong_base")

    def test_a_copy_only_full_and_one_that_was_cut_off_move_no_base(self, servers: Servers) -> None:
        p, s = servers.pair()
        names = chain(p, s, 1)
        p.full("copy", copy_only=True)
        p.engine.begin_backup(DB, BackupOrder(Kind.FULL, "cut off", 0, 10**6, backup_id=92)).abort(
            500_000
        )
        p.incremental("inc", 33)
        ship("inc", p, s)
        s.restore(names[0])
        s.restore("inc")
        holds(s, 33)
        ship("copy", p, s)
        s.restore("copy", replace=True)
        holds(s, 20)
        servers.refuses(s, "inc", "wrong_base")  # a copy-only full is no base

    def test_a_copy_of_a_copy_only_full_goes_on_with_the_log_but_has_no_base(
        self, servers: Servers
    ) -> None:
        p, s = servers.pair()
        p.write(10)
        p.full("full")
        p.full("copy", copy_only=True)
        p.write(20)
        p.log("log")
        for path in ("copy", "log"):
            ship(path, p, s)
            s.restore(path)
        s.engine.recover(DB, 2)
        s.log("next")
        with pytest.raises(EngineError):
            s.incremental("inc")
        s.full("copy of the copy", copy_only=True)
        third = servers.open()
        ship("copy of the copy", s, third)
        third.restore("copy of the copy")
        third.engine.recover(DB, 3)
        third.log("further")

    def test_a_log_of_another_chain_truncates_the_log_unless_each_chain_gets_it(
        self, servers: Servers
    ) -> None:
        """The full and the log of the second chain follow one another; what is between two logs of
        the first chain is in the second chain's log alone, by SQL Server's rules.
        """
        apart = servers.behaviour.several_chains
        p, s = servers.pair()
        p.write(10)
        p.full("full")
        p.full("second", chain="other")
        p.write(20)
        ours = p.log("log")
        p.write(30)
        other = p.log("other log", chain="other")
        p.write(40)
        last = p.log("last")
        if apart:
            assert last.first_lsn == ours.last_lsn
            assert p.engine.log_starts_at(DB, "other") == other.last_lsn
        else:
            assert other.first_lsn == ours.last_lsn and last.first_lsn == other.last_lsn
        assert p.engine.log_starts_at(DB) == last.last_lsn
        for path in ("full", "log", "other log", "last", "second"):
            ship(path, p, s)
        for path in ("full", "log"):
            s.restore(path)
        if apart:
            s.restore("last")
            holds(s, 40)
        else:
            servers.refuses(s, "last", "gap")
        if apart:
            s.restore("second", replace=True)
            s.restore("other log")
            holds(s, 30)

    def test_the_log_of_each_chain_begins_where_the_database_comes_online(
        self, servers: Servers
    ) -> None:
        p, s = servers.pair()
        names = chain(p, s, 1)
        s.restore(names[0])
        s.engine.recover(DB, 2)
        s.write(50)
        begins = s.engine.log_starts_at(DB)
        first = s.log("first")
        s.write(60)
        other = s.log("other", chain="other")
        expected = begins if servers.behaviour.several_chains else first.last_lsn
        assert (first.first_lsn, other.first_lsn) == (begins, expected)

    def test_incrementals_of_another_chain_stand_on_its_own_backups(self, servers: Servers) -> None:
        if not servers.behaviour.several_chains:
            return  # it knows one chain
        p, s = servers.pair()
        p.write(10)
        p.full("full")
        with pytest.raises(EngineError):
            p.incremental("too early", chain="other")
        p.write(20)
        p.full("second", chain="other")
        p.write(30)
        p.incremental("inc")
        p.incremental("other inc", chain="other")
        for path in ("full", "second", "inc", "other inc"):
            ship(path, p, s)
        s.restore("full")
        servers.refuses(s, "other inc", "wrong_base")
        s.restore("inc")
        holds(s, 30)
        s.restore("second", replace=True)
        servers.refuses(s, "inc", "wrong_base")
        s.restore("other inc")
        holds(s, 30)

    def test_a_copy_only_full_begins_no_chain_of_logs(self, servers: Servers) -> None:
        p, s = servers.pair()
        p.write(10)
        p.full("copy", copy_only=True)
        with pytest.raises(EngineError):
            p.log("log")
        ship("copy", p, s)
        s.restore("copy")
        s.engine.recover(DB, 2)
        with pytest.raises(EngineError):
            s.log("next")

    def test_a_log_carries_the_base_forward_and_incrementals_on_it_bridge_a_hole(
        self, servers: Servers
    ) -> None:
        p, s = servers.pair()
        names = chain(p, s, 1)
        old = s.engine.state(DB).differential_base_lsn
        full = p.engine.begin_backup(
            DB, BackupOrder(Kind.FULL, "second full", 0, 10**6, backup_id=95)
        )
        p.write(27)
        p.log("before its end")
        new = full.finish(33, 33 * LSN_A_COMMIT, 9).header.first_lsn
        p.write(40)
        p.log("after its end")
        p.write(50)
        p.log("lost")
        p.incremental("inc", 53)
        p.write(60)
        p.log("last")
        for path in ("before its end", "after its end", "inc", "last"):
            ship(path, p, s)
        for path in (*names, "before its end"):
            assert s.restore(path).differential_base_lsn == old
        servers.refuses(s, "inc", "wrong_base")
        carries = servers.behaviour.carries_base
        assert s.restore("after its end").differential_base_lsn == (new if carries else old)
        holds(s, 40)
        servers.refuses(s, "last", "gap")
        if not carries:
            assert s.engine.read_header("after its end").database_backup_lsn == 0
            servers.refuses(s, "inc", "wrong_base")
            return
        assert s.restore("inc").differential_base_lsn == new
        holds(s, 53)
        s.restore("last")
        holds(s, 60)

    def test_a_copy_only_full_does_not_travel_in_the_log_and_an_older_base_not_back(
        self, servers: Servers
    ) -> None:
        p, s = servers.pair()
        names = chain(p, s, 1)
        p.full("copy", copy_only=True)
        p.write(30)
        p.log("log 2")
        full = p.engine.begin_backup(
            DB, BackupOrder(Kind.FULL, "second full", 0, 10**6, backup_id=96)
        )
        p.log("empty")  # cut at the very LSN at which that full begins and ends
        new = full.finish(30, 30 * LSN_A_COMMIT, 9).header.first_lsn
        third = servers.open()
        for path in ("copy", "log 2", "second full", "empty"):
            ship(path, p, s)
            ship(path, p, third)
        base = s.engine.state(DB).differential_base_lsn
        for path in (*names, "log 2"):
            assert s.restore(path).differential_base_lsn == base
        third.restore("copy", replace=True)
        third.restore("log 2")
        p.incremental("inc", 35)
        ship("inc", p, third)
        servers.refuses(third, "inc", "wrong_base")
        third.restore("second full", replace=True)
        assert third.restore("empty").differential_base_lsn == new
        third.restore("inc")
        holds(third, 35)

    def test_the_base_that_a_log_brought_is_the_base_of_a_promoted_databases_incrementals(
        self, servers: Servers
    ) -> None:
        if not servers.behaviour.carries_base:
            return
        p, s = servers.pair()
        names = chain(p, s, 1)
        p.write(25)
        base = p.full("second full").first_lsn
        p.write(30)
        p.log("log 2")
        ship("log 2", p, s)
        for path in (*names, "log 2"):
            s.restore(path)
        s.engine.recover(DB, 2)
        s.write(40)
        assert s.incremental("inc", 44).differential_base_lsn == base
        third = servers.open()
        ship("second full", p, third)
        ship("inc", s, third)
        third.restore("second full", replace=True)
        third.restore("inc")
        assert third.reading == s.reading
        s.write(50)
        assert s.full("third full").first_lsn > base
        s.write(60)
        s.log("across")
        s.incremental("inc 2", 66)
        fourth = servers.open()
        for path, source in (("full", p), ("log 1", p), ("log 2", p), ("across", s), ("inc 2", s)):
            ship(path, source, fourth)
            fourth.restore(path, replace=path == "full")
        assert fourth.reading == s.reading

    def test_an_incremental_that_a_full_overtakes_is_whole_on_its_own_base(
        self, servers: Servers
    ) -> None:
        """Begun before another full ends, ended after it: it stands on the older full and lacks
        nothing.
        """
        p, s = servers.pair()
        p.write(10)
        p.full("full1")
        ship("full1", p, s)
        s.restore("full1")
        p.write(1000)
        incremental = p.engine.begin_backup(
            DB, BackupOrder(Kind.INCREMENTAL, "incremental", 1, 10**6, backup_id=9001)
        )
        p.full("full2")
        p.write(1050)
        incremental.finish(1050, 1050 * LSN_A_COMMIT, 2)
        ship("incremental", p, s)
        s.restore("incremental")
        holds(s, 1050)

    def test_the_second_incremental_stands_on_the_first_where_the_engine_holds_so(
        self, servers: Servers
    ) -> None:
        p, s = servers.pair()
        chain(p, s, 1)
        first = p.incremental("inc 1", 25)
        p.write(30)
        second = p.incremental("inc 2", 33)
        p.write(40)
        p.log("last")
        for path in ("inc 1", "inc 2", "last"):
            ship(path, p, s)
        base = s.engine.state(DB).differential_base_lsn
        assert first.differential_base_lsn == base
        if not servers.behaviour.on_incrementals:
            assert second.differential_base_lsn == base
            s.restore("inc 2")
            holds(s, 33)
            return
        assert second.differential_base_lsn == first.first_lsn > base
        servers.refuses(s, "inc 2", "wrong_base")  # a link is missing
        assert s.restore("inc 1").differential_base_lsn == first.first_lsn
        assert s.restore("inc 2").differential_base_lsn == second.first_lsn
        holds(s, 33)
        servers.refuses(s, "inc 1", "wrong_base")
        s.restore("last")
        holds(s, 40)
        own = p.full("own").first_lsn
        assert p.incremental("inc 3", 44).differential_base_lsn == own

    def test_an_incremental_that_ends_behind_the_position_is_refused(
        self, servers: Servers
    ) -> None:
        p, s = servers.pair()
        names = chain(p, s, 1)
        p.incremental("inc", 25)
        p.write(40)
        p.log("log 2")
        for path in ("inc", "log 2"):
            ship(path, p, s)
        for path in (*names, "log 2"):
            s.restore(path)
        servers.refuses(s, "inc", "stale")

    def test_a_log_needs_a_full(self, servers: Servers) -> None:
        p, s = servers.pair()
        with pytest.raises(EngineError) as told:
            p.log("log")
        assert told.value.number in servers.behaviour.refusals["log_before_full"]
        assert not p.files.exists("log")
        assert not p.engine.log_has_begun(DB)
        p.full("copy only", copy_only=True)
        assert not p.engine.log_has_begun(DB)
        p.full("full")
        assert p.engine.log_has_begun(DB)
        p.write(3)
        p.log("log")
        ship("log", p, s)
        servers.refuses(s, "log", "nothing_restored")

    def test_a_full_with_replace_takes_the_place_of_what_is_there(self, servers: Servers) -> None:
        p, s = servers.pair()
        names = chain(p, s)
        for name in names:
            s.restore(name)
        s.restore("full", replace=True)
        holds(s, 10)
        for name in names:
            s.restore(name)
        holds(s, 50)

    # ---- damage
    def test_no_file(self, servers: Servers) -> None:
        p, s = servers.pair()
        chain(p, s, 1)
        for act in (
            lambda: s.engine.read_header("nowhere"),
            lambda: s.engine.begin_restore(DB, "nowhere"),
        ):
            with pytest.raises(EngineError) as told:
                act()
            assert told.value.number in servers.behaviour.refusals["no_file"]

    @pytest.mark.parametrize("name", some_or_all(["log 1", "full", "inc"], 2))
    def test_a_file_cut_off_anywhere_is_refused(self, servers: Servers, name: str) -> None:
        p, s = servers.pair()
        chain(p, s, 1)
        p.incremental("inc", 26)
        whole = ship(name, p, s)
        zone = servers.behaviour.zone
        inside = [zone(whole, z)[len(zone(whole, z)) // 2] for z in ("header", "body", "tail")]
        for size in sorted({0, 1, *inside, len(whole) // 3, len(whole) - 1}):
            s.files.write(name, whole[:size])
            servers.refuses(
                s,
                name,
                "cut_in_header" if size < zone(whole, "body").start else "cut",
                replace=name == "full",
            )
        s.files.write(name, whole)
        s.restore(name, replace=name == "full")

    @pytest.mark.parametrize("length", [1, 7, 10**9])
    def test_flipped_bytes_in_the_header_are_refused(self, servers: Servers, length: int) -> None:
        p, s = servers.pair()
        whole = ship(chain(p, s, 1)[0], p, s)
        zone = servers.behaviour.zone(whole, "header")
        for offset in zone[:: max(1, len(zone) // 40)]:
            s.files.write(
                "log 1",
                flipped(whole, offset, min(length, len(zone) - (offset - zone.start)), 0x10),
            )
            with pytest.raises(EngineError):
                s.engine.read_header("log 1")
            servers.refuses(s, "log 1", "flip_in_header")
        ship("log 1", p, s)
        s.restore("log 1")
        holds(s, 20)

    @pytest.mark.parametrize("name", some_or_all(["log 2", "full", "inc"], 3))
    def test_flipped_bytes_in_the_body_are_refused_or_show_in_the_content(
        self, servers: Servers, name: str
    ) -> None:
        p, s = servers.pair()
        chain(p, s, 2)
        n, kind = {"log 2": (30, Kind.LOG), "full": (10, Kind.FULL), "inc": (36, Kind.INCREMENTAL)}[
            name
        ]
        p.incremental("inc", 36)
        whole = ship(name, p, s)
        zone = servers.behaviour.zone(whole, "body")

        def stand_before() -> None:
            ship("full", p, s)
            s.restore("full", replace=True)
            if name == "log 2":
                s.restore("log 1")

        # a restore there takes a quarter of a second
        places = 4 if s.engine.name == "postgres" else 12
        for offset in zone[:: max(1, len(zone) // places)]:
            stand_before()
            s.files.write(name, flipped(whole, offset, 1, 0x01))
            assert (
                self._damaged_restore(servers, s, name, n) in servers.behaviour.body_damage[kind]
            ), offset
        stand_before()
        s.files.write(name, whole)
        s.restore(name, replace=name == "full")
        holds(s, n)

    @staticmethod
    def _damaged_restore(servers: Servers, s: Server, name: str, n: int) -> str:
        """What came of it: see Behaviour.body_damage. A refusal must have left everything as it
        was.
        """
        before = (s.engine.state(DB), s.reading)
        try:
            s.restore(name, replace=name == "full")
        except EngineError as error:
            assert error.number in servers.behaviour.refusals["flip_in_body"], str(error)
            assert (s.engine.state(DB), s.reading) == before
            return "refused"
        try:
            return "hides" if s.reading == WitnessReading(n, mark(DB, 1, n)) else "shows"
        except EngineError:
            return "shows"  # it can no longer be read

    def test_flipped_bytes_in_the_tail_are_refused(self, servers: Servers) -> None:
        p, s = servers.pair()
        whole = ship(chain(p, s, 1)[0], p, s)
        for offset in servers.behaviour.zone(whole, "tail"):
            s.files.write("log 1", flipped(whole, offset, 1))
            servers.refuses(s, "log 1", "flip_in_tail")

    def test_a_preallocated_file_whose_copy_was_cut_off_is_refused(self, servers: Servers) -> None:
        p, s = servers.pair()
        whole = ship(chain(p, s, 1)[0], p, s)
        body = servers.behaviour.zone(whole, "body")
        for offset in (body.start, body[len(body) // 2], len(whole) - 1):
            s.files.write("log 1", whole[:offset] + bytes(len(whole) - offset))
            servers.refuses(s, "log 1", "zero_tail")

    # ---- operations that are cut off
    @pytest.mark.parametrize("fraction_ppm", [0, 1, 300_000, 700_000, 999_999, 1_000_000])
    def test_a_log_cut_off_in_its_backup_is_covered_by_the_next(
        self, servers: Servers, fraction_ppm: int
    ) -> None:
        p, s = servers.pair()
        names = chain(p, s, 1)
        s.restore(names[0])
        starts = p.engine.log_starts_at(DB)
        p.write(30)
        p.engine.begin_backup(DB, BackupOrder(Kind.LOG, "torn", 0, 10**6, backup_id=93)).abort(
            fraction_ppm
        )
        assert p.engine.log_starts_at(DB) == starts
        ship("torn", p, s)
        servers.refuses(s, "torn", "cut_off_in_backup")
        p.write(40)
        assert p.log("next").first_lsn == starts
        ship("next", p, s)
        s.restore("next")
        holds(s, 40)

    @pytest.mark.parametrize("fraction_ppm", some_or_all([400_000, 0, 1_000_000], 3))
    def test_a_restore_killed_in_the_middle_leaves_the_database_where_it_stood(
        self, servers: Servers, fraction_ppm: int
    ) -> None:
        p, s = servers.pair()
        names = chain(p, s, 2)
        p.incremental("inc", 34)
        ship("inc", p, s)
        for path in (*names, "inc"):
            before = (s.engine.state(DB), s.reading)
            s.engine.begin_restore(DB, path).abort(fraction_ppm)
            assert (s.engine.state(DB), s.reading) == before
            s.restore(path)
        holds(s, 34)

    def test_a_full_with_replace_killed_in_the_middle_leaves_nothing(
        self, servers: Servers
    ) -> None:
        p, s = servers.pair()
        names = chain(p, s, 1)
        s.engine.begin_restore(DB, "full", replace=True).abort(500_000)
        assert not s.engine.state(DB).exists
        servers.refuses(s, names[0], "nothing_restored")
        s.restore("full", replace=True)
        s.restore(names[0])
        holds(s, 20)

    # ---- failover
    def test_recovery_over_a_gap_holds_what_was_applied_and_nothing_else(
        self, servers: Servers
    ) -> None:
        p, s = servers.pair()
        names = chain(p, s)
        s.restore(names[0])
        s.restore(names[1])
        stood = s.engine.state(DB)
        assert s.engine.recover(DB, 2) == stood.redo_lsn
        assert not s.engine.state(DB).restoring and s.engine.state(DB).fork == 2
        assert s.reading == WitnessReading(30, mark(DB, 1, 30))
        servers.refuses(s, names[2], "recovered")
        servers.refuses(s, names[3], "recovered")

    @pytest.mark.parametrize("stop", [14, 17, 20])
    def test_a_log_is_restored_up_to_where_a_transaction_has_ended(
        self, servers: Servers, stop: int
    ) -> None:
        """Transactions end at 14, 17 and 20 commits; the log goes on to 23. Brought online there,
        the database holds that and no more, and is written to.
        """
        p, s = servers.pair()
        chain(p, s, 0)
        for commits in (14, 17, 20, 23):
            p.write(commits)
        p.log("log 1")
        ship("log 1", p, s)
        at = (stop, stop * LSN_A_COMMIT)
        state = s.engine.begin_restore(DB, "log 1", stop_at=at).finish()
        holds(s, stop)
        if servers.behaviour.lsn_exact:
            assert state.redo_lsn == at[1]
        s.engine.recover(DB, 2)
        assert s.reading == WitnessReading(stop, mark(DB, 1, stop))
        s.write(30)
        assert s.reading.commits == 30

    def test_a_stop_beyond_a_log_s_end_restores_all_of_it(self, servers: Servers) -> None:
        p, s = servers.pair()
        (name,) = chain(p, s, 1)
        at = (25, 25 * LSN_A_COMMIT)
        s.engine.begin_restore(DB, name, stop_at=at).finish()
        holds(s, 20)

    def test_nothing_restored_nothing_recovered(self, servers: Servers) -> None:
        _, s = servers.pair()
        with pytest.raises(EngineError):
            s.engine.recover(DB, 2)
        assert not s.engine.state(DB).exists

    def test_a_fork_after_promotion(self, servers: Servers) -> None:
        p, s = servers.pair()
        names = chain(p, s, 2)
        thirds = [servers.open(), servers.open()]
        # one stands where the fork will leave, one goes on with the old primary
        for third in thirds:
            for path in ("full", *names):
                ship(path, p, third)
                third.restore(path, replace=path == "full")
        for name in names:
            s.restore(name)
        left = s.engine.recover(DB, 2)
        s.write(45)
        across = s.log("across")
        assert (across.fork, across.first_fork, across.fork_point_lsn) == (2, 1, left)
        s.write(50)
        beyond = s.log("beyond")
        assert (beyond.fork, beyond.first_fork, beyond.fork_point_lsn) == (2, 2, 0)
        p.write(45)
        old = p.log("old primary's")
        if servers.behaviour.lsn_exact:
            assert (old.first_lsn, old.last_lsn) == (across.first_lsn, across.last_lsn)
        after = (mark(DB, 1, 30) + mark(DB, 2, 45) - mark(DB, 2, 30)) % 2**64
        assert s.reading.commits == 50
        for third in thirds:
            ship("across", s, third)
            ship("beyond", s, third)
            ship("old primary's", p, third)
        thirds[0].restore("across")
        assert thirds[0].reading == WitnessReading(45, after)
        assert thirds[0].engine.state(DB).fork == 2
        servers.refuses(thirds[0], "old primary's", "wrong_fork")
        thirds[0].restore("beyond")
        assert thirds[0].reading == s.reading
        thirds[1].restore("old primary's")
        holds(thirds[1], 45)
        servers.refuses(thirds[1], "across", "wrong_fork")
        servers.refuses(thirds[1], "beyond", "wrong_fork")

    def test_the_new_primary_takes_a_full_and_incrementals_of_its_own(
        self, servers: Servers
    ) -> None:
        p, s = servers.pair()
        for name in chain(p, s, 2):
            s.restore(name)
        s.engine.recover(DB, 2)
        s.write(40)
        s.full("new full")
        s.write(50)
        s.incremental("new inc", 55)
        s.write(60)
        s.log("new log")
        third = servers.open()
        for path in ("new full", "new inc", "new log"):
            ship(path, s, third)
            third.restore(path, replace=path == "new full")
        assert third.reading == s.reading
        ship("new inc", s, p)
        assert p.engine.state(DB).fork == 1  # the old primary is another matter
        servers.refuses(p, "new inc", "recovered")

    @pytest.mark.parametrize(
        "way",
        some_or_all(
            [
                "behind closed logs",
                "behind closed logs, once rebuilt",
                "behind a tail",
                "behind a tail, once rebuilt",
            ],
            3,
        ),
    )
    def test_a_promoted_databases_incrementals_on_the_full_it_came_from(
        self, servers: Servers, way: str
    ) -> None:
        p, s = servers.pair()
        s.restore(chain(p, s, 1)[0])
        base = s.engine.state(DB).differential_base_lsn
        chained = ["full"]
        if way.endswith("rebuilt"):
            p.incremental("inc", 25)
            ship("inc", p, s)
            base = s.restore("inc").differential_base_lsn
            chained += ["inc"] * servers.behaviour.on_incrementals
        p.write(30)
        p.log("last", tail=way.startswith("behind a tail"))
        ship("last", p, s)
        s.restore("last")
        s.engine.recover(DB, 2)
        s.write(40)
        if servers.behaviour.old_base_after_failover or way.startswith("behind a tail"):
            assert s.incremental("on the old base", 44).differential_base_lsn == base
            third = servers.open()
            for path in (*chained, "on the old base"):
                ship(path, p if path in chained else s, third)
                third.restore(path, replace=path == "full")
            assert third.reading == s.reading
            return
        with pytest.raises(EngineError) as told:
            s.incremental("none")
        assert told.value.number in servers.behaviour.refusals["old_base"]
        assert not s.files.exists("none") and s.reading.commits == 40
        own = s.full("own").first_lsn
        assert s.incremental("own inc", 44).differential_base_lsn == own

    def test_the_tail_loses_nothing_and_stops_the_old_primary(self, servers: Servers) -> None:
        p, s = servers.pair()
        names = chain(p, s, 2)
        p.write(33)
        header = p.log("tail", tail=True)
        assert header.is_tail and p.engine.state(DB).restoring
        with pytest.raises(EngineError):
            p.write(40)
        with pytest.raises(EngineError):
            p.log("more")
        ship("tail", p, s)
        for path in (*names, "tail"):
            s.restore(path)
        s.engine.recover(DB, 2)
        holds(s, 33)
        holds(p, 33)

    def test_a_tail_that_was_cut_off_leaves_the_primary_as_it_was(self, servers: Servers) -> None:
        p, s = servers.pair()
        chain(p, s, 1)
        p.write(33)
        p.engine.begin_backup(
            DB, BackupOrder(Kind.LOG, "tail", 0, 10**6, backup_id=94, tail=True)
        ).abort(500_000)
        p.write(40)
        p.log("after all")
        for path in ("log 1", "after all"):
            ship(path, p, s)
            s.restore(path)
        holds(s, 40)

    @pytest.mark.parametrize("seen", [False, True])
    def test_a_primary_that_its_tail_has_stopped_serves_again(
        self, servers: Servers, seen: bool
    ) -> None:
        """The chain goes on over the tail, whether or not the standby has restored it, and whether
        or not anybody has looked at the old primary meanwhile. Where it is online nothing happens.
        """
        p, s = servers.pair()
        names = chain(p, s, 2)
        p.engine.serve_again(DB)
        p.write(33)
        tail = p.log("tail", tail=True)
        if seen:
            holds(p, 33)
        p.engine.serve_again(DB)
        state = p.engine.state(DB)
        assert (state.restoring, state.fork) == (False, 1)
        holds(p, 33)
        p.write(40)
        after = p.log("after")
        assert (after.first_lsn, after.fork) == (tail.last_lsn, 1)
        for path in ("tail", "after"):
            ship(path, p, s)
        for path in (*names, "tail", "after"):
            s.restore(path)
        holds(s, 40)
        p.write(44)
        p.log("tail 2", tail=True)  # and it can be stopped again
        ship("tail 2", p, s)
        s.restore("tail 2")
        s.engine.recover(DB, 2)
        holds(s, 44)

    # ---- no room
    def test_a_full_log_is_told_and_what_was_acknowledged_is_in_the_next_backup(
        self, servers: Servers
    ) -> None:
        p, s = servers.pair()
        names = chain(p, s, 1)
        p.write(30)
        for _ in range(2):  # told at each time of a log backup
            told = p.engine.no_space("log", db=DB)
            assert told.number and told.text
        p.backup(Kind.LOG, "freed", 30)
        ship("freed", p, s)
        p.write(40)
        p.engine.no_space("log", db=DB)
        tail = p.backup(Kind.LOG, "tail", 40, tail=True)
        ship("tail", p, s)
        for path in (*names, "freed", "tail"):
            s.restore(path)
        holds(s, 40)
        assert (
            tail.is_tail
            and s.engine.no_space("restore", db=DB, volume="data", required=2, free=1).text
        )

    def test_destroyed_is_gone(self, servers: Servers) -> None:
        p, s = servers.pair()
        chain(p, s, 1)
        s.engine.destroy(DB)
        assert not s.engine.state(DB).exists
        with pytest.raises(EngineError):
            s.engine.read_witness(DB)
        s.engine.destroy(DB)
