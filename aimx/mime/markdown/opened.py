"""The blocks that are open while lines are read: how they begin, how they end, what they leave behind."""

from aimx.mime.markdown import links
from aimx.mime.markdown.cursor import Cursor
from aimx.mime.markdown.references import References
from aimx.mime.markdown.tree import Block, Code, Item, List, Note


class Open(Cursor):
    """A stack of open containers, and at most one open block of text in the last of them."""

    def __init__(self, references: References[Block]) -> None:
        super().__init__()
        self.references = references
        self.stack: list[Block] = [Block("document", 1)]  # open containers
        self.leaf: Block | None = None  # the open block of text, in the last container
        self.number = 0
        self.budget = references.budget
        self.reach: tuple[int, int, int] | None = None  # of blank lines: from and to which container, columns
        self.idle = False  # the line before was blank and nothing that keeps blank lines is open

    def push_item(self, item: Item, mark: str, number: int | None) -> None:
        """Open a list item, in the list before it when it is of its kind."""
        self.budget.block()
        self.reach = None
        siblings = self.stack[-1].children
        found = siblings[-1] if siblings else None
        if not (isinstance(found, List) and found.mark == mark and (found.start is None) == (number is None)):
            found = List(self.number, mark, number)
            siblings.append(found)
        found.children.append(item)
        self.stack.append(item)

    def push(self, container: Block) -> None:
        """Open a container."""
        self.budget.block()
        self.reach = None
        self.stack[-1].children.append(container)
        self.stack.append(container)

    def whole(self, matched: int, leaf: Block) -> None:
        """Add a block of one line."""
        self.close(matched)
        self.end_leaf()
        self.budget.block()
        self.stack[-1].children.append(leaf)

    def open(self, leaf: Block) -> None:
        """Open a block of text."""
        self.budget.block()
        self.stack[-1].children.append(leaf)
        self.leaf = leaf

    def text(self, text: str) -> None:
        """Add a line of text."""
        leaf = self.leaf
        if leaf is None or leaf.kind not in ("paragraph", "table"):
            self.end_leaf()
            leaf = Block("paragraph", self.number)
            self.open(leaf)
        leaf.lines.append(text)
        leaf.last = self.number

    def end(self) -> None:
        """No line follows."""
        self.end_leaf()
        self.close(1)

    def close(self, count: int) -> None:
        """Close the containers above the first `count`."""
        if len(self.stack) <= count:
            return
        self.end_leaf()
        self.reach = None
        while len(self.stack) > count:
            container = self.stack.pop()
            if container.children:
                container.last = max(container.last, container.children[-1].last)
            if isinstance(container, Note):
                self.references.define_note(container.label, container)
            siblings = self.stack[-1].children
            if container.kind == "item":
                siblings[-1].last = container.last

    def end_leaf(self) -> None:
        """Close the open block of text."""
        leaf, self.leaf = self.leaf, None
        if leaf is None:
            return
        if leaf.kind == "paragraph":
            self.define(leaf)
            if not leaf.lines:
                leaf.kind = "definition"
        elif isinstance(leaf, Code) and not leaf.fence:
            while not leaf.lines[-1].strip(" \t"):
                leaf.lines.pop()

    def define(self, leaf: Block) -> None:
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
