"""The hours around a failover: the worst database's files one by one, the alerts, the phases of the
outage.
"""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from dr_sim.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    YELLOW,
    AxisClock,
    Window,
    draw_alerts,
    lane,
    shade,
)
from dr_sim.figures.views import View
from dr_sim.measures.causes import BackupFate, Causes
from dr_sim.measures.outcome import FailoverOutcome
from dr_sim.measures.tables import Tables
from dr_sim.units import DAY_US, HOUR_US, MINUTE_US, clock

PHASE_COLOURS = {
    "detect": YELLOW,
    "decide": ORANGE,
    "fence": PURPLE,
    "drain": SKY,
    "recover": BLUE,
    "provision": GREY,
    "redirect": GREEN,
    "warm_up": "#A6DCC8",
}
MOST_LINES = 40  # files drawn one by one


STATE_COLOURS = {
    "backup": (GREEN, "backup"),
    "sending": (BLUE, "sending"),
    "queued": (GREY, "queued"),
    "staging": (PURPLE, "staging full"),
    "backoff": (ORANGE, "back-off"),
    "waiting": (ORANGE, "waits for the link"),
    "landed": (SKY, "landed, not restored"),
    "damaged": (RED, "landed damaged"),
}


def zoom_window(causes: Causes, failover: FailoverOutcome) -> Window:
    """From some logs before the recovery point, and the link outage before it if there was one,
    until served again.
    """
    point = failover.worst.recovery_point_us
    point = failover.failed_us if point is None else point
    # an outage that never ended is not drawn to its end
    until = min(failover.until_us, point + 20 * HOUR_US)
    begin = min(point, failover.failed_us - 15 * MINUTE_US)
    for down, back in causes.link_down:
        if down < failover.failed_us and back > begin - 15 * MINUTE_US:
            begin = min(begin, down)
    margin = (until - begin) // 16
    return max(0, begin - margin), until + margin


def near(t: Tables, causes: Causes, failover: FailoverOutcome, window: Window) -> list[BackupFate]:
    """The worst database's files that were made or on their way in the window."""
    rows = t["truth.file_state"]
    # when each file's way ended
    last = dict(zip(rows["file"].tolist(), rows["time_us"].tolist(), strict=True))
    files = causes.files(failover.worst.database)
    return [
        f for f in files if f.begin_us < window[1] and last.get(f.number, f.begin_us) > window[0]
    ]


def draw_failover(
    axes: Any,
    view: View,
    time: AxisClock,
    failover: FailoverOutcome,
    window: Window,
    number: str = "",
) -> None:
    """The worst database's files one by one, alerts and the phases of the outage."""
    worst = failover.worst
    name = view.leg.scenario.databases[worst.database].name
    axes[0].set_title(f"Around the failover{number}: files of {name}, from cut to restore")
    draw_alerts(
        axes[0],
        [a for a in view.quality.alerts if a.database in (worst.database, -1)],
        time,
        window,
    )
    lane(axes[0], "alerts")
    _files(axes[1], view.t, view.causes, time, window, failover)
    _phases(axes[2], time, failover, window)
    for ax in axes:
        time.axis(ax, *window)
        ax.axvline(float(time.days(failover.failed_us)), color=BLACK, lw=1.2, ls="--", zorder=5)
    point = worst.recovery_point_us
    if worst.data_loss_us and point is not None:
        axes[1].axvspan(
            float(time.days(point)),
            float(time.days(point + worst.data_loss_us)),
            color=YELLOW,
            alpha=0.25,
            lw=0,
            zorder=0,
        )
        text = f"lost: {clock(worst.data_loss_us)}"
        axes[1].annotate(
            text,
            (float(time.days(point)), 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -3),
            textcoords="offset points",
            va="top",
            fontsize=9,
            weight="bold",
        )
    for ax in axes[:2]:
        ax.tick_params(labelbottom=False)


