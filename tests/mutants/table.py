"""Bugs to plant into the recovery logic and the planner: what a change of them gets wrong on a bad
day.

Each is a small edit of source text. `planted` writes a copy of the package with one of them in it;
nothing of the copy is imported here. They were written before the monitors that are to catch them.
`benchmarks/finding.py` asks for each: is it found, by what, after how many runs, and shrunk to what?
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Edit:
    """One place in a file of dr_sim: the text that is there, and what the bug makes of it."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A planted bug: its name, which requirement it breaks, and what is wrong in one line."""

    name: str
    requirement: str
    wrong: str
    edits: tuple[Edit, ...]


class StaleMutantError(Exception):
    """The text that a mutant edits is not there any more: write the same bug into the new text."""


def edited(mutant: Mutant) -> dict[str, str]:
    """Each file that the mutant changes, as it is with the bug."""
    texts: dict[str, str] = {}
    for edit in mutant.edits:
        text = texts.get(edit.path) or (ROOT / "dr_sim" / edit.path).read_text(encoding="utf-8")
        if text.count(edit.old) != 1:
            times = text.count(edit.old)
            raise StaleMutantError(f"{mutant.name}: {edit.path} holds {times} times: {edit.old!r}")
        texts[edit.path] = text.replace(edit.old, edit.new)
    return texts


def planted(mutant: Mutant, folder: Path) -> Path:
    """A copy of the package with the bug, in that folder: put it first on PYTHONPATH."""
    shutil.copytree(
        ROOT / "dr_sim", folder / "dr_sim", ignore=shutil.ignore_patterns("__pycache__")
    )
    for path, text in edited(mutant).items():
        (folder / "dr_sim" / path).write_text(text, encoding="utf-8")
    return folder


def _one(name: str, requirement: str, wrong: str, path: str, old: str, new: str) -> Mutant:
    return Mutant(name, requirement, wrong, (Edit(path, old, new),))


