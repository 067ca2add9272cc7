"""A picture as an SVG file: the same picture gives the same bytes, and no library is needed."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from dr_sim.figures.shapes import (
    CIRCLE,
    COLOURS,
    DASHES,
    SIGN_PX,
    TEXT_PX,
    Area,
    Label,
    Picture,
    Point,
    Shape,
    Spot,
    Stroke,
    spot_points,
)

FONT = "system-ui, 'DejaVu Sans', sans-serif"


def svg_text(picture: Picture) -> str:
    """The file's text."""
    width, height = _n(picture.width), _n(picture.height)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-family="{FONT}" '
        f'font-size="{_n(TEXT_PX)}" stroke-linejoin="round">',
        f"<title>{_plain(picture.title)}</title>",
        f"<desc>{_plain(picture.words)}</desc>",
        f'<rect width="{width}" height="{height}" fill="#FFFFFF"/>',
        *(_drawn(shape) for shape in picture.shapes),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _drawn(shape: Shape) -> str:
    if isinstance(shape, Stroke):
        dash = " ".join(map(str, DASHES[shape.dash]))
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        return (
            f'<path d="{_path(shape.points)}" fill="none" stroke="{_colour(shape.colour)}" '
            f'stroke-width="{_n(shape.width)}"{dashed}/>'
        )
    if isinstance(shape, Area):
        opacity = (
            f' fill-opacity="{shape.opacity:g}"'
            if shape.opacity < 1
            else ""
        )
        return f'<path d="{_path(shape.points)}Z" fill="{_colour(shape.colour)}"{opacity}/>'
    if isinstance(shape, Spot):
        return _spot(shape)
    return _label(shape)


def _spot(spot: Spot) -> str:
    colour = _colour(spot.colour)
    fill = (
        f'fill="{"#FFFFFF" if spot.hollow else colour}" stroke="{colour}"'
    )
    if spot.shape == CIRCLE:
        x, y = spot.at
        return (
            f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(SIGN_PX)}" {fill}/>'
        )
    return f'<path d="{_path(spot_points(spot))}Z" {fill}/>'


def _label(label: Label) -> str:
    x, y = label.at
    anchor = (
        f' text-anchor="{label.anchor}"' if label.anchor != "start" else ""
    )
    size = f' font-size="{_n(label.size)}"' if label.size != TEXT_PX else ""
    bold = ' font-weight="bold"' if label.bold else ""
    # a third of the size below the middle is where a text of this size stands
    return (
        f'<text x="{_n(x)}" y="{_n(y + 0.35 * label.size)}" fill="{_colour(label.colour)}"'
        f"{anchor}{size}{bold}>{_plain(label.text)}</text>"
    )


def _path(points: Iterable[Point]) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _n(value: float) -> str:
    """A number in tenths of a pixel."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def _colour(name: str) -> str:
    return COLOURS.get(name, name)


def _plain(text: str) -> str:
    """A text without markup, and without what XML has no room for."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return escape(shown, quote=False)
