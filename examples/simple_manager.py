"""The simplest recovery manager that works: restore logs in order, promote when ordered.

    dr-sim run examples/ordered.yaml --manager examples.simple_manager:Simple

It checks no hash and no gap, repairs nothing and tells nobody. docs/own-logic.md says what dr_sim
finds in it.
"""

from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.failover_table import FailoverPhase as Phase


class Simple:
    def __init__(self, config, incarnation, saved):
        self.incarnation = incarnation
        self.operators = config.failover.operators
        self.read = {tuple(key.split("/")[1:]) for key in saved}  # (database, log)
        self.waiting = {database.name: {} for database in config.databases}  # logs
        self.tails = set()  # (database, the last log of the old primary)
        self.offline = set(self.waiting)

    def resume(self):
        return [c.ClearRestoreFolder(), c.TakeInventory()]

    def handle(self, event):
        if event.incarnation not in (0, self.incarnation):
            return []  # an answer to an earlier life
        match event:
            case e.Inventory(files=files):
                return [command for name in files for command in self.go_on(name, files[name])]
            case e.Landed(database=name):
                return self.go_on(name, [event])
            case e.Restored(database=name) | e.RestoreFailed(database=name):
                self.waiting[name].pop(event.name)
                return self.go_on(name)
            case e.FailoverOrdered(operator=who) if who in self.operators:
                return [c.EnterPhase(Phase.FENCING), c.Fence(event.planned)]
            case e.Fenced():
                phases = [c.EnterPhase(Phase.DRAINING), c.EnterPhase(Phase.TAIL)]
                return phases + [c.TakeTail(name) for name in self.waiting]
            case e.TailTaken(database=name, name=log):
                self.tails.add((name, log))
                return self.go_on(name)
            case e.Recovered(database=name):
                self.offline.discard(name)
                return [] if self.offline else [c.EnterPhase(Phase.REDIRECTING), c.Redirect()]
            case e.Redirected():
                return [c.EnterPhase(Phase.SERVING)]
        return []

    def go_on(self, name, landed=()):
        """Restore the next log; it counts as read from now on. After the tails, come online."""
        logs = self.waiting[name]
        logs |= {f.name: f for f in landed if "_log_" in f.name and (name, f.name) not in self.read}
        log = next(iter(logs), None)
        if log and (name, log) not in self.read:
            self.read.add((name, log))
            count = c.Save(f"attempts/{name}/{log}", "1")
            return [count, c.RenameWorkingCopy(name, log, 1), c.Restore(name, log, False)]
        complete = len(self.tails) == len(self.waiting) and self.tails <= self.read
        if complete and not any(self.waiting.values()):
            return [c.EnterPhase(Phase.RECOVERING), *(c.Recover(each) for each in self.waiting)]
        return []
