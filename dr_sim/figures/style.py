"""Colours, the marks of alerts, and the settings of matplotlib."""

from __future__ import annotations

from typing import Any

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
GREY = "#8A8A8A"
MINT = "#A6DCC8"
PEACH = "#F0B49A"
ALERT_MARKS = {  # by their event ids in docs/alerts.md: sign (shapes.SIGNS), colour, words
    1: ("down", RED, "missing log"),
    2: ("circle", ORANGE, "no new logs"),
    3: ("square", PURPLE, "errors while restoring"),
    4: ("diamond", BLUE, "damaged file"),
    5: ("cross", BLACK, "not recovered"),
    6: ("plus", GREY, "files left behind"),
    7: ("house", SKY, "planned failover waits"),
    8: ("up", YELLOW, "restored too late"),
    9: ("left", GREEN, "backup failed"),
    10: ("right", RED, "log full"),
    11: ("hourglass", PURPLE, "no room for a full"),
    12: ("thin", BLACK, "not fenced for certain"),
    13: ("star", RED, "old primary heard again"),
    14: ("bow", SKY, "silence ended"),
    15: ("bar", ORANGE, "nothing to fail over to"),
    16: ("square", BLUE, "the primary's clock differs"),
    17: ("down", BLACK, "restored short of its end"),
    18: ("circle", RED, "logs wait to be restored"),
    19: ("cross", RED, "not protected"),
    20: ("plus", ORANGE, "not set up for it"),
    21: ("house", BLACK, "waits for the only way back"),
    22: ("diamond", ORANGE, "no backup came"),
    23: ("up", RED, "landed too late"),
    24: ("thin", PURPLE, "no full came"),
    25: ("left", SKY, "the failover goes back"),
    26: ("right", BLUE, "the old primary does not serve yet"),
    27: ("bar", BLUE, "rotten pages at the primary"),
    14420: ("star", ORANGE, "monitor: no backup"),
    14421: ("hourglass", RED, "monitor: out of sync"),
}
STYLE: Any = {
    "text.parse_math": False,  # a name may hold dollar signs
    "svg.hashsalt": "dr_sim",
    "svg.fonttype": "none",
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
}
PHASE_COLOURS = {
    "detect": YELLOW,
    "decide": ORANGE,
    "repair": BLACK,
    "fence": PURPLE,
    "drain": SKY,
    "recover": BLUE,
    "provision": GREY,
    "redirect": GREEN,
    "warm_up": MINT,
    "attempt": RED,
    "unfence": PEACH,
}
