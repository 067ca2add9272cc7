"""Bugs that were written in one go when the monitors of table.py's others were there, and before any
monitor or draw was changed for one of them: limits that are off by one, a save that is forgotten, a
case that a table lacks, a clock that is not reset, a repeat that is missing.

So the share of them that exploration found at once is an estimate for bugs that nobody has thought
of (docs/explore.md).
"""

from __future__ import annotations

from tests.mutants.planting import Mutant, one

BLIND: tuple[Mutant, ...] = (
    # ---- files and replay
    one(
        "counts_anew_when_it_comes_again", "R5", "a file that was lost here is counted anew when it lands again",
        "recovery/files/files.py",
        "        if file.attempts:\n"
        "            self._stored_attempts[file.name] = file.attempts\n",
        "",
    ),
    one(
        "hash_of_the_copy_before", "R6", "the hash of a copy that was overtaken counts for the new one",
        "recovery/files/files.py",
        "        overtaken, file.overtaken = file.overtaken, False\n"
        "        return overtaken\n",
        "        file.overtaken = False\n"
        "        return False\n",
    ),
    one(
        "job_stays_open", "R7", "the restore job, once begun, runs at all hours",
        "recovery/replay/replay.py",
        "            return\n"
        "        self.job_open = False\n",
        "            return\n",
    ),
    one(
        "lost_copy_keeps_its_position", "R11", "a copy that is lost is taken for one that stands where it stood",
        "recovery/replay/replay.py",
        "        self.state = replace(self.state, exists=False)\n"
        "        self.replaces = True\n"
        "        self.files.decide_all(self.state)\n",
        "        self.state = replace(self.state, exists=False)\n"
        "        self.replaces = True\n",
    ),
    one(
        "not_told_apart_by_fork", "R11", "the first log that waits ends the search though it is of another fork",
        "recovery/replay/waiting.py",
        "        if header.first_lsn > state.redo_lsn and header.fork == state.fork:\n"
        "            return None\n",
        "        if header.first_lsn >= state.redo_lsn:\n"
        "            return None\n",
    ),
    # ---- the watch and its limits
    one(
        "age_counts_from_the_look", "R8", "a log's age counts from when the trouble was seen, not from its backup",
        "recovery/replay/watch.py",
        "        if file is not None:\n"
        "            dated = file.modified_utc_us\n",
        "        if file is not None:\n"
        "            dated = e.utc_us\n",
    ),
    one(
        "one_attempt_too_few", "R8", "the limit of attempts is reached one attempt early",
        "recovery/replay/watch.py",
        "        return stuck.attempts > self._db.rules.attempts\n",
        "        return stuck.attempts >= self._db.rules.attempts\n",
    ),
    one(
        "rings_at_the_same_instant", "R9", "the alarm of the window rings for ever at one instant",
        "recovery/replay/log_window.py",
        "        if self.ends_us > e.mono_us:\n",
        "        if self.ends_us >= e.mono_us:\n",
    ),
    one(
        "no_window_after_a_call_off", "R9", "after a failover that was called off nobody watches for new logs",
        "recovery/replay/log_window.py",
        "held until it was called off.\"\"\"\n"
        "        self._set(e, out)\n",
        "held until it was called off.\"\"\"\n",
    ),
    one(
        "stuck_for_ever", "R12", "an obstacle that the chain has passed is told of all the same",
        "recovery/replay/watch.py",
        "        if moved:\n"
        "            stuck = None\n"
        "            self.moved(out)\n",
        "        if moved:\n"
        "            stuck = None\n",
    ),
    one(
        "waiting_is_told_once", "R12", "the waiting of logs is told of once, and then no more",
        "recovery/replay/progress.py",
        "            self.tell(file, e, out)\n"
        "            at = e.mono_us + db.rules.retry_us\n",
        "            self.tell(file, e, out)\n"
        "            at = e.mono_us + 100 * db.rules.retry_us\n",
    ),
    one(
        "delay_counts_as_lag", "R7", "a replay that is late on purpose is told of as lag",
        "recovery/replay/lag.py",
        "            e.utc_us - modified_us - rules.delay_us - rules.every_us,\n",
        "            e.utc_us - modified_us - rules.every_us,\n",
    ),
    one(
        "end_of_a_danger_is_not_saved", "R12", "after a restart a danger that was over goes on",
        "recovery/alerts/alerts.py",
        "            del self.begun[danger]\n"
        "            out.append(self._save())\n",
        "            del self.begun[danger]\n",
    ),
    one(
        "overdue_is_told_once", "R12", "that no backup of a database without logs comes is told once",
        "recovery/replay/overdue.py",
        "            telling.tell_overdue(db, self, e, out)\n"
        "        self._set(e.mono_us + db.rules.retry_us, out)\n",
        "            telling.tell_overdue(db, self, e, out)\n",
    ),
    # ---- repairs
    one(
        "switches_to_itself", "R11", "a way past that cannot work is followed by the same once more",
        "recovery/repair/repair.py",
        "        self.policy = other if other is not self.policy else OnHole.RESYNC\n",
        "        self.policy = other\n",
    ),
    one(
        "useless_is_awaited", "R11", "a full of which no copy is whole is waited for",
        "recovery/repair/repair.py",
        "            if (\n"
        "                file.content is Content.LOST\n"
        "                or file.failures > db.rules.attempts\n"
        "            ):\n",
        "            if db.promoted:\n",
    ),
    one(
        "oldest_loss_counts", "R12", "of two fulls that are damaged the older one is kept in mind",
        "recovery/files/remake.py",
        "            or self.lost[kind].modified_utc_us <= file.modified_utc_us\n",
        "            or self.lost[kind].modified_utc_us > file.modified_utc_us\n",
    ),
    one(
        "loss_is_told_and_nothing_done", "R11", "a copy that is lost while a repair is on is not restored",
        "recovery/repair/standby.py",
        "            db.repair.copy_is_lost(out)\n"
        "        repairs.pursue(db, e, out)\n",
        "            db.repair.copy_is_lost(out)\n",
    ),
    # ---- the drain
    one(
        "cut_off_tail_is_left", "R15", "a tail that was cut off is not asked for again",
        "recovery/failover/emptying.py",
        "            if tries <= db.rules.attempts:\n",
        "            if tries < 1:\n",
    ),
    one(
        "limit_begins_anew", "R15", "a restart gives the drain its whole limit once more",
        "recovery/failover/emptying.py",
        "        left_us = self._left_us(e)\n",
        "        left_us = self._limit_us\n",
    ),
    one(
        "unreachable_share_is_awaited", "R15", "a share that cannot be reached is waited for until the limit",
        "recovery/failover/draining.py",
        "    else:\n"
        "        shut(db, drain, tail=False)\n"
        "    db.advance(e, out)\n",
        "    db.advance(e, out)\n",
    ),
    one(
        "never_killed", "R15", "a restore that hangs in a failover is never ended",
        "recovery/failover/hanging.py",
        "                    begun_before_us = e.mono_us - self._limit_of(db, file)\n",
        "                    begun_before_us = NEVER_BEGUN_US\n",
    ),
    one(
        "last_incremental_is_not_taken", "R15", "a planned failover loses the writes of a database without logs",
        "recovery/failover/emptying.py",
        "            elif planned:\n"
        "                db.drain.last.ask(INCREMENTAL, out)\n",
        "            elif not planned:\n"
        "                db.drain.last.ask(INCREMENTAL, out)\n",
    ),
    one(
        "prunes_in_a_failover", "R18", "retention deletes while the files here are the way back",
        "recovery/files/keeping.py",
        "    if db.drain is not None:\n"
        "        return  # the files here may be the way back\n",
        "",
    ),
    # ---- failover, fencing, silence
    one(
        "no_is_for_ever", "R14", "an operator's no holds when the machine was heard and is silent again",
        "recovery/failover/silence.py",
        "        self.declined.discard(machine)\n",
        "",
    ),
    one(
        "anyone_may_hurry", "R14", "anybody may turn a planned failover into one that loses",
        "recovery/failover/orders.py",
        "        e.operator in f.config.operators\n"
        "        and f.planned\n",
        "        f.planned\n",
    ),
    one(
        "phase_is_told_first", "R15", "a phase is announced before it is durable",
        "recovery/failover/failover.py",
        "        self.save(out)\n"
        "        out.append(EnterPhase(phase))\n",
        "        out.append(EnterPhase(phase))\n"
        "        self.save(out)\n",
    ),
    one(
        "point_is_forgotten", "R15", "a restart forgets the instant before which a failover stops",
        "recovery/failover/failover.py",
        "            tuple((name, at) for name, at in stops if at),\n",
        "            tuple((name, at) for name, at in stops if not name),\n",
    ),
    one(
        "ordered_online_once", "R15", "a database that could not be brought online is not ordered again",
        "recovery/failover/online.py",
        "        self.unrecovered.add(e.database)\n"
        "        out.append(SetAlarm(\"\", Timer.RECOVER, e.mono_us + self._retry_us))\n",
        "        self.unrecovered.add(e.database)\n",
    ),
    one(
        "readers_stay_out", "R15", "after a failover that was called off nobody may read the copy again",
        "recovery/replay/replay.py",
        "            out.append(AdmitReaders(self.name))\n",
        "",
    ),
    # ---- several copies
    one(
        "fastest_for_least_loss", "R14", "the policy 'least_loss' takes the fastest copy",
        "recovery/failover/policy.py",
        "    CopyPolicy.LEAST_LOSS: (_loss, _time, _rank),\n",
        "    CopyPolicy.LEAST_LOSS: (_time, _loss, _rank),\n",
    ),
    one(
        "best_database_speaks_for_all", "R14", "a copy offers what its newest database holds",
        "recovery/failover/choosing.py",
        "    holds = min(one.holds_until_utc_us for one in each)\n",
        "    holds = max(one.holds_until_utc_us for one in each)\n",
    ),
    one(
        "longest_step_for_all", "R14", "a copy offers the time of its longest restore, not of all",
        "recovery/failover/estimate.py",
        "    takes_us = sum(\n"
        "        db.rules.restore[step.kind].takes_us(step.nominal_bytes)\n"
        "        for step in way.steps\n"
        "    )\n",
        "    takes_us = max(\n"
        "        (db.rules.restore[step.kind].takes_us(step.nominal_bytes)\n"
        "        for step in way.steps), default=0\n"
        "    )\n",
    ),
    one(
        "claim_is_never_let_go", "R14", "a standby that calls its failover off keeps the claim",
        "recovery/failover/claiming.py",
        "            self.held = False\n"
        "            out.append(ReleaseClaim(declined))\n",
        "            self.held = False\n",
    ),
    # ---- beside the service
    one(
        "past_the_mistake", "R11", "a restore beside the service goes past the mistake",
        "recovery/repair/beside.py",
        "            stop_utc_us = self._stop\n"
        "        out.append(RestoreBeside",
        "            stop_utc_us = 0\n"
        "        out.append(RestoreBeside",
    ),
    one(
        "copied_back_once", "R11", "what was restored beside the service is not copied back a second time",
        "recovery/repair/beside.py",
        "        at_us = e.mono_us + self._db.rules.retry_us\n"
        "        out.append(SetAlarm(self._db.name, Timer.BESIDE, at_us))\n",
        "        assert e.mono_us >= 0\n",
    ),
    # ---- backups
    one(
        "same_log_once_more", "R7", "a log that ends where the database stands is handed over",
        "backups/chain.py",
        "    if header.last_lsn <= redo:\n"
        "        return Fit.STALE\n",
        "    if header.last_lsn < redo:\n"
        "        return Fit.STALE\n",
    ),
    one(
        "fork_point_is_on_one_fork", "R11", "a position at the fork point is not on the new fork",
        "backups/chain.py",
        "        end, point = forks[end]\n"
        "        if lsn > point:\n",
        "        end, point = forks[end]\n"
        "        if lsn >= point:\n",
    ),
    one(
        "copies_count_as_fulls", "R18", "copy-only fulls count among the newest fulls that are kept",
        "backups/retention_rules.py",
        "        if header.kind is Kind.FULL and not header.copy_only\n"
        "    ]\n"
        "    fulls.sort",
        "        if header.kind is Kind.FULL\n"
        "    ]\n"
        "    fulls.sort",
    ),
    one(
        "anchor_goes", "R18", "the old full that the kept logs follow is deleted",
        "backups/shelf.py",
        "            if h.backup_id not in old or h.last_lsn == needed_from\n",
        "            if h.backup_id not in old\n",
    ),
    one(
        "oldest_full_first", "R11", "a copy is built from the oldest full that lies here",
        "backups/plan.py",
        "    newest = max(fulls, key=finishing_order)\n"
        "    return plan(headers, fork=fork_of_restore(headers, newest))\n",
        "    newest = min(fulls, key=finishing_order)\n"
        "    kept = [h for h in headers if h.kind is not Kind.FULL]\n"
        "    return plan([newest, *kept], fork=fork_of_restore(headers, newest))\n",
    ),
    one(
        "second_in_one_second", "R4", "of two kinds in one second the later one sorts before the earlier one",
        "backups/names.py",
        "_KINDS_NOT_BEFORE = tuple(_KIND_ENDS[kind:] for kind in Kind)\n",
        "_KINDS_NOT_BEFORE = tuple(_KIND_ENDS[kind : kind + 1] for kind in Kind)\n",
    ),
    # ---- the cloud manager
    one(
        "puts_are_not_counted", "C1", "a put that rests on an older one is taken",
        "cloud/api.py",
        "        if e.put_on not in (-1, count):\n"
        "            return _Told(CallOutcome.STALE)\n",
        "",
    ),
    one(
        "one_try_too_many", "C3", "a script is tried once more than allowed",
        "cloud/jobs/jobs.py",
        "        if job.tries < attempts:\n",
        "        if job.tries <= attempts:\n",
    ),
    one(
        "overdue_is_not_saved", "C3", "a restart gives a job that is overdue its whole time once more",
        "cloud/jobs/jobs.py",
        "                self._move(job, JobMove.LIMIT)\n"
        "                self._save(job, out)\n",
        "                self._move(job, JobMove.LIMIT)\n",
    ),
    one(
        "set_undoes_a_change", "C5", "a set that waits undoes the change that was made before it",
        "cloud/jobs/jobs.py",
        "            is_set = job.kind in AS_A_WHOLE and not change.done_before\n",
        "            is_set = job.kind in AS_A_WHOLE and change.done_before\n",
    ),
    one(
        "table_is_read_once", "C5", "what was translated before is not translated by the new row",
        "cloud/mirror/mapping.py",
        "        self._rows[entity, site] = identifier\n"
        "        self._known.clear()\n"
        "\n"
        "    def leads_astray",
        "        self._rows[entity, site] = identifier\n"
        "\n"
        "    def leads_astray",
    ),
    one(
        "ids_of_the_primary_pass", "C5", "an identifier of the primary is used at the secondary",
        "cloud/mirror/mapping.py",
        "        return self._owner.get(identifier, site) == site\n",
        "        return bool(identifier or site)\n",
    ),
    one(
        "last_change_of_a_set_stays", "C5", "the last change that a set brought is made once more",
        "cloud/mirror/pending.py",
        "            if change.number <= upto:\n",
        "            if change.number < upto:\n",
    ),
    one(
        "drift_is_told_once", "C5", "that the two sides differ is told once, not at every retry",
        "cloud/mirror/drift.py",
        "            self._set_alarm(out.mono_us + self._retry_us, out)\n"
        "        else:\n",
        "        else:\n",
    ),
    one(
        "audited_once", "C5", "both sides are compared once, and never again",
        "cloud/mirror/mirror.py",
        "    def audit(self, out: Out) -> None:\n"
        "        self._set_audit(out)\n",
        "    def audit(self, out: Out) -> None:\n",
    ),
    one(
        "people_are_not_hurried", "C5", "in a failover nobody asks people to hurry",
        "cloud/mirror/mirror.py",
        "            if change.way is PendingWay.BY_HAND:\n"
        "                # people are asked again, and at once\n"
        "                self.backlog.goes(change, PendingWay.WAITING, out)\n",
        "            assert change.number\n",
    ),
)  # fmt: skip