def _files(
    ax: Axes, t: Tables, causes: Causes, time: AxisClock, window: Window, failover: FailoverOutcome
) -> None:
    # nothing leaves a lost site
    sent_until = failover.failed_us if failover.failure_class == "site" else window[1]
    shown = near(t, causes, failover, window)
    restored = dict(
        zip(
            t["truth.restored"]["file"].tolist(),
            t["truth.restored"]["time_us"].tolist(),
            strict=True,
        )
    )
    shortest = (window[1] - window[0]) / 400
    used: set[str] = set()
    left_out = len(shown) - MOST_LINES
    for row, f in enumerate(shown[-MOST_LINES:]):
        for begin, end, state in _bars(causes, f, restored.get(f.number), sent_until, window[1]):
            colour, word = STATE_COLOURS[state]
            label = word if word not in used else None
            used.add(word)
            left = max(begin, window[0])
            ax.barh(
                row,
                max(min(end, window[1]) - left, shortest) / DAY_US,
                left=float(time.days(left)),
                height=0.75,
                color=colour,
                label=label,
            )
        if f.number in restored and window[0] <= restored[f.number] < window[1]:
            once = "restored" if "restored" not in used else None
            used.add("restored")
            ax.plot(
                float(time.days(restored[f.number])),
                row,
                marker="|",
                color=BLACK,
                ms=7,
                ls="none",
                label=once,
            )
    shade(ax, time, causes.link_down, (window[0], sent_until))
    ax.set_ylim(max(min(len(shown), MOST_LINES), 4) + 2.5, -1.5)
    ax.set_yticks([])
    lane(ax, "files" + (f"\n(last {MOST_LINES}\nof {len(shown)})" if left_out > 0 else ""))
    ax.fill_between(
        [], [], facecolor="#F6D5C3", edgecolor=RED, hatch="///", lw=0, label="link down"
    )
    ax.legend(loc="lower left", fontsize=8, frameon=True, framealpha=0.9, ncols=3)


def _bars(
    causes: Causes, f: BackupFate, restored_us: int | None, sent_until: int, end_us: int
) -> list[tuple[int, int, str]]:
    """(begin, end, what) of a file's life; a file still to be sent from a lost site waits no
    more.
    """
    made = f.finished_us or f.cut_off_us
    bars = [(f.begin_us, made if made is not None else end_us, "backup")]
    states = causes.states(f.number)
    for i, (begin, state) in enumerate(states):
        end = states[i + 1][0] if i + 1 < len(states) else end_us
        if state == "landed":
            end = min(end, restored_us) if restored_us is not None and restored_us >= begin else end
            bars.append((begin, end, "landed" if causes.intact(f.number, begin) else "damaged"))
        elif state in STATE_COLOURS and min(end, sent_until) > begin:
            bars.append((begin, min(end, sent_until), state))
    return bars


def _phases(ax: Axes, time: AxisClock, failover: FailoverOutcome, window: Window) -> None:
    """The outage cut by its phases; their names and lengths stand beside it, on the side with more
    room.
    """
    for begin, end, phase in failover.spans:
        left, right = max(begin, window[0]), min(end, window[1])
        ax.barh(
            0,
            max(right - left, 0) / DAY_US,
            left=float(time.days(left)),
            height=0.8,
            color=PHASE_COLOURS[phase],
            edgecolor="white",
            lw=0.5,
        )
        ax.fill_between(
            [],
            [],
            color=PHASE_COLOURS[phase],
            label=f"{phase.replace('_', ' ')} {clock(end - begin)}",
        )
        if right - left > (window[1] - window[0]) // 16:
            ax.text(
                float(time.days((left + right) // 2)),
                0,
                phase.replace("_", " "),
                ha="center",
                va="center",
                fontsize=8,
            )
    total = "unknown" if failover.outage_us is None else clock(failover.outage_us)
    before = failover.outage_from_us - window[0] > window[1] - failover.until_us
    edge = failover.outage_from_us if before else min(failover.until_us, window[1])
    ax.legend(
        title=f"outage {total}",
        title_fontsize=8,
        fontsize=8,
        ncols=4,
        handlelength=1,
        columnspacing=1,
        labelspacing=0.2,
        loc="center right" if before else "center left",
        bbox_to_anchor=(float(time.days(edge)), 0.5),
        bbox_transform=ax.get_xaxis_transform(),
        framealpha=0.9,
        borderaxespad=0.6,
    )
    ax.set_yticks([])
    ax.set_ylim(-0.6, 0.6)
    lane(ax, "outage")
