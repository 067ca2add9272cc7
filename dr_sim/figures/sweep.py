"""A sweep's picture: a curve with its interval where one key varies, a heat map with the SLA's contour where two do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from dr_sim.figures.style import BLUE, RED, STYLE
from dr_sim.scenario.sla import kind_of
from dr_sim.units import SECOND_US, clock

if TYPE_CHECKING:
    from dr_sim.experiments.sweep import Swept

_STEPS_S = ((1.0, "s"), (60.0, "min"), (3600.0, "h"), (86400.0, "days"))


def sweep_figure(swept: Swept, measure: str, database: str, failure_class: str, sla: float | None) -> Figure:
    """One key: estimate and interval against its values. Two: the estimate as a heat map. ValueError for more."""
    from dr_sim.experiments.sweep import bound_of

    table = swept.curve(measure, database, failure_class)
    bound = sla if sla is not None else bound_of(swept.points[0].scenario, measure, database)
    keys = [key for key in swept.keys if len({p.values[key] for p in swept.points}) > 1] or list(swept.keys[:1])
    if len(keys) > 2:
        raise ValueError(f"a picture has room for two keys that vary, and these are {', '.join(keys)}; fix one of them")
    finite = [x for x in table["estimate"] if math.isfinite(x)] or [0.0]
    scale, unit = _unit(measure, max([*finite, bound or 0.0]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.0, 4.6), layout="constrained")
        ax = figure.subplots()
        draw = _curve if len(keys) == 1 else _heat
        draw(ax, table, keys, scale, None if bound is None else bound / scale, f"{measure}, {unit}")
        runs = int(table["n"].min())
        ax.set_title(f"{swept.points[0].scenario.name}: {measure}" + (f" of {database}" if database else "") + f", {runs} runs a point")
    return figure


def _unit(measure: str, most: float) -> tuple[float, str]:
    if kind_of(measure) == "part":
        return 0.01, "% of the time"
    if kind_of(measure) == "count":
        return 1.0, "count"
    return [step for step in _STEPS_S if most >= step[0] * 2 or step[0] == 1.0][-1]


def _curve(ax: Any, table: Any, keys: list[str], scale: float, bound: float | None, label: str) -> None:
    at, ticks, names = _places(list(table[keys[0]]))
    y, low = np.array(table["estimate"]) / scale, np.array(table["low"]) / scale
    high = np.array(table["high"]) / scale
    open_above = ~np.isfinite(high)
    seen = [*y[np.isfinite(y)], *high[~open_above], *([bound] if bound is not None else [])]
    top = 1.08 * max(seen, default=1.0) or 1.0
    ax.fill_between(at, np.where(np.isfinite(low), low, 0.0), np.where(open_above, top, high), color=BLUE, alpha=0.2, lw=0, label="95 % interval")
    ax.plot(at, y, color=BLUE, marker="o", ms=4, label="estimate")
    if open_above.any():
        ax.plot(np.array(at)[open_above], np.full(int(open_above.sum()), top), ls="", marker="^", color=BLUE, label="no upper limit yet")
    if bound is not None:
        ax.axhline(bound, color=RED, ls="--", lw=1.2, label="SLA")
    positive = [x for x in seen if x > 0]
    if positive and min(positive) > 0.05 * top:
        ax.set_ylim(0, top * 1.03)
    elif positive:  # a factor of 20 between points: an even scale would show the largest only
        ax.set_yscale("log")
        ax.set_ylim(min(positive) / 1.5, top * 1.2)
    ax.set_xticks(ticks, names, rotation=30 if len(names) > 5 else 0)
    ax.set_xlabel(keys[0])
    ax.set_ylabel(label)
    ax.legend(frameon=False)


def _heat(ax: Any, table: Any, keys: list[str], scale: float, bound: float | None, label: str) -> None:
    columns, rows = list(dict.fromkeys(table[keys[0]])), list(dict.fromkeys(table[keys[1]]))
    field = np.full((len(rows), len(columns)), np.nan)
    for x, y, value in zip(table[keys[0]], table[keys[1]], table["estimate"], strict=True):
        field[rows.index(y), columns.index(x)] = value / scale
    known = field[np.isfinite(field)]
    wide = len(known) and known.min() > 0 and known.max() > 20 * known.min()
    picture = ax.imshow(field, origin="lower", aspect="auto", cmap="cividis", norm="log" if wide else "linear")
    ax.figure.colorbar(picture, ax=ax, label=label)
    middle = float(np.exp(np.log(known).mean())) if wide else float(known.mean()) if len(known) else 0.0
    for j in range(len(rows)):
        for i in range(len(columns)):
            if np.isfinite(field[j, i]):
                ax.text(i, j, _cell(field[j, i], label), ha="center", va="center", fontsize=8, color="white" if field[j, i] < middle else "black")
    if bound is not None:
        _edge(ax, field, bound)
        ax.plot([], [], color=RED, lw=2, label=f"SLA: {_cell(bound, label)}")
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, -0.22))
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


def _edge(ax: Any, field: Any, bound: float) -> None:
    """The line between the points within the bound and those beyond it: along the cells, where it is really known."""
    met = field <= bound
    height, width = met.shape
    for j in range(height):
        for i in range(width):
            if i + 1 < width and met[j, i] != met[j, i + 1]:
                ax.plot([i + 0.5, i + 0.5], [j - 0.5, j + 0.5], color=RED, lw=2.5)
            if j + 1 < height and met[j, i] != met[j + 1, i]:
                ax.plot([i - 0.5, i + 0.5], [j + 0.5, j + 0.5], color=RED, lw=2.5)


def _places(values: list[str]) -> tuple[list[float], list[float], list[str]]:
    """Where each value stands on the axis: numbers of one unit by their logarithm if they span more than a factor of 20,
    by themselves otherwise; words in their order."""
    numbers, units = [], set()
    for value in values:
        number, _, unit = value.partition(" ")
        try:
            numbers.append(float(number))
        except ValueError:
            return [float(i) for i in range(len(values))], [float(i) for i in range(len(values))], values
        units.add(unit)
    if len(units) != 1:
        places = [float(i) for i in range(len(values))]
        return places, places, values
    if min(numbers) > 0 and max(numbers) / min(numbers) > 20:
        numbers = [math.log10(x) for x in numbers]
    return numbers, numbers, values
