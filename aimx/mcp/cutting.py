"""Parts of a message file by characters, cut out of its pieces as they come. Computes only.

Characters are those that are told: what nobody can see is gone before they are counted.
"""

import re
from typing import Literal, NamedTuple

from aimx import limits
from aimx.mime import clean

Which = Literal["full", "body", "headers"]
_FRONTMATTER = re.compile(r"\A\+\+\+\n.*?^\+\+\+(?:\n|\Z)\n?", re.DOTALL | re.MULTILINE)

_END = "\n+++"


def head(text: str) -> str:
    """The frontmatter that a file begins with; empty when it does not end in this text."""
    found = _FRONTMATTER.match(text)
    return found[0] if found else ""


class Wanted(NamedTuple):
    """`most` characters from `offset` on, None: all. headers: the frontmatter; body: what follows it."""

    which: Which = "full"
    offset: int = 0
    most: int | None = None


class Cut:
    """What is wanted of a file that comes in pieces."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._carried = ""
        self._head: str | None = None if wanted.which == "full" else ""
        self._seen = 0
        self._texts: list[str] = []
        self.done = False  # nothing that follows changes anything

    @property
    def text(self) -> str:
        """The part."""
        return "".join(self._texts)

    @property
    def next(self) -> int | None:
        """Where the next part begins; None when this is the last."""
        end = self._end
        return end if end is not None and self._seen > end else None

    @property
    def _end(self) -> int | None:
        return None if self._wanted.most is None else self._wanted.offset + self._wanted.most

    def feed(self, piece: str, last: bool) -> None:
        """The next piece of the file."""
        text = self._carried + piece
        self._carried = "" if last or not text.endswith("\r") else "\r"
        text = clean.bare(text.removesuffix("\r") if self._carried else text)
        self._take(text if self._head is None else self._of_part(text, last))

    def _of_part(self, text: str, last: bool) -> str:
        """What of it belongs to the part, once it is known where the frontmatter ends."""
        assert self._head is not None
        before, self._head = len(self._head), self._head + text
        # Looked for where it can have come to its end only: all of it for each piece would be quadratic.
        near = self._head.find(_END, max(0, before - len(_END) - 2)) >= 0
        front = head(self._head) if near or last else ""
        # At the end of the piece, what follows may belong to it, or show that it was none.
        decided = front and len(front) < len(self._head)
        if not decided and not last and len(self._head) < limits.FRONTMATTER_OCTETS:
            return ""
        body = self._head[len(front) :]
        self._head = None
        if self._wanted.which == "body":
            return body
        self.done = True
        return front

    def _take(self, text: str) -> None:
        end = self._end
        start = max(0, self._wanted.offset - self._seen)
        self._texts.append(text[start:] if end is None else text[start : max(start, end - self._seen)])
        self._seen += len(text)
        self.done = self.done or (end is not None and self._seen > end)
