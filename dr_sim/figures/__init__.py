"""Two pictures of a run, from its record: what happened when (timeline), and how exposed it was
(exposure).

Colours are Okabe and Ito's eight, which colour-blind readers can tell apart; nothing is told by
colour alone. What is too dense to draw one by one (4,000 logs in two weeks) is drawn as the band
between the least and the most in each narrow slice of time; a second panel shows the hours around
the failover file by file. The same record gives the same bytes: no dates, no random ids.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dr_sim.figures.exposure import draw_exposure
from dr_sim.figures.style import STYLE
from dr_sim.figures.timeline import draw_timeline
from dr_sim.figures.views import Views

__all__ = ["exposure_figure", "exposure_svg", "save_svg", "timeline_figure", "timeline_svg"]


def timeline_svg(views: Views, path: Path) -> None:
    """Backups, link, how far behind, alerts and the failovers, over the run, all legs of it, and
    around each failover.
    """
    save_svg(timeline_figure(views), path)


def exposure_svg(views: Views, path: Path) -> None:
    """True and reported exposure to the loss of the site, with the SLA's line, the failures and the
    time unprotected.
    """
    save_svg(exposure_figure(views), path)


def timeline_figure(views: Views) -> Figure:
    """The same, not saved."""
    with mpl.rc_context(STYLE):
        return draw_timeline(views)


def exposure_figure(views: Views) -> Figure:
    """The same, not saved."""
    with mpl.rc_context(STYLE):
        return draw_exposure(views)


def save_svg(figure: Figure, path: Path) -> None:
    """The same figure gives the same bytes."""
    FigureCanvasAgg(figure)
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # a name in letters that the font lacks: the picture shows boxes, the screen is not for
        # telling so
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": "dr_sim"})
