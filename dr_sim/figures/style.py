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
ALERT_MARKS = {  # by their event ids in the README
    1: ("v", RED, "missing log"),
    2: ("o", ORANGE, "no new logs"),
    3: ("s", PURPLE, "errors while restoring"),
    4: ("D", BLUE, "damaged file"),
    5: ("X", BLACK, "not recovered"),
    6: ("P", GREY, "files left behind"),
    7: ("p", SKY, "planned failover waits"),
    8: ("^", YELLOW, "restored too late"),
    9: ("<", GREEN, "backup failed"),
    10: (">", RED, "log full"),
    11: ("h", PURPLE, "no room for a full"),
    12: ("d", BLACK, "not fenced for certain"),
    13: ("*", RED, "old primary heard again"),
    14: ("H", SKY, "silence ended"),
    15: ("8", ORANGE, "nothing to fail over to"),
    16: ("s", BLUE, "the primary's clock differs"),
    17: ("v", BLACK, "restored short of its end"),
    18: ("o", RED, "logs wait to be restored"),
    19: ("X", RED, "not protected"),
    20: ("P", ORANGE, "not set up for it"),
    21: ("p", BLACK, "waits for the only way back"),
    22: ("d", ORANGE, "no backup came"),
    23: ("^", RED, "landed too late"),
    24: ("d", PURPLE, "no full came"),
    25: ("<", SKY, "the failover goes back"),
    26: ("<", RED, "the old primary does not serve yet"),
    14420: ("s", ORANGE, "monitor: no backup"),
    14421: ("D", RED, "monitor: out of sync"),
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
