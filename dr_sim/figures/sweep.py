"""A sweep's picture: a curve with its interval where one key varies, a heat map with the SLA's
contour where two do.
"""

from __future__ import annotations

import math
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from dr_sim.figures.many_runs import DrawnSweep
from dr_sim.figures.style import BLUE, RED, STYLE
from dr_sim.number_text import in_order, numbers
from dr_sim.scenario.sla import bound_of, kind_of
from dr_sim.units import SECOND_US, clock

_STEPS_S = ((1.0, "s"), (60.0, "min"), (3600.0, "h"), (86400.0, "days"))


def sweep_figure(
    swept: DrawnSweep, measure: str, database: str, failure_class: str, sla: float | None
) -> Figure:
    """One key: estimate and interval against its values. Two: the estimate as a heat map.
    ValueError for more.
    """
    table = swept.curve(measure, database, failure_class)
    # an SLA may vary too
    bounds = [
        sla if sla is not None else bound_of(p.scenario, measure, database) for p in swept.points
    ]
    table["bound"] = [math.nan if bound is None else bound for bound in bounds]
    keys = [key for key in swept.keys if len({p.values[key] for p in swept.points}) > 1] or list(
        swept.keys[:1]
    )
    if len(keys) > 2:
        raise ValueError(
            f"a picture has room for two keys that vary, and these are {', '.join(keys)}; "
            "fix one of them"
        )
    finite = [x for x in table["estimate"] if math.isfinite(x)] or [0.0]
    scale, unit = _unit(measure, max([*finite, *(bound or 0.0 for bound in bounds)]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.0, 4.6), layout="constrained")
        ax = figure.subplots()
        draw = _curve if len(keys) == 1 else _heat
        draw(ax, table, keys, scale, f"{measure}, {unit}")
        runs = int(table["n"].min())
        ax.set_title(
            f"{swept.points[0].scenario.name}: {measure}"
            + (f" of {database}" if database else "")
            + f", {runs} runs a point"
        )
    return figure


def _unit(measure: str, most: float) -> tuple[float, str]:
    if kind_of(measure) == "part":
        return 0.01, "% of the time"
    if kind_of(measure) == "count":
        return 1.0, "count"
    return [step for step in _STEPS_S if most >= step[0] * 2 or step[0] == 1.0][-1]


def _curve(ax: Any, table: Any, keys: list[str], scale: float, label: str) -> None:
    order = in_order(list(table[keys[0]]))
    table = table.set_index(keys[0]).loc[order]
    at, ordered = _places(order)
    bound = np.array(table["bound"]) / scale
    y, low = np.array(table["estimate"]) / scale, np.array(table["low"]) / scale
    high = np.array(table["high"]) / scale
    open_above = ~np.isfinite(high)
    seen = [*y[np.isfinite(y)], *high[~open_above], *bound[np.isfinite(bound)]]
    top = 1.08 * max(seen, default=1.0) or 1.0
    ends = np.where(np.isfinite(low), low, 0.0), np.where(open_above, top, high)
    if ordered:
        ax.fill_between(at, *ends, color=BLUE, alpha=0.2, lw=0)
    # a band of one point has no width
    ax.vlines(at, *ends, color=BLUE, lw=1.5, alpha=0.6, label="95 % interval")
    ax.plot(at, y, color=BLUE, marker="o", ms=4, ls="-" if ordered else "", label="estimate")
    if open_above.any():
        ax.plot(
            np.array(at)[open_above],
            np.full(int(open_above.sum()), top),
            ls="",
            marker="^",
            color=BLUE,
            label="no upper limit yet",
        )
    if np.isfinite(bound).all() and len(set(bound.tolist())) == 1:
        ax.axhline(bound[0], color=RED, ls="--", lw=1.2, label="SLA")
    elif np.isfinite(bound).any():
        ax.plot(
            at, bound, color=RED, ls="--" if ordered else "", marker="_", ms=14, lw=1.2, label="SLA"
        )
    if not np.isfinite(y).any():
        ax.text(
            0.5, 0.5, "no run says anything of it", ha="center", va="center", transform=ax.transAxes
        )
    positive = [x for x in seen if x > 0]
    if positive and min(positive) > 0.05 * top:
        ax.set_ylim(0, top * 1.03)
    elif positive:  # a factor of 20 between points: an even scale would show the largest only
        ax.set_yscale("log")
        ax.set_ylim(min(positive) / 1.5, top * 1.2)
    ax.set_xticks(at, order, rotation=30 if len(order) > 5 else 0)
    ax.margins(x=0.08)
    ax.set_xlabel(keys[0])
    ax.set_ylabel(label)
    ax.figure.legend(
        *ax.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False
    )


