"""Bugs of the kinds that every long list of mistakes holds, in places that no other table touches: a
comparison that is wrong at its limit, a save or a cancel that was forgotten, an alarm that is not
set again, a late answer that is acted upon, capacity that is counted from a stale view. They were
committed before any draw or monitor was changed for one of them.
"""

from __future__ import annotations

from tests.mutants.planting import Mutant, one

CLASSIC: tuple[Mutant, ...] = (
    # ---- limits and clocks
    one(
        "age_from_the_landing", "R8",
        "a log is as old as its stay here: how long it was on its way does not count",
        "recovery/replay/limits.py",
        "    return max(utc_us - finished_utc_us, mono_us - noticed_mono_us, 0)\n",
        "    return max(mono_us - noticed_mono_us, 0)\n",
    ),
    one(
        "elapsed_by_the_wall_clock", "R12",
        "time that has passed is measured on the wall clock, which somebody may set",
        "recovery/replay/limits.py",
        "        return mono_us - since_mono_us\n",
        "        return max(0, utc_us - since_utc_us)\n",
    ),
    one(
        "retry_just_missed", "R12",
        "a retry that is due at this very instant is left out, and no other follows",
        "recovery/replay/watch.py",
        "        if stuck.retry_at_us > e.mono_us:\n",
        "        if stuck.retry_at_us >= e.mono_us:\n",
    ),
    one(
        "another_obstacle_begins_anew", "R12",
        "a file that holds the chain up in another one's place is told of at a limit of its own",
        "recovery/replay/watch.py",
        "                noticed.limit_at_us = min(noticed.limit_at_us, again_us)\n",
        "                assert again_us >= 0\n",
    ),
    one(
        "window_of_one_interval", "R9",
        "where logs are rare the window for new ones is as long as their interval",
        "recovery/replay/log_window.py",
        "            window_us if counts_at_once else interval_us + window_us\n",
        "            window_us if counts_at_once else interval_us\n",
    ),
    one(
        "overdue_by_the_age_limit", "R12",
        "a backup without logs is overdue after the age limit, not after the window",
        "recovery/replay/overdue.py",
        "            + (rules.age_us if rules.keeps else rules.window_us)\n",
        "            + rules.age_us\n",
    ),
    # ---- alerts
    one(
        "silence_does_not_end_in_a_restart", "R12",
        "a restart finds that logs come again, and the danger goes on",
        "recovery/replay/log_window.py",
        "        if quiet_us < self.length_us:\n"
        "            db.alerts.over(Danger.SILENCE, out)\n",
        "",
    ),
    one(
        "restored_and_not_protected", "R12",
        "the danger of a lost copy does not end when a full is restored",
        "recovery/alerts/alerts.py",
        "LACKS_COPY = (Danger.ROOM, Danger.UNPROTECTED, Danger.SET_UP)\n",
        "LACKS_COPY = (Danger.ROOM, Danger.SET_UP)\n",
    ),
    one(
        "hole_before_the_wrong_log", "R13",
        "alert (a) names the first log that waits, though the hole is behind it",
        "recovery/alerts/telling.py",
        "    after = _first_on_fork(beyond or pending, state.fork)\n",
        "    after = _first_on_fork(pending, state.fork)\n",
    ),
    one(
        "healed_by_an_older_backup", "R12",
        "a backup that was begun before the primary's error ends that danger",
        "recovery/alerts/telling.py",
        "        if begun is not None and header.started_utc_us >= begun[1]:\n",
        "        if begun is not None and header.finished_utc_us >= begun[1]:\n",
    ),
    one(
        "hole_of_a_store_is_told_once", "R12",
        "a log that a store lacks is told of and asked for once",
        "recovery/files/kept.py",
        "    db.watch.ask(AskedAbout.SILENCE, (hole.lsn, 0), out)\n"
        "    at = e.mono_us + db.rules.retry_us\n"
        "    out.append(SetAlarm(db.name, Timer.CHAIN, at))\n",
        "    db.watch.ask(AskedAbout.SILENCE, (hole.lsn, 0), out)\n",
    ),
    one(
        "passed_by_a_full_that_ran_then", "R12",
        "a damaged log of a store is forgotten for a full that was begun before it was finished",
        "recovery/files/kept.py",
        "        and other.header.started_utc_us >= file.modified_utc_us\n",
        "        and other.header.finished_utc_us >= file.modified_utc_us\n",
    ),
    # ---- repairs, and retention
    one(
        "lost_request_is_made_at_once", "R11",
        "a request whose answer a crash has lost is made again at once",
        "recovery/repair/repair.py",
        "        return elapsed_us(e.mono_us, e.utc_us, *asked) > patience_us\n",
        "        return elapsed_us(e.mono_us, e.utc_us, *asked) > 0 * patience_us\n",
    ),
    one(
        "retention_runs_once", "R18",
        "the alarm of retention is not set again",
        "recovery/files/keeping.py",
        "    until the next time.\n"
        "    \"\"\"\n"
        "    out.append(\n"
        "        SetAlarm(\n"
        "            db.name, Timer.PRUNE, next_multiple_us(e.mono_us + 1, DAY_US)\n"
        "        )\n"
        "    )\n",
        "    until the next time.\n"
        "    \"\"\"\n",
    ),
    # ---- failover
    one(
        "tail_is_not_awaited", "R15",
        "a tail that was taken is not waited for until it lands",
        "recovery/failover/emptying.py",
        "        if file is None or file.content in (Content.BAD, Content.LOST):\n",
        "        if file is not None and file.content in (Content.BAD, Content.LOST):\n",
    ),
    one(
        "planned_one_is_told_once", "R15",
        "that a planned failover waits is told once, and nothing is asked for again",
        "recovery/failover/emptying.py",
        "        out.append(SetAlarm(\"\", Timer.DRAIN, e.mono_us + self._limit_us))\n"
        "        for name, db, drain in self._open():\n",
        "        for name, db, drain in self._open():\n",
    ),
    one(
        "fence_alarm_is_not_cancelled", "R16",
        "a fence that is confirmed is asked for again",
        "recovery/failover/fencing.py",
        "        if self.alerts.begun:\n"
        "            out.append(CancelAlarm(\"\", Timer.FENCE))\n",
        "",
    ),
    one(
        "restore_first_without_a_limit", "R15",
        "a database that is restored first in a failover has no limit for it",
        "recovery/failover/emptying.py",
        "        db.start_draining(False, e, out)\n"
        "        out.append(SetAlarm(\"\", Timer.DRAIN, e.mono_us + self._limit_us))\n",
        "        db.start_draining(False, e, out)\n",
    ),
    # ---- retention, the planner and names
    one(
        "forks_hang_in_the_air", "R18",
        "the log that tells how two forks hang together is deleted",
        "backups/retention_rules.py",
        "    kept |= _tellers_of_forks(known, kept, forks)\n",
        "",
    ),
    one(
        "behind_on_several_forks", "R18",
        "where there are several forks, logs that a standby has yet to restore are deleted",
        "backups/retention_rules.py",
        "    if standby is not None and standby.exists:\n"
        "        kept |= ahead(known, standby)\n"
        "    kept |= _bases_of",
        "    kept |= _bases_of",
    ),
    one(
        "incremental_on_a_copy", "R11",
        "a plan restores an incremental on a full that is the base of none",
        "backups/plan.py",
        "                not header.copy_only,\n"
        "                rank,\n",
        "                True,\n"
        "                rank,\n",
    ),
    one(
        "second_name_of_a_second", "R4",
        "a name of the same second sorts before one that was given earlier",
        "backups/names.py",
        "        blockers = _KINDS_NOT_BEFORE[kind]\n",
        "        blockers = _KIND_ENDS[kind : kind + 1]\n",
    ),
    # ---- the cloud manager
    one(
        "start_is_asked_about_never", "C2",
        "a script whose start was not answered is not asked about",
        "cloud/jobs/job_orders.py",
        "                job.params,\n"
        "            )\n"
        "        )\n"
        "        self._look_again(job, out)\n",
        "                job.params,\n"
        "            )\n"
        "        )\n",
    ),
    one(
        "moved_job_is_not_noted", "C1",
        "a caller asks after a job that moved with its side, and hears of the old one",
        "cloud/api.py",
        "            out.saves[_key_of(change)] = listed(known[0], job, *known[2:])\n",
        "            assert listed(known[0], job, *known[2:])\n",
    ),
    one(
        "number_of_a_change_is_not_saved", "C5",
        "after a restart two pending changes have one number",
        "cloud/mirror/sending.py",
        "        out.saves[NUMBER + self.name] = str(self.number)\n",
        "",
    ),
    one(
        "row_is_not_saved", "C5",
        "a restart takes a thing for what it was before its last change",
        "cloud/mirror/mirror.py",
        "        out.saves[f\"{ROW}{self.name}/{job.entity}\"] = row\n"
        "        if not self.direction.target",
        "        if not self.direction.target",
    ),
    one(
        "identifiers_of_the_other_side", "C5",
        "an identifier that was translated once at its source goes to the other side as it is",
        "cloud/mirror/mapping.py",
        "            elif value in self._entity_of:\n",
        "            elif value in self._entity_of and key != \"id\":\n",
    ),
    one(
        "answer_to_an_older_reading", "C5",
        "an answer to an older reading of a side counts as one to the newest",
        "cloud/mirror/comparing.py",
        "        if e.number != self._reading:\n"
        "            return None\n",
        "",
    ),
    one(
        "room_of_machines_to_come", "C7",
        "machines that are being deployed or have failed take no room",
        "cloud/machines/machines.py",
        "            if vm.site == site and vm.state in TAKES_ROOM and vm.physical:\n",
        "            if vm.site == site and vm.state is VmState.RUNNING and vm.physical:\n",
    ),
    one(
        "back_where_it_failed", "C7",
        "a machine that failed at two places is put at the first one again",
        "cloud/machines/machines.py",
        "        vm.not_on = (*vm.not_on, vm.physical)\n",
        "        vm.not_on = (vm.physical,)\n",
    ),
    one(
        "removed_whatever_came_of_it", "C7",
        "a machine whose removal has failed counts as removed",
        "cloud/machines/machines.py",
        "        move = VmMove.REMOVED if done else VmMove.NOT_REMOVED\n",
        "        move = VmMove.REMOVED\n",
    ),
    one(
        "load_rounded_down", "C8",
        "a load that needs two and a half machines gets two",
        "cloud/machines/load.py",
        "        needed = -(-per_hour * config.per_den_us // each)\n",
        "        needed = per_hour * config.per_den_us // each\n",
    ),
)  # fmt: skip
