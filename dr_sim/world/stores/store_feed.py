"""The way of backups to a store: they stay at their source, are fetched, cross the link, and may be
on their way for longer (a courier).

Theory of operation. A store is fed like a standby (replication.py), with one wait before the link
and one after it. Before: each backup stays at its source for `hold`, and is fetched at the next
instant of `every`. Then it crosses the link from its source. After: it is on its way for `transit`,
and lands. A backup on its way does not need its source any more. The source is the primary's share
or another store. The link from another store is a link between two places that outlives the loss of
the primary's site.

In a failover, the tail and the files that the way back lacks are fetched at once, without the first
wait. They come from the primary's share if the previous store does not hold them. Damaged files are
fetched again at once, too.

When roles change, the feed behind the new primary takes over the work of this one (goes_on):
backups on the road arrive when they would have arrived, and backups at their source stay as long as
they would have stayed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from dr_sim.scenario.model import BackupStoreSpec
from dr_sim.scenario.schedule import next_start
from dr_sim.world.kernel.agenda import Class, Entry
from dr_sim.world.kernel.context import Context
from dr_sim.world.kernel.volume import Volume
from dr_sim.world.link.link import PairLink
from dr_sim.world.link.replication import Replication
from dr_sim.world.primary.backup_file import BackupFile, TwinFile
from dr_sim.world.primary.transfer_state import TransferState


@dataclass(frozen=True, slots=True)
class _OnTheRoad:
    """A file that has left its source, its content, when it arrives, and what lets it arrive."""

    file: BackupFile
    data: bytes
    at_us: int
    entry: Entry


class StoreFeed(Replication):
    """Feeds one store. source: the context of the store that it is fed from; None: the primary."""

    def __init__(
        self,
        context: Context,
        link: PairLink,
        land: Callable[[BackupFile, bytes], None],
        landing: Volume,
        source: Context | None,
    ) -> None:
        super().__init__(context, link, land, landing)
        store = context.scenario.store
        assert store is not None
        self._store: BackupStoreSpec = store
        self._source = source
        # since when the files that have been taken up lie at their source, by number
        self._known: dict[int, int] = {}
        # by number, files that stay at their source, and what will fetch them
        self._kept: dict[int, tuple[BackupFile, Entry]] = {}
        self._on_the_road: dict[int, _OnTheRoad] = {}
        # files that were fetched, and had not landed, when roles changed
        self._fetched: set[int] = set()
        # files that a failover fetches from the primary's share, past the store before
        self._directly: set[int] = set()
        self.outlives_primary = source is not None

    # ---- before the link
    def offer(self, file: BackupFile) -> None:
        """Take up a file of the primary; or, again, one that was taken up before."""
        if file.number in self._known:
            if not (
                self._is_kept(file) or file.number in self._on_the_road
            ):
                super().offer(file)
        elif file.header.is_tail:
            self.prefer(file.database, [file])
        elif self._source is None:
            self._take_up(file)
        else:
            self._set(file, TransferState.BEFORE)

    def lies_at_source(self, file: BackupFile) -> None:
        """Take up a file that has landed at the store that feeds this one."""
        by_name = self._context.by_name[file.database]
        mine = by_name.get(file.name)
        if mine is None:
            of = file._of if isinstance(file, TwinFile) else file
            mine = by_name[file.name] = TwinFile(of)
        if mine.number not in self._known:
            self._take_up(mine)

    def _take_up(
        self, file: BackupFile, since_us: int | None = None
    ) -> None:
        """Take a file up. since_us: since when it lies at its source; None: from now on."""
        now_us = self._context.now_us
        since_us = now_us if since_us is None else since_us
        self._known[file.number] = since_us
        file.state = TransferState.NEW
        if file.kind.word not in self._store.kinds:
            return
        at_us = self._fetched_at_us(since_us)
        if at_us <= self._context.now_us:
            super().offer(file)
            return
        entry = self._context.agenda.at(
            at_us, Class.TRANSFER, file.database, self._fetch, file
        )
        self._kept[file.number] = (file, entry)
        self._set(file, TransferState.KEPT)

    def _fetched_at_us(self, since_us: int) -> int:
        """Return when a file that lies at its source since that instant is fetched."""
        may_go_us = max(
            since_us + self._store.hold_us, self._context.now_us
        )
        every = self._store.every
        if every.kind == "none":
            return may_go_us
        start_utc_us = self._context.scenario.start_utc_us
        at_us = next_start(every, may_go_us - 1, start_utc_us)
        assert at_us is not None
        return at_us

    def _fetch(self, file: BackupFile) -> None:
        self._let_go(file)
        if self.at_source(file):
            super().offer(file)
        else:
            self._set(file, TransferState.GONE)

    def _is_kept(self, file: BackupFile) -> bool:
        return file.number in self._kept

    def _let_go(self, file: BackupFile) -> None:
        _, entry = self._kept.pop(file.number)
        entry.cancel()
        file.state = TransferState.NEW

    def prefer(self, database: int, files: Sequence[BackupFile]) -> None:
        """Fetch these files of a database at once, and send them first."""
        files = [f for f in files if f.number not in self._on_the_road]
        for file in files:
            self._known.setdefault(file.number, self._context.now_us)
            if self._is_kept(file):
                self._let_go(file)
            elif file.state == TransferState.BEFORE:
                file.state = TransferState.NEW
            if not self.at_source(file):
                self._directly.add(file.number)
        super().prefer(database, files)

    def release(self, files: Sequence[BackupFile]) -> None:
        """The primary's site is back: no scenario with stores has that."""
        raise AssertionError("no site comes back where there are stores")

    # ---- at the source
    def at_source(self, file: BackupFile) -> bool:
        if self._source is None or file.number in self._directly:
            return super().at_source(file)
        there = self._source.by_name[file.database].get(file.name)
        return there is not None and there.at_secondary

    def _read(self, file: BackupFile) -> Any:
        if self._source is None or file.number in self._directly:
            return super()._read(file)
        path = self._source.at_secondary(file)
        return self._source.secondary_files.read(path)

    # ---- after the link
    def _landed(self, file: BackupFile, data: bytes) -> None:
        if not self._store.transit_us:
            self._lands(file, data)
            return
        at_us = self._context.now_us + self._store.transit_us
        self._set(file, TransferState.ON_THE_ROAD)
        self._goes_by_road(file, data, at_us)

    def _goes_by_road(
        self, file: BackupFile, data: bytes, at_us: int
    ) -> None:
        entry = self._context.agenda.at(
            at_us, Class.TRANSFER, file.database, self._arrives, file, data
        )
        self._on_the_road[file.number] = _OnTheRoad(
            file, data, at_us, entry
        )

    def _arrives(self, file: BackupFile, data: bytes) -> None:
        del self._on_the_road[file.number]
        self._lands(file, data)

    def _lands(self, file: BackupFile, data: bytes) -> None:
        # it may have been deleted at its source meanwhile, and was forgotten here
        self._context.by_name[file.database].setdefault(file.name, file)
        super()._landed(file, data)

    # ---- what is on its way
    def on_its_way(self, file: BackupFile) -> bool:
        return (
            self._is_kept(file)
            or file.number in self._on_the_road
            or super().on_its_way(file)
        )

    def under_way(self) -> list[BackupFile]:
        """Return the files that come by themselves. Those that stay at their source are fetched by
        whoever needs them.
        """
        on_the_road = [each.file for each in self._on_the_road.values()]
        return super().under_way() + on_the_road

    def uncopied(self) -> list[BackupFile]:
        kept = [file for file, _ in self._kept.values()]
        return super().uncopied() + kept

    # ---- roles change
    def may_get(self, file: BackupFile, at_new_primary: bool) -> bool:
        """Return whether a file that has not landed may still come: it is on the road, lies at the
        new primary's site, or comes from a store.
        """
        if file.kind.word not in self._store.kinds:
            return False
        return (
            at_new_primary
            or self._source is not None
            or file.number in self._on_the_road
        )

    def leave(self) -> None:
        """Bring nothing any more: the feed behind the new primary does (goes_on)."""
        self._leaves(range(len(self._context.scenario.databases)))
        super().leave()

    def drop(self, databases: Collection[int]) -> None:
        """Bring nothing of these databases any more: they have another primary."""
        dropped = [f for f in self.under_way() if f.database in databases]
        self._leaves(databases)
        for number, (file, flow, amount) in list(self._sending.items()):
            if file.database in databases:
                del self._sending[number]
                self._cut(file, flow, amount)
        for number, (file, entry) in list(self._held.items()):
            if file.database in databases:
                del self._held[number]
                entry.cancel()
        numbers = {file.number for file in dropped}
        left = [f for f in self._queue.files if f.number not in numbers]
        self._queue.put(left)
        self._copy_jobs.leave_out(numbers)
        if self._lacks_room in dropped:
            self._lacks_room = None
        for file in dropped:
            self._room.give_back(file)
        self._pump()

    def _leaves(self, databases: Collection[int]) -> None:
        """Fetch nothing of these databases any more, and let nothing of them arrive."""
        self._fetched.update(file.number for file in super().under_way())
        for number, (file, entry) in list(self._kept.items()):
            if file.database in databases:
                del self._kept[number]
                entry.cancel()
        for each in self._on_the_road.values():
            if each.file.database in databases:
                each.entry.cancel()

    def goes_on(
        self, before: StoreFeed, files: Sequence[BackupFile]
    ) -> None:
        """Continue with what the feed before this one has begun: of these files, those that have
        not landed.
        """
        for file in files:
            if file.at_secondary:
                self._known[file.number] = self._context.now_us
            else:
                self._goes_on_with(before, file)

    def _goes_on_with(self, before: StoreFeed, file: BackupFile) -> None:
        number = file.number
        on_the_road = before._on_the_road.get(number)
        if on_the_road is not None:
            self._known[number] = before._known[number]
            self._set(file, TransferState.ON_THE_ROAD)
            self._goes_by_road(file, on_the_road.data, on_the_road.at_us)
        elif not self.at_source(file):
            self._set(file, TransferState.BEFORE)
        elif number in before._fetched:
            self._known[number] = before._known[number]
            Replication.offer(self, file)
        else:
            self._take_up(file, before._known.get(number))

    def hold(self) -> None:
        """The primary's site is gone: what stays there, and what crosses the link, is lost."""
        for file, entry in self._kept.values():
            entry.cancel()
            self._set(file, TransferState.GONE)
        self._kept.clear()
        super().hold()


def feed(
    context: Context,
    link: PairLink,
    land: Callable[[BackupFile, bytes], None],
    landing: Volume,
    source: Context | None,
) -> Replication:
    """Return what brings backups to a place: to a standby, or to a store."""
    if context.scenario.store is None:
        return Replication(context, link, land, landing)
    return StoreFeed(context, link, land, landing, source)
