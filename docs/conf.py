"""Sphinx builds the documentation: `make docs`, then open docs/_build/html/index.html."""

project = "dr_sim"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "dr_sim"
myst_heading_anchors = 3
nitpicky = True
