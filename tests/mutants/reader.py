"""Bugs that a reader of the logic planted who had not seen the other tables: of the 52 that he wrote
down, those that stand in a place that no other table touches. They were committed before any draw
or monitor was changed for one of them.
"""

from __future__ import annotations

from tests.mutants.planting import Mutant, one

READER: tuple[Mutant, ...] = (
    one(
        "retention_forgets_uncopied", "R18",
        "retention deletes a full that has not been copied to a store yet",
        "backups/shelf.py",
        "            if not file.copied or file.name in uncopied\n",
        "            if not file.copied\n",
    ),
    one(
        "behind_on_old_fork_is_wrong_fork", "R7",
        "a log of an old fork that is behind counts as one of a wrong fork",
        "backups/chain.py",
        "        return Fit.STALE if behind else Fit.WRONG_FORK\n",
        "        return Fit.WRONG_FORK\n",
    ),
    one(
        "old_hash_counts", "R6",
        "the hash of a file counts though another copy landed while it was taken",
        "recovery/files/landing.py",
        "    if files.hashed_in_vain(file):\n"
        "        out.append(Validate(db.name, e.name))\n"
        "        return\n"
        "    header",
        "    files.hashed_in_vain(file)\n"
        "    header",
    ),
    one(
        "pruned_counter_stays", "R18",
        "the counter of a deleted file stays in the store for ever",
        "recovery/files/keeping.py",
        "        if file.attempts:\n"
        '            out.append(Save(f"attempts/{database}/{name}", ""))\n',
        "",
    ),
    one(
        "logs_not_reverified", "R6",
        "kept logs after the newest full are not hashed again (R6)",
        "recovery/files/keeping.py",
        "            for step in plan(headers, fork=newest_fork).steps\n",
        "            for step in plan(headers, fork=newest_fork).steps\n"
        "            if step.kind is FULL\n",
    ),
    one(
        "last_backup_no_retry", "R15",
        "the last backup of a planned failover, once refused, is not asked for again at the retry",
        "recovery/files/last_backup.py",
        "        at = e.mono_us + self._db.rules.retry_us\n"
        "        out.append(SetAlarm(self._db.name, Timer.LAST, at))\n",
        "",
    ),
    one(
        "remake_asked_once", "R11",
        "a full that cannot be had is asked for once; a refusal is final",
        "recovery/files/remake.py",
        "                telling.tell_damaged(self._db, file, e, out)\n"
        "                self._ask(kind, e, out)\n",
        "                telling.tell_damaged(self._db, file, e, out)\n",
    ),
    one(
        "goal_ignores_refused", "R11",
        "a repair does not aim beyond a log that the engine refuses",
        "recovery/repair/ways.py",
        "        return min(beyond + refused, default=",
        "        return min(beyond, default=",
    ),
    one(
        "rotten_copy_not_saved", "W3",
        "that the copy is sound again is not saved: a restart restores it once more",
        "recovery/files/rotten.py",
        "            self.copy = rotten\n"
        "            self._save(out)\n",
        "            self.copy = rotten\n",
    ),
    one(
        "lag_told_too_often", "R12",
        "late logs are reported twice in a retry",
        "recovery/replay/lag.py",
        "        if e.mono_us - last_us < self._db.rules.retry_us:\n",
        "        if e.mono_us - last_us < self._db.rules.retry_us // 2:\n",
    ),
    one(
        "overdue_asks_no_full", "R11",
        "incrementals whose base is not here: no full is asked for",
        "recovery/replay/overdue.py",
        "            if self.useless:\n"
        "                db.remake.ask_for_full(e, self.interval_us, out)\n",
        "",
    ),
    one(
        "hole_ends_with_any_restore", "R12",
        "with a replay delay the alert about a hole ahead ends with the next restore",
        "recovery/replay/watch.py",
        "        if self.hole_stands:\n"
        "            return\n"
        "        file = self.stuck.file",
        "        file = self.stuck.file",
    ),
    one(
        "planned_limit_begins_again", "R15",
        "a restart begins the limit of a planned failover again",
        "recovery/failover/going_back.py",
        "        at_us = e.mono_us + max(0, limit_us - passed_us)\n",
        "        at_us = e.mono_us + max(0, limit_us - 0 * passed_us)\n",
    ),
    one(
        "left_forgets_recopies", "R15",
        "backups on their way once more are not among those told to be left behind",
        "recovery/failover/drain.py",
        "        self._left |= self.waiting.keys() | self._db.files.recopying\n",
        "        self._left |= self.waiting.keys()\n",
    ),
    one(
        "online_though_undecided", "R16",
        "databases are brought online although the primary is heard again and its fence not answered",
        "recovery/failover/way_over.py",
        "        and not undecided\n",
        "",
    ),
    one(
        "refused_claim_keeps_stop", "R14",
        "an order to an instant whose claim is refused leaves the stop: replay ends there",
        "recovery/failover/claiming.py",
        "            for db in f.databases.values():\n"
        "                db.stop_before(0)\n",
        "",
    ),
    one(
        "attempt_not_saved", "C4",
        "a script is started under a number that is not saved: it may run twice",
        "cloud/jobs/jobs.py",
        "        job.attempt += 1\n"
        "        self._save(job, out)\n"
        "        self._orders.start(job, out)\n",
        "        job.attempt += 1\n"
        "        self._orders.start(job, out)\n",
    ),
    one(
        "later_attempt_ignored", "C4",
        "after a store was put back a job does not catch up with what its agent knows",
        "cloud/jobs/jobs.py",
        "            if newest.get(job.id, 0) > job.attempt:\n"
        "                self._catch_up(job, newest[job.id], out)\n",
        "",
    ),
    one(
        "mirror_due_missed", "C6",
        "the time of the mirror that fell into a crash is not made good",
        "cloud/mirror/mirror.py",
        "        return (\n"
        "            bool(every and since)\n"
        "            and out.utc_us - since >= out.mono_us % every\n"
        "        )\n",
        "        return bool(every and since) and out.utc_us - since < 0\n",
    ),
    one(
        "change_beside_set", "C6",
        "a change is submitted beside a set that brings it in: it is applied twice",
        "cloud/mirror/sending.py",
        "        if not self._direction.is_open or entity in self.backlog.things:\n",
        "        if not self._direction.is_open:\n",
    ),
    one(
        "drift_not_armed_again", "C6",
        "newer drift is not alerted to when the alarm of an older one found nothing",
        "cloud/mirror/drift.py",
        "        else:\n"
        "            self.arm(out)\n",
        "",
    ),
    one(
        "foreign_id_used", "C6",
        "an identifier of the primary's site is used at the secondary",
        "cloud/mirror/mapping.py",
        "        if not self.is_of(found, site):\n"
        "            raise UntranslatableError(\n"
        '                f"{found} belongs to {self._owner[found]}, not to {site}"\n'
        "            )\n",
        "",
    ),
    one(
        "any_named_thing_will_do", "C3",
        "a tenant may change what is not his if the call names a thing of his too",
        "cloud/isolation.py",
        "        return all(\n"
        "            self.may_change(caller, of, entity)\n",
        "        return any(\n"
        "            self.may_change(caller, of, entity)\n",
    ),
    one(
        "skipped_blocks_others", "C6",
        "after a change was skipped the next ones of its thing wait",
        "cloud/mirror/sending.py",
        "                    self.name, Notice.SKIPPED, about, change.since_utc_us\n"
        "                )\n"
        "            )\n"
        "            self._submit_next(job.entity, out)\n",
        "                    self.name, Notice.SKIPPED, about, change.since_utc_us\n"
        "                )\n"
        "            )\n",
    ),
    one(
        "unsure_deployment", "C8",
        "a machine that fell silent while it was made counts as running when its script is done",
        "cloud/machines/machines.py",
        "                self._unsure.add((vm.site, vm.name))\n",
        "                pass\n",
    ),
    one(
        "lost_site_is_replaced", "C8",
        "machines are replaced though a large share of the site is silent",
        "cloud/machines/vm_repair.py",
        "        many = failed * _PPM > self._config.most_silent_ppm * len(there)\n",
        "        many = failed * _PPM > self._config.most_silent_ppm * (len(there) + failed)\n",
    ),
    one(
        "lost_old_side_not_saved", "C7",
        "that the old side is lost by now is not saved: a restart waits for it again",
        "cloud/manager.py",
        "        self._goes_on((site, old, False, since), out)\n",
        "        self._provision = (site, old, False, since)\n",
    ),
)  # fmt: skip
