"""Pictures of runs, from their records.

charts.py says what a chart is made of, as plain data; the page draws it in the browser, and
drawing.py draws it as a still picture: for files svg.py, for Python on_matplotlib.py. Colours are
Okabe and Ito's eight, which colour-blind readers can tell apart; nothing is told by colour alone.
The same record gives the same bytes: no dates, no random ids.
"""