MUTANTS: tuple[Mutant, ...] = (
    # ---- alerts (R12, R13)
    _one(
        "told_once", "R12", "a log that is stuck is told of once, not at every retry",
        "recovery/watch.py",
        "                self.tell_chain(stuck.file, mono_us, utc_us, out)\n                db.repair.retry(",
        "                db.repair.retry(",
    ),
    _one(
        "minutes_since_landing", "R12", "minutes since the last log landed, not since a restore",
        "recovery/replay.py",
        "elapsed_us(mono_us, utc_us, last.mono_us, last.utc_us))\n\n\ndef _under",
        "mono_us - self.watch.landed_mono_us)\n\n\ndef _under",
    ),
    _one(
        "never_critical", "R12", "no alert ever becomes critical",
        "recovery/alerts.py",
        'level = "critical" if lasted >= self.critical_after_us else "error"',
        'level = "error"',
    ),
    _one(
        "critical_at_half_time", "R12", "an alert is critical after half the time",
        "recovery/alerts.py", "if lasted >= self.critical_after_us", "if 2 * lasted >= self.critical_after_us",
    ),
    _one(
        "critical_counts_from_the_repetition", "R12", "each repetition starts the alert's clock anew",
        "recovery/alerts.py",
        "        since = self.begun.get(danger)\n        if since is None:",
        "        since = None\n        if since is None:",
    ),
    _one(
        "alert_clock_is_not_durable", "R12", "after a restart an alert begins as a new one",
        "recovery/alerts.py",
        "            out.append(self._save())\n        lasted =", "        lasted =",
    ),
    _one(
        "silence_is_not_told", "R9", "nobody is told that no logs come",
        "recovery/watch.py",
        "            db.alerts.tell(\n                mono_us, utc_us, \"silence\", NO_NEW_LOGS, db.minutes(mono_us, utc_us), \"\", text, out\n            )\n",
        "            assert text\n",
    ),
    _one(
        "silence_is_told_once", "R12", "that no logs come is told once in a day",
        "recovery/watch.py",
        "            at = mono_us + db.rules.retry_us\n        db.progress.window(",
        "            at = mono_us + DAY_US\n        db.progress.window(",
    ),
    _one(
        "window_counts_from_the_restore", "R12", "silence counts from the last restore, whatever lands",
        "recovery/watch.py",
        "        self.landed_mono_us = mono_us\n        if self.db.alerts.begun:",
        "        if self.db.last is not None and self.db.last.name:\n"
        "            self.landed_mono_us = self.db.last.mono_us\n        if self.db.alerts.begun:",
    ),
    Mutant(
        "one_clock_for_all_databases", "R12", "a restore of one database resets the minutes of all",
        (
            Edit(
                "recovery/replay.py",
                "        last.mono_us = e.mono_us\n        last.utc_us = e.utc_us\n",
                "        last.mono_us = _NEWEST[0] = e.mono_us\n        last.utc_us = e.utc_us\n",
            ),
            Edit(
                "recovery/replay.py",
                "elapsed_us(mono_us, utc_us, last.mono_us, last.utc_us))\n\n\ndef _under",
                "mono_us - max(_NEWEST[0], last.mono_us))\n\n\n_NEWEST = [0]\n\n\ndef _under",
            ),
        ),
    ),
    _one(
        "twelve_hours_on_the_clock", "R13", "times in alerts have no afternoon",
        "recovery/alerts.py", '"%Y-%m-%dT%H:%M:%SZ"', '"%Y-%m-%dT%I:%M:%SZ"',
    ),
    _one(
        "quiet_minutes_rounded_up", "R13", "the minutes of silence are rounded up",
        "recovery/watch.py",
        "quiet = whole_minutes(mono_us - self.landed_mono_us)",
        "quiet = whole_minutes(mono_us - self.landed_mono_us) + 1",
    ),
    _one(
        "file_without_its_path", "R13", "alert (c) names a file without its path",
        "recovery/watch.py",
        "            path = db.config.share_path + file.name\n            text = errors_text(",
        "            path = file.name\n            text = errors_text(",
    ),
    _one(
        "last_log_by_our_clock", "R13", "alert (a) says when the last log was restored, not its own time",
        "recovery/watch.py", "since = utc_text(last.started_utc_us)", "since = utc_text(last.utc_us)",
    ),
    _one(
        "no_room_is_told_once", "R12", "that a full has no room is told and tried once",
        "recovery/replay.py",
        '        out.append(SetAlarm(self.name, "room", file.retry_at_mono_us))\n', "",
    ),
    _one(
        "pile_up_is_not_told", "R12", "logs that wait behind a slow restore are told to nobody",
        "recovery/progress.py",
        '        db.alerts.tell(mono_us, utc_us, "lag", WAITING, minutes, file.name, text, out)\n',
        "        assert text and minutes >= 0\n",
    ),
    _one(
        "loss_of_the_copy_is_not_told", "R12", "nobody is told that the copy here is lost",
        "recovery/watch.py",
        '        db.alerts.tell(mono_us, utc_us, "unprotected", NOT_PROTECTED, minutes, "", text, out)\n',
        "        assert text\n",
    ),
    _one(
        "damage_is_not_told", "R12", "a full that no copy makes whole is told to nobody",
        "recovery/watch.py",
        "        db.alerts.tell(mono_us, utc_us, danger, DAMAGED, minutes, file.name, text, out)\n",
        "        assert text and danger\n",
    ),
    # ---- reads and validation (R5, R6, R7, R8, R10)
    _one(
        "counted_after_the_read", "R5", "the attempts are saved after the read",
        "recovery/replay.py",
        "        out.append(Save(self._attempts_key + name, str(attempts)))\n"
        "        out.append(RenameWorkingCopy(self.name, name, attempts))\n"
        "        stop, header = self.stop_before_utc_us, file.header\n"
        "        if stop and file.kind == LOG and header is not None and header.started_utc_us > stop:\n"
        "            out.append(RestoreUntil(self.name, name, stop))\n"
        "        else:\n"
        "            out.append(Restore(self.name, name, replace))\n",
        "        out.append(RenameWorkingCopy(self.name, name, attempts))\n"
        "        out.append(Restore(self.name, name, replace))\n"
        "        out.append(Save(self._attempts_key + name, str(attempts)))\n",
    ),
    _one(
        "copy_keeps_its_old_name", "R5", "the working copy is not renamed at a second attempt",
        "recovery/replay.py",
        "        out.append(RenameWorkingCopy(self.name, name, attempts))\n",
        "        if attempts == 1:\n            out.append(RenameWorkingCopy(self.name, name, attempts))\n",
    ),
    Mutant(
        "damage_is_not_copied_again", "R6", "what fails validation is never copied again",
        (
            Edit(
                "recovery/landing.py",
                "        recopy(db, file.name, out)\n        if outcome ==",
                "        if outcome ==",
            ),
            Edit(
                "recovery/watch.py",
                "        elif not hopeless:\n            landing.recopy(db, file.name, out)\n", "",
            ),
        ),
    ),
    _one(
        "no_second_look", "R6", "nothing is hashed again after its arrival",
        "recovery/keeping.py",
        '            out.append(SetAlarm(self.db.name, "reverify", next_multiple_us(mono_us + 1, every_us)))\n',
        "            pass\n",
    ),
    _one(
        "second_look_at_logs_that_wait", "R6", "only what waits is hashed again, not the chain of a restore",
        "recovery/keeping.py", "        if fulls:\n            names.update(", "        if not headers:\n            names.update(",
    ),
    _one(
        "delay_is_ignored", "R7", "the replay delay holds nothing back",
        "recovery/waiting.py", "    if file.due_mono_us > mono_us:\n", "    if file.due_mono_us > mono_us + db.rules.delay_us:\n",
    ),
    _one(
        "refused_for_a_day", "R8", "a log that was refused is tried again a day later",
        "recovery/replay.py",
        "        file.retry_at_mono_us = e.mono_us + self.rules.retry_us\n        if self.drain is not None:\n            self.drain.refused(",
        "        file.retry_at_mono_us = e.mono_us + 288 * self.rules.retry_us\n        if self.drain is not None:\n            self.drain.refused(",
    ),
    _one(
        "limit_is_never_reached_by_age", "R8", "a log never becomes too old",
        "recovery/watch.py",
        "stuck.limit_at_us = limit_at_us(mono_us, utc_us, noticed, since, db.rules.age_us)",
        "stuck.limit_at_us = limit_at_us(mono_us, utc_us, mono_us, utc_us, 99 * db.rules.age_us)",
    ),
    _one(
        "cut_off_log_is_never_forgotten", "R10", "a log cut off in its backup is told of though the next restored",
        "recovery/replay.py",
        "        if self.bad:\n            waiting.forget_covered(self, header)\n", "",
    ),
    # ---- the primary, and repairs (R9, R11)
    _one(
        "dead_primary_is_asked", "R9", "a primary that is silent is asked for a backup",
        "recovery/repair.py",
        "        if self.db.machine_silent:\n            return  # nobody asks the dead for a backup\n", "",
    ),
    _one(
        "silence_asks_nobody", "R9", "no log within the window, and the primary's jobs are not looked at",
        "recovery/watch.py",
        '            self._ask("silence", max(newest, db.state.redo_lsn), out)\n', "            assert newest >= 0\n",
    ),
    _one(
        "file_at_the_primary_is_not_copied", "R9", "the log that lies at the primary is not copied again",
        "recovery/watch.py",
        "                landing.recopy(db, name, out)\n            elif file is not None and file.state == VALID and not _covers",
        "                pass\n            elif file is not None and file.state == VALID and not _covers",
    ),
    _one(
        "repair_never_begins", "R11", "at the limit it is told, and no repair begins",
        "recovery/watch.py",
        "            stuck.lost = True\n            if stuck.over:\n                db.repair.start(e.mono_us, e.utc_us, out)\n",
        "            pass\n",
    ),
    Mutant(
        "dropped_too_early", "R11", "the copy is dropped when its replacement is asked for",
        (
            Edit("recovery/repair.py", "import AskShare, Command, Save", "import AskShare, Command, Drop, Save"),
            Edit(
                "recovery/repair.py",
                "        self._save(out)\n        out.append(TakeBackup(self.db.name, kind))\n",
                "        self._save(out)\n        if kind == FULL and self.db.state.exists:\n"
                "            out.append(Drop(self.db.name))\n            self.db.state.exists = False\n"
                "        out.append(TakeBackup(self.db.name, kind))\n",
            ),
        ),
    ),
    _one(
        "paused_jobs_count_as_no", "R11", "a refusal that will pass makes the repair take another way",
        "recovery/repair.py", "        if not refusal.passes and self.policy != RESYNC:", "        if self.policy != RESYNC:",
    ),
    _one(
        "any_incremental_bridges", "R11", "an incremental on another full is handed over",
        "recovery/repair.py",
        "                and header.last_lsn >= goal\n                and applies(header, db.state) is Fit.APPLIES\n            ]",
        "                and header.last_lsn >= goal\n            ]",
    ),
    _one(
        "any_full_replaces", "R11", "an older full takes the place of the copy",
        "recovery/repair.py",
        "file.name == self.name or (header.fork == db.state.fork and header.last_lsn >= goal)",
        "file.name == self.name or header.fork == db.state.fork",
    ),
    _one(
        "repair_goes_on_for_ever", "R11", "a repair does not end when the place is passed",
        "recovery/repair.py",
        "(state.fork != self.fork or state.redo_lsn > self.lsn):\n            self._end(out)",
        "(state.fork != self.fork or state.redo_lsn < self.lsn):\n            self._end(out)",
    ),
    _one(
        "repair_is_forgotten_in_a_crash", "R11", "a restart forgets the repair that was on",
        "recovery/repair.py", "        if saved:\n            for field, value", "        if not saved:\n            pass\n        elif db.promoted:\n            for field, value",
    ),
    # ---- retention (R18)
    _one(
        "incremental_without_its_base", "R18", "an incremental is kept, its full is deleted",
        "backups/retention.py", "                kept.update(bases)\n        gone = [", "        gone = [",
    ),
    _one(
        "old_is_old", "R18", "old logs go though the kept ones need them",
        "backups/retention.py",
        "gone = [file for file in old_logs if file.header.last_lsn <= needed_from and file.copied]",
        "gone = [file for file in old_logs if file.copied]",
    ),
    _one(
        "uncopied_is_deleted", "R18", "a file that has not been copied yet is deleted",
        "backups/retention.py",
        "if file.header.last_lsn <= needed_from and file.copied]", "if file.header.last_lsn <= needed_from]",
    ),
    _one(
        "no_count_of_fulls", "R18", "the newest fulls are not kept by count",
        "backups/retention.py", "return {full.backup_id for full in fulls[max(len(fulls) - count, 0) :]}", "return set()",
    ),
    _one(
        "nothing_is_pruned", "R18", "files older than the retention stay for ever",
        "recovery/keeping.py",
        "        if db.drain is not None:\n            return  # what lies here may be the way back\n",
        "        if db.drain is not None or db.state.exists:\n            return\n",
    ),
    # ---- failover (R14, R15, R16)
    _one(
        "anyone_may_order", "R14", "an order of somebody who may not is obeyed",
        "recovery/failover.py",
        "        if e.operator not in self.config.operators:\n            out.append(RefuseOrder(e.operator, \"not authorised\"))\n        elif self.planned and",
        "        if not e.operator:\n            out.append(RefuseOrder(e.operator, \"not authorised\"))\n        elif self.planned and",
    ),
    _one(
        "one_machine_is_enough", "R14", "one silent machine begins a failover that needs all",
        "recovery/silence.py",
        "needed = self.config.machines_silent or len(self.config.machines)", "needed = 1",
    ),
    _one(
        "impatient", "R14", "a failover begins after half the silence",
        "recovery/silence.py", "seen[needed - 1] + self.config.silent_for_us", "seen[needed - 1] + self.config.silent_for_us // 2",
    ),
    _one(
        "no_means_yes", "R14", "an operator who says no is not heard",
        "recovery/failover.py", "        elif e.approve:\n", "        elif e.approve or self.config.on_duty:\n",
    ),
    _one(
        "paged_once", "R14", "a page that reached nobody is not sent again",
        "recovery/failover.py",
        '        out.append(SetAlarm("", "page", mono_us + self.retry_us))\n', "",
    ),
    _one(
        "planned_over_a_hole", "R15", "a planned failover begins though the chain is broken",
        "recovery/failover.py", "        elif e.planned and broken:\n", "        elif e.planned and broken and not e.operator:\n",
    ),
    _one(
        "drained_before_the_fence", "R15", "the pipe is emptied before the old primary is stopped",
        "recovery/failover.py",
        "        self.move(State.FENCING, out)\n        out.append(Fence(planned))\n",
        "        self.move(State.FENCING, out)\n        self.move(State.DRAINING, out)\n"
        "        self.emptying.start(0, 0, planned, out)\n        out.append(Fence(planned))\n",
    ),
    _one(
        "redirected_too_early", "R15", "users are sent here when the first database is online",
        "recovery/failover.py", "is not State.RECOVERING or self.online.unanswered:", "is not State.RECOVERING:",
    ),
    _one(
        "restored_after_recovery_began", "R15", "logs are handed over while the database is brought online",
        "recovery/replay.py", "            or self.recovering\n            or self.looking", "            or self.looking",
    ),
    _one(
        "left_behind_in_silence", "R15", "nobody is told what a failover leaves behind",
        "recovery/failover.py", "            emptying.tell_left(e, out)\n            self.move(State.RECOVERING, out)", "            self.move(State.RECOVERING, out)",
    ),
    _one(
        "called_off_after_the_fence", "R15", "a failover is called off though the old primary is stopped",
        "recovery/failover.py",
        "            if fencing.confirmed:\n                fencing.tell_heard_again(e, self._minutes(e), True, out)\n            elif fencing.status == OPEN:\n",
        "            if fencing.confirmed or fencing.status == OPEN:\n",
    ),
    _one(
        "drain_gives_up_early", "R15", "the drain waits for a tenth of its limit",
        "recovery/emptying.py", "left_us = max(0, self.limit_us - ", "left_us = max(0, self.limit_us // 10 - ",
    ),
    _one(
        "tail_only_if_planned", "R15", "the tail is taken in planned failovers alone",
        "recovery/emptying.py", "            if db.config.log_interval_us:\n                self.tails.add(name)\n", "            if db.config.log_interval_us and planned:\n                self.tails.add(name)\n",
    ),
    _one(
        "fence_is_saved_too_late", "R15", "that a fence may have been obeyed is saved after it was asked for",
        "recovery/failover.py",
        "        self.fencing.about_to_ask()\n        self.move(State.FENCING, out)\n        out.append(Fence(planned))\n",
        "        self.move(State.FENCING, out)\n        out.append(Fence(planned))\n        self.fencing.about_to_ask()\n        self._save(out)\n",
    ),
    _one(
        "fenced_once", "R16", "a fence that failed is not asked for again",
        "recovery/fencing.py", '        out.append(SetAlarm("", "fence", e.mono_us + after_us))\n', "",
    ),
    _one(
        "two_primaries_in_silence", "R16", "nobody is told that the old primary is heard again",
        "recovery/failover.py", "            fencing.tell_two_primaries(e, self._minutes(e), out)\n", "",
    ),
    _one(
        "users_before_their_accounts", "R15", "users are sent here before the directory is complete",
        "recovery/failover.py", "            if self.config.directory:\n", "            if self.config.directory and not self.databases:\n",
    ),
    _one(
        "recovering_is_not_gone_on_with", "R15", "a restart while databases are brought online orders none",
        "recovery/failover.py",
        "        elif state is State.RECOVERING:\n            self._recover(out, again=True)\n", "",
    ),
    _one(
        "drain_waits_for_the_damaged", "R15", "a failover waits for a damaged log that nobody sends",
        "recovery/drain.py",
        "        elif not self.patient or file.outcome == \"no_manifest\":\n            self.give_up(file)\n\n    def not_sent",
        "        elif file.outcome == \"no_manifest\":\n            self.give_up(file)\n\n    def not_sent",
    ),
    # ---- a restart
    _one(
        "last_restore_is_not_saved", "R12", "after a restart nobody knows when the last restore was",
        "recovery/replay.py",
        "        out.append(Save(self._clock_key, last.text()))\n        if (e.redo_lsn",
        "        if (e.redo_lsn",
    ),
    _one(
        "late_answers_are_obeyed", "S1", "an answer to an earlier incarnation causes commands",
        "recovery/manager.py",
        "        if incarnation and incarnation != self.incarnation:\n            return []\n", "        assert incarnation >= 0\n",
    ),
)  # fmt: skip
