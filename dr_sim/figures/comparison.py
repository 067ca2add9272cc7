"""Tells what differs between two scenarios on the same luck: the change of each measure, with its
interval.
"""

from __future__ import annotations

import math

import matplotlib as mpl
from matplotlib.figure import Figure

from dr_sim.figures.many_runs import TwoScenarios
from dr_sim.figures.style import BLACK, BLUE, GREY, ORANGE, STYLE

MOST_ROWS = 24


def comparison_figure(found: TwoScenarios) -> Figure:
    """A row a measure that differs in some run and has a mean in a: b - a in percent of that mean,
    with 95 % intervals; filled where 0 lies outside.
    """
    table = found.differences
    table = table[(table["differing"] > 0) & (table["a"] > 0)]
    rows = table.head(MOST_ROWS).to_dict("records")
    names = (found.a.scenario.name, found.b.scenario.name)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.0, 1.4 + 0.28 * max(2, len(rows))), layout="constrained")
        ax = figure.subplots()
        ax.set_title(
            f"{names[1]} against {names[0]}, {found.b.n} pairs"
            if names[0] != names[1]
            else f"{names[0]}: the second against the first, {found.b.n} pairs"
        )
        for i, row in enumerate(rows):
            at, low, high = (
                100 * float(row[x]) / float(row["a"]) for x in ("difference", "low", "high")
            )
            colour = BLUE if high < 0 else ORANGE if low > 0 else GREY
            ends = [x for x in (low, high) if math.isfinite(x)]
            ax.plot([at, *ends], [i] * (1 + len(ends)), color=colour, lw=1.5, zorder=2)
            ax.plot(
                [at],
                [i],
                marker="o",
                ms=6,
                color=colour,
                mfc=colour if colour != GREY else "white",
                zorder=3,
            )
        if not rows:
            ax.text(
                0.5, 0.5, "no measure differs", transform=ax.transAxes, ha="center", va="center"
            )
        of = (
            "".join(f" of {row[x]}" for x in ("database", "tenant") if row[x])
            + (f" ({row['class']})" if str(row["measure"]).startswith("exposure") else "")
            for row in rows
        )
        ax.set_yticks(
            range(len(rows)),
            [f"{_named(str(row['measure']))}{part}" for row, part in zip(rows, of, strict=True)],
        )
        ax.set_ylim(max(len(rows), 1) - 0.4, -0.6)
        ax.axvline(0, color=BLACK, lw=1)
        more = (
            f"; {len(table) - len(rows)} more are in .differences" if len(table) > len(rows) else ""
        )
        ax.set_xlabel(f"change of the mean, % (95 % intervals; hollow: may be none{more})")
        ax.grid(axis="x", color="#E0E0E0", lw=0.6)
        ax.set_axisbelow(True)
    return figure


def _named(measure: str) -> str:
    return measure.replace("_", " ").replace(".", ": ")
