"""Bugs in going back: a failover that has stopped the old primary and cannot be brought to its end
(recovery/failover/going_back.py). They were written before the monitors that are to catch them.
"""

from __future__ import annotations

from tests.mutants.planting import Edit, Mutant, one

_BACK = "recovery/failover/going_back.py"

BACK: tuple[Mutant, ...] = (
    one(
        "goes_back_in_words", "R15", "a failover is left, and the old primary is not asked to serve",
        _BACK,
        "    f.stand_by(e, out)\n"
        "    out.append(Unfence())\n",
        "    f.stand_by(e, out)\n",
    ),
    one(
        "asked_once_to_serve", "R15", "an old primary that was not reached is not asked again",
        _BACK,
        "        out.append(SetAlarm(\"\", Timer.UNFENCE, again_us))\n",
        "        assert again_us\n",
    ),
    one(
        "unreachable_counts_as_refused", "R15", "one order that reaches nobody, and the failover is left",
        _BACK,
        "    if e.reason is NotUnfenced.REFUSED:\n",
        "    if e.reason is not NotUnfenced.NO_ANSWER:\n",
    ),
    one(
        "not_serving_is_not_told", "R15", "nobody is told that the old primary does not serve again",
        _BACK,
        "    f.fencing.tell_not_unfenced(e, f.minutes(e), out)\n",
        "",
    ),
    one(
        "going_back_is_not_told", "R15", "nobody is told that a failover was left",
        _BACK,
        "    f.fencing.tell_goes_back(e, f.minutes(e), why, out)\n",
        "",
    ),
    one(
        "planned_limit_begins_anew", "R15", "a restart begins the limit of a planned failover anew",
        _BACK,
        "        passed_us = elapsed_us(e.mono_us, e.utc_us, *f.emptying.since)\n",
        "        passed_us = elapsed_us(e.mono_us, e.utc_us, e.mono_us, e.utc_us)\n",
    ),
    one(
        "planned_limit_is_forgotten", "R15", "after a restart a planned failover has no limit",
        "recovery/failover/failover.py",
        "    f.emptying.start(e, f.planned, out)\n"
        "    going_back.set_limit(f, e, out)\n",
        "    f.emptying.start(e, f.planned, out)\n",
    ),
    one(
        "goes_back_too_early", "R15", "a planned failover goes back after half of its limit",
        _BACK,
        "        at_us = e.mono_us + max(0, limit_us - passed_us)\n",
        "        at_us = e.mono_us + max(0, limit_us // 2 - passed_us)\n",
    ),
    Mutant(
        "goes_back_while_online", "R16",
        "an operator calls off a failover whose databases are ordered online",
        (
            Edit(
                _BACK,
                "(watches or f.phase in BEFORE_RECOVERY)",
                "(watches or f.on)",
            ),
            Edit(
                "recovery/failover/failover_table.py",
                "            _E.YIELDED: _P.ABANDONED,\n",
                "            _E.YIELDED: _P.ABANDONED,\n"
                "            _E.GOES_BACK: _P.UNFENCING,\n",
            ),
        ),
    ),
    one(
        "serves_again_without_the_claim", "R16",
        "after a restart the old primary is asked to serve before the claim is answered",
        _BACK,
        "    if f.claiming.held and not _is_silent(f, e):\n"
        "        out.append(Unfence())\n",
        "    out.append(Unfence())\n",
    ),
    one(
        "the_only_copy_goes_on_for_ever", "R16",
        "the only copy goes on after a restart, although people have started the old primary",
        "recovery/failover/claiming.py",
        "        if f.phase in _CLAIMED_AGAIN:\n",
        "        if f.phase is FailoverPhase.UNFENCING:\n",
    ),
    Mutant(
        "an_open_fence_while_it_is_asked", "R15",
        "the fence counts as open before the old primary has answered that it serves",
        (
            Edit(
                "recovery/failover/failover_table.py",
                "        FenceStatus.CONFIRMED: {\n"
                "            FenceEvent.ASKED: FenceStatus.ASKED_AGAIN,\n"
                "            FenceEvent.LIFTS: FenceStatus.UNKNOWN,\n",
                "        FenceStatus.CONFIRMED: {\n"
                "            FenceEvent.ASKED: FenceStatus.ASKED_AGAIN,\n"
                "            FenceEvent.LIFTS: FenceStatus.OPEN,\n",
            ),
            Edit(
                "recovery/failover/failover_table.py",
                "            FenceEvent.LIFTS: FenceStatus.UNKNOWN,  # another copy's fence\n",
                "            FenceEvent.LIFTS: FenceStatus.UNKNOWN,\n"
                "            FenceEvent.LIFTED: FenceStatus.OPEN,\n",
            ),
        ),
    ),
)  # fmt: skip
