"""Lines to blocks: one pass, a stack of open containers, each line left behind once (CommonMark sections 4 and 5, GFM).

mistletoe's own block parser copies the lines of a container for each level and calls itself; it is not used. Must
never lose text: marks nested deeper than the bound are text.
"""

from aimx import limits
from aimx.mime.markdown import starts, tables
from aimx.mime.markdown.opened import Open
from aimx.mime.markdown.references import References
from aimx.mime.markdown.tree import Block, Code, Heading, Html, Item, Note, Table

_CODE_INDENT = 4  # CommonMark section 4.4; a mark may be indented by less
_MARKS = frozenset("#>-+*_=`~<[|:0123456789")  # only these begin something else than a paragraph


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


class _Parser(Open):
    """What each line goes on with, and what it opens."""

    # One line

    def feed(self, line: str) -> None:
        """Take the next line."""
        self.number += 1
        leaf = self.leaf
        if not line and self.idle:
            return
        if line and line[0].isalpha() and len(self.stack) == 1 and (leaf is None or leaf.kind == "paragraph"):
            self.idle = False
            self.text(line)
            return
        self.begin(line)
        matched = self._containers()
        whole = matched == len(self.stack)
        if whole and leaf is not None and leaf.kind in ("code", "html") and self._continue(leaf):
            return
        leaf = self.leaf
        self.idle = self.blank and not (whole and leaf is not None and leaf.kind in ("code", "html"))
        if self.blank:
            if leaf is None or leaf.kind != "code":
                self.end_leaf()
            self.close(matched)
            return
        self._blocks(matched)

    def _containers(self) -> int:
        """How many open containers the line goes on in."""
        stack = self.stack
        for index in range(1, len(stack)):
            if self.blank:
                return self._blank_line(index)
            container = stack[index]
            if container.kind == "quote":
                if self.indent >= _CODE_INDENT or self.line[self.next] != ">":
                    return index
                self._quote_mark()
                container.last = self.number
            else:
                indent = container.indent if isinstance(container, Item) else _CODE_INDENT
                if self.indent < indent:
                    return index
                self.advance(indent)
            self.look()
        return len(stack)

    def _blank_line(self, index: int) -> int:
        """How many open containers a line goes on in that is blank from here: all before the next quote.

        Found once for all blank lines in a row: each may be a character long, and there may be many containers.
        """
        if self.reach is None or self.reach[0] != index:
            columns, end = 0, index
            for container in self.stack[index:]:
                if container.kind == "quote" or not container.children:
                    break
                columns += container.indent if isinstance(container, Item) else _CODE_INDENT
                end += 1
            self.reach = (index, end, columns)
        _, end, columns = self.reach
        self.advance(min(self.indent, columns))
        self.look()
        return end

    def _quote_mark(self) -> None:
        self.skip()
        self.advance(1)
        if self.position < len(self.line) and self.line[self.position] in " \t":
            self.advance(1)

    def _continue(self, leaf: Block) -> bool:
        """Whether the line belongs to code or raw HTML that is open."""
        if isinstance(leaf, Code):
            if leaf.fence:
                self._fenced(leaf)
                return True
            if self.indent < _CODE_INDENT and not self.blank:
                self.end_leaf()
                return False
            if self.indent >= _CODE_INDENT:
                self.advance(_CODE_INDENT)
            else:
                self.skip()
            leaf.lines.append(self.rest())
            if not self.blank:
                leaf.last = self.number
            return True
        assert isinstance(leaf, Html)
        if not leaf.end and self.blank:
            self.end_leaf()
            return False
        leaf.lines.append(self.rest())
        leaf.last = self.number
        if leaf.end and starts.html_ends(self.line, leaf.end):
            self.end_leaf()
        return True

    def _fenced(self, leaf: Code) -> None:
        leaf.last = self.number
        if self.indent < _CODE_INDENT and not self.blank and self.line[self.next] == leaf.fence[0]:
            mark = self.line[self.next :].rstrip(" \t")
            if len(mark) >= len(leaf.fence) and mark.count(leaf.fence[0]) == len(mark):
                self.end_leaf()
                return
        self.advance(min(self.indent, leaf.indent))
        leaf.lines.append(self.rest())

    def _blocks(self, matched: int) -> None:
        """Open what the line opens; what is left of it is text."""
        lazy = matched < len(self.stack)
        while self.line[self.next] in _MARKS or self.indent >= _CODE_INDENT:
            paragraph = self.leaf is not None and self.leaf.kind == "paragraph"
            if self.indent >= _CODE_INDENT:
                if not paragraph:
                    self.close(matched)
                    self.end_leaf()
                    self.open(Code(self.number))
                    self.advance(_CODE_INDENT)
                    self.leaf.lines.append(self.rest())  # type: ignore[union-attr]
                    return
                break
            opened = self._container(matched, paragraph and not lazy)
            if not opened:
                if self._leaf_block(matched, paragraph, lazy):
                    return
                break
            lazy = False
            matched = len(self.stack)
            self.look()
            if self.blank:
                return
        if lazy and self.leaf is not None and self.leaf.kind == "paragraph":
            self.text(self.line[self.next :])
            return
        self.close(matched)
        self.text(self.line[self.next :])

    # Containers

    def _container(self, matched: int, in_paragraph: bool) -> bool:
        """Open a quote, a list item or a footnote."""
        line, start = self.line, self.next
        first = line[start]
        if matched > limits.MARKDOWN_NESTING:
            return False
        if first == ">":
            self.close(matched)
            self.end_leaf()
            self.push(Block("quote", self.number))
            self._quote_mark()
            return True
        if first == "[":
            match = starts.FOOTNOTE.match(line, start)
            if match is None:
                return False
            self.close(matched)
            self.end_leaf()
            self.push(Note(self.number, match[1]))
            self.skip()
            self.advance(match.end() - match.start())
            self.look()
            self.skip()
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
        self.end_leaf()
        indent = self.indent
        self.skip()
        width = match.end() - match.start()
        self.advance(width)
        self.look()
        if empty or self.indent > _CODE_INDENT:
            padding = width + 1
            self.advance(1)
        else:
            padding = width + self.indent
            self.skip()
        self.push_item(Item(self.number, indent + padding), mark, number)
        return True

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
                self.whole(matched, Heading(self.number, len(match[1]), text))
                return True
        elif first in "`~":
            match = starts.FENCE.match(line, start)
            if match is not None:
                self.close(matched)
                self.end_leaf()
                self.open(Code(self.number, match[0], self.indent, line[match.end() :].strip(" \t")))
                return True
        elif first == "<":
            return self._html(matched, paragraph)
        if first in "=-" and paragraph and not lazy and self._setext(start) and self._underlined(first):
            return True
        if first in "*-_" and starts.BREAK.match(line, start):
            self.whole(matched, Block("break", self.number))
            return True
        if self.leaf is not None and not lazy and first in "|:-":
            return self._table(self.leaf)
        return False

    def _html(self, matched: int, paragraph: bool) -> bool:
        end = starts.html_end(self.line, self.next, in_paragraph=paragraph)
        if end is None:
            return False
        self.close(matched)
        self.end_leaf()
        self.open(Html(self.number, end))
        self.leaf.lines.append(self.rest())  # type: ignore[union-attr]
        if end and starts.html_ends(self.line[self.next :], end):
            self.end_leaf()
        return True

    def _underlined(self, first: str) -> bool:
        """Make the open paragraph a heading, unless it is nothing but definitions."""
        leaf = self.leaf
        assert leaf is not None
        self.define(leaf)
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
            self.end_leaf()
        else:
            siblings.pop()
        siblings.append(table)
        self.leaf = table
        return True
