"""One-way replication from the primary's share to the secondary's, which has another name.

Files are sent as soon as they are finished (or when a copy job is due: copy_jobs.py), up to `slots`
at a time. Every file passes through its folder's staging area on the way (staging.py). A transfer
that the link interrupts is retried after a back-off, without a limit; large files resume, small
ones start again. A connection that finds the link down backs off as a whole. A copy claims its room
at the other side before it begins (landing_room.py). Where there is none replication stops, as it
does for staging, and continues when there is room again (Windows' DFS Replication reports this as
events 4004 and 4502).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dr_sim.backups.model import Kind
from dr_sim.record.kinds import KIND_ID
from dr_sim.world.kernel.agenda import Class, Entry
from dr_sim.world.kernel.context import Context
from dr_sim.world.kernel.sharing import Flow
from dr_sim.world.kernel.volume import Volume
from dr_sim.world.link.copy_jobs import CopyJobs
from dr_sim.world.link.folder import Folder
from dr_sim.world.link.link import PairLink
from dr_sim.world.link.send_queue import SendQueue
from dr_sim.world.link.staging import Staging
from dr_sim.world.primary.backup_file import BackupFile
from dr_sim.world.primary.transfer_state import AT_REST, TransferState
from dr_sim.world.secondary.landing_room import LandingRoom

_STATE = KIND_ID["truth.file_state"]
_SENT = KIND_ID["truth.transfer_bytes"]
# a member costs several times a name
_SENDING, _LANDED = TransferState.SENDING, TransferState.LANDED
_PRIORITY = {Kind.LOG: 0, Kind.INCREMENTAL: 1, Kind.FULL: 2}


class Replication:
    """The replicator. `in_transit`: what faults do to bytes on their way, called as (file, data) ->
    data. `cut_short`: how many of the bytes that cross they leave, called as (file, bytes) ->
    bytes. `land` is the other side.
    """

    def __init__(
        self,
        context: Context,
        link: PairLink,
        land: Callable[[BackupFile, bytes], None],
        landing: Volume,
    ) -> None:
        self._context = context
        self._spec = context.scenario.replication
        self._link = link
        self._land = land
        # it sends from another place, and continues when the primary's is lost
        self.outlives_primary = False
        self._queue = SendQueue()
        self._sending: dict[int, tuple[BackupFile, Flow, int]] = {}
        self._held: dict[
            int, tuple[BackupFile, Entry]
        ] = {}  # sent, but not delivered yet
        self._retry: Entry | None = None
        self._copy_jobs = CopyJobs(context, self._copy)
        self.staging = Staging(context, self._purged)
        self.in_transit: list[Callable[[BackupFile, bytes], bytes]] = []
        self.cut_short: list[Callable[[BackupFile, int], int]] = []
        self.hold_until: list[Callable[[BackupFile], int]] = []
        self._stops = 0  # reasons for the replicator to stand still
        self._site_lost = False  # and the replicator with it
        # by database: files that are sent before any other of it
        self._preferred: dict[int, set[int]] = {}
        self._again: set[int] = (
            set()
        )  # files that have changed while they were being sent
        # the last file that found no room at the other side
        self._lacks_room: BackupFile | None = None
        link.on_change.append(self._link_changed)
        self._room = LandingRoom(landing, self._room_changed)

    def lands_in(self, share: Volume) -> None:
        """Send to another share from now on. Nothing has been sent yet."""
        self._room.moves_to(share)

    def offer(self, file: BackupFile) -> None:
        """Take up a file that is finished (or wanted again): it will be sent."""
        if file.number in self._sending or file.number in self._held:
            self._again.add(file.number)
            return
        if file.state not in AT_REST:
            return  # it waits to be sent: its content is read at that time
        file.sent_bytes = 0
        if self._spec.every_us:
            self._copy_jobs.add(file)
            self._set(file, self._not_due_yet(file))
            self._copy_jobs.plan()
            return
        self._queue.add(file)
        self._pump()
        if file.state in AT_REST:
            self._set(file, self._waits_for(file))

    def _not_due_yet(self, file: BackupFile) -> TransferState:
        """Return the state of a file that waits for the next copy job."""
        folder = self.staging.of(file)
        if folder.off:
            return TransferState.OFF
        return (
            TransferState.STAGING if folder.full else TransferState.QUEUED
        )

    def _waits_for(self, file: BackupFile) -> TransferState:
        """Return the state of a file in the queue: the thing that it waits for now. If only a slot
        is missing the state is QUEUED.
        """
        if self.staging.of(file).off:
            return TransferState.OFF
        if self.staging.holds_up(file):
            return TransferState.STAGING
        if self._stops:
            return TransferState.STOPPED
        if self._retry is not None or (
            self._site_lost and self._spec.retry_us
        ):
            return TransferState.BACKOFF
        return (
            TransferState.QUEUED
            if self._link.forward_up
            else TransferState.WAITING
        )

    def _show_waiting(self) -> None:
        """Record the new state of each file in the queue: the obstacle has changed."""
        for file in self._queue.files:
            state = self._waits_for(file)
            if state != file.state and not (
                state == TransferState.QUEUED
                and file.state == TransferState.NO_ROOM
            ):
                self._set(file, state)

    def prefer(self, database: int, files: Sequence[BackupFile]) -> None:
        """Send these files of a database first and in that order; its other files are sent once
        these have landed.
        """
        wanted = {file.number for file in files}
        for number, (file, flow, amount) in list(self._sending.items()):
            if file.database == database and number not in wanted:
                del self._sending[number]
                self._cut(file, flow, amount)
                self._set(file, self._waits_for(file))
        if wanted:
            self._preferred[database] = wanted
        first = [
            file
            for file in files
            if file.number not in self._sending
            and file.number not in self._held
        ]
        rest = [
            file for file in self._queue.files if file.number not in wanted
        ]
        self._copy_jobs.leave_out(wanted)
        for file in first:
            if file.state in AT_REST:
                file.sent_bytes = 0
                self._set(file, self._waits_for(file))
        self._queue.put([*first, *rest])
        self._pump()

    def _no_longer_preferred(self, file: BackupFile) -> None:
        wanted = self._preferred.get(file.database)
        if wanted is None:
            return
        wanted.discard(file.number)
        if not wanted:
            del self._preferred[file.database]

    def on_its_way(self, file: BackupFile) -> bool:
        number = file.number
        # all that are on their way show for what they wait: most that are asked for are not
        return file.state not in AT_REST and (
            number in self._sending
            or number in self._held
            or file in self._queue
            or file in self._copy_jobs
        )

    def at_source(self, file: BackupFile) -> bool:
        """Return whether the file lies where it is sent from."""
        return file.at_primary

    def _read(self, file: BackupFile) -> Any:
        """Return its bytes there; KeyError: it is gone."""
        return self._context.primary_files.read(
            self._context.at_primary(file)
        )

    def uncopied(self) -> list[BackupFile]:
        """Return the files that are yet to be copied."""
        return self.under_way()

    def under_way(self) -> list[BackupFile]:
        """Return the finished files that have not landed and come by themselves."""
        found = [file for file, _, _ in self._sending.values()]
        found += [file for file, _ in self._held.values()]
        found += self._queue.files
        found += self._copy_jobs
        return found

    def waiting(self, database: int) -> list[BackupFile]:
        """Return those of a database, oldest first."""
        mine = [
            file for file in self.under_way() if file.database == database
        ]
        return sorted(mine, key=lambda file: file.number)

    @property
    def blocked(self) -> bool:
        """Return whether sending cannot begin: the connection backs off or is stopped, or a
        folder's staging area or membership holds the files.
        """
        return (
            self._retry is not None
            or self._stops > 0
            or any(folder.blocked for folder in self.staging.folders)
        )

    # ---- for the express lane
    @property
    def idle(self) -> bool:
        """Return whether a new file would be sent at once and unchanged."""
        return not (
            self._queue.files
            or self._sending
            or self.blocked
            or self._spec.every_us
            or self.in_transit
            or self.hold_until
            or self.cut_short
        )

    def sent(
        self,
        databases: Sequence[int],
        numbers: Sequence[int],
        sizes: Sequence[int],
    ) -> None:
        """Record that quiet logs were staged, sent and delivered, in this order."""
        self.staging.keep(databases, numbers, sizes)

    def purged(self, database: int, files: int) -> None:
        """Record that the staging area of that database's folder was purged for a quiet log."""
        self.staging.purge(database, files)

    # ---- sending
    def _pump(self) -> None:
        if self._site_lost:
            return
        while (
            len(self._sending) < self._spec.slots
            and self._retry is None
            and not self._stops
        ):
            place = self._first()
            if place is None:
                return
            if not self._link.forward_up:
                self._lost()
                return
            file = self._queue.files[place]
            if not self.at_source(file):
                self._queue.remove(place)
                self._gone(file)
                continue
            if not self._room.suffices_for(file):
                if file.state != TransferState.NO_ROOM:
                    self._set(file, TransferState.NO_ROOM)
                self._lacks_room = file
                return
            if not self.staging.stage(file, self._sending):
                self._set(file, TransferState.STAGING)
                continue
            self._queue.remove(place)
            self._room.claim(file)
            self._send(file)

    def _first(self) -> int | None:
        """Return the place in the queue of the first file that may be sent. It is searched only
        where folders differ: while a staging area is purged thousands may wait, and each new file
        asks.
        """
        blocked = [folder.blocked for folder in self.staging.folders]
        if all(blocked):
            return None
        if not any(blocked) and not self._preferred:
            return 0 if self._queue.files else None
        for place, file in enumerate(self._queue.files):
            wanted = self._preferred.get(file.database)
            if not self.staging.of(file).blocked and (
                wanted is None or file.number in wanted
            ):
                return place
        return None

    def _room_changed(self) -> None:
        if self._queue.files:
            self._pump()
        file = self._lacks_room
        # there is room now: it still waits for a slot
        if file is not None and self._room.suffices_for(file):
            self._lacks_room = None
            if file.state == TransferState.NO_ROOM:
                self._set(file, self._waits_for(file))

    def _send(self, file: BackupFile) -> None:
        amount = file.nominal_bytes - file.sent_bytes
        if (
            file.at_secondary
            and file.nominal_bytes > self._spec.resume_above_bytes
        ):
            # a changed file: only what differs crosses
            amount = amount * self._spec.delta_ppm // 1_000_000
        if file.sent_bytes:
            file.sent_bytes = file.nominal_bytes - amount
        for cut in list(self.cut_short):
            amount = cut(file, amount)
        self._set(file, _SENDING)
        flow = self._link.shared.start(
            file.database,
            amount * 8,
            self._link.cap_bit_s,
            self._arrived,
            file,
            _PRIORITY[file.kind],
            self._link.wait_us,
        )
        self._sending[file.number] = (file, flow, amount)

    def _arrived(self, file: BackupFile) -> None:
        context = self._context
        _, _, amount = self._sending.pop(file.number)
        context.journal.append(
            _SENT, context.agenda._now, file.database, file.number, amount
        )
        try:
            data = self._read(file)
        except KeyError:
            self._gone(file)
        else:
            file.replaced_by = None
            # a fault that is over removes itself from the list
            for damage in list(self.in_transit):
                data = damage(file, data)
            until = (
                max(hold(file) for hold in self.hold_until)
                if self.hold_until
                else 0
            )
            if until > context.agenda._now:
                entry = context.agenda.at(
                    until,
                    Class.TRANSFER,
                    file.database,
                    self._released,
                    file,
                    data,
                )
                self._held[file.number] = (file, entry)
            else:
                self._landed(file, data)
        if self._queue.files:
            self._pump()

    def _released(self, file: BackupFile, data: bytes) -> None:
        del self._held[file.number]
        self._landed(file, data)

    def _gone(self, file: BackupFile) -> None:
        self._set(file, TransferState.GONE)
        self._no_longer_preferred(file)
        self._room.give_back(file)

    def _landed(self, file: BackupFile, data: bytes) -> None:
        self._room.use(file)
        self._set(file, _LANDED)
        self._no_longer_preferred(file)
        self._land(file, data)
        if file.number in self._again:
            self._again.discard(file.number)
            self.offer(file)

    def _set(self, file: BackupFile, state: TransferState) -> None:
        file.state = state
        context = self._context
        context.journal.append(
            _STATE,
            context.agenda._now,
            file.database,
            file.number,
            context.journal.texts[state],
        )

    # ---- cuts and back-off
    def _link_changed(self) -> None:
        if self._link.forward_up:
            if not self._spec.retry_us and self._retry is None:
                self._pump()
                self._show_waiting()
            return
        self._cut_all()
        if (
            self._queue.files
            and self._retry is None
            and not self._stops
            and not self._site_lost
        ):
            self._lost()

    def stop(self) -> None:
        """Stop the replicator until `resume`; transfers are interrupted."""
        self._stops += 1
        self._cut_all()
        self._show_waiting()

    def resume(self) -> None:
        self._stops -= 1
        if not self._stops:
            self._show_waiting()
            self._pump()

    def _cut_all(self) -> None:
        if self._sending:
            for number in sorted(self._sending, reverse=True):
                self._cut(*self._sending[number])
            self._sending.clear()
            in_turn = sorted(
                self._queue.files,
                key=lambda f: (f.number & 0xFFFFFFFF, f.database),
            )
            self._queue.put(in_turn)

    def _cut(self, file: BackupFile, flow: Flow, amount: int) -> None:
        left_bits = self._link.shared.stop(flow)
        done = amount - -(-left_bits // 8)
        self._context.note(
            "truth.transfer_bytes", file.database, file.number, done
        )
        resumes = file.nominal_bytes > self._spec.resume_above_bytes
        file.sent_bytes = (
            file.nominal_bytes - amount + done if resumes else 0
        )
        self._queue.add_first(file)

    def _lost(self) -> None:
        """Handle a lost connection: queued files wait for the next try (or for the link, without a
        back-off).
        """
        state = (
            TransferState.BACKOFF
            if self._spec.retry_us
            else TransferState.WAITING
        )
        for file in self._queue.files:
            if file.state != state and not self.staging.of(file).off:
                self._set(file, state)
        if self._spec.retry_us:
            at = self._context.now_us + self._spec.retry_us
            self._retry = self._context.agenda.at(
                at, Class.TRANSFER, -1, self._try_again
            )

    def _try_again(self) -> None:
        self._retry = None
        self._pump()
        # more may wait than there are slots: those that were not sent do not back off any more
        self._show_waiting()

    def hold(self) -> None:
        """Send and try nothing any more: the site is gone, and with it everything that had not been
        delivered.
        """
        self._site_lost = True
        held = [file for file, _ in self._held.values()]
        self._send_nothing()
        for file in held:
            self._gone(file)
        self._room.give_all_back()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def leave(self) -> None:
        """Send nothing any more: another site is the primary, and sends what is lacking."""
        self.stop()
        self._send_nothing()
        self._room.give_all_back()

    def _send_nothing(self) -> None:
        """Forget all files that wait, and those that are sent and not delivered yet."""
        self._preferred.clear()
        self._queue.clear()
        self._copy_jobs.clear()
        for _, entry in self._held.values():
            entry.cancel()
        self._held.clear()

    def release(self, files: Sequence[BackupFile]) -> None:
        """The site is back: whatever lies in its share and has not landed is sent, from its first
        byte on.
        """
        self._site_lost = False
        self._queue.clear()
        self._copy_jobs.clear()
        for file in files:
            if file.state != _LANDED:
                file.state = TransferState.NEW
                self.offer(file)

    # ---- copy jobs and staging
    def _copy(self, files: list[BackupFile]) -> None:
        for file in files:
            self._queue.add(file)
        self._pump()
        self._show_waiting()

    def _purged(self, file: BackupFile) -> None:
        self._pump()
        if file.state == TransferState.STAGING:
            self._set(file, self._waits_for(file))

    def fill_staging(self, folders: list[Folder]) -> None:
        """Let nothing more be staged in these folders; files that are being sent keep their
        place.
        """
        for folder in folders:
            folder.full += 1
        for file in (*self._queue.files, *self._copy_jobs):
            if (
                file.state == TransferState.QUEUED
                and self.staging.of(file).full
            ):
                self._set(file, TransferState.STAGING)

    def free_staging(self, folders: list[Folder]) -> None:
        for folder in folders:
            folder.full -= 1
        self._pump()
        self._no_longer_kept()

    # ---- memberships
    def switch_off(self, folders: list[Folder]) -> None:
        """Switch off a membership of each folder: transfers there are interrupted, and nothing more
        is sent.
        """
        for folder in folders:
            folder.off += 1
        cut = [
            number
            for number in sorted(self._sending, reverse=True)
            if self.staging.of(self._sending[number][0]).off
        ]
        for number in cut:
            self._cut(*self._sending.pop(number))
        for file in (*self._queue.files, *self._copy_jobs):
            if (
                self.staging.of(file).off
                and file.state != TransferState.OFF
            ):
                self._set(file, TransferState.OFF)
        self._pump()

    def switch_on(self, folders: list[Folder]) -> None:
        for folder in folders:
            folder.off -= 1
        self._pump()
        self._no_longer_kept()

    def _no_longer_kept(self) -> None:
        """Record that a folder holds its files for one reason less: they wait for another, or for
        what all files wait for.
        """
        self._show_waiting()
        for file in self._copy_jobs:
            state = self._not_due_yet(file)
            if state != file.state:
                self._set(file, state)
