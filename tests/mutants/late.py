"""Bugs of kinds that the others lack: machines and upgrades, several standbys, stores, restores
beside the service, files that a share cannot send. Like those of blind.py they were written before
any draw, probe or monitor was changed for one of them.
"""

from __future__ import annotations

from tests.mutants.planting import Mutant, one

LATE: tuple[Mutant, ...] = (
    # ---- machines and upgrades
    one(
        "old_machines_go_first", "C9", "old machines are retired before new ones run in their place",
        "cloud/machines/farm_goals.py",
        "                before = self._old_ones(new, upgrade.before, side)\n",
        "                before = 0\n",
    ),
    one(
        "upgrade_is_held_at_once", "C9", "a move that came to nothing once holds the upgrade",
        "cloud/machines/upgrades.py",
        "        if upgrade.tries < self._config.attempts:\n",
        "        if upgrade.tries < 1:\n",
    ),
    one(
        "moves_are_not_saved", "C2", "a restart forgets which databases are being moved",
        "cloud/machines/upgrades.py",
        "            self._all_over(upgrade, out)\n"
        "        out.saves[UPGRADE + upgrade.farm] = upgrade\n",
        "            self._all_over(upgrade, out)\n",
    ),
    one(
        "replaced_at_once", "C7", "a machine that falls silent is replaced at once",
        "cloud/machines/vm_records.py",
        "        vm.repair_us = 0\n"
        "        if vm.state is VmState.FAILED:\n"
        "            vm.repair_us = out.mono_us + self._config.repair_after_us\n",
        "        vm.repair_us = 0\n"
        "        if vm.state is VmState.FAILED:\n"
        "            vm.repair_us = out.mono_us\n",
    ),
    one(
        "back_is_not_heard", "C7", "a machine that answers again is replaced all the same",
        "cloud/machines/machines.py",
        "            if vm is not None and VMS.allows(vm.state, VmMove.HEARD):\n"
        "                self._records.move(vm, VmMove.HEARD, out)\n",
        "            assert vm is None or vm.name\n",
    ),
    one(
        "no_record_is_made", "C6", "a machine that the store has forgotten gets no record",
        "cloud/machines/machines.py",
        "        if self._is_at_work(vm):\n"
        "            return\n",
        "        if vm.name:\n"
        "            return\n",
    ),
    one(
        "image_is_copied_once", "C9", "an image whose copy came to nothing is not copied again",
        "cloud/machines/install_points.py",
        "        self._gone(place, out)\n"
        "        self._try_later(out)\n"
        "        return False\n",
        "        self._gone(place, out)\n"
        "        return False\n",
    ),
    # ---- several standbys
    one(
        "turns_are_not_waited_for", "R14", "each copy claims at once, whatever the others offer",
        "recovery/failover/choosing.py",
        "    at = choosing.settled_us + choosing.turn * f.config.turn_us\n",
        "    at = choosing.settled_us\n",
    ),
    one(
        "freed_claim_is_not_taken", "R14", "a claim that is free again is taken by nobody",
        "recovery/failover/claiming.py",
        "        f.save(out)\n"
        "    f.watch_silence(e, out)\n",
        "        f.save(out)\n",
    ),
    one(
        "refused_goes_on", "R14", "a copy whose claim is refused after a restart goes on",
        "recovery/failover/claiming.py",
        "    elif f.phase in BEFORE_RECOVERY:\n",
        "    elif f.phase in BEFORE_RECOVERY and f.claiming.alone:\n",
    ),
    one(
        "restart_claims_nothing", "R14", "a restart in the middle of a failover does not claim again",
        "recovery/failover/claiming.py",
        "    else:\n"
        "        out.append(Claim(f.stands_ready, even_if_heard=True))\n",
        "    else:\n"
        "        assert f.claiming.operator or out is not None\n",
    ),
    # ---- stores
    one(
        "no_full_is_told_once", "R12", "that a store holds no full is told once",
        "recovery/files/kept.py",
        "    at = e.mono_us + db.rules.retry_us\n"
        "    out.append(SetAlarm(db.name, Timer.UNPROTECTED, at))\n",
        "",
    ),
    one(
        "hole_is_not_asked_for", "R9", "a log that a store lacks is told of, and not asked for",
        "recovery/files/kept.py",
        "    db.watch.ask(AskedAbout.SILENCE, (hole.lsn, 0), out)\n",
        "    assert AskedAbout\n",
    ),
    one(
        "second_chain_moves_the_base", "R1", "a full of a store's own schedule is not copy-only",
        "world/primary/own_backups.py",
        "kind, answer, copy_only=copy_only, only_for=self.only_for",
        "kind, answer, only_for=self.only_for",
    ),
    # ---- beside the service
    one(
        "useless_backup_is_planned_again", "R11", "a backup that the server beside refused is tried for ever",
        "recovery/repair/beside.py",
        "        self.useless.add(e.name)\n",
        "",
    ),
    one(
        "wrong_instant_stays", "R11", "a restore beside that was wrong is made again as of the same instant",
        "recovery/repair/beside.py",
        "            self.stop_before_utc_us = e.stop_before_utc_us\n"
        "            self._begin_empty()\n"
        "            self._move(BesideEvent.WRONG_INSTANT, out)\n",
        "            self._begin_empty()\n"
        "            self._move(BesideEvent.WRONG_INSTANT, out)\n",
    ),
    one(
        "beside_is_never_given_up", "R11", "a log that is missing for good is waited for beside the service for ever",
        "recovery/repair/beside.py",
        "        elif e.mono_us - self.waits_since_us >= db.rules.age_us:\n",
        "        elif e.mono_us < self.waits_since_us:\n",
    ),
    # ---- files and retention
    one(
        "not_sent_is_asked_again", "R15", "a file that the share cannot send is asked for without end",
        "recovery/files/fetching.py",
        "        self.coming.discard(name)\n"
        "        self.useless.add(name)\n",
        "        self.coming.discard(name)\n",
    ),
    one(
        "logs_here_are_not_read", "R11", "logs that follow the full here are not read when the copy is lost",
        "recovery/repair/standby.py",
        "            db.files.look_into(file)\n"
        "            out.append(Validate(db.name, file.name))\n",
        "            db.files.look_into(file)\n",
    ),
    one(
        "damaged_files_stay", "R18", "files that no copy makes whole are kept for ever",
        "recovery/files/shelves.py",
        "            if file.modified_utc_us < finished_before_utc_us\n",
        "            if file.modified_utc_us < 0 * finished_before_utc_us\n",
    ),
    # ---- a restart before a database is ordered online
    one(
        "landed_meanwhile_is_left", "R15",
        "what landed while the manager was down is not restored before the database is brought online",
        "recovery/failover/way_over.py",
        "        if not (f.planned or waits) and leads_on(db):\n",
        "        if not (f.planned or waits) and leads_on(db) and name == chr(0):\n",
    ),
    one(
        "useless_until_the_next", "R12",
        "an incremental that came before its full counts for nothing when the full is here",
        "recovery/replay/overdue.py",
        "            self._came(later, e, out)\n",
        "            self.useless = later.name\n",
    ),
    one(
        "one_file_is_tried_at_once", "R15",
        "of the files that readers kept out before a failover only one is tried again at once",
        "recovery/failover/drain.py",
        "        if in_use and mono_us == self._shut_us:\n",
        "        if in_use and mono_us < self._shut_us:\n",
    ),
)  # fmt: skip
