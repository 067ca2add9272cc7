"""APIs in this process, with a bug each."""

from __future__ import annotations

from dr_sim.chaos import CallAnswered, CallMade, EffectSeen


class Right:
    """It keeps what it has taken, and does it once."""

    def __init__(self) -> None:
        self.kept: dict[str, CallMade] = {}
        self.done: list[EffectSeen] = []

    def start(self) -> None: ...

    def kill(self) -> None: ...

    def effects(self) -> list[EffectSeen]:
        return self.done

    def call(self, asked: CallMade) -> CallAnswered:
        known = self.kept.get(asked.name)
        if asked.operation == "read":
            return CallAnswered("found" if known else "unknown")
        if known:
            return CallAnswered("again" if self.same(known, asked) else "conflict")
        self.kept[asked.name] = asked
        self.do(asked)
        return CallAnswered("accepted")

    def same(self, known: CallMade, asked: CallMade) -> bool:
        return known == asked

    def do(self, asked: CallMade) -> None:
        self.done.append(EffectSeen("here", asked.network, asked.thing, asked.name))


class Forgets(Right):
    """It keeps nothing over its death."""

    def kill(self) -> None:
        self.kept.clear()


class NoFingerprint(Right):
    """It looks at ids alone."""

    def same(self, known: CallMade, asked: CallMade) -> bool:
        return True


class DoesItAgain(Right):
    """It does what is asked for at each call."""

    def call(self, asked: CallMade) -> CallAnswered:
        answer = super().call(asked)
        if answer.outcome == "again":
            self.do(asked)
        return answer


class NeverDoesIt(Right):
    def do(self, asked: CallMade) -> None: ...


class Raises(Right):
    def call(self, asked: CallMade) -> CallAnswered:
        raise KeyError("no such table")


class OtherWords(Right):
    def call(self, asked: CallMade) -> CallAnswered:
        return CallAnswered("OK")


class NoApi:
    pass


class MustBeUp(Right):
    """It says what came of calls only while it is up."""

    def __init__(self) -> None:
        super().__init__()
        self.up = False

    def start(self) -> None:
        self.up = True

    def kill(self) -> None:
        self.up = False

    def effects(self) -> list[EffectSeen]:
        assert self.up
        return super().effects()
