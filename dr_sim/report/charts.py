"""What the charts of a report are made of: one with its words, bars of what adds up, shares of
time, thinned lines.

Bokeh draws them in the browser from data embedded in the page. A curve of more points than a screen
can show is thinned to the least and the greatest in each of many narrow slices of time, so no peak
is lost. Colours are Okabe and Ito's, and nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from bokeh.models import HoverTool
from bokeh.plotting import figure

from dr_sim.figures.failover import PHASE_COLOURS
from dr_sim.figures.style import BLACK, BLUE, ORANGE
from dr_sim.measures.exposure import Curve
from dr_sim.units import MINUTE_US, SECOND_US, clock

MOST_POINTS = 16_000  # of one curve: about 130 kB each way in the page
LEFT_PX = 116  # room for names: the lanes' time axes lie below one another
MOST_LETTERS = 46  # of a legend in one line on a phone


@dataclass(slots=True)
class Chart:
    """One chart with the sentence that says in words what it shows, for those who cannot see it."""

    key: str
    title: str
    words: str
    figure: Any


def stairs(x: Any, y: Any) -> tuple[Any, Any]:
    """Steps as a line with a corner at each: Bokeh's own steps cannot be hovered over."""
    return np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]


def thinned(x: Any, y: Any, most: int = MOST_POINTS) -> tuple[Any, Any]:
    """A line's points, x ascending; where there are more than `most`, the first, least, greatest
    and last of each of most / 4 slices of equal count, in their order.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(x) <= most:
        return x, y
    edges = np.linspace(0, len(x), most // 4 + 1).astype(np.int64)
    kept: list[int] = []
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = y[begin:end]
        kept.extend(
            sorted({begin, begin + int(part.argmin()), begin + int(part.argmax()), end - 1})
        )
    return x[kept], y[kept]


def waterfall(key: str, title: str, parts: Sequence[tuple[str, int]], words: str) -> Chart:
    """Durations (name, microseconds) that add up, each bar beginning where the one before it
    ends.
    """
    parts = [part for part in parts if part[1]]
    ends = np.cumsum([us for _, us in parts]) / SECOND_US if parts else np.zeros(0)
    total_s = float(ends[-1]) if len(ends) else 1.0
    unit_s, unit = (60.0, "minutes") if total_s >= 300 else (1.0, "seconds")
    names = [f"{i}  {name}" for i, (name, _) in enumerate(parts, 1)]
    f = figure(
        name=key,
        y_range=names[::-1] or ["nothing"],
        x_range=(0, total_s / unit_s * 1.14),
        height=70 + 28 * max(1, len(names)),
        sizing_mode="stretch_width",
        toolbar_location=None,
        tools="",
        x_axis_label=unit,
        min_border_left=LEFT_PX,
        min_border_right=12,
    )
    left = np.concatenate(([0.0], ends[:-1])) if len(ends) else ends
    colours = [PHASE_COLOURS.get(name.replace(" ", "_"), BLUE) for name, _ in parts]
    data = {
        "y": names,
        "left": left / unit_s,
        "right": ends / unit_s,
        "colour": colours,
        "words": [f" {clock(us)}" for _, us in parts],
    }
    f.hbar(
        y="y",
        left="left",
        right="right",
        height=0.7,
        source=data,
        color="colour",
        line_color=BLACK,
        line_width=0.5,
    )
    f.text(
        x="right", y="y", text="words", source=data, text_baseline="middle", text_font_size="12px"
    )
    f.ygrid.grid_line_color = None
    f.outline_line_color = None
    return Chart(key, title, words, f)


def share_below(curve: Curve, lines: Sequence[tuple[str, int]]) -> Chart:
    """For each exposure the share of time at or below it: exact quantiles of the whole run, not a
    sample's.
    """
    shares = [Fraction(i, 200) for i in range(200)] + [
        Fraction(i, 10_000) for i in (9975, 9990, 9999, 10_000)
    ]
    values = [float(value) / MINUTE_US for value in curve.quantiles_us(shares)]
    near = [(word, us) for word, us in lines if us / MINUTE_US <= 4 * values[-1]]
    right = max([values[-1], *(us / MINUTE_US for _, us in near)], default=1.0) * 1.05 or 1.0
    f = figure(
        name="share",
        x_range=(0, right),
        y_range=(0, 102),
        height=240,
        sizing_mode="stretch_width",
        tools="",
        toolbar_location=None,
        x_axis_label="exposure, minutes",
        y_axis_label="% of the time at or below",
        min_border_left=LEFT_PX,
    )
    line = f.line(values, [100 * float(share) for share in shares], color=ORANGE, line_width=2.5)
    f.add_tools(
        HoverTool(
            renderers=[line],
            mode="vline",
            tooltips=[("", "$snap_x{0.0} min or less for $snap_y{0.00} % of the time")],
            line_policy="interp",
        )
    )
    for word, us in near:
        f.line([us / MINUTE_US] * 2, [0, 100], color=BLACK, legend_label=f"{word} {clock(us)}")
    if near:
        above_it(f)
    half, most = (int(value) for value in curve.quantiles_us([Fraction(1, 2), Fraction(99, 100)]))
    words = (
        f"Half of the time exposure was at most {clock(half)}, 99 % of it at most "
        f"{clock(most)}, always at most {clock(curve.max_us())}."
    )
    return Chart("share", "How exposure was distributed over the time", words, f)


def above_it(f: Any) -> None:
    """The legend above its chart, where it hides nothing; on two lines where a phone would cut it
    off.
    """
    f.add_layout(f.legend[0], "above")
    f.legend.orientation = "horizontal"
    labels = [item.label.value for item in f.legend[0].items]
    if len(labels) > 2 and sum(len(label) + 4 for label in labels) > MOST_LETTERS:
        f.legend.ncols = 2
    f.legend.border_line_color = None
    f.legend.label_text_font_size = "11px"
    f.legend.padding = f.legend.margin = 2
    f.legend.click_policy = "hide"
