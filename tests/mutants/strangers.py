"""Bugs of the same kinds as those of outside.py, in places that no other table touches: an
inequality that is wrong at equal times, state that is not reset, a danger that ends too early, an
order that is given once, a clean-up that is left out. They were committed before any draw or
monitor was changed for one of them.
"""

from __future__ import annotations

from tests.mutants.planting import Mutant, one

STRANGERS: tuple[Mutant, ...] = (
    # ---- alerts
    one(
        "critical_a_retry_too_late", "R12",
        "an alert that has lasted for just the limit is not critical yet",
        "recovery/alerts/alerts.py",
        "            if lasted_us >= self.critical_after_us\n",
        "            if lasted_us > self.critical_after_us\n",
    ),
    one(
        "one_danger_ends_all", "R12",
        "when one danger of a database ends, all of them count as over",
        "recovery/alerts/alerts.py",
        "            self.unraised.pop(danger, None)\n"
        "            del self.begun[danger]\n",
        "            self.unraised.pop(danger, None)\n"
        "            self.begun.clear()\n",
    ),
    one(
        "overdue_too_early", "R12",
        "a backup is told of as overdue before it has had time to be taken and sent",
        "recovery/replay/overdue.py",
        "            + takes_us\n",
        "",
    ),
    one(
        "a_late_log_is_late_for_ever", "R12",
        "when logs are in time again, the time for which they were late is not reset",
        "recovery/replay/lag.py",
        "        self._since_us.pop(of.danger, None)\n",
        "",
    ),
    one(
        "silence_is_repeated_in_a_window", "R12",
        "that no logs come is told again after a window, not after a retry",
        "recovery/replay/retries.py",
        "            repairs.retry(db, e, out)\n"
        "        at = e.mono_us + db.rules.retry_us\n",
        "            repairs.retry(db, e, out)\n"
        "        at = e.mono_us + db.log_window.length_us\n",
    ),
    one(
        "told_while_its_copy_comes", "R8",
        "a damaged file is told of by its age while a new copy is on its way",
        "recovery/replay/retries.py",
        "    told_by_age = age >= db.rules.age_us and not hopeless and not arrives\n",
        "    told_by_age = age >= db.rules.age_us and not hopeless\n",
    ),
    # ---- repairs
    one(
        "end_of_a_repair_is_not_saved", "R11",
        "a restart goes on with a repair that was over",
        "recovery/repair/repair.py",
        "        self._phase.move(RepairEvent.ENDED)\n"
        "        self.sought_first = False\n"
        "        self._save(out)\n",
        "        self._phase.move(RepairEvent.ENDED)\n"
        "        self.sought_first = False\n",
    ),
    one(
        "old_request_in_a_new_repair", "R11",
        "a new repair waits for the backup that the one before it had asked for",
        "recovery/repair/repair.py",
        "        self._lsn = state.redo_lsn if state.exists else -1\n"
        "        self._forget()\n",
        "        self._lsn = state.redo_lsn if state.exists else -1\n",
    ),
    one(
        "place_of_a_lost_copy", "R11",
        "a repair whose copy is lost still waits until the old position is passed",
        "recovery/repair/repair.py",
        "            self._forget()\n"
        "        self._lsn = -1\n",
        "            self._forget()\n",
    ),
    one(
        "absent_once_is_gone", "R11",
        "a backup that is missing in one list of the share counts as lost",
        "recovery/repair/repair.py",
        "            self._absent = 0 if self.name in e.waiting else self._absent + 1\n"
        "            if self._absent >= _ABSENT_TWICE:\n",
        "            self._absent = 0 if self.name in e.waiting else self._absent + 1\n"
        "            if self._absent:\n",
    ),
    # ---- failover
    one(
        "heard_while_it_was_down", "R14",
        "a restart does not notice that a machine is heard again",
        "recovery/failover/silence.py",
        "            if machine not in self.silent\n"
        "        ]\n",
        "            if machine in self.silent\n"
        "        ]\n",
    ),
    one(
        "no_holds_for_machines_that_are_back", "R14",
        "after a restart an operator's no counts for machines that were heard in between",
        "recovery/failover/silence.py",
        "        self.declined = self.declined & set(self.silent)\n",
        "",
    ),
    one(
        "any_one_declined_is_enough", "R14",
        "a no for one machine holds when others fall silent too",
        "recovery/failover/silence.py",
        "        return self.declined == set(self.silent)\n",
        "        return bool(self.declined)\n",
    ),
    one(
        "tail_for_a_promoted_one", "R15",
        "a tail that came too late is waited for all the same",
        "recovery/failover/emptying.py",
        "        self._tails.discard(e.database)\n"
        "        if not e.name:\n",
        "        if not e.name:\n",
    ),
    one(
        "state_of_a_called_off_failover", "R16",
        "a second failover takes databases for emptied that the first one had emptied",
        "recovery/failover/emptying.py",
        "        self._tails.clear()\n"
        "        self._emptied.clear()\n",
        "        self._tails.clear()\n",
    ),
    # ---- retention and the planner
    one(
        "ahead_of_the_standby_goes", "R18",
        "a full that the standby has yet to come to is deleted",
        "backups/shelf.py",
        "            kept |= ahead(known, standby)\n",
        "",
    ),
    one(
        "cheapest_beyond_the_position", "R11",
        "a plan goes on from a position that lies before the first LSN of its next log",
        "backups/plan.py",
        "        index = bisect_left(self.lsns, lsn)\n",
        "        index = max(0, bisect_left(self.lsns, lsn) - 1)\n",
    ),
    # ---- the cloud manager
    one(
        "next_attempt_is_not_saved", "C2",
        "that a job is to be tried again is not saved",
        "cloud/jobs/jobs.py",
        "        self._move(job, JobMove.AGAIN)\n"
        "        self._save(job, out)\n"
        "        job.due_us = 0\n",
        "        self._move(job, JobMove.AGAIN)\n"
        "        job.due_us = 0\n",
    ),
    one(
        "killed_once", "C4",
        "an order to end a script that reached nobody is not given again",
        "cloud/jobs/job_orders.py",
        "            KillScript(job.network, job.site, job.id, job.attempt)\n"
        "        )\n"
        "        self._look_again(job, out)\n",
        "            KillScript(job.network, job.site, job.id, job.attempt)\n"
        "        )\n",
    ),
    one(
        "left_as_the_script_left_it", "C3",
        "a job that has failed for good is over without its clean-up",
        "cloud/jobs/jobs.py",
        "        self._begin_cleaning(job, JobState.FAILED, out)\n"
        "\n"
        "    def _again",
        "        self._begin_cleaning(job, JobState.FAILED, out)\n"
        "        self._move(job, JobMove.CLEANED_FAILED)\n"
        "        self._ended(job, out)\n"
        "\n"
        "    def _again",
    ),
    one(
        "silent_agent_is_asked_by_nobody", "C2",
        "after a restart an agent that was silent is not asked again what it does",
        "cloud/jobs/jobs.py",
        "            self._dues.ask_again_us = out.mono_us + self._config.retry_us\n",
        "            self._dues.ask_again_us = 0\n",
    ),
    one(
        "drift_of_long_ago", "C5",
        "the alarm of drift counts from now, not from when the drift began",
        "cloud/mirror/drift.py",
        "            wait = max(0, since + self._limit_us - out.utc_us)\n",
        "            wait = self._limit_us\n",
    ),
    one(
        "newest_running_first", "C7",
        "machines that run are retired before those that have failed",
        "cloud/machines/farm_goals.py",
        "        for state in (VmState.WAITING, VmState.FAILED, VmState.RUNNING)\n",
        "        for state in (VmState.WAITING, VmState.RUNNING, VmState.FAILED)\n",
    ),
    one(
        "replaced_and_left_running", "C7",
        "a machine that fell silent is replaced and stays a machine of its farm",
        "cloud/machines/vm_repair.py",
        "            self._records.new(side, of, (vm.physical,), out)\n"
        "        self._retire(vm, out)\n",
        "            self._records.new(side, of, (vm.physical,), out)\n"
        "        else:\n"
        "            self._retire(vm, out)\n",
    ),
    one(
        "half_of_an_upgrade_goes_back", "C9",
        "an upgrade that is taken back moves only the databases that had not been moved",
        "cloud/machines/upgrades.py",
        "            units.append([each for each in names if each not in left])\n",
        "            units.append([each for each in names if each in left])\n",
    ),
    one(
        "over_with_some_not_moved", "C9",
        "an upgrade goes on to retire its old farm while databases are not moved",
        "cloud/machines/upgrades.py",
        "        if not upgrade.failed:\n"
        "            self._to(upgrade, UpgradeMove.MOVED, out)\n",
        "        if not upgrade.failed or upgrade.tries >= self._config.attempts:\n"
        "            self._to(upgrade, UpgradeMove.MOVED, out)\n",
    ),
)  # fmt: skip
