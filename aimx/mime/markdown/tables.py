"""Rows and cells of GFM tables (section 4.10). Linear."""

import re

_DELIMITER_ROW = re.compile(r"[ \t]*+\|?+(?:[ \t]*+:?+-++:?+[ \t]*+(?:\||(?=\Z)))++[ \t]*+\Z")
_BAR = re.compile(r"\\.|\|")


def cells(row: str) -> list[str]:
    """The cells of a row, trimmed, bars that were escaped put in."""
    row = row.strip(" \t")
    if row.startswith("|"):
        row = row[1:]
    if "\\" in row:
        found = _escaped_cells(row)
    else:
        found = row.split("|")
    if len(found) > 1 and not found[-1].strip(" \t"):
        found.pop()
    return [cell.strip(" \t") for cell in found]


def _escaped_cells(row: str) -> list[str]:
    found: list[str] = []
    begin = 0
    for match in _BAR.finditer(row):
        if match[0] == "|":
            found.append(row[begin : match.start()].replace("\\|", "|"))
            begin = match.end()
    found.append(row[begin:].replace("\\|", "|"))
    return found


def alignments(line: str, header: str) -> list[str] | None:
    """The alignment of each column, when the line is the delimiter row of this header."""
    if "-" not in line or ("|" not in line and ":" not in line) or _DELIMITER_ROW.match(line) is None:
        return None
    columns = cells(line)
    if len(columns) != len(cells(header)):
        return None
    return [_alignment(column) for column in columns]


def _alignment(column: str) -> str:
    if column.startswith(":"):
        return "center" if column.endswith(":") else "left"
    return "right" if column.endswith(":") else ""
