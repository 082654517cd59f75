"""Lines to blocks: one pass, a stack of open containers, each line left behind once (CommonMark sections 4 and 5, GFM).

mistletoe's own block parser copies the lines of a container for each level and calls itself; it is not used. Must
never lose text: marks nested deeper than the bound are text.
"""

import re

from aimx import limits
from aimx.mime.markdown import links, starts, tables
from aimx.mime.markdown.references import References
from aimx.mime.markdown.tree import Block, Code, Heading, Html, Item, List, Note, Table

_CODE_INDENT = 4  # CommonMark section 4.4; a mark may be indented by less
_TAB = 4  # columns
_MARKS = frozenset("#>-+*_=`~<[|:0123456789")  # only these begin something else than a paragraph
_BLANKS = re.compile(r"[ \t]*")


def parse(source: str, references: References[Block]) -> Block:
    """The blocks of a document; definitions go to the references."""
    parser = _Parser(references)
    lines = source.split("\n")
    if not lines[-1]:
        lines.pop()
    for line in lines:
        parser.feed(line)
    parser.end()
    return parser.stack[0]


class _Parser:
    """The open blocks, and where we are in the current line."""

    def __init__(self, references: References[Block]) -> None:
        self.references = references
        self.stack: list[Block] = [Block("document", 1)]  # open containers
        self.leaf: Block | None = None  # the open block of text, in the last container
        self.number = 0
        self.idle = False  # the line before was blank and nothing that keeps blank lines is open
        self.line = ""
        self.tabs = False
        self.position = 0
        self.column = 0
        self.partial = 0  # columns of a tab that are not used up
        self.next = 0  # the first character that is not blank
        self.indent = 0

    # The current line

    def _look(self) -> None:
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

    def _advance(self, columns: int) -> None:
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

    def _skip(self) -> None:
        """Go on to the next character that is not blank."""
        self.column += self.indent
        self.position = self.next
        self.partial = 0

    def _rest(self) -> str:
        """What is left of the line, a tab that is used in part as blanks."""
        if self.partial:
            return " " * self.partial + self.line[self.position + 1 :]
        return self.line[self.position :] if self.position else self.line

    @property
    def _blank(self) -> bool:
        return self.next >= len(self.line)

    # One line

    def feed(self, line: str) -> None:
        """Take the next line."""
        self.number += 1
        leaf = self.leaf
        if not line and self.idle:
            return
        if line and line[0].isalpha() and len(self.stack) == 1 and (leaf is None or leaf.kind == "paragraph"):
            self.idle = False
            self._text(line)
            return
        self.line = line
        self.tabs = "\t" in line
        self.position = self.column = self.partial = 0
        self._look()
        matched = self._containers()
        whole = matched == len(self.stack)
        if whole and leaf is not None and leaf.kind in ("code", "html") and self._continue(leaf):
            return
        leaf = self.leaf
        self.idle = self._blank and not (whole and leaf is not None and leaf.kind in ("code", "html"))
        if self._blank:
            if leaf is None or leaf.kind != "code":
                self._end_leaf()
            self.close(matched)
            return
        self._blocks(matched)

    def _containers(self) -> int:
        """How many open containers the line goes on in."""
        stack = self.stack
        for index in range(1, len(stack)):
            container = stack[index]
            if container.kind == "quote":
                if self.indent >= _CODE_INDENT or self._blank or self.line[self.next] != ">":
                    return index
                self._quote_mark()
                container.last = self.number
            else:
                indent = container.indent if isinstance(container, Item) else _CODE_INDENT
                if self.indent >= indent:
                    self._advance(indent)
                elif self._blank and container.children:
                    self._skip()
                else:
                    return index
            self._look()
        return len(stack)

    def _quote_mark(self) -> None:
        self._skip()
        self._advance(1)
        if self.position < len(self.line) and self.line[self.position] in " \t":
            self._advance(1)

    def _continue(self, leaf: Block) -> bool:
        """Whether the line belongs to code or raw HTML that is open."""
        if isinstance(leaf, Code):
            if leaf.fence:
                self._fenced(leaf)
                return True
            if self.indent < _CODE_INDENT and not self._blank:
                self._end_leaf()
                return False
            if self.indent >= _CODE_INDENT:
                self._advance(_CODE_INDENT)
            else:
                self._skip()
            leaf.lines.append(self._rest())
            if not self._blank:
                leaf.last = self.number
            return True
        assert isinstance(leaf, Html)
        if not leaf.end and self._blank:
            self._end_leaf()
            return False
        leaf.lines.append(self._rest())
        leaf.last = self.number
        if leaf.end and starts.html_ends(self.line, leaf.end):
            self._end_leaf()
        return True

    def _fenced(self, leaf: Code) -> None:
        leaf.last = self.number
        if self.indent < _CODE_INDENT and not self._blank and self.line[self.next] == leaf.fence[0]:
            mark = self.line[self.next :].rstrip(" \t")
            if len(mark) >= len(leaf.fence) and mark.count(leaf.fence[0]) == len(mark):
                self._end_leaf()
                return
        self._advance(min(self.indent, leaf.indent))
        leaf.lines.append(self._rest())

    def _blocks(self, matched: int) -> None:
        """Open what the line opens; what is left of it is text."""
        lazy = matched < len(self.stack)
        while self.line[self.next] in _MARKS or self.indent >= _CODE_INDENT:
            paragraph = self.leaf is not None and self.leaf.kind == "paragraph"
            if self.indent >= _CODE_INDENT:
                if not paragraph:
                    self.close(matched)
                    self._end_leaf()
                    self._open(Code(self.number))
                    self._advance(_CODE_INDENT)
                    self.leaf.lines.append(self._rest())  # type: ignore[union-attr]
                    return
                break
            opened = self._container(matched, paragraph and not lazy)
            if not opened:
                if self._leaf_block(matched, paragraph, lazy):
                    return
                break
            lazy = False
            matched = len(self.stack)
            self._look()
            if self._blank:
                return
        if lazy and self.leaf is not None and self.leaf.kind == "paragraph":
            self._text(self.line[self.next :])
            return
        self.close(matched)
        self._text(self.line[self.next :])

    # Containers

    def _container(self, matched: int, in_paragraph: bool) -> bool:
        """Open a quote, a list item or a footnote."""
        line, start = self.line, self.next
        first = line[start]
        if matched > limits.MARKDOWN_NESTING:
            return False
        if first == ">":
            self.close(matched)
            self._end_leaf()
            self._push(Block("quote", self.number))
            self._quote_mark()
            return True
        if first == "[":
            match = starts.FOOTNOTE.match(line, start)
            if match is None:
                return False
            self.close(matched)
            self._end_leaf()
            self._push(Note(self.number, match[1]))
            self._skip()
            self._advance(match.end() - match.start())
            self._look()
            self._skip()
            return True
        if first not in "-+*0123456789" or starts.BREAK.match(line, start):
            return False
        return self._item(matched, in_paragraph)

    def _item(self, matched: int, in_paragraph: bool) -> bool:
        line, start = self.line, self.next
        match = starts.BULLET.match(line, start) or starts.NUMBER.match(line, start)
        if match is None:
            return False
        number = int(match[1]) if match.lastindex else None
        mark = match[2] if match.lastindex else match[0]
        empty = not line[match.end() :].strip(" \t")
        if in_paragraph and (empty or number not in (None, 1)):
            return False
        self.close(matched)
        self._end_leaf()
        indent = self.indent
        self._skip()
        width = match.end() - match.start()
        self._advance(width)
        self._look()
        if empty or self.indent > _CODE_INDENT:
            padding = width + 1
            self._advance(1)
        else:
            padding = width + self.indent
            self._skip()
        self._push_item(Item(self.number, indent + padding), mark, number)
        return True

    def _push_item(self, item: Item, mark: str, number: int | None) -> None:
        siblings = self.stack[-1].children
        found = siblings[-1] if siblings else None
        if not (isinstance(found, List) and found.mark == mark and (found.start is None) == (number is None)):
            found = List(self.number, mark, number)
            siblings.append(found)
        found.children.append(item)
        self.stack.append(item)

    def _push(self, container: Block) -> None:
        self.stack[-1].children.append(container)
        self.stack.append(container)

    # Leaves

    def _setext(self, start: int) -> bool:
        return starts.SETEXT.match(self.line, start) is not None

    def _leaf_block(self, matched: int, paragraph: bool, lazy: bool) -> bool:
        """Open a block of text; True when it took the line."""
        line, start, first = self.line, self.next, self.line[self.next]
        if first == "#":
            match = starts.ATX.match(line, start)
            if match is not None:
                text = starts.ATX_END.sub("", line[match.end() :].rstrip(" \t")).rstrip(" \t")
                self._whole(matched, Heading(self.number, len(match[1]), text))
                return True
        elif first in "`~":
            match = starts.FENCE.match(line, start)
            if match is not None:
                self.close(matched)
                self._end_leaf()
                self._open(Code(self.number, match[0], self.indent, line[match.end() :].strip(" \t")))
                return True
        elif first == "<":
            return self._html(matched, paragraph)
        if first in "=-" and paragraph and not lazy and self._setext(start) and self._underlined(first):
            return True
        if first in "*-_" and starts.BREAK.match(line, start):
            self._whole(matched, Block("break", self.number))
            return True
        if self.leaf is not None and not lazy and first in "|:-":
            return self._table(self.leaf)
        return False

    def _html(self, matched: int, paragraph: bool) -> bool:
        end = starts.html_end(self.line, self.next, in_paragraph=paragraph)
        if end is None:
            return False
        self.close(matched)
        self._end_leaf()
        self._open(Html(self.number, end))
        self.leaf.lines.append(self._rest())  # type: ignore[union-attr]
        if end and starts.html_ends(self.line[self.next :], end):
            self._end_leaf()
        return True

    def _underlined(self, first: str) -> bool:
        """Make the open paragraph a heading, unless it is nothing but definitions."""
        leaf = self.leaf
        assert leaf is not None
        self._define(leaf)
        if not leaf.lines:
            leaf.kind = "definition"
            self.leaf = None
            return False
        text = "\n".join(leaf.lines).strip(" \t\n")
        heading = Heading(leaf.first, 1 if first == "=" else 2, text)
        heading.last = self.number
        self.stack[-1].children[-1] = heading
        self.leaf = None
        return True

    def _table(self, leaf: Block) -> bool:
        """Make the last line of the open paragraph the header of a table."""
        if leaf.kind != "paragraph" or not leaf.lines:
            return False
        header = leaf.lines[-1]
        alignments = tables.alignments(self.line[self.next :], header)
        if alignments is None:
            return False
        table = Table(self.number - 1, header, alignments)
        table.last = self.number
        leaf.lines.pop()
        leaf.last -= 1
        siblings = self.stack[-1].children
        if leaf.lines:
            self._end_leaf()
        else:
            siblings.pop()
        siblings.append(table)
        self.leaf = table
        return True

    def _whole(self, matched: int, leaf: Block) -> None:
        """Add a block of one line."""
        self.close(matched)
        self._end_leaf()
        self.stack[-1].children.append(leaf)

    def _open(self, leaf: Block) -> None:
        self.stack[-1].children.append(leaf)
        self.leaf = leaf

    def _text(self, text: str) -> None:
        leaf = self.leaf
        if leaf is None or leaf.kind not in ("paragraph", "table"):
            self._end_leaf()
            leaf = Block("paragraph", self.number)
            self._open(leaf)
        leaf.lines.append(text)
        leaf.last = self.number

    # Ends

    def end(self) -> None:
        """No line follows."""
        self._end_leaf()
        self.close(1)

    def close(self, count: int) -> None:
        """Close the containers above the first `count`."""
        if len(self.stack) <= count:
            return
        self._end_leaf()
        while len(self.stack) > count:
            container = self.stack.pop()
            if container.children:
                container.last = max(container.last, container.children[-1].last)
            if isinstance(container, Note):
                self.references.define_note(container.label, container)
            siblings = self.stack[-1].children
            if container.kind == "item":
                siblings[-1].last = container.last

    def _end_leaf(self) -> None:
        leaf, self.leaf = self.leaf, None
        if leaf is None:
            return
        if leaf.kind == "paragraph":
            self._define(leaf)
            if not leaf.lines:
                leaf.kind = "definition"
        elif isinstance(leaf, Code) and not leaf.fence:
            while not leaf.lines[-1].strip(" \t"):
                leaf.lines.pop()

    def _define(self, leaf: Block) -> None:
        """Take the reference definitions off the beginning of a paragraph."""
        if not leaf.lines or not leaf.lines[0].startswith("["):
            return
        text = "\n".join(leaf.lines)
        position = 0
        while text.startswith("[", position):
            found = links.definition(text, position)
            if found is None:
                break
            self.references.define(found)
            position = found.end
        if position:
            rest = text[position:].lstrip(" \t")
            leaf.lines = rest.split("\n") if rest.strip(" \t\n") else []
