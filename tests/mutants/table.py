"""Bugs to plant into the recovery logic, the planner and the cloud manager: what a change of them
gets wrong on a bad day.

Each is a small edit of source text (planting.py). They were written before the monitors that are to
catch them, those of the cloud manager after its witness; the other files
hold those that were written last, against the monitors that were there.
`benchmarks/finding.py` asks for each: is it found, by what, after how many runs, and shrunk to what?
"""

from __future__ import annotations

from tests.mutants.back import BACK
from tests.mutants.blind import BLIND
from tests.mutants.classic import CLASSIC
from tests.mutants.everyday import EVERYDAY
from tests.mutants.fresh import FRESH
from tests.mutants.late import LATE
from tests.mutants.outside import OUTSIDE
from tests.mutants.planting import Edit, Mutant, one
from tests.mutants.reader import READER
from tests.mutants.refusing import REFUSING
from tests.mutants.renewed import RENEWED
from tests.mutants.stalled import STALLED
from tests.mutants.strangers import STRANGERS

EARLIER: tuple[Mutant, ...] = (
    # ---- alerts (R12, R13)
    one(
        "told_once", "R12", "a log that is stuck is told of once, not at every retry",
        "recovery/replay/retries.py",
        "    if stuck.over:\n"
        "        telling.tell_chain(db, stuck.file, e, out)\n",
        "    if stuck.over:\n",
    ),
    one(
        "minutes_since_landing", "R12", "minutes since the last log landed, not since a restore",
        "recovery/replay/replay.py",
        "        return whole_minutes(\n"
        "            elapsed_us(e.mono_us, e.utc_us, last.mono_us, last.utc_us)\n"
        "        )\n",
        "        return whole_minutes(e.mono_us - self.log_window.landed_mono_us)\n",
    ),
    one(
        "never_critical", "R12", "no alert ever becomes critical",
        "recovery/alerts/alerts.py",
        "        level = (\n"
        "            Level.CRITICAL\n"
        "            if lasted_us >= self.critical_after_us\n"
        "            else Level.ERROR\n"
        "        )\n",
        "        level = Level.ERROR\n",
    ),
    one(
        "critical_at_half_time", "R12", "an alert is critical after half the time",
        "recovery/alerts/alerts.py",
        "if lasted_us >= self.critical_after_us",
        "if 2 * lasted_us >= self.critical_after_us",
    ),
    one(
        "critical_counts_from_the_repetition", "R12", "each repetition starts the alert's clock anew",
        "recovery/alerts/alerts.py",
        "        if danger not in self.begun:\n",
        "        if danger:\n",
    ),
    one(
        "alert_clock_is_not_durable", "R12", "after a restart an alert begins as a new one",
        "recovery/alerts/alerts.py",
        "            out.append(self._save())\n"
        "        self._raise(e, danger, alert, out)\n",
        "        self._raise(e, danger, alert, out)\n",
    ),
    one(
        "silence_is_not_told", "R9", "nobody is told that no logs come",
        "recovery/replay/log_window.py",
        "        telling.tell_silence(self._db, silent_us, e, out)\n",
        "",
    ),
    one(
        "silence_is_told_once", "R12", "that no logs come is told once in a day",
        "recovery/replay/retries.py",
        "        at = e.mono_us + db.rules.retry_us\n"
        "    if db.progress.window(",
        "        at = e.mono_us + 288 * db.rules.retry_us\n"
        "    if db.progress.window(",
    ),
    one(
        "window_counts_from_the_restore", "R12", "silence counts from the last restore, whatever lands",
        "recovery/replay/log_window.py",
        "        self.landed_mono_us = e.mono_us\n        last = self._db.last\n",
        "        last = self._db.last\n"
        "        if last is not None and last.name:\n"
        "            self.landed_mono_us = last.mono_us\n",
    ),
    Mutant(
        "one_clock_for_all_databases", "R12", "a restore of one database resets the minutes of all",
        (
            Edit(
                "recovery/replay/replay.py",
                "        )\n"
                "        self.last = LastRestore(\n",
                "        )\n"
                "        _NEWEST[0] = e.mono_us\n"
                "        self.last = LastRestore(\n",
            ),
            Edit(
                "recovery/replay/replay.py",
                "        return whole_minutes(\n"
                "            elapsed_us(e.mono_us, e.utc_us, last.mono_us, last.utc_us)\n"
                "        )\n",
                "        return whole_minutes(e.mono_us - max(_NEWEST[0], last.mono_us))\n",
            ),
            Edit(
                "recovery/replay/replay.py",
                "NO_COPY = RestoreState(",
                "_NEWEST = [0]\n"
                "NO_COPY = RestoreState(",
            ),
        ),
    ),
    one(
        "twelve_hours_on_the_clock", "R13", "times in alerts have no afternoon",
        "recovery/alerts/alert_texts.py",
        '"%Y-%m-%dT%H:%M:%SZ"',
        '"%Y-%m-%dT%I:%M:%SZ"',
    ),
    one(
        "quiet_minutes_rounded_up", "R13", "the minutes of silence are rounded up",
        "recovery/alerts/telling.py",
        "texts.no_new_logs_text(db.name, whole_minutes(quiet_us))",
        "texts.no_new_logs_text(db.name, whole_minutes(quiet_us) + 1)",
    ),
    one(
        "file_without_its_path", "R13", "alert (c) names a file without its path",
        "recovery/alerts/telling.py",
        "        which = _path(db, file), file.kind is LOG\n",
        "        which = file.name, file.kind is LOG\n",
    ),
    one(
        "last_log_by_our_clock", "R13", "alert (a) says when the last log was restored, not its own time",
        "recovery/alerts/telling.py",
        "texts.utc_text(last.started_utc_us)",
        "texts.utc_text(last.utc_us)",
    ),
    one(
        "no_room_is_told_once", "R12", "that a full has no room is told and tried once",
        "recovery/alerts/telling.py",
        "    db.alerts.tell(e, Danger.ROOM, alert, out)\n"
        "    out.append(SetAlarm(db.name, Timer.ROOM, file.retry_at_mono_us))\n",
        "    db.alerts.tell(e, Danger.ROOM, alert, out)\n",
    ),
    one(
        "pile_up_is_not_told", "R12", "logs that wait behind a slow restore are told to nobody",
        "recovery/replay/progress.py",
        "        db.alerts.tell(\n"
        "            e,\n"
        "            Danger.LAG,\n"
        "            Message(AlertId.WAITING, minutes, text, file.name),\n"
        "            out,\n"
        "        )\n",
        "        assert text and minutes >= 0\n",
    ),
    one(
        "loss_of_the_copy_is_not_told", "R12", "nobody is told that the copy here is lost",
        "recovery/alerts/telling.py",
        "    db.alerts.tell(e, Danger.UNPROTECTED, alert, out)\n",
        "    assert alert\n",
    ),
    one(
        "damage_is_not_told", "R12", "a full that no copy makes whole is told to nobody",
        "recovery/alerts/telling.py",
        "    alert = Message(AlertId.DAMAGED, minutes, text, file.name)\n"
        "    db.alerts.tell(e, danger, alert, out)\n",
        "    assert danger\n",
    ),
    # ---- reads and validation (R5, R6, R7, R8, R10)
    Mutant(
        "counted_after_the_read", "R5", "the attempts are saved after the read",
        (
            Edit(
                "recovery/replay/replay.py",
                "        out.append(Save(self._attempts_key + name, str(attempts)))\n"
                "        out.append(RenameWorkingCopy(self.name, name, attempts))\n",
                "        out.append(RenameWorkingCopy(self.name, name, attempts))\n",
            ),
            Edit(
                "recovery/replay/replay.py",
                "            out.append(Restore(self.name, name, takes_place))\n",
                "            out.append(Restore(self.name, name, takes_place))\n"
                "        out.append(Save(self._attempts_key + name, str(attempts)))\n",
            ),
        ),
    ),
    one(
        "copy_keeps_its_old_name", "R5", "the working copy is not renamed at a second attempt",
        "recovery/replay/replay.py",
        "        out.append(RenameWorkingCopy(self.name, name, attempts))\n",
        "        if attempts == 1:\n            out.append(RenameWorkingCopy(self.name, name, attempts))\n",
    ),
    Mutant(
        "damage_is_not_copied_again", "R6", "what fails validation is never copied again",
        (
            Edit(
                "recovery/files/landing.py",
                "        db.recopy(file.name, out)\n",
                "",
            ),
            Edit(
                "recovery/replay/retries.py",
                "    elif not hopeless:\n"
                "        db.recopy(file.name, out)\n",
                "",
            ),
        ),
    ),
    one(
        "no_second_look", "R6", "nothing is hashed again after its arrival",
        "recovery/files/keeping.py",
        "        out.append(\n"
        "            SetAlarm(\n"
        "                db.name,\n"
        "                Timer.REVERIFY,\n"
        "                next_multiple_us(e.mono_us + 1, every_us),\n"
        "            )\n"
        "        )\n",
        "        pass\n",
    ),
    one(
        "second_look_at_logs_that_wait", "R6", "only what waits is hashed again, not the chain of a restore",
        "recovery/files/keeping.py",
        "    if fulls:\n"
        "        newest_fork",
        "    if fulls and not headers:\n"
        "        newest_fork",
    ),
    one(
        "delay_is_ignored", "R7", "the replay delay holds nothing back",
        "recovery/replay/waiting.py", "    if file.due_mono_us > mono_us:\n", "    if file.due_mono_us > mono_us + db.rules.delay_us:\n",
    ),
    one(
        "refused_for_a_day", "R8", "a log that was refused is tried again a day later",
        "recovery/replay/restoring.py",
        "        file, failure, e.mono_us + db.rules.retry_us, passes or set_up_here\n",
        "        file,\n"
        "        failure,\n"
        "        e.mono_us + 288 * db.rules.retry_us,\n"
        "        passes or set_up_here,\n",
    ),
    one(
        "limit_is_never_reached_by_age", "R8", "a log never becomes too old",
        "recovery/replay/watch.py",
        "            e.mono_us, e.utc_us, noticed, since, db.rules.age_us\n",
        "            e.mono_us, e.utc_us, e.mono_us, e.utc_us, 99 * db.rules.age_us\n",
    ),
    one(
        "cut_off_log_is_never_forgotten", "R10", "a log cut off in its backup is told of though the next restored",
        "recovery/replay/restoring.py",
        "    if db.files.bad:\n"
        "        pass_covered(db, header)\n",
        "",
    ),
    # ---- the primary, and repairs (R9, R11)
    one(
        "dead_primary_is_asked", "R9", "a primary that is silent is asked for a backup",
        "recovery/repair/repairs.py",
        "    if db.machine_silent:\n        return",
        "    if db.machine_silent:\n        pass",
    ),
    one(
        "silence_asks_nobody", "R9", "no log within the window, and the primary's jobs are not looked at",
        "recovery/replay/watch.py",
        "        self.ask(AskedAbout.SILENCE, end, out)\n",
        "        assert end\n",
    ),
    Mutant(
        "file_at_the_primary_is_not_copied", "R9", "the log that lies at the primary is not copied again",
        (
            Edit(
                "recovery/replay/retries.py",
                "            db.files.needed(file)\n"
                "            db.recopy(name, out)\n",
                "            db.files.needed(file)\n",
            ),
            Edit(
                "recovery/replay/retries.py",
                "        if not e.copying:\n"
                "            db.recopy(name, out)\n"
                "    elif file.content in",
                "        pass\n"
                "    elif file.content in",
            ),
        ),
    ),
    one(
        "repair_never_begins", "R11", "at the limit it is told, and no repair begins",
        "recovery/replay/retries.py",
        "        watch.cannot_be_had(stuck)\n"
        "        if stuck.over:\n"
        "            repairs.begin(db, e, out)\n",
        "        pass\n",
    ),
    one(
        "survivors_are_left", "R11", "a new full is taken though a light chain lies in the share",
        "recovery/files/fetching.py",
        "        if not way.steps or not way.met:\n",
        "        if way.steps or not way.met:\n",
    ),
    one(
        "no_chain_is_too_heavy", "R11", "an old full is sent again though its logs outweigh a new one",
        "recovery/files/fetching.py",
        "        return sum(rest_us) <= full_us\n",
        "        return full_us > 0\n",
    ),
    Mutant(
        "dropped_too_early", "R11", "the copy is dropped when its replacement is asked for",
        (
            Edit(
                "recovery/repair/repairs.py",
                "        db.repair.ask(kind, e, out)\n",
                "        if kind is FULL and db.state.exists:\n"
                "            out.append(Drop(db.name))\n"
                "            db.copy_has_made_way()\n"
                "        db.repair.ask(kind, e, out)\n",
            ),
            Edit(
                "recovery/repair/repairs.py",
                "from dr_sim.recovery.commands import Validate\n",
                "from dr_sim.recovery.commands import Drop, Validate\n",
            ),
        ),
    ),
    one(
        "paused_jobs_count_as_no", "R11", "a refusal that will pass makes the repair take another way",
        "recovery/repair/repair.py",
        "return not refusal.passes and self.policy is not OnHole.RESYNC",
        "return self.policy is not OnHole.RESYNC",
    ),
    one(
        "any_incremental_bridges", "R11", "an incremental on another full is handed over",
        "recovery/repair/ways.py",
        "            and header.last_lsn >= goal\n"
        "            and self.fits(header)\n"
        "        ]",
        "            and header.last_lsn >= goal\n"
        "        ]",
    ),
    one(
        "any_full_replaces", "R11", "an older full takes the place of the copy",
        "recovery/repair/ways.py",
        "            and (\n"
        "                file.name == asked_for\n"
        "                or (header.fork == fork and header.last_lsn >= goal)\n"
        "            )\n",
        "            and (file.name == asked_for or header.fork == fork)\n",
    ),
    one(
        "repair_goes_on_for_ever", "R11", "a repair does not end when the place is passed",
        "recovery/repair/repair.py",
        "if state.fork != self._fork or state.redo_lsn > self._lsn:\n"
        "            self.end(out)",
        "if state.fork != self._fork or state.redo_lsn < self._lsn:\n"
        "            self.end(out)",
    ),
    one(
        "repair_is_forgotten_in_a_crash", "R11", "a restart forgets the repair that was on",
        "recovery/repair/repair.py",
        "        if text:\n"
        "            read(self._key, text, self._go_on)",
        "        if text and db.promoted:\n"
        "            read(self._key, text, self._go_on)",
    ),
    # ---- retention (R18)
    one(
        "incremental_without_its_base", "R18", "an incremental is kept, its full is deleted",
        "backups/shelf.py",
        "                kept.update(base.backup_id for base in bases)\n        gone = [",
        "        gone = [",
    ),
    one(
        "old_is_old", "R18", "old logs go though the kept ones need them",
        "backups/shelf.py",
        "logs.ended_by(needed_from)", "logs.ended_by(reached)",
    ),
    one(
        "uncopied_is_deleted", "R18", "a file that has not been copied yet is deleted",
        "backups/shelf.py",
        "            if each.name not in uncopied\n", "",
    ),
    one(
        "no_count_of_fulls", "R18", "the newest fulls are not kept by count",
        "backups/retention_rules.py", "return {full.backup_id for full in fulls[max(len(fulls) - count, 0) :]}", "return set()",
    ),
    one(
        "nothing_is_pruned", "R18", "files older than the retention stay for ever",
        "recovery/files/keeping.py",
        "    if db.drain is not None:\n        return",
        "    if db.drain is not None or db.state.exists:\n        return",
    ),
    # ---- failover (R14, R15, R16)
    one(
        "anyone_may_order", "R14", "an order of somebody who may not is obeyed",
        "recovery/failover/orders.py",
        "    if operator not in f.config.operators:\n"
        "        return",
        "    if not operator:\n"
        "        return",
    ),
    one(
        "one_machine_is_enough", "R14", "one silent machine begins a failover that needs all",
        "recovery/failover/silence.py",
        "needed = self._config.machines_silent or len(self._config.machines)",
        "needed = 1",
    ),
    one(
        "impatient", "R14", "a failover begins after half the silence",
        "recovery/failover/silence.py",
        "since_us + self._config.silent_for_us",
        "since_us + self._config.silent_for_us // 2",
    ),
    one(
        "no_means_yes", "R14", "an operator who says no is not heard",
        "recovery/failover/orders.py",
        "    elif e.approve:\n",
        "    elif e.approve or f.config.on_duty:\n",
    ),
    one(
        "paged_once", "R14", "a page that reached nobody is not sent again",
        "recovery/failover/failover.py",
        '        out.append(SetAlarm("", Timer.PAGE, e.mono_us + self.retry_us))\n',
        "",
    ),
    one(
        "planned_over_a_hole", "R15", "a planned failover begins though the chain is broken",
        "recovery/failover/orders.py",
        "    if refused is None and e.planned:\n",
        "    if refused is None and e.planned and not e.operator:\n",
    ),
    one(
        "drained_before_the_fence", "R15", "the pipe is emptied before the old primary is stopped",
        "recovery/failover/failover.py",
        "        self.move(FailoverEvent.BEGUN, out)\n"
        "        out.append(Fence(planned))\n",
        "        self.move(FailoverEvent.BEGUN, out)\n"
        "        self.move(FailoverEvent.FENCE_ANSWERED, out)\n"
        "        self.emptying.start(Event(0, 0, 0), planned, out)\n"
        "        out.append(Fence(planned))\n",
    ),
    one(
        "redirected_too_early", "R15", "users are sent here when the first database is online",
        "recovery/failover/way_over.py",
        "    if f.phase is not FailoverPhase.RECOVERING or f.online.unanswered:\n",
        "    if f.phase is not FailoverPhase.RECOVERING:\n",
    ),
    one(
        "restored_after_recovery_began", "R15", "logs are handed over while the database is brought online",
        "recovery/replay/replay.py",
        "        if (\n"
        "            files.in_hand is not None\n"
        "            or self.promoted\n"
        "            or self.recovering\n"
        "            or self.looking\n"
        "            or self.only_keeps\n"
        "        ):\n",
        "        if (\n"
        "            files.in_hand is not None\n"
        "            or self.promoted\n"
        "            or self.looking\n"
        "            or self.only_keeps\n"
        "        ):\n",
    ),
    one(
        "left_behind_in_silence", "R15", "nobody is told what a failover leaves behind",
        "recovery/failover/way_over.py",
        "        emptying.tell_left(e, out)\n",
        "",
    ),
    one(
        "called_off_after_the_fence", "R15", "a failover is called off though the old primary is stopped",
        "recovery/failover/stopping.py",
        "        if fencing.confirmed:\n"
        "            fencing.tell_heard_again(e, f.minutes(e), True, out)\n"
        "        elif fencing.open:\n",
        "        if fencing.confirmed or fencing.open:\n",
    ),
    one(
        "drain_gives_up_early", "R15", "the drain waits for a tenth of its limit",
        "recovery/failover/emptying.py",
        "        return max(0, self._limit_us - passed_us)\n",
        "        return max(0, self._limit_us // 10 - passed_us)\n",
    ),
    one(
        "tail_only_if_planned", "R15", "the tail is taken in planned failovers alone",
        "recovery/failover/emptying.py",
        "            if db.config.log_interval_us or db.rules.keeps:\n"
        "                self._tails.add(name)\n",
        "            if planned:\n"
        "                self._tails.add(name)\n",
    ),
    one(
        "fence_is_saved_too_late", "R15", "that a fence may have been obeyed is saved after it was asked for",
        "recovery/failover/failover.py",
        "        self.fencing.ask()\n"
        "        self.move(FailoverEvent.BEGUN, out)\n"
        "        out.append(Fence(planned))\n",
        "        self.move(FailoverEvent.BEGUN, out)\n"
        "        out.append(Fence(planned))\n"
        "        self.fencing.ask()\n"
        "        self.save(out)\n",
    ),
    one(
        "fenced_once", "R16", "a fence that failed is not asked for again",
        "recovery/failover/fencing.py",
        '        out.append(SetAlarm("", Timer.FENCE, mono_us))\n',
        "        assert mono_us >= 0\n",
    ),
    one(
        "two_primaries_in_silence", "R16", "nobody is told that the old primary is heard again",
        "recovery/failover/stopping.py",
        "        fencing.tell_two_primaries(e, e.machine, f.minutes(e), out)\n",
        "",
    ),
    one(
        "users_before_their_accounts", "R15", "users are sent here before the directory is complete",
        "recovery/failover/way_over.py",
        "    if f.config.directory:\n",
        "    if f.config.directory and not f.databases:\n",
    ),
    one(
        "recovering_is_not_gone_on_with", "R15", "a restart while databases are brought online orders none",
        "recovery/failover/failover.py",
        "    FailoverPhase.RECOVERING: _recovers,\n",
        "",
    ),
    one(
        "drain_waits_for_the_damaged", "R15", "a failover waits for a damaged log that nobody sends",
        "recovery/failover/drain.py",
        "        hopeless = file.cut_off or not self.patient\n",
        "        hopeless = file.cut_off\n",
    ),
    # ---- a restart
    one(
        "last_restore_is_not_saved", "R12", "after a restart nobody knows when the last restore was",
        "recovery/replay/restoring.py",
        "    out.append(Save(db.clock_key, clock))\n",
        "    assert clock\n",
    ),
    one(
        "late_answers_are_obeyed", "S1", "an answer to an earlier incarnation causes commands",
        "recovery/manager.py",
        "        if incarnation and incarnation != self.incarnation:\n            return []\n", "        assert incarnation >= 0\n",
    ),
    # ---- the cloud manager (C1 to C5)
    one(
        "same_id_other_request", "C1", "a request under an id that was used for another one is taken for that one",
        "cloud/api.py",
        "            same = print_of == fingerprint(e)\n",
        "            same = bool(print_of)\n",
    ),
    one(
        "request_is_not_kept", "C1", "a request that comes twice makes two jobs",
        "cloud/api.py",
        "        told = self._new(e, f\"{e.caller}/{e.request}\", active)\n"
        "        if told.new is not None:\n"
        "            out.saves[key] = f'[\"{fingerprint(e)}\", {quoted(told.job)}]'\n",
        "        told = self._new(e, f\"{e.caller}/{e.request}/{self._calls}\", active)\n",
    ),
    one(
        "anybody_may_change_anything", "R17", "a caller changes a network that is not his",
        "cloud/api.py",
        "        if caller is None or e.network not in caller.networks:\n",
        "        if caller is None:\n",
    ),
    one(
        "anybody_may_change_any_thing", "R17", "a tenant's client changes what is another's in a network of both",
        "cloud/isolation.py",
        "        return owners.issubset(caller.tenants)\n",
        "        return bool(caller.tenants) or not owners\n",
    ),
    one(
        "identifiers_are_not_looked_at", "R17", "a request about a thing of its own changes another tenant's by its identifier",
        "cloud/isolation.py",
        "            for _, of, entity in self._named(network, params)\n",
        "            for _, of, entity in ()\n",
    ),
    Mutant(
        "restored_whosever_it_is", "R17", "a backup of another database is restored under this one's name",
        (
            Edit(
                "recovery/files/landing.py",
                "    if header.database != db.name:\n",
                "    if not header.database:\n",
            ),
            Edit(
                "world/secondary/validation.py",
                "    return header.database != file.database_name\n",
                "    return not header.database\n",
            ),
        ),
    ),
    one(
        "calls_are_not_logged", "C1", "an accepted call leaves no line in the log",
        "cloud/api.py",
        "        out.saves[f\"{LOG}{self._incarnation}.{self._calls}\"] = line\n"
        "        if told.new is not None:\n",
        "        if told.new is not None:\n",
    ),
    one(
        "started_before_it_is_saved", "C2", "commands go out before what they rest on is durable",
        "cloud/out.py",
        "        return [SaveAll(tuple(entries)), *self.commands]",
        "        return [*self.commands, SaveAll(tuple(entries))]",
    ),
    one(
        "one_script_too_many", "C3", "one script more than allowed runs at one side",
        "cloud/jobs/jobs.py",
        "self._busy[agent] < self._config.at_once",
        "self._busy[agent] <= self._config.at_once",
    ),
    one(
        "limit_begins_another_attempt", "C3", "a job past its limit is begun again while its script still runs",
        "cloud/jobs/jobs.py",
        "            if state is JobState.RUNNING:\n"
        "                self._move(job, JobMove.LIMIT)\n",
        "            if state is JobState.RUNNING:\n"
        "                self._again(job, out, at_once=True)\n"
        "                return\n"
        "                self._move(job, JobMove.LIMIT)\n",
    ),
    one(
        "clean_up_beside_the_script", "C3", "a job is cleaned up before its processes are ended",
        "cloud/jobs/jobs.py",
        "        elif job.state is JobState.OVERDUE:\n"
        "            self._move(job, JobMove.KILL)\n",
        "        elif job.state is JobState.OVERDUE:\n"
        "            self._begin_cleaning(job, JobState.CANCELLED, out)\n"
        "            return\n"
        "            self._move(job, JobMove.KILL)\n",
    ),
    one(
        "how_a_job_ended_is_forgotten", "C1", "after a job has ended nobody can learn how",
        "cloud/jobs/jobs.py",
        "        out.saves[ENDED + job.id] = job.state._value_\n",
        "",
    ),
    one(
        "all_jobs_at_once", "C5", "two changes of one thing are made at the same time",
        "cloud/jobs/job.py",
        "        self.lane = (self.network, self.site, self.entity)\n",
        "        self.lane = (self.network, self.site, self.id)\n",
    ),
    one(
        "asked_for_at_the_second_side", "C5", "a change that is asked for is made at the secondary",
        "cloud/api.py",
        "            told = self._asked(e, active, out)\n",
        "            told = self._asked(e, \"B\", out)\n",
    ),
    one(
        "nobody_is_told_of_drift", "C5", "the two sides differ beyond the limit, and nobody is told",
        "cloud/mirror/drift.py",
        "        if since and out.utc_us - since >= self._limit_us:\n",
        "        if since and out.utc_us - since >= 1000 * self._limit_us:\n",
    ),
    one(
        "unknown_attempts_are_done", "C2", "an attempt that no agent knows counts as done",
        "cloud/jobs/jobs.py",
        "        elif e.word is _DONE or e.word is _DONE_BEFORE:\n",
        "        elif e.word in (_DONE, Word.DONE_BEFORE, Word.UNKNOWN):\n",
    ),
    one(
        "failed_counts_as_done", "C3", "a script that failed counts as done",
        "cloud/jobs/jobs.py",
        "        elif e.word is _DONE or e.word is _DONE_BEFORE:\n",
        "        elif e.word in (_DONE, Word.DONE_BEFORE, Word.FAILED):\n",
    ),
    one(
        "given_up_without_a_word", "C3", "nobody is told of a job that is given up",
        "cloud/jobs/jobs.py",
        "        out.commands.append(\n"
        "            Notify(job.network, Notice.JOB_FAILED, job.id, out.utc_us)\n"
        "        )\n"
        "        self._begin_cleaning(job, JobState.FAILED, out)\n",
        "        self._begin_cleaning(job, JobState.FAILED, out)\n",
    ),
    one(
        "newer_overtakes_older", "C5", "in a failover a change is made before an older one of the same thing",
        "cloud/manager.py",
        "        return not self._mirrors[job.network].backlog.holds(job.entity)\n",
        "        return True\n",
    ),
    one(
        "configured_too_early", "C5", "a failover ends while changes are still on their way to its site",
        "cloud/manager.py",
        "        if busy or not all(mirror.provisioned() for mirror in mirrors):\n"
        "            return\n",
        "",
    ),
    one(
        "translated_to_another_thing", "C5", "at the secondary the script of one thing changes another",
        "cloud/mirror/mapping.py",
        "        found = self._rows.get((entity, site), \"\")\n",
        "        found = min(row for (_, at), row in self._rows.items() if at == site)\n",
    ),
    # ---- the machine manager (C7, C8)
    one(
        "room_is_not_looked_at", "C7", "machines are put where there is no room for them",
        "cloud/machines/placing.py",
        "        and of.cpus + image.cpus <= physical.cpus\n"
        "        and of.ram_bytes + image.ram_bytes <= physical.ram_bytes\n",
        "",
    ),
    one(
        "put_among_others", "C11", "machines are put on physical ones that are another network's own",
        "cloud/machines/placing.py",
        "        and physical.owner == wanted.owner\n",
        "        and (physical.owner or not wanted.owner)\n",
    ),
    one(
        "nobody_is_moved_back", "C9", "an upgrade is taken back, and the databases stay with the new machines",
        "cloud/machines/upgrades.py",
        "        upgrade.waiting = units\n",
        "        upgrade.waiting = []\n",
    ),
    one(
        "moves_of_an_earlier_upgrade_count", "C9", "a farm that had an image before moves nobody to it again",
        "cloud/machines/upgrades.py",
        "{upgrade.to}/{upgrade.number}/{database}",
        "{upgrade.to}/1/{database}",
    ),
    one(
        "limit_is_not_looked_at", "C8", "a network has more machines than its balancer takes",
        "cloud/machines/machines.py",
        "            elif room.full:\n",
        "            elif room.full and not of:\n",
    ),
    one(
        "deployed_without_a_record", "C6", "a machine runs and has no record",
        "cloud/machines/vm_records.py",
        "        retired = vm.state is VmState.RETIRED\n",
        "        retired = vm.state in (VmState.RETIRED, VmState.RUNNING)\n",
    ),
    one(
        "put_where_it_failed", "C7", "a machine is deployed again on the physical machine where it failed",
        "cloud/machines/placing.py",
        "        and physical.name not in wanted.not_on\n",
        "",
    ),
    one(
        "a_silent_site_is_rebuilt", "C7", "every machine of a site that is silent is replaced there",
        "cloud/machines/vm_repair.py",
        "        if not self._many_failed(side, out) and known:\n",
        "        if side[1] or not self._many_failed(side, out):\n",
    ),
    one(
        "retired_while_in_use", "C9", "the old farm is retired while databases are still moved",
        "cloud/machines/farm_goals.py",
        "            if retiring and self._upgrades.are_moved(name, side):\n"
        "                before = self._old_ones(new, upgrade.before, side)\n",
        "            if upgrade.phase is not UpgradePhase.DEPLOYING:\n"
        "                before = self._old_ones(new, upgrade.before, side)\n",
    ),
    one(
        "goes_before_others_run", "C8", "machines that run go while those that take their place are deployed",
        "cloud/machines/farm_goals.py",
        "    spare = sum(vm.state is VmState.RUNNING for vm in mine) - goal\n",
        "    spare = len(mine)\n",
    ),
    one(
        "fewer_at_once", "C8", "machines go at the first dip of the load",
        "cloud/machines/load.py",
        "        return self.low_us + self.config.fewer_after_us\n",
        "        return self.low_us\n",
    ),
    one(
        "all_are_upgraded_at_once", "C9", "an upgrade in place takes all machines at one time",
        "cloud/machines/farm_goals.py",
        "                yield from old[: max(0, may_go)]\n",
        "                yield from old\n",
    ),
    one(
        "quota_counts_one_farm", "C11", "a tenant's machines are not counted when more are made",
        "cloud/machines/limits.py",
        "            self._taken.update(map(config.tenant, there))\n",
        "            self._taken.clear()\n",
    ),
    one(
        "next_one_goes_too_early", "C9", "the next machine is replaced before the last one is back",
        "cloud/machines/farm_goals.py",
        "            may_go = max(0, upgrade.at_once - lacking)\n",
        "            may_go = upgrade.at_once\n",
    ),
)  # fmt: skip

MUTANTS = (
    *EARLIER,
    *BLIND,
    *LATE,
    *BACK,
    *FRESH,
    *OUTSIDE,
    *STRANGERS,
    *CLASSIC,
    *REFUSING,
    *STALLED,
    *EVERYDAY,
    *READER,
    *RENEWED,
)
