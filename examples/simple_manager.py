"""The simplest recovery manager that works: restore logs in order, promote when ordered.

    dr-sim run examples/ordered.yaml --manager examples.simple_manager:Simple

It checks no hash and no gap, repairs nothing and tells nobody. docs/own-logic.md says what dr_sim
finds in it.
"""

from dr_sim.recovery import commands as c
from dr_sim.recovery import events as e
from dr_sim.recovery.failover.failover_table import FailoverPhase as Phase
from dr_sim.recovery.own import OwnLogic


class Simple(OwnLogic):
    def __init__(self, config, incarnation, saved):
        super().__init__(config, incarnation, saved)
        self.waiting = {name: {} for name in self.databases}  # logs
        self.tails = {}  # by database, the last log of the old primary
        self.offline = set(self.databases)

    def decide(self, event):
        match event:
            case e.Inventory(files=files):
                for name in files:
                    yield from self.go_on(name, files[name])
            case e.Landed(database=name):
                yield from self.go_on(name, [event])
            case e.Restored(database=name) | e.RestoreFailed(database=name):
                self.waiting[name].pop(event.name)
                yield from self.go_on(name)
            case e.FailoverOrdered(operator=who) if who in self.config.failover.operators:
                yield from (c.EnterPhase(Phase.FENCING), c.Fence(event.planned))
            case e.Fenced():
                yield from (c.EnterPhase(Phase.DRAINING), c.EnterPhase(Phase.TAIL))
                yield from map(c.TakeTail, self.databases)
            case e.TailTaken(database=name, name=log):
                self.tails[name] = log
                yield from self.go_on(name)
            case e.Recovered(database=name):
                self.offline.discard(name)
                if not self.offline:
                    yield from (c.EnterPhase(Phase.REDIRECTING), c.Redirect())
            case e.Redirected():
                yield c.EnterPhase(Phase.SERVING)

    def go_on(self, name, landed=()):
        """Restore the next log, once. After all the tails, come online."""
        logs = self.waiting[name]
        logs |= self.unread_logs(name, landed)
        log = next(iter(logs), None)
        tails = all(self.attempts(each, self.tails.get(each, "")) for each in self.databases)
        if log and not self.attempts(name, log):
            yield from self.read(name, log)
        elif tails and not any(self.waiting.values()):
            yield c.EnterPhase(Phase.RECOVERING)
            yield from map(c.Recover, self.databases)
