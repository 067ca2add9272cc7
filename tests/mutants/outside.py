"""Bugs of the kinds that somebody who does not know dr_sim would plant: a comparison that is off by
one, a branch that is dropped, a wrong key, `min` for `max`, a save that is forgotten, an answer
that is taken for another one. They were committed before any draw or monitor was changed for one of
them.
"""

from __future__ import annotations

from tests.mutants.planting import Mutant, one

OUTSIDE: tuple[Mutant, ...] = (
    # ---- the fence and the claim
    one(
        "no_answer_counts_as_unreachable", "R16",
        "a fence without an answer counts as one that was never delivered",
        "recovery/failover/fencing.py",
        "    NotFenced.NO_ANSWER: FenceEvent.NO_ANSWER,\n",
        "    NotFenced.NO_ANSWER: FenceEvent.UNREACHABLE,\n",
    ),
    one(
        "restart_waits_for_an_old_fence", "R16",
        "a restart waits for the answer to a fence that an earlier life has asked for",
        "recovery/failover/fencing.py",
        "    FenceStatus.ASKED: FenceStatus.UNKNOWN,\n",
        "",
    ),
    one(
        "claim_is_used_though_needless", "R14",
        "a claim that is given when the primary is heard again begins a failover",
        "recovery/failover/claiming.py",
        "    elif f.needless:\n"
        "        f.move(FailoverEvent.NOT_HERE, out)\n"
        "        f.claiming.let_go(False, out)\n",
        "",
    ),
    # ---- emptying the pipe, and the end of a failover
    one(
        "damaged_in_a_drain_is_given_up", "R15",
        "what arrives damaged in a failover is not copied again, though the share answers",
        "recovery/failover/drain.py",
        "            and self._sent[name] < self._db.rules.attempts\n",
        "            and self._sent[name] < 0\n",
    ),
    one(
        "retried_never_after_a_call_off", "R16",
        "what was refused for good in a failover stays refused after it was called off",
        "recovery/failover/draining.py",
        "        db.files.retry_at(file, min(file.retry_at_mono_us, latest_us))",
        "        db.files.retry_at(file, max(file.retry_at_mono_us, latest_us))",
    ),
    one(
        "second_try_has_the_long_limit", "R15",
        "the first try of a restore that hangs is ended at the limit of the second one",
        "recovery/failover/hanging.py",
        "            if ended\n",
        "            if not ended\n",
    ),
    one(
        "ordered_online_with_nothing_there", "R15",
        "a database of which nothing is here is ordered online with the others",
        "recovery/failover/online.py",
        "            if not (db.promoted or name in later or name in self.looks)\n",
        "            if not db.promoted\n",
    ),
    # ---- files, limits and alerts
    one(
        "attempts_under_another_key", "R5", "a restart does not find how often a file was read",
        "recovery/files/files.py",
        "            saved, f\"attempts/{database}/\", attempts_from_text\n",
        "            saved, f\"attempts/{database}.\", attempts_from_text\n",
    ),
    one(
        "given_up_a_copy_too_early", "R8",
        "a damaged full is given up one copy before its attempts are used up",
        "recovery/replay/retries.py",
        "    hopeless = file.failures > db.rules.attempts\n"
        "    arrives = (\n",
        "    hopeless = file.failures >= db.rules.attempts\n"
        "    arrives = (\n",
    ),
    one(
        "window_begins_anew", "R9", "a restart counts the window for new logs anew",
        "recovery/replay/log_window.py",
        "        self.landed_mono_us = e.mono_us - quiet_us\n",
        "        self.landed_mono_us = e.mono_us\n",
    ),
    one(
        "clock_corrected_the_wrong_way", "R12",
        "how late a log is is corrected by the clocks' difference the wrong way",
        "recovery/replay/lag.py",
        "            late_us += off_us\n",
        "            late_us -= off_us\n",
    ),
    one(
        "contiguous_logs_are_a_hole", "R12",
        "a store tells of a hole where the next log begins just where the last one ended",
        "recovery/files/kept.py",
        "        if header.first_lsn > reached:\n",
        "        if header.first_lsn >= reached:\n",
    ),
    one(
        "full_does_not_end_an_incremental", "R12",
        "a damaged incremental is told of although a newer full is here and whole",
        "recovery/files/remake.py",
        "            (Kind.FULL, Kind.INCREMENTAL) if kind is Kind.FULL else (kind,)\n",
        "            (kind,)\n",
    ),
    # ---- retention and targets
    one(
        "log_across_the_standby_goes", "R18",
        "the log in which a standby stands is deleted at the primary",
        "backups/retention_rules.py",
        "        if h.kind is not Kind.FULL and h.last_lsn > standby.redo_lsn\n",
        "        if h.kind is not Kind.FULL and h.first_lsn > standby.redo_lsn\n",
    ),
    one(
        "standby_behind_is_forgotten", "R18",
        "logs that a standby which is behind still needs are deleted",
        "backups/shelf.py",
        "            needed_from = min(needed_from, standby.redo_lsn)\n",
        "            needed_from = max(needed_from, standby.redo_lsn)\n",
    ),
    one(
        "full_across_the_instant", "R15",
        "a restore to an instant takes a full that was begun before it and finished after it",
        "backups/target.py",
        "            return header.finished_utc_us + self.slack_us > self.utc_us\n",
        "            return header.started_utc_us + self.slack_us > self.utc_us\n",
    ),
    one(
        "met_by_its_finish", "R15",
        "a restore to an instant ends with a log that was cut before that instant",
        "backups/target.py",
        "                if self.reading is Reading.START\n",
        "                if self.reading is Reading.FINISH\n",
    ),
    # ---- the cloud manager
    one(
        "not_cleaned_counts_as_cleaned", "C3",
        "a job whose clean-up has failed is over",
        "cloud/jobs/jobs.py",
        "        if e.word is not Word.CLEANED:\n"
        "            return None\n",
        "        if e.word not in (Word.CLEANED, Word.NOT_CLEANED):\n"
        "            return None\n",
    ),
    one(
        "lanes_by_name_after_a_restart", "C5",
        "after a restart the jobs of a thing run in the order of their names",
        "cloud/jobs/jobs.py",
        "        found.sort(key=lambda job: job.order)\n",
        "        found.sort(key=lambda job: job.id)\n",
    ),
    one(
        "refused_change_under_its_old_name", "C5",
        "a change that was not taken is sent again under the name of the job that has failed",
        "cloud/mirror/pending.py",
        "        change.round += 1\n",
        "",
    ),
    one(
        "drift_counts_from_the_newest", "C5",
        "how long the two sides differ counts from the newest change that is pending",
        "cloud/mirror/pending.py",
        "        return min([each.since_utc_us for each in waits]), len(waits)\n",
        "        return max([each.since_utc_us for each in waits]), len(waits)\n",
    ),
    one(
        "failed_moves_count_as_moved", "C9",
        "a database whose move came to nothing counts as moved, and its old farm is retired",
        "cloud/machines/upgrades.py",
        "                    if job.state is not JobState.DONE:\n"
        "                        upgrade.failed.append([job.entity])\n",
        "",
    ),
    one(
        "lost_image_is_believed", "C9",
        "an image that an install point has lost is taken to be there",
        "cloud/machines/install_points.py",
        "            elif place in self._there:\n"
        "                self._gone(place, out)\n",
        "",
    ),
    one(
        "replaced_where_it_fell_silent", "C7",
        "a machine that fell silent is replaced on the physical machine where it stood",
        "cloud/machines/vm_repair.py",
        "            self._records.new(side, of, (vm.physical,), out)\n",
        "            self._records.new(side, of, (), out)\n",
    ),
)  # fmt: skip
