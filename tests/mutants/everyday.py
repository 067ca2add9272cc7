"""Bugs that a person makes in an ordinary change: a wrong comparison in a choice, the wrong one of
several databases, an owner who is not looked at, something that is not cleared, one too many or too
few. They stand in places that no other table touches, and were committed before any monitor or
story was changed for one of them.
"""

from __future__ import annotations

from tests.mutants.planting import Mutant, one

EVERYDAY: tuple[Mutant, ...] = (
    # ---- the way past a hole
    one(
        "largest_incremental_bridges", "R11",
        "of two incrementals over a hole the larger one is restored",
        "recovery/repair/ways.py",
        "        return (db.files[min(fits)[1]], False) if fits else NONE\n",
        "        return (db.files[max(fits)[1]], False) if fits else NONE\n",
    ),
    one(
        "oldest_full_gets_past", "R11",
        "of several fulls past a hole the oldest one takes the place of the copy",
        "recovery/repair/ways.py",
        "        return (db.files[max(fulls)[2]], True) if fulls else NONE\n",
        "        return (db.files[min(fulls)[2]], True) if fulls else NONE\n",
    ),
    one(
        "starts_over_at_any_rate", "R11",
        "a copy is restored anew from a full though an incremental would get it past the hole",
        "recovery/repair/ways.py",
        "            if way.steps and self._passes(way, goal):\n",
        "            if way.steps and not self._passes(way, goal):\n",
    ),
    one(
        "first_full_on_its_way", "R11",
        "of several fulls on their way the oldest one is waited for",
        "recovery/repair/repair.py",
        "                self._found(found[-1], out)\n",
        "                self._found(found[0], out)\n",
    ),
    one(
        "no_log_for_a_window", "R9",
        "a repair begins when the last restore is older than the window, not the age limit",
        "recovery/replay/retries.py",
        "        >= db.rules.age_us\n    )\n\n\ndef _covers(",
        "        >= db.rules.window_us\n    )\n\n\ndef _covers(",
    ),
    # ---- what is fetched, and in which order
    one(
        "sent_though_it_leads_no_further", "R11",
        "a full is sent though the one that lies here leads as far",
        "recovery/files/fetching.py",
        "    return way.reaches[1] > than.reaches[1]\n",
        "    return way.reaches[1] >= than.reaches[1]\n",
    ),
    one(
        "fetched_from_the_end", "R11",
        "what a way back lacks is sent in the wrong order: the full comes last",
        "recovery/files/fetching.py",
        "        for name in self.lacking():\n",
        "        for name in reversed(self.lacking()):\n",
    ),
    # ---- in a failover
    one(
        "held_for_ever", "R15",
        "files that were held when a drain ended count as held ever after",
        "recovery/failover/drain.py",
        "        held = list(self.held.values())\n        self.held.clear()\n",
        "        held = list(self.held.values())\n",
    ),
    one(
        "a_full_for_every_refusal", "R15",
        "a planned failover takes a full where the incremental was refused for a moment only",
        "recovery/files/last_backup.py",
        "        if e.kind == INCREMENTAL and not e.reason.refusal.passes:\n",
        "        if e.kind == INCREMENTAL:\n",
    ),
    one(
        "first_idle_one_ends_the_look", "R15",
        "restores that hang are not looked at behind a database that has nothing to do",
        "recovery/failover/hanging.py",
        "            if db.drain is None or db.promoted or db.drain.idle():\n"
        "                continue\n",
        "            if db.drain is None or db.promoted or db.drain.idle():\n"
        "                break\n",
    ),
    one(
        "failed_before_fails_again", "R15",
        "a database that did not come online before a failover was left is ordered in the next one",
        "recovery/failover/online.py",
        "        self.unrecovered.clear()\n",
        "",
    ),
    one(
        "given_up_for_a_failover", "R16",
        "a copy that was lost in a failover stays lost when it is left",
        "recovery/repair/standby.py",
        "        tell(db, e, out)\n    _restore_anew(db, e, out)\n",
        "        tell(db, e, out)\n",
    ),
    one(
        "offers_what_it_has_not", "R14",
        "a copy that lacks a database offers as much as one that has all",
        "recovery/failover/choosing.py",
        "    if len(each) < len(f.databases):\n        holds = 0\n",
        "",
    ),
    # ---- alerts
    one(
        "one_log_too_many_waits", "R12",
        "an alert says that one log more waits than does",
        "recovery/replay/progress.py",
        "            return max(1, len(waiting))\n",
        "            return 1 + len(waiting)\n",
    ),
    one(
        "oldest_backup_is_the_last", "R12",
        "after a restart the next backup is expected an interval after the oldest one",
        "recovery/replay/overdue.py",
        "    if one is None or one.started_utc_us < other.started_utc_us:\n",
        "    if one is None or one.started_utc_us > other.started_utc_us:\n",
    ),
    one(
        "hole_before_the_newest_full", "R12",
        "a store tells of a log that is missing before its newest full",
        "recovery/files/kept.py",
        "    reached = max(ends)\n",
        "    reached = min(ends)\n",
    ),
    # ---- retention, and forks
    one(
        "what_waits_may_go", "R18",
        "a log that waits for its turn is deleted when it is old",
        "recovery/files/keeping.py",
        "    return file.done or file.kind is not LOG or file.content is Content.LOST\n",
        "    return True\n",
    ),
    one(
        "anchor_is_the_oldest_full", "R18",
        "old files are kept from the oldest full on, not from the newest of the old ones",
        "backups/retention_rules.py",
        "    for header in reversed(known):\n        if (\n            header.backup_id not in old\n"
        "            or not begin",
        "    for header in known:\n        if (\n            header.backup_id not in old\n"
        "            or not begin",
    ),
    one(
        "hole_among_kept_logs", "R18",
        "old backups go though the logs after the one that is kept have a hole",
        "backups/retention_rules.py",
        "            if log.first_lsn > reached:\n                return False\n"
        "            reached = log.last_lsn\n",
        "            reached = log.last_lsn\n",
    ),
    one(
        "oldest_fork_is_followed", "R11",
        "where two forks continue from a full the older one is followed",
        "backups/plan.py",
        "    return max(\n        onward, key=lambda end: birth(headers, end), default=full.fork\n",
        "    return min(\n        onward, key=lambda end: birth(headers, end), default=full.fork\n",
    ),
    # ---- jobs and callers
    one(
        "alarm_is_never_brought_forward", "C4",
        "a job that is due before the others is looked at with them",
        "cloud/jobs/job_dues.py",
        "        elif not self.alarm_us or first_us < self.alarm_us:\n",
        "        elif not self.alarm_us:\n",
    ),
    one(
        "orders_of_the_other_side_too", "C7",
        "orders of one side are taken back when machines of the other one fall silent",
        "cloud/jobs/jobs.py",
        "            if job.agent == agent\n            and job.state is _QUEUED\n",
        "            if job.network == agent[0]\n            and job.state is _QUEUED\n",
    ),
    one(
        "every_operation_for_all", "C1",
        "a caller asks for an operation that is not among his",
        "cloud/api.py",
        "        if operations is not None and e.operation not in operations:\n"
        "            return False\n",
        "",
    ),
    one(
        "a_share_is_enough", "C11",
        "a tenant's client changes a thing that others share with him",
        "cloud/isolation.py",
        "        return owners.issubset(caller.tenants)\n",
        "        return not owners or bool(owners & set(caller.tenants))\n",
    ),
    # ---- the mirror
    one(
        "newest_change_misses_its_time", "C5",
        "the newest change waits until the mirror is due once more",
        "cloud/mirror/sending.py",
        "            due = at_once or change.number <= self._due_upto\n",
        "            due = at_once or change.number < self._due_upto\n",
    ),
    one(
        "moved_once_is_moved_for_ever", "C5",
        "a thing that was changed during one reading is compared in no later one",
        "cloud/mirror/comparing.py",
        "        self._read = {}\n        self._moved = set()\n",
        "        self._read = {}\n",
    ),
    one(
        "urgent_for_ever", "C5",
        "after a failover all changes go as in one",
        "cloud/mirror/mirror.py",
        "        self.direction.urgent = False\n        self._has_read(out)\n",
        "        self._has_read(out)\n",
    ),
    # ---- machines
    one(
        "one_over_the_quota", "C11",
        "a tenant has one machine more than its quota",
        "cloud/machines/limits.py",
        "        full = quota is not None and self._taken[tenant] >= quota\n",
        "        full = quota is not None and self._taken[tenant] > quota\n",
    ),
    one(
        "half_is_many", "C7",
        "machines are not replaced when just as many are silent as may be",
        "cloud/machines/vm_repair.py",
        "        many = failed * _PPM > self._config.most_silent_ppm * len(there)\n",
        "        many = failed * _PPM >= self._config.most_silent_ppm * len(there)\n",
    ),
    one(
        "all_of_a_role_together", "C7",
        "machines of one role are put on one physical machine though others are free of them",
        "cloud/machines/placing.py",
        "            of.alike[wanted.farm, wanted.role],\n",
        "            -of.alike[wanted.farm, wanted.role],\n",
    ),
    one(
        "one_move_too_many", "C9",
        "an upgrade moves one tenant more at one time than asked for",
        "cloud/machines/upgrades.py",
        "        while upgrade.waiting and len(upgrade.moving) < upgrade.at_once:\n",
        "        while upgrade.waiting and len(upgrade.moving) <= upgrade.at_once:\n",
    ),
    one(
        "missing_image_is_wanted_once", "C9",
        "an image that nobody could send is not asked for again",
        "cloud/machines/install_points.py",
        "        if site == active or not self.has(active, image):\n"
        "            self._try_later(out)\n",
        "        if site == active or not self.has(active, image):\n",
    ),
    one(
        "last_low_is_taken", "C8",
        "of several lower loads in a while the last one sets the goal, not the highest",
        "cloud/machines/load.py",
        "        self.goal, self.low_us = self.most, None\n",
        "        self.goal, self.low_us = self.wanted, None\n",
    ),
    one(
        "stalls_without_room", "C9",
        "an upgrade does not go on where its new machines find no room beside the old ones",
        "cloud/machines/farm_goals.py",
        "        needed = max(0, new.count - run - (waits and there))\n",
        "        needed = max(0, new.count - run - (waits and not there))\n",
    ),
)  # fmt: skip
