"""Files of recorded series, as rows of cells: what log_volume and recorded have in common."""

from __future__ import annotations

import csv
import io

from dr_sim.files.reading import is_utf16, read_inside


class SeriesError(ValueError):
    """A series that cannot be used. inside: the key of the value that names it which is to
    blame.
    """

    def __init__(self, message: str, inside: str = "series") -> None:
        super().__init__(message)
        self.inside = inside


def csv_rows(
    path: str, most_bytes: int, delimiters: str
) -> list[list[str]]:
    """The rows that are not blank. delimiters: what may stand between cells; that which the first
    line has most of does.

    Raises SeriesError if the file cannot be read.
    """
    try:
        data = read_inside(path, most_bytes)
        if is_utf16(data):
            raise ValueError("it is UTF-16; save it as UTF-8")
        text = data.decode("utf-8-sig")
        delimiter = max(delimiters, key=text.partition("\n")[0].count)
        rows = csv.reader(
            io.StringIO(text, newline=""), delimiter=delimiter
        )
        return [row for row in rows if any(map(str.strip, row))]
    except (OSError, ValueError, csv.Error) as error:
        reason = (
            error.strerror
            if isinstance(error, OSError) and error.strerror
            else str(error)
        )
        raise SeriesError(
            f"cannot read the series {path}: {reason}"
        ) from None
