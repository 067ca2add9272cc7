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
        self.read = {tuple(key.split("/")[1:]) for key in saved}  # database and log
        self.waiting = {database.name: [] for database in config.databases}
        self.tails = {}  # of each database the last log of the old primary
        self.online = set()

    def resume(self):
        return [c.ClearRestoreFolder(), c.TakeInventory()]

    def handle(self, event):
        if event.incarnation not in (0, self.incarnation):
            return []  # an answer to an earlier life
        match event:
            case e.Inventory(files=files):
                found = [self.land(name, [file.name for file in files[name]]) for name in files]
                return [command for commands in found for command in commands]
            case e.Landed(database=name, name=log):
                return self.land(name, [log])
            case e.Restored(database=name) | e.RestoreFailed(database=name):
                self.waiting[name].pop(0)
                return self.go_on(name)
            case e.FailoverOrdered(operator=who) if who in self.operators:
                return [c.EnterPhase(Phase.FENCING), c.Fence(event.planned)]
            case e.Fenced():
                phases = [c.EnterPhase(Phase.DRAINING), c.EnterPhase(Phase.TAIL)]
                return phases + [c.TakeTail(name) for name in self.waiting]
            case e.TailTaken(database=name, name=log):
                self.tails[name] = log
                return [] if self.waiting[name] else self.go_on(name)
            case e.Recovered(database=name):
                self.online.add(name)
                all_online = len(self.online) == len(self.waiting)
                return [c.EnterPhase(Phase.REDIRECTING), c.Redirect()] if all_online else []
            case e.Redirected():
                return [c.EnterPhase(Phase.SERVING)]
        return []

    def land(self, name, logs):
        """Take up the logs that were never read."""
        waiting = self.waiting[name]
        idle = not waiting
        waiting += [log for log in logs if "_log_" in log and (name, log) not in self.read]
        return self.go_on(name) if idle and waiting else []

    def go_on(self, name):
        """Restore the next log, which is counted as read before it is read. After the tails, come
        online."""
        if self.waiting[name]:
            log = self.waiting[name][0]
            self.read.add((name, log))
            count = c.Save(f"attempts/{name}/{log}", "1")
            return [count, c.RenameWorkingCopy(name, log, 1), c.Restore(name, log, False)]
        if all((each, self.tails.get(each)) in self.read for each in self.waiting):
            return [c.EnterPhase(Phase.RECOVERING), *(c.Recover(each) for each in self.waiting)]
        return []
