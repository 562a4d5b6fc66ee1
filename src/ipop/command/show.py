"""Text for people: columns, colours, and quantities with their units. What comes from elsewhere is made printable."""

from collections import namedtuple

from ..words import printable

Column = namedtuple("Column", "title right")  # right: aligned on that side
Cell = namedtuple("Cell", "text colour")

GREEN, YELLOW, RED, FAINT = "32", "33", "31", "2"


class Page:
    """Lines for a terminal of `width` columns, or for a pipe or file (None), with colours or without."""

    def __init__(self, width=None, colours=False):
        self.text = ""
        self._width = width
        self._colours = colours

    def line(self, text="", colour=None):
        self.text += self._paint(printable(text), colour) + "\n"

    def table(self, columns, rows, indent=""):
        """Each row has a text or a Cell for every Column. A narrow terminal has to do without the last ones."""
        if any(column.title for column in columns):
            rows = [[Cell(column.title, FAINT) for column in columns]] + rows
        rows = [[_printable_cell(cell) for cell in row] for row in rows]
        widths = [max([len(row[i].text) for row in rows]) for i in range(len(columns))]
        while self._width and len(widths) > 2 and len(indent) + sum(widths) + 2 * len(widths) - 2 > self._width:
            widths.pop()
        for row in rows:
            line = indent
            for i, width in enumerate(widths):
                gap = " " * (width - len(row[i].text))
                text = self._paint(row[i].text, row[i].colour)
                line += gap + text if columns[i].right else text + gap
                line += "  " if i < len(widths) - 1 else ""
            self.text += line.rstrip(" ") + "\n"

    def _paint(self, text, colour):
        return f"\x1b[{colour}m{text}\x1b[m" if self._colours and colour and text else text


def _printable_cell(cell):
    return Cell(printable(cell.text), cell.colour) if isinstance(cell, Cell) else Cell(printable(cell), None)


def size(count):
    """Bytes."""
    if not is_number(count):
        return "-"
    units = ["B", "kB", "MB", "GB", "TB"]
    while count >= 999.95 and len(units) > 1:
        count /= 1000
        units.pop(0)
    return f"{count} B" if units[0] == "B" else f"{count:.1f} {units[0]}"


def duration(seconds):
    if not is_number(seconds):
        return "-"
    seconds = int(seconds)
    for unit, length, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= length:
            rest = seconds % length // part
            return f"{seconds // length} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds} s"


def milliseconds(ms):
    if not is_number(ms):
        return "-"
    return f"{ms:.1f} ms" if ms < 100 else f"{ms:.0f} ms"


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