def _heat(ax: Any, table: Any, keys: list[str], scale: float, label: str) -> None:
    columns, rows = (in_order(list(dict.fromkeys(table[key]))) for key in keys)
    field, low, high, bound = (np.full((len(rows), len(columns)), np.nan) for _ in range(4))
    for x, y, *found in zip(
        *(table[c] for c in (*keys, "estimate", "low", "high", "bound")), strict=True
    ):
        at = rows.index(y), columns.index(x)
        field[at], low[at], high[at], bound[at] = (value / scale for value in found)
    known = field[np.isfinite(field)]
    wide = len(known) and known.min() > 0 and known.max() > 5 * known.min()
    picture = ax.imshow(
        field, origin="lower", aspect="auto", cmap="cividis", norm="log" if wide else "linear"
    )
    bar = ax.figure.colorbar(picture, ax=ax, label=label, format="{x:g}")
    bar.ax.yaxis.set_minor_formatter("{x:g}")
    middle = (
        float(np.exp(np.log(known).mean())) if wide else float(known.mean()) if len(known) else 0.0
    )
    for j in range(len(rows)):
        for i in range(len(columns)):
            if np.isfinite(field[j, i]):
                doubt = " ?" if low[j, i] <= bound[j, i] < high[j, i] else ""
                ax.text(
                    i,
                    j,
                    _cell(field[j, i], label) + doubt,
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if field[j, i] < middle else "black",
                )
    if np.isfinite(bound).any():
        _edge(ax, field, bound)
        met = int((field <= bound).sum())
        where = (
            "every point meets it"
            if met == field.size
            else "no point meets it"
            if not met
            else f"{met} of {field.size} points meet it"
        )
        of = {_cell(x, label) for x in bound[np.isfinite(bound)]}
        ax.plot(
            [],
            [],
            color=RED,
            lw=2,
            label=f"SLA: {of.pop() if len(of) == 1 else 'of each point'}; {where} (?: the "
            "interval straddles it)",
        )
        ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", frameon=False)
    ax.set_xticks(range(len(columns)), columns, rotation=30 if len(columns) > 5 else 0)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xlabel(keys[0])
    ax.set_ylabel(keys[1])
    ax.grid(False)


def _cell(value: float, label: str) -> str:
    """A duration as people read it, anything else in three figures."""
    scales = {unit: scale for scale, unit in _STEPS_S}
    unit = label.rpartition(", ")[2]
    return clock(round(value * scales[unit] * SECOND_US)) if unit in scales else f"{value:.3g}"


def _edge(ax: Any, field: Any, bound: Any) -> None:
    """The line between the points within the bound and those beyond it: along the cells, where it
    is really known.
    """
    met = field <= bound
    height, width = met.shape
    for j in range(height):
        for i in range(width):
            if i + 1 < width and met[j, i] != met[j, i + 1]:
                ax.plot([i + 0.5, i + 0.5], [j - 0.5, j + 0.5], color=RED, lw=2.5)
            if j + 1 < height and met[j, i] != met[j + 1, i]:
                ax.plot([i - 0.5, i + 0.5], [j + 0.5, j + 0.5], color=RED, lw=2.5)


def _places(values: list[str]) -> tuple[list[float], bool]:
    """Where each value stands on the axis, and whether they are in an order of their own: numbers
    of one kind by their logarithm if they span more than a factor of 20, by themselves otherwise;
    words side by side.
    """
    found = numbers(values)
    if not found:
        return [float(i) for i in range(len(values))], False
    if min(found) > 0 and max(found) / min(found) > 20:
        return [math.log10(x) for x in found], True
    return found, True
