"""The shapes of still pictures, in pixels from the top left corner, and their colours.

A picture is a list of shapes: svg.py writes it as a file without any library, on_matplotlib.py
makes a Figure of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

COLOURS = {
    "black": "#000000",
    "grey": "#777777",
    "grid": "#E0E0E0",
    "text": "#222222",
    "ground": "#DCE6F2",
    "white": "#FFFFFF",
    "blue": "#0072B2",
    "sky": "#56B4E9",
    "orange": "#E69F00",
    "green": "#009E73",
    "red": "#D55E00",
    "purple": "#CC79A7",
    "mint": "#A6DCC8",
    "yellow": "#F0E442",
    "peach": "#F0B49A",
}
DASHES = {
    "solid": (),
    "dashed": (7, 4),
    "dotted": (2, 3),
    "dotdash": (7, 3, 2, 3),
}
TEXT_PX = 12.0

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through points. Colours of all shapes are names in COLOURS, or '#rrggbb'."""

    points: list[Point]
    colour: str
    width: float = 1.0
    dash: str = "solid"


@dataclass(frozen=True, slots=True)
class Area:
    """A filled polygon. opacity: 1 hides what lies behind it."""

    points: list[Point]
    colour: str
    opacity: float = 1.0


CIRCLE = "circle"
SIGNS: dict[str, tuple[Point, ...]] = {
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "diamond": ((0, -1), (1, 0), (0, 1), (-1, 0)),
    "thin": ((0, -1.2), (0.6, 0), (0, 1.2), (-0.6, 0)),
    "down": ((-1, -1), (1, -1), (0, 1)),
    "up": ((0, -1), (1, 1), (-1, 1)),
    "left": ((-1, 0), (1, -1), (1, 1)),
    "right": ((-1, -1), (1, 0), (-1, 1)),
    "plus": (
        *((-0.4, -1.1), (0.4, -1.1), (0.4, -0.4), (1.1, -0.4)),
        *((1.1, 0.4), (0.4, 0.4), (0.4, 1.1), (-0.4, 1.1)),
        *((-0.4, 0.4), (-1.1, 0.4), (-1.1, -0.4), (-0.4, -0.4)),
    ),
    "cross": (
        *((-1, -1), (-0.5, -1), (0, -0.4), (0.5, -1), (1, -1)),
        *((1, -0.5), (0.4, 0), (1, 0.5), (1, 1), (0.5, 1)),
        *((0, 0.4), (-0.5, 1), (-1, 1), (-1, 0.5), (-0.4, 0), (-1, -0.5)),
    ),
    "star": (
        *((0, -1.2), (0.3, -0.4), (1.15, -0.35), (0.45, 0.15)),
        *((0.7, 1), (0, 0.5), (-0.7, 1), (-0.45, 0.15)),
        *((-1.15, -0.35), (-0.3, -0.4)),
    ),
    "house": ((0, -1.1), (1, -0.2), (1, 1), (-1, 1), (-1, -0.2)),
    "hourglass": ((-1, -1), (1, -1), (0, 0), (1, 1), (-1, 1), (0, 0)),
    "bow": ((-1, -1), (0, 0), (1, -1), (1, 1), (0, 0), (-1, 1)),
    "bar": ((-0.4, -1.2), (0.4, -1.2), (0.4, 1.2), (-0.4, 1.2)),
}
"""The corners of the signs, from their middle, in parts of their radius. The page has the same."""
SIGN_PX = 4.5


@dataclass(frozen=True, slots=True)
class Spot:
    """A mark of an instant: a circle or one of SIGNS; hollow, if it is a false alarm."""

    shape: str
    at: Point
    colour: str
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """A text. anchor: start, middle or end; y is its middle."""

    text: str
    at: Point
    anchor: str = "start"
    colour: str = "text"
    size: float = TEXT_PX
    bold: bool = False


Shape = Stroke | Area | Spot | Label


@dataclass(slots=True)
class Picture:
    """A whole picture. words: what it shows, for those who cannot see it."""

    width: float
    height: float
    title: str
    words: str
    shapes: list[Shape] = field(default_factory=list)


def box(
    left: float, top: float, width: float, height: float
) -> list[Point]:
    """The corners of a rectangle."""
    right, bottom = left + width, top + height
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def spot_points(spot: Spot) -> list[Point]:
    """The corners of a mark that is not a circle."""
    x, y = spot.at
    return [
        (x + SIGN_PX * right, y + SIGN_PX * below)
        for right, below in SIGNS[spot.shape]
    ]


def text_width(text: str, size: float = TEXT_PX) -> float:
    """Return how wide a text is, at most about: fonts differ from machine to machine."""
    narrow = sum(c in "iljt.,:;'|!()[] " for c in text)
    wide = sum(c in "mwMW%@" or ord(c) > 0x2E80 for c in text)
    return size * (
        0.34 * narrow + 0.95 * wide + 0.6 * (len(text) - narrow - wide)
    )


def fitted(text: str, width: float, size: float = TEXT_PX) -> str:
    """A text that fits; its end stays, since names often differ there."""
    if text_width(text, size) <= width:
        return text
    kept = len(text)
    while (
        kept > 1 and text_width(f"{text[:kept]}…{text[-4:]}", size) > width
    ):
        kept -= 1
    return f"{text[:kept]}…{text[-4:]}"
