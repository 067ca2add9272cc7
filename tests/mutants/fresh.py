"""Bugs that were thought of from reading the recovery logic, the planner, retention and the cloud
manager anew, and committed before any draw or monitor was changed for one of them. They stand in
modules and branches that the other tables leave out.
"""

from __future__ import annotations

from tests.mutants.planting import Mutant, one

FRESH: tuple[Mutant, ...] = (
    # ---- replay, the watch and alerts
    one(
        "late_landing_is_not_told", "R12",
        "where replay waits on purpose, logs that land late are told to nobody",
        "recovery/replay/lag.py",
        "        if not (rules.keeps or self._db.replay_waits):\n",
        "        if not rules.keeps:\n",
    ),
    one(
        "age_by_the_wall_clock_alone", "R8",
        "a wall clock that is behind makes a log younger than the time that it lies here",
        "recovery/replay/limits.py",
        "    return max(utc_us - finished_utc_us, mono_us - noticed_mono_us, 0)\n",
        "    return max(utc_us - finished_utc_us, 0)\n",
    ),
    one(
        "held_beyond_its_delay", "R7",
        "a log that seems to come from the future is held for longer than the replay delay",
        "recovery/files/landing.py",
        "    wait_us = min(wait_us, delay_us)\n",
        "",
    ),
    one(
        "missing_there_is_forgotten", "R12",
        "a full that its source lacks too is not told of, nor asked for anew",
        "recovery/files/landing.py",
        "    if file.kind is not LOG:\n"
        "        db.remake.gave_up(file, e, out)\n"
        "    elif file.done:\n",
        "    if file.done:\n",
    ),
    one(
        "newest_that_waits", "R12",
        "of the logs that wait the newest is looked at, not the oldest",
        "recovery/replay/progress.py",
        "        return min(found, key=File.age_order, default=None)\n",
        "        return max(self._waiting(), key=File.age_order, default=None)\n",
    ),
    one(
        "hole_is_an_interval_too_old", "R8",
        "a hole is as old as the log before it, not as the one that is missing",
        "recovery/replay/watch.py",
        "            dated = last.modified_utc_us + db.config.log_interval_us\n",
        "            dated = last.modified_utc_us\n",
    ),
    one(
        "log_request_is_made_once", "R9",
        "a log backup that the primary has refused once is not asked for again",
        "recovery/answers.py",
        "    db: DatabaseReplay, e: events.BackupFailed, out: list[Command]\n"
        ") -> None:\n"
        "    if e.kind == LOG:\n"
        "        db.watch.log_answered()\n",
        "    db: DatabaseReplay, e: events.BackupFailed, out: list[Command]\n"
        ") -> None:\n"
        "    if e.kind == LOG:\n"
        "        pass\n",
    ),
    one(
        "heard_again_is_not_noted", "R9",
        "a machine that is heard again is taken for silent when a backup is to be asked for",
        "recovery/failover/watching.py",
        "    hear(f, e.machine, heard=True)\n"
        "    declined =",
        "    declined =",
    ),
    # ---- repairs
    one(
        "a_rebuilt_copy_has_no_delay", "R7",
        "a copy that is rebuilt takes a full that is younger than the replay delay",
        "recovery/repair/ways.py",
        "        return due if any(f.kind is FULL for f in due) else files\n",
        "        return files\n",
    ),
    one(
        "refused_once_is_asked_no_more", "R11",
        "a full that is taken anew, and was refused once, is not asked for again",
        "recovery/files/remake.py",
        "        self._asked.discard(e.kind)\n"
        "\n"
        "    def validated(\n",
        "        assert e.kind is not None\n"
        "\n"
        "    def validated(\n",
    ),
    one(
        "coming_backup_is_forgotten", "R11",
        "a restart forgets which backup is coming, and asks for another",
        "recovery/repair/repair.py",
        "                \"name\": self.name,\n",
        "                \"name\": \"\",\n",
    ),
    one(
        "dropped_in_vain", "R11",
        "the old copy is dropped for a full that does not fit even then",
        "recovery/replay/restoring.py",
        "    if (\n"
        "        e.old_copy_bytes\n"
        "        and e.required_bytes <= e.free_bytes + e.old_copy_bytes\n"
        "    ):\n",
        "    if e.old_copy_bytes:\n",
    ),
    # ---- retention and the planner
    one(
        "pruned_before_it_was_read", "R18",
        "after a restart retention decides before it has read all logs",
        "recovery/files/keeping.py",
        "        if unread:\n"
        "            # without them a whole chain looks broken, and the files that it needs look useless\n"
        "            return\n",
        "",
    ),
    one(
        "one_full_too_few", "R18", "one full less than asked for is kept by count",
        "backups/retention_rules.py",
        "    return {full.backup_id for full in fulls[max(len(fulls) - count, 0) :]}\n",
        "    return {full.backup_id for full in fulls[max(len(fulls) - count, 0) + 1 :]}\n",
    ),
    one(
        "base_of_a_base_goes", "R18",
        "what the base of a kept incremental stands on in its turn is deleted",
        "backups/retention_rules.py",
        "            if base.kind is Kind.INCREMENTAL\n"
        "            and base.backup_id not in needed\n",
        "            if base.kind is Kind.LOG\n"
        "            and base.backup_id not in needed\n",
    ),
    one(
        "incremental_beyond_the_instant", "R15",
        "a restore to an instant takes an incremental that was finished after it",
        "backups/plan.py",
        "            if h.kind is Kind.LOG or not target.is_overshot_by(h)\n",
        "            if h.kind is not Kind.FULL or not target.is_overshot_by(h)\n",
    ),
    one(
        "crossing_log_does_not_apply", "R11",
        "the log across a failover does not apply to a copy that stands where the new fork begins",
        "backups/chain.py",
        "        return lsn <= header.fork_point_lsn and leads_to(\n",
        "        return lsn < header.fork_point_lsn and leads_to(\n",
    ),
    # ---- failover
    one(
        "silence_counts_from_the_first_machine", "R14",
        "the silence of all machines counts from when the first of them was last heard",
        "recovery/failover/silence.py",
        "        return seen[needed - 1] if len(seen) >= needed else None\n",
        "        return seen[0] if len(seen) >= needed else None\n",
    ),
    one(
        "every_database_stops_at_the_point", "R15",
        "a failover of one database to an instant stops all others there too",
        "recovery/failover/orders.py",
        "        for db in concerned:\n"
        "            db.stop_before(at)\n",
        "        for db in f.databases.values():\n"
        "            db.stop_before(at)\n",
    ),
    one(
        "the_instant_outlives_its_order", "R7",
        "after a failover to an instant was called off replay still stops before it",
        "recovery/failover/failover.py",
        "        self.planned = False\n"
        "        for db in self.databases.values():\n"
        "            db.stop_before(0)\n",
        "        self.planned = False\n",
    ),
    one(
        "planned_limit_is_looked_at_once", "R15",
        "the limit of a planned failover that ends while machines are silent is not looked at again",
        "recovery/failover/going_back.py",
        "        out.append(SetAlarm(\"\", Timer.PLANNED, again_us))\n",
        "        assert again_us\n",
    ),
    one(
        "planned_over_an_unreachable_primary", "R15",
        "a planned failover waits for a primary that the order to stop has not reached",
        "recovery/failover/stopping.py",
        "    elif fencing.open and (needless or (f.planned and first)):\n",
        "    elif fencing.open and needless:\n",
    ),
    one(
        "given_up_stays_given_up", "R16",
        "files that a failover gave up are not tried again after it was called off",
        "recovery/failover/draining.py",
        "            db.files.take_up_again(file)\n",
        "            pass\n",
    ),
    one(
        "drained_during_a_restore", "R15",
        "a pipe counts as empty while its last log is being restored",
        "recovery/failover/drain.py",
        "        busy = (\n"
        "            db.files.in_hand is not None or db.looking or db.fetching.asked\n"
        "        )\n"
        "        if self.undecided or busy:\n",
        "        busy = db.looking or db.fetching.asked\n"
        "        if self.undecided or busy:\n",
    ),
    one(
        "online_is_ordered_again", "R15",
        "a database that failed to come online once is ordered again though it is online",
        "recovery/failover/online.py",
        "        self.unanswered.discard(e.database)\n"
        "        self.unrecovered.discard(e.database)\n",
        "        self.unanswered.discard(e.database)\n",
    ),
    one(
        "online_before_the_fence_answers", "R16",
        "databases are brought online though the primary is heard again and has not answered",
        "recovery/failover/way_over.py",
        "    undecided = f.needless and not f.fencing.confirmed\n",
        "    undecided = False\n",
    ),
    one(
        "incremental_again_and_again", "R15",
        "a last incremental that is refused for good is asked for again, and no full",
        "recovery/files/last_backup.py",
        "        if e.kind == INCREMENTAL and not e.reason.refusal.passes:\n",
        "        if e.kind == INCREMENTAL and e.reason.refusal is None:\n",
    ),
    # ---- the cloud manager
    one(
        "compared_while_it_changes", "C5",
        "a thing is compared while a script changes it at one side",
        "cloud/mirror/comparing.py",
        "        moving = self._moved | self._changing()\n",
        "        moving = set(self._moved)\n",
    ),
    one(
        "older_change_waits_behind", "C5",
        "in a failover an older change stands behind a newer one of the same thing",
        "cloud/jobs/job_lanes.py",
        "        if lane and job.rank < lane[-1].rank:\n",
        "        if lane and job.rank < 0:\n",
    ),
    one(
        "script_is_copied_for_ever", "C3",
        "a script that no copy helps is copied and tried without end",
        "cloud/jobs/jobs.py",
        "        free = wants_script and job.copies < self._config.attempts\n",
        "        free = wants_script\n",
    ),
    one(
        "next_change_waits", "C5",
        "when a change is in effect the next one of that thing is not sent",
        "cloud/mirror/sending.py",
        "            self.taken.changes += 1\n"
        "            self.backlog.in_effect(change.number, out)\n"
        "            self._submit_next(job.entity, out)\n",
        "            self.taken.changes += 1\n"
        "            self.backlog.in_effect(change.number, out)\n",
    ),
    one(
        "set_covers_what_came_later", "C5",
        "a change that was made while its thing was being set counts as in effect",
        "cloud/mirror/sending.py",
        "        self.backlog.was_set(job.entity, job.number, out)\n",
        "        self.backlog.was_set(job.entity, self.number, out)\n",
    ),
    one(
        "switch_is_not_saved", "C5",
        "a restart forgets that people have switched the mirror off",
        "cloud/mirror/mirror.py",
        "        out.saves[SWITCH + self.name] = \"\" if on else \"off\"\n",
        "",
    ),
    one(
        "failover_is_not_saved", "C5",
        "a restart forgets the failover that waits until its site is configured",
        "cloud/manager.py",
        "        self._provision = provision\n"
        "        out.saves[PROVISION] = json.dumps(list(provision))\n",
        "        self._provision = provision\n"
        "        assert out.saves is not None\n",
    ),
    # ---- the machine manager
    one(
        "silent_site_is_read_once", "C6",
        "a site that did not say which machines it has is not asked again",
        "cloud/machines/machines.py",
        "            self._again_us[side] = out.mono_us + self.config.retry_us\n"
        "            self._set_alarm(out)\n"
        "            return\n",
        "            return\n",
    ),
    one(
        "image_is_not_saved", "C9",
        "after an upgrade a restart takes a farm for one of the old image",
        "cloud/machines/upgrades.py",
        "        self._images[upgrade.farm] = upgrade.to\n"
        "        out.saves[FARM + upgrade.farm] = upgrade.to\n",
        "        self._images[upgrade.farm] = upgrade.to\n",
    ),
    one(
        "two_in_one_place", "C7",
        "two machines are put at once where there is room for one",
        "cloud/machines/machines.py",
        "            used.setdefault(found, Used()).take(image, vm.farm, vm.role)\n",
        "            assert used is not None\n",
    ),
)  # fmt: skip
