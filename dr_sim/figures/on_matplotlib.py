"""A picture as a matplotlib Figure, for notebooks and for pixels (`plot().savefig('run.png')`)."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon

from dr_sim.figures.shapes import (
    CIRCLE,
    COLOURS,
    DASHES,
    SIGN_PX,
    Area,
    Label,
    Picture,
    Spot,
    Stroke,
    spot_points,
)
from dr_sim.figures.style import STYLE

PIXELS_PER_INCH = 96.0
POINTS_PER_PIXEL = 72.0 / PIXELS_PER_INCH
_ANCHORS = {"start": "left", "middle": "center", "end": "right"}


def figure_of(picture: Picture) -> Figure:
    """The picture on one pair of axes, in pixels."""
    with mpl.rc_context(STYLE):
        size = (
            picture.width / PIXELS_PER_INCH,
            picture.height / PIXELS_PER_INCH,
        )
        figure = Figure(figsize=size, facecolor="white")
        ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        ax.set_axis_off()
        ax.set_xlim(0, picture.width)
        ax.set_ylim(picture.height, 0)
        for order, shape in enumerate(picture.shapes):
            _draw(ax, shape, order)
    return figure


def _draw(ax: Any, shape: Stroke | Area | Spot | Label, order: int) -> None:
    colour = COLOURS.get(shape.colour, shape.colour)
    if isinstance(shape, Stroke):
        width = shape.width * POINTS_PER_PIXEL
        # matplotlib counts dashes in widths of the line
        dash = tuple(length / shape.width for length in DASHES[shape.dash])
        style: Any = (0, dash) if dash else "-"
        xs, ys = zip(*shape.points, strict=True)
        ax.plot(xs, ys, color=colour, lw=width, ls=style, zorder=order)
    elif isinstance(shape, Area):
        ax.add_patch(
            Polygon(
                shape.points,
                fc=colour,
                alpha=shape.opacity,
                lw=0,
                zorder=order,
            )
        )
    elif isinstance(shape, Spot):
        face = "white" if shape.hollow else colour
        round_one = shape.shape == CIRCLE
        patch = (
            Circle(shape.at, SIGN_PX)
            if round_one
            else Polygon(spot_points(shape))
        )
        patch.set(facecolor=face, edgecolor=colour, zorder=order)
        ax.add_patch(patch)
    else:
        ax.text(
            *shape.at,
            shape.text,
            ha=_ANCHORS[shape.anchor],
            va="center",
            color=colour,
            fontsize=shape.size * POINTS_PER_PIXEL,
            weight="bold" if shape.bold else "normal",
            zorder=order,
        )
