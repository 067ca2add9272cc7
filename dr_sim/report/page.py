"""A page: the template, the charts and their library in one file that works offline."""

from __future__ import annotations

from typing import Any

from bokeh.core.validation import silence
from bokeh.core.validation.warnings import MISSING_RENDERERS
from bokeh.embed import components
from bokeh.resources import Resources
from jinja2 import Environment, PackageLoader, StrictUndefined

MARKS = {"pass": "✓", "fail": "✗", "unknown": "?", "done": "–"}
silence(MISSING_RENDERERS)  # a chart of what did not happen is empty


def rendered(template: str, figures: dict[str, Any], **values: Any) -> str:
    """The template filled in; `divs` in it is what stands for each figure, by key."""
    script, divs = components(figures)
    page = Environment(
        loader=PackageLoader("dr_sim.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    library = Resources(mode="inline", components=["bokeh"]).render()
    return page.get_template(template).render(library=library, script=script, divs=divs, **values)
