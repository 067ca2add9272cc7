"""The files of one database in the secondary's share, and their one owner.

Theory of operation. A part that learns something about a file calls `HeldFiles`. `HeldFiles` moves
the file along the tables of file_life.py and updates everything that follows from it: the queue of
waiting logs, the damaged files, the files that are being copied again, the file that the engine is
reading, and the shelves that retention examines. Others only read a `File` and never write to one
(tests/test_owners.py).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Collection, Iterator, Sequence

from dr_sim.backups.chain import Fit, applies
from dr_sim.backups.log_run import LogRun
from dr_sim.backups.model import (
    BackupHeader,
    RestoreState,
)
from dr_sim.backups.run_tables import ByName
from dr_sim.recovery.files.file import FULL, LOG, Failure, File, quiet_log
from dr_sim.recovery.files.file_life import (
    CONTENT,
    NEED,
    Content,
    FileEvent,
    Need,
)
from dr_sim.recovery.files.shelves import Shelves
from dr_sim.recovery.saved import (
    attempts_from_text,
    header_from_text,
    under,
)

_BEHIND = (Fit.STALE, Fit.EMPTY)
_DONE = (Need.DONE, Need.IN_HAND_AGAIN)


def _fields(file: File) -> list[object]:
    return [getattr(file, name) for name in File.__slots__]


class HeldFiles:
    """The files of one database.

    pending: validated logs that may still be needed, in the order of File.order. bad: damaged files
    that may be copied again, by name. recopying: names of files that are being copied again.
    in_hand: the file that the engine is reading. given_up: logs that were waited for when they
    were given up, by name.
    """

    __slots__ = (
        "_by_name",
        "_given_up",
        "_stored_attempts",
        "_stored_headers",
        "bad",
        "in_hand",
        "pending",
        "recopying",
        "shelves",
    )

    def __init__(self, database: str, saved: dict[str, str]) -> None:
        self._by_name: ByName[File] = ByName()
        self._stored_attempts = under(
            saved, f"attempts/{database}/", attempts_from_text
        )
        self._stored_headers = under(
            saved, f"header/{database}/", header_from_text
        )
        self.pending: list[File] = []
        self.bad: dict[str, File] = {}
        self._given_up: dict[str, File] = {}
        self.recopying: set[str] = set()
        self.in_hand: File | None = None
        self.shelves = Shelves()

    # ---- reading
    def get(self, name: str) -> File | None:
        return self._by_name.get(name)

    def look(self, name: str) -> File | None:
        """Return a file that is only to be read."""
        return self._by_name.look(name)

    def __getitem__(self, name: str) -> File:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def values(self) -> Collection[File]:
        found: Collection[File] = self._by_name.values()
        return found

    def items(self) -> Collection[tuple[str, File]]:
        found: Collection[tuple[str, File]] = self._by_name.items()
        return found

    def several(self, names: Sequence[str]) -> Iterator[File | LogRun]:
        """Return the files with these names, in their order. The logs of a run, each of which is
        whole and restored, are one thing if all of them are named.
        """
        return self._by_name.several(names)

    def not_in_runs(self) -> Sequence[File]:
        """Return all files but the logs in runs, each of which is whole and restored."""
        return self._by_name.apart()

    @property
    def whole_fulls(self) -> list[File]:
        """Return the fulls that are here and whole."""
        return [
            file
            for file in self.not_in_runs()
            if file.kind is FULL and file.content is Content.WHOLE
        ]

    def with_runs(self) -> Iterator[File | LogRun]:
        """Go through all files; the logs of a run, each of which is whole and restored, are one
        thing.
        """
        return self._by_name.with_runs()

    def newest_log(self) -> File | None:
        """Return the log here that was finished last."""
        logs = [file for file in self.values() if file.kind is LOG]
        return max(logs, key=File.age_order, default=None)

    @property
    def awaits_counts(self) -> bool:
        """Tell whether the store holds attempts of files that are not here: they may land again."""
        return bool(self._stored_attempts)

    def all_on_shelves(self) -> bool:
        """Tell whether retention need not look at each file."""
        return self.shelves.usual(self._by_name)

    def stored(self) -> tuple[dict[str, int], dict[str, BackupHeader]]:
        """Return how often files were read, and their headers, by name, as the store had them at
        the start; without those that have been taken up.
        """
        return self._stored_attempts, self._stored_headers

    # ---- a file appears, or goes
    def found(
        self,
        file: File,
        known_good_until_utc_us: int,
        last: str,
        suspect: bool,
    ) -> File:
        """Take up a file that lies here after a restart.

        Logs that were finished before the last restored one are taken for restored. suspect: people
        have been told of it, so it is validated again.
        """
        header = self._stored_headers.pop(file.name, None)
        file.header = header
        file.attempts = self._stored_attempts.pop(file.name, 0)
        old = file.kind is LOG and (
            file.modified_utc_us < known_good_until_utc_us
            or file.name == last
        )
        if suspect:
            self._move(file, FileEvent.FOUND)
            if old:  # what was restored since covers its range (R10)
                self._change_need(file, FileEvent.PASSED_BY)
        elif header is not None:
            self._move(file, FileEvent.FOUND_WHOLE)
        elif old:
            self._move(file, FileEvent.FOUND_OLD)
            self._change_need(file, FileEvent.PASSED_BY)
        else:
            self._move(file, FileEvent.FOUND)
        self._by_name[file.name] = file
        return file

    def headers_of_nothing(self) -> list[str]:
        """Return, once, the names of files whose headers are stored and which are not here any
        more.
        """
        names = list(self._stored_headers)
        self._stored_headers = {}
        return names

    def arrived(self, file: File) -> None:
        """Record that a file has landed that was not here."""
        self._move(file, FileEvent.LANDED)
        self._by_name[file.name] = file
        if self._stored_attempts:
            file.attempts = self._stored_attempts.pop(file.name, 0)

    def arrived_again(
        self, file: File, modified_utc_us: int, size_bytes: int
    ) -> bool:
        """Another copy of the file has landed. False: nothing is to be done now, as it is being
        hashed, and will be once more when that is over, or is taken for restored.

        What was validated lies here no more; a bad one stays among the bad until it is known to be
        whole.
        """
        if file.content is Content.UNREAD:
            return False
        file.overtaken = file.content is Content.CHECKING
        self._move(file, FileEvent.LANDED)
        file.modified_utc_us = modified_utc_us
        file.size_bytes = size_bytes
        return not file.overtaken

    def hashed_in_vain(self, file: File) -> bool:
        """A hash is known. Return whether another copy has landed meanwhile."""
        overtaken, file.overtaken = file.overtaken, False
        return overtaken

    def forget(self, file: File) -> None:
        """Forget a file that is not here any more. If it comes again, its reads are counted on
        (R5).
        """
        self._move(file, FileEvent.GONE)
        del self._by_name[file.name]
        self.bad.pop(file.name, None)
        self.shelves.spoil()
        self._unqueue(file)
        if file.attempts:
            self._stored_attempts[file.name] = file.attempts

    def delete(self, files: Sequence[File | LogRun]) -> None:
        """Record that retention deletes these files."""
        for file in files:
            if isinstance(file, LogRun):
                self._by_name.let_go(file)
                self.shelves.take_run_away(file)
                continue
            self._move(file, FileEvent.GONE)
            del self._by_name[file.name]
            self.bad.pop(file.name, None)
            self.shelves.take_away(file.name)

    # ---- validation
    def look_into(self, file: File) -> None:
        """Read the header of a log that a restart took for restored: it may be needed."""
        self._move(file, FileEvent.LOOKED_INTO)
        file.presumed = True
        self._change_need(file, FileEvent.NEEDED)

    def look_into_unread(
        self, until_utc_us: int | None = None
    ) -> list[File]:
        """Look into all such logs that were finished before that instant (None: all of them)."""
        unread = [
            file
            for file in self._by_name.apart()
            if file.content is Content.UNREAD
            and (
                until_utc_us is None or file.modified_utc_us < until_utc_us
            )
        ]
        for file in unread:
            self.look_into(file)
        return unread

    def passed(
        self, file: File, header: BackupHeader, state: RestoreState
    ) -> bool:
        """Record that the file is whole. Return whether it is for the first time.

        Another backup may lie here under that name now: then it is decided again whether it is
        needed.
        """
        first_time = file.header is None
        self._move(file, FileEvent.PASSED)
        replaced = not first_time and header != file.header
        file.header = header
        file.failures = 0
        if replaced:
            self.shelves.spoil()
            if file.kind is LOG:
                self._unqueue(file)
                self.decide(file, state)
        if first_time:
            self.shelves.put(file)
        if self.bad:
            self.bad.pop(file.name, None)
        return first_time

    def hold_until(self, file: File, due_mono_us: int) -> None:
        """Hold the file back until the replay delay is over."""
        file.due_mono_us = due_mono_us

    def queue(self, file: File) -> None:
        """Put a log in the queue."""
        if file not in self.pending:
            insort(self.pending, file, key=File.order)

    def failed(
        self, file: File, failure: Failure, retry_at_mono_us: int
    ) -> bool:
        """Validation failed, or somebody knows that the file is not what it seems to be. False:
        nobody needs it, as its range is behind the database's position and it never was whole
        (R10).
        """
        unneeded = file.kind is LOG and file.done and file.header is None
        self._move(
            file,
            FileEvent.FAILED_UNNEEDED if unneeded else FileEvent.FAILED,
        )
        self.shelves.tear(file)
        if unneeded:
            return False
        if file.kind is not LOG:
            file.header = None  # a restart is not to take it for whole
        file.failure = failure
        file.failures += 1
        file.refused = False
        file.retry_at_mono_us = retry_at_mono_us
        self.bad[file.name] = file
        self._unqueue(file)
        return True

    def contradicted(self, file: File) -> None:
        """Record that the primary has contradicted a file that had passed: it is another file."""
        self._change_need(file, FileEvent.NEEDED)
        file.contradictions += 1

    # ---- another copy
    def copy_again(self, name: str) -> None:
        self.recopying.add(name)

    def copies_no_more(self, name: str) -> None:
        """The copy has come, or nobody sends it."""
        if self.recopying:
            self.recopying.discard(name)

    def expect_no_copies(self) -> None:
        """Note that nothing more comes from the primary."""
        self.recopying.clear()

    def retry_at(self, file: File, mono_us: int) -> None:
        """The file may be tried again at that instant."""
        file.retry_at_mono_us = mono_us

    def no_copy_helps(self, file: File) -> None:
        """Record that the file is cut off at the primary too: one more copy would fail in the same
        way.
        """
        file.failures += 1

    def give_up(self, file: File, failure: Failure | None = None) -> None:
        """Record that no copy of the file can be had."""
        self._move(file, FileEvent.GIVEN_UP)
        self.bad.pop(file.name, None)
        if file.kind is LOG and not file.done:
            self._given_up[file.name] = file
        if failure is not None:
            file.failure = failure

    def set_aside(self, file: File) -> None:
        """Record that a full is of no use, though its hash is right: its pages have rotted."""
        if file.content in (Content.LOST, Content.UNREAD):
            return
        self._move(file, FileEvent.SET_ASIDE)
        self.bad.pop(file.name, None)
        self.shelves.spoil()

    def take_up_again(self, file: File) -> None:
        """Take the file up again: the failover in which it was given up has been called off."""
        self._move(file, FileEvent.TAKEN_UP_AGAIN)
        self.bad[file.name] = file

    # ---- the engine
    def hand_over(self, file: File) -> int:
        """The engine is about to read it; return its attempts with this one (R5)."""
        self._change_need(file, FileEvent.HANDED_OVER)
        file.attempts += 1
        self.in_hand = file
        return file.attempts

    def restored(self, file: File) -> None:
        self._change_need(file, FileEvent.RESTORED)
        self.in_hand = None
        file.refused = False
        for lost in list(self._given_up.values()):
            # what landed later gets past it, or the hole shows
            if lost.landed_mono_us <= file.landed_mono_us:
                del self._given_up[lost.name]

    def unqueue_restored(self, file: File) -> None:
        """Take a restored log out of the queue."""
        if self.pending and self.pending[0] is file:
            del self.pending[0]
        else:
            self._unqueue(file)

    def sent_back(self, file: File) -> None:
        """Record that the engine no longer reads the file, and has not restored it."""
        self._change_need(file, FileEvent.SENT_BACK)
        self.in_hand = None

    def refused(
        self,
        file: File,
        failure: Failure,
        retry_at_mono_us: int,
        passes: bool,
    ) -> None:
        """Record that the engine has refused the file. passes: the refusal says nothing about the
        file. Then the others of its kind that were refused so wait as long as it does: the newest
        of them is tried again, not the one whose retry comes first.
        """
        file.refused = True
        file.failure = Failure(
            file.failure.outcome, failure.error_number, failure.error_text
        )
        file.passing += passes
        file.retry_at_mono_us = retry_at_mono_us
        if passes and file.kind is not LOG:
            for other in self._by_name.apart():
                if other.kind is file.kind and other.refused_here:
                    other.retry_at_mono_us = retry_at_mono_us

    def check_refused(self, file: File) -> None:
        """Validate the file once more, to look for damage at rest."""
        self._move(file, FileEvent.REFUSED)
        self.shelves.spoil()

    def acquit(self, file: File, passes: bool) -> None:
        """Withdraw the refusal of a file that is no full: the copy under it was lost."""
        file.passing += passes
        file.refused = False

    # ---- the database's position moves
    def needed(self, file: File) -> None:
        """Record that the file is needed after all."""
        self._change_need(file, FileEvent.NEEDED)

    def decide(self, file: File, state: RestoreState) -> bool:
        """Decide again whether a log waits for its turn, now that the database stands at another
        position.
        """
        assert file.header is not None
        behind = applies(file.header, state) in _BEHIND
        self._change_need(
            file, FileEvent.PASSED_BY if behind else FileEvent.NEEDED
        )
        return not behind

    def pass_presumed_by(self, file: File) -> None:
        """A log that a restart took for restored is not whole: it was no other than that, and if
        the chain lacks it the hole shows it (R10).
        """
        if file.taken_for_restored:
            self._change_need(file, FileEvent.PASSED_BY)

    def pass_front_by(self) -> None:
        """Skip the first log in the queue, which would bring nothing: it is never read."""
        self._change_need(self.pending.pop(0), FileEvent.PASSED_BY)

    def pass_bad_logs_by(self, finished_until_utc_us: int) -> None:
        """Damaged logs that were finished by then have their range behind the database's position
        (R10).
        """
        for file in list(self.bad.values()):
            if (
                file.kind is not LOG
                or file.modified_utc_us > finished_until_utc_us
            ):
                continue
            if not file.done:
                self._change_need(file, FileEvent.PASSED_BY)
                del self.bad[file.name]

    def lost_logs(self) -> list[File]:
        """Return the logs that were waited for, of which no copy can be had, and that no later log
        here shows as a hole.
        """
        since_us = self.pending[-1].landed_mono_us if self.pending else -1
        return [
            file
            for file in self._given_up.values()
            if file.content is Content.LOST
            and file.landed_mono_us > since_us
        ]

    def decide_all(self, state: RestoreState) -> None:
        """Decide again about all logs after a jump (a full, an incremental, a lost position)."""
        validated = (Content.WHOLE, Content.CHECKING)
        self._by_name.spread(*self._runs_beyond(state))
        logs = [
            file
            for file in self._by_name.apart()
            if file.kind is LOG
            and file.header is not None
            and file.content in validated
        ]
        self.pending = []
        for file in logs:
            if self.decide(file, state):
                self.pending.append(file)
        self.pending.sort(key=File.order)

    def absorb(
        self, name: str, header: BackupHeader, landed_us: int
    ) -> File:
        """Record that a quiet log has landed and been restored (absorb.py)."""
        file = self._by_name[name] = quiet_log(name, header, landed_us)
        self.shelves.put(file)
        return file

    def absorb_run(self, run: LogRun, landed_us: Sequence[int]) -> None:
        """Record the same of the logs of a run."""

        def file(i: int) -> File:
            return quiet_log(run.name(i), run.header(i), landed_us[i])

        self._by_name.add_run(run, file)
        self.shelves.put_run(run)

    def hold_as_runs(self, run: LogRun) -> None:
        """Hold those of a run's logs that are here one by one, restored at the first attempt, as
        runs from now on.
        """
        landed_us = [0] * len(run)

        def fits(i: int, file: File) -> bool:
            landed_us[i] = file.landed_mono_us
            quiet = quiet_log(file.name, run.header(i), landed_us[i])
            return _fields(file) == _fields(quiet)

        def maker(part: LogRun, first: int) -> Callable[[int], File]:
            landed = landed_us[first : first + len(part)]
            return lambda i: quiet_log(
                part.name(i), part.header(i), landed[i]
            )

        for part in self._by_name.hold_as_runs(run, fits, maker):
            self.shelves.hold_as_run(part)

    def _runs_beyond(self, state: RestoreState) -> list[LogRun]:
        """Return the runs of which a log may bring the database further. The logs of the others are
        done, and stay so.
        """
        found = []
        for run in self._by_name.runs:
            last = applies(run.header(len(run) - 1), state)
            if last not in _BEHIND or run.alike.fork != state.fork:
                found.append(run)
        return found

    # ---- inside
    @staticmethod
    def _move(file: File, event: FileEvent) -> None:
        file.content = CONTENT.after(file.content, event)

    @staticmethod
    def _change_need(file: File, event: FileEvent) -> None:
        file.need = NEED.after(file.need, event)
        file.done = file.need in _DONE

    def _unqueue(self, file: File) -> None:
        if file in self.pending:
            self.pending.remove(file)
