"""One database: a PostgreSQL cluster of its own, and what is done to it natively.

Online it is a primary whose closed segments gather in the spool (spool.py) until a finished log
backup holds them. Restoring it is a standby that is given a log's segments and nothing else: they
are laid into `released`, the standby is woken, and they are taken away again when it has replayed
them or complained. After a tail-log backup it is stopped; asked for anything it comes up as a
standby on the files that it died with.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from dr_sim.backups.model import BackupHeader
from dr_sim.engines.backup_set import Path as Forks
from dr_sim.engines.own_errors import refusal
from dr_sim.engines.payload import Payload
from dr_sim.engines.port import EngineError, WitnessReading
from dr_sim.engines.postgres import contents, full_disk, native
from dr_sim.engines.postgres.contents import PostgresPosition
from dr_sim.engines.postgres.home import Home
from dr_sim.engines.postgres.native import Native
from dr_sim.engines.postgres.server import SEGMENT_BYTES, PostgresServer
from dr_sim.engines.postgres.spool import ARCHIVE_S, LogSpool, Segment

REPLAY_S = 30
"""A megabyte of log is replayed in milliseconds; a standby that says nothing for so long will say
nothing.
"""
PROMOTE_S = 60
_NOTHING = WitnessReading(0, 0)
TARGET = (
    "recovery_target_lsn",
    "recovery_target_inclusive",
    "recovery_target_action",
)
"""The settings by which a standby stops in the middle of a log."""


class PostgresDatabase:
    __slots__ = (
        "at",
        "base_checkpoint_lsn",
        "base_lsn",
        "base_timeline",
        "ends",
        "fell",
        "folder",
        "fulls_begun",
        "has_base",
        "home",
        "links",
        "log_commits",
        "log_fork",
        "log_lsn",
        "name",
        "offered_lsn",
        "online",
        "payload",
        "running",
        "server",
        "short",
        "spool",
        "verified",
    )

    def __init__(self, home: Home, name: str, folder: Path) -> None:
        self.home = home
        self.name = name
        self.folder = folder
        self.server = PostgresServer(home, folder, name)
        self.online = False
        self.at = PostgresPosition(0, 0, ((1, 0, 0),))
        self.running = 0
        # restoring: the incrementals that were restored on the full since, in order
        self.links: list[Path] = []
        self.has_base = False
        self.fulls_begun: list[
            int
        ] = []  # where those that are being taken began
        self.base_lsn = self.base_checkpoint_lsn = 0
        self.base_timeline = 1
        self.log_fork, self.log_lsn, self.log_commits = 1, 0, 0
        self.spool = LogSpool(self.server, folder)
        # where each transaction ends that no finished log holds: our LSN, and the server's
        self.ends: list[tuple[int, int]] = []
        self.offered_lsn = 0  # the furthest end of a backup that was handed over for restore
        # all of the last log's commits are there, but the server has not come to its end
        self.short = False
        self.verified = _NOTHING
        self.fell: EngineError | None = (
            None  # its disk is full: what it said
        )
        self.payload: Payload | None = (
            None  # a standby's, and a promoted one's, is not written to
        )

    @property
    def redo_lsn(self) -> int:
        """The next LSN it needs. A log whose end the server has not come to is needed again."""
        return self.at.lsn - self.short

    # ---- online
    def open(self) -> None:
        """Start as a primary, for the first time."""
        self.reopen()
        if self.payload is not None:
            contents.fill(self.server, self.payload)
        self.at = contents.position(self.server)
        here = native.lsn(
            str(self.server.row("SELECT pg_current_wal_insert_lsn()")[0])
        )
        self.spool.begins_at(here)

    def reopen(self) -> None:
        """Start as the primary that it was; the server recovers from its own log."""
        self.server.start()
        self.online = True

    def run_out(self) -> EngineError:
        """Let it fall, as its disk is full of log: what the server says as it falls (full_disk.py).
        Asked again, it is down already.
        """
        if self.fell is None:
            self.fell = full_disk.run_out(self.server)
            self.spool.unread = True
        return self.fell

    def has_room(self) -> None:
        """If it has fallen for lack of room: somebody makes some and starts it again."""
        if self.fell is not None:
            full_disk.make_room(self.server)
            self.fell = None
            if not self.server.running:
                self.server.start()
                # a segment that ends in a record cut off by the fall is given to the archiver at a
                # checkpoint only, and only once the summarizer has read it (18.6)
                self.server.wait(self._checkpointed, ARCHIVE_S)

    def _checkpointed(self) -> bool:
        self.server.execute("CHECKPOINT")
        return self.spool.is_offered()

    def commit_to(self, commits: int, lsn: int) -> None:
        if self.payload is not None:
            contents.overwrite(self.server, self.payload, self.at.lsn, lsn)
        self.running = contents.commit(
            self.server, self.name, self.at, self.running, commits, lsn
        )
        self.at = PostgresPosition(commits, lsn, self.at.forks)
        self.spool.unread = True
        here = self.server.row("SELECT pg_current_wal_insert_lsn()")[0]
        self.ends.append((lsn, native.lsn(str(here))))

    def ends_in(self, header: BackupHeader) -> list[tuple[int, int]]:
        """Return where the transactions of a log end."""
        return [
            (lsn, own)
            for lsn, own in self.ends
            if header.first_lsn < lsn <= header.last_lsn
        ]

    def truncate_log(self, segments: list[Segment]) -> None:
        """Remove from the log what is in a finished backup."""
        self.spool.drop(segments)
        self.ends = [end for end in self.ends if end[0] > self.log_lsn]

    def tail(self) -> Native:
        """Stop the server at once and take what its log holds on disk, the segment it was writing
        included.
        """
        self.server.stop()
        full_disk.make_room(self.server)
        self.fell = None
        return self.spool.tail()

    def check_incremental(self) -> None:
        """Raises EngineError, pg_basebackup's, if none can be taken: after a failover the log's
        summaries may not reach back to the base. Told by taking one for nothing.
        """
        if self.spool.timeline != self.base_timeline:
            self.base_backup(self.manifest.read_bytes())

    def base_backup(self, base: bytes | None) -> Native:
        """Take it by pg_basebackup, with a fast checkpoint and the log it needs; base: the manifest
        of the full that an incremental is taken against. Raises EngineError: the program's.
        """
        how: list[str | Path] = []
        if base is not None:
            against = self.folder / "against"
            against.write_bytes(base)
            against.chmod(0o644)
            how = ["-i", against]
        try:
            tar = self.home.run(
                "pg_basebackup",
                "-h",
                self.folder,
                "-U",
                "postgres",
                "-c",
                "fast",
                "-X",
                "fetch",
                "-F",
                "tar",
                "-D",
                "-",
                "--no-sync",
                *how,
            )
        except EngineError:
            self.server.check()  # if it has fallen, that is why
            raise
        timeline, begin, end = native.log_range(native.manifest(tar))
        if self.spool.unread:
            # What follows is the server's own and belongs to the next log: whoever restores this
            # backup needs it from there, and not from a log that ends at the same LSN of ours as
            # the backup.
            self.spool.gather(native.segment_of(begin - 1))
        return Native(timeline, begin, end, [("base.tar", tar)])

    @property
    def manifest(self) -> Path:
        """Return it of the backup that incrementals are taken against."""
        return self.folder / native.MANIFEST

    @property
    def base(self) -> Path:
        """The full that was restored last, for pg_combinebackup."""
        return self.folder / "base.tar"

    @property
    def base_manifest(self) -> Path:
        """Read it of what was restored last: a promotion makes it the base of incrementals, and
        does not read the whole backup for it.
        """
        return self.folder / "base_manifest"

    def carry_base(self, manifest: bytes) -> None:
        """The backup of that manifest is the base of incrementals from now on."""
        self.base_timeline = native.log_range(manifest)[0]
        self.manifest.write_bytes(manifest)
        self.manifest.chmod(0o644)

    # ---- being restored
    def up(self) -> PostgresServer:
        """The server; if it was stopped, as a standby on the files it left."""
        if not self.server.running:
            self.server.stop()
            self.server.start(standby=True)
        return self.server

    def lay_out(self, tar: bytes, name: str) -> Path:
        """The tar as a folder that pg_verifybackup finds in order, its log included. Raises
        EngineError, DamagedError.
        """
        target = self.folder / name
        user = self.home.user
        try:
            native.extract(
                tar, target, None if user is None else (user.uid, user.gid)
            )
            self.home.run("pg_verifybackup", "--exit-on-error", target)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        return target

    def start_restored(self) -> None:
        """Start as a standby on `data`."""
        self.server.start(standby=True)
        self.look()

    def look(self) -> None:
        """Take the position from the database."""
        self.at = contents.position(self.server)

    def combine(self, tar: bytes) -> None:
        """Rebuild from the base, the incrementals that were restored on it, and one more, and
        continue from there. Raises EngineError, DamagedError: nothing changed.
        """
        laid: list[Path] = []
        outcome = self.folder / "combined"
        try:
            laid.append(self.lay_out(self.base.read_bytes(), "base"))
            for number, link in enumerate(self.links):
                laid.append(
                    self.lay_out(link.read_bytes(), f"link {number}")
                )
            laid.append(self.lay_out(tar, "incremental"))
            self.home.run(
                "pg_combinebackup",
                "--no-sync",
                "--no-manifest",
                "-o",
                outcome,
                *laid,
            )
        except BaseException:
            shutil.rmtree(outcome, ignore_errors=True)
            raise
        finally:
            for place in laid:
                shutil.rmtree(place, ignore_errors=True)
        self.server.stop()
        old = self.folder / "old"
        self.server.data.rename(old)
        outcome.rename(self.server.data)
        try:
            self.start_restored()
        except BaseException:
            self.server.stop()
            shutil.rmtree(self.server.data, ignore_errors=True)
            old.rename(self.server.data)
            raise
        shutil.rmtree(old, ignore_errors=True)
        self.verified, self.short = _NOTHING, False
        link = self.folder / f"link {len(self.links)}.tar"
        link.write_bytes(tar)
        self.links.append(link)
        self.base_manifest.write_bytes(native.manifest(tar))

    def replay(self, log: Native, last_lsn: int, forks: Forks) -> None:
        """Have the standby replay these segments. Raises EngineError in the server's words if that
        got it nowhere.

        Got somewhere and stopped: `at` says how far, and the same log given again is refused.
        """
        server = self.up()
        before = self.at, self.short
        server.forget()
        with self._released(log):
            said = self._wait_for(log.end, last_lsn, forks)
        if not server.running:
            words = server.last_words()
            self.up()
            self.look()
            raise words
        self.short = said is not None and (self.at.lsn, self.at.forks) == (
            last_lsn,
            forks,
        )
        if said is not None and (self.at, self.short) == before:
            raise refusal(said[0], **said[1])

    @contextlib.contextmanager
    def _released(self, log: Native) -> Iterator[None]:
        """Release a log's segments to the standby, and take them away again."""
        released = self.folder / "released"
        try:
            for name, part in log.parts:
                with (released / "part").open("wb") as file:
                    file.write(part)
                    if native.segment_number(name)[0]:
                        file.truncate(SEGMENT_BYTES)
                (released / "part").chmod(0o644)
                (released / "part").rename(released / name)
            self.server.wake()
            yield
        finally:
            for name, _ in log.parts:
                (released / name).unlink(missing_ok=True)

    def replay_until(self, log: Native, lsn: int) -> None:
        """Have the standby replay the transactions of a log that end at that LSN or before it: it
        is started again with a recovery target, and pauses there. Raises EngineError.
        """
        ends = [own for world, own in log.ends if world <= lsn]
        if not ends:
            return
        server = self.server
        server.stop()
        target = (native.lsn_text(max(ends)), "off", "pause")
        server.settings |= dict(zip(TARGET, target, strict=True))
        server.start(standby=True)
        with self._released(log):
            paused = server.wait(self._is_paused, REPLAY_S)
        if not server.running:
            raise server.last_words()
        if not paused:
            raise server.lost(
                f"had not come to its target after {REPLAY_S} s"
            )
        self.look()

    def _is_paused(self) -> bool:
        server = self.server
        if not server.running:
            return True
        state = server.row("SELECT pg_get_wal_replay_pause_state()")[0]
        return state == "paused"

    def _wait_for(
        self, end: int, last_lsn: int, forks: Forks
    ) -> tuple[int, dict[str, object]] | None:
        """Return what to say if the log is not there; None: it is. end 0: wherever the position is
        the one wanted.
        """
        server, words = self.server, ""
        stands = 0

        def done() -> bool:
            nonlocal words, stands
            if not server.running:
                return True
            words = words or server.complaint()
            stands = native.lsn(
                str(server.row("SELECT pg_last_wal_replay_lsn()")[0])
            )
            if end:
                return stands >= end or bool(words)
            self.look()
            return (self.at.lsn, self.at.forks) == (
                last_lsn,
                forks,
            ) or bool(words)

        in_time = server.wait(done, REPLAY_S)
        if not server.running:
            return None
        self.look()
        if (self.at.lsn, self.at.forks) == (last_lsn, forks) and (
            not end or stands >= end
        ):
            return None
        if words:
            return 60024, {
                "native": native.lsn_text(stands),
                "words": words,
            }
        if in_time:
            return None
        return 60025, {
            "native": native.lsn_text(end),
            "seconds": REPLAY_S,
            "stands": native.lsn_text(stands),
        }

    def promote(self, fork: int) -> str:
        """Bring online on a new timeline; returns where the server says that it begins."""
        server = self.up()
        shutil.rmtree(self.folder / "released")
        self.home.make_folder(self.folder / "released")
        server.execute("SELECT pg_promote(false)")
        if not server.wait(
            lambda: server.row("SELECT pg_is_in_recovery()")[0] is False,
            PROMOTE_S,
        ):
            raise server.lost(f"was not promoted after {PROMOTE_S} s")
        server.standby, server.startup_pid = False, 0
        for name in TARGET:
            server.settings.pop(name, None)
        here = str(
            server.row(
                "SELECT pg_walfile_name(pg_current_wal_insert_lsn() + 1)"
            )[0]
        )
        timeline = self.spool.timeline = int(here[:8], 16)
        history = (
            server.data / f"pg_wal/{timeline:08X}.history"
        ).read_text()
        begins = [
            line.split()
            for line in history.splitlines()
            if line.strip() and not line.startswith("#")
        ][-1][1]
        self.spool.begins_at(native.lsn(begins))
        self.look()
        at = self.at
        self.verified, self.short = _NOTHING, False
        self.running = contents.running(server)
        self.at = PostgresPosition(
            at.commits, at.lsn, (*at.forks, (fork, at.lsn, at.commits))
        )
        contents.set_forks(server, self.at)
        self.online = self.spool.unread = True
        if not self.manifest.exists() and self.base_manifest.exists():
            self.carry_base(self.base_manifest.read_bytes())
        return f"{timeline} {begins}"

    # ---- either
    def read(self) -> WitnessReading:
        """Read it through SQL. A standby's rows are checked once, as they come; a primary's all,
        each time.
        """
        if self.online and not self.server.running:
            raise refusal(60026, db=self.name)
        was_stopped = not self.server.running
        server = self.up()
        if (
            was_stopped
        ):  # it answers before it has replayed all that its own log holds
            server.wait(
                lambda: contents.position(server) == self.at, REPLAY_S
            )
        since = _NOTHING if self.online else self.verified
        reading, sound = contents.read(
            server, self.name, self.at.forks, since
        )
        if sound and reading.commits == self.at.commits:
            self.verified = reading
        elif sound:
            reading.digest ^= 1
        return reading

    def destroy(self) -> None:
        self.server.stop()
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.folder)
