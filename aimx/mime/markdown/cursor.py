"""Where we are in a line: columns, and tabs of which a part may be used up (CommonMark section 2.2)."""

import re

_TAB = 4  # columns
_BLANKS = re.compile(r"[ \t]*")


class Cursor:
    """A position in one line. A line without tabs has as many columns as characters, which is the short way."""

    def __init__(self) -> None:
        self.line = ""
        self.tabs = False
        self.position = 0
        self.column = 0
        self.partial = 0  # columns of a tab that are not used up
        self.next = 0  # the first character that is not blank
        self.indent = 0  # columns before it

    def begin(self, line: str) -> None:
        """Take a line."""
        self.line = line
        self.tabs = "\t" in line
        self.position = self.column = self.partial = 0
        self.look()

    def look(self) -> None:
        """Find the next character that is not blank."""
        match = _BLANKS.match(self.line, self.position)
        assert match is not None
        self.next = match.end()
        if not self.tabs:
            self.indent = self.next - self.position
            return
        column = self.column
        for blank in self.line[self.position : self.next]:
            column += _TAB - column % _TAB if blank == "\t" else 1
        self.indent = column - self.column

    def advance(self, columns: int) -> None:
        """Go on by columns, which may end inside a tab."""
        if not self.tabs:
            self.position += columns
            self.column += columns
            self.partial = 0
            return
        while columns > 0 and self.position < len(self.line):
            if self.line[self.position] != "\t":
                width = 1
            else:
                width = self.partial or _TAB - self.column % _TAB
            if width > columns:
                self.partial = width - columns
                self.column += columns
                return
            self.partial = 0
            self.column += width
            self.position += 1
            columns -= width

    def skip(self) -> None:
        """Go on to the next character that is not blank."""
        self.column += self.indent
        self.position = self.next
        self.partial = 0

    def rest(self) -> str:
        """What is left of the line, a tab that is used in part as blanks."""
        if self.partial:
            return " " * self.partial + self.line[self.position + 1 :]
        return self.line[self.position :] if self.position else self.line

    @property
    def blank(self) -> bool:
        """Whether nothing is left."""
        return self.next >= len(self.line)
